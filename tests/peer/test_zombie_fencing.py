"""Exactly-once sources in a group of both kinds of worker: each asks the other kind's leader."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import Cluster, expect_value, file_source
from tests.support.feed import Feed
from tests.support.topic_recorder import TopicRecorder
from tests.support.topic_values import values

SOURCES = [f"source-{n}" for n in range(4)]

AnyWorker = ApacheConnect | WorkerProcess


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path, exactly_once_source_support="enabled")
    yield made
    made.close()


@pytest.fixture
def apache(cluster: Cluster, bootstrap_servers: str, tmp_path: Path) -> Iterator[ApacheConnect]:
    """Apache's worker, of the same group over the same topics; not started."""
    worker = ApacheConnect(
        tmp_path / "apache", bootstrap_servers, cluster.properties, jvm_options=QUICK_START
    )
    yield worker
    worker.stop()


class Zombies:
    """Producers of second tasks, left over from an earlier life of connectors that had two."""

    def __init__(self, cluster: Cluster) -> None:
        self._servers = cluster.properties["bootstrap.servers"]
        self._configs = cluster.properties["config.storage.topic"]
        topic = NewTopic(self._configs, 1, 1, config={"cleanup.policy": "compact"})
        admin = AdminClient({"bootstrap.servers": self._servers})
        admin.create_topics([topic])[self._configs].result()
        plain = Producer({"bootstrap.servers": self._servers})
        self._producers: dict[str, Producer] = {}
        for name in SOURCES:
            plain.produce(self._configs, b'{"task-count":2}', f"tasks-fencing-{name}".encode())
            self._producers[name] = Producer(
                {
                    "bootstrap.servers": self._servers,
                    "transactional.id": f"{cluster.group}-{name}-1",
                    "logger": logging.getLogger("zombie"),
                }
            )
            self._producers[name].init_transactions(30)
        assert plain.flush(30) == 0

    def fenced(self) -> list[str]:
        """Return whose zombies cannot write."""
        found: list[str] = []
        for name, producer in self._producers.items():
            try:
                producer.begin_transaction()
                producer.produce(f"{self._configs}-zombies", b"value")
                producer.commit_transaction(30)
            except KafkaException:
                found.append(name)
        return found

    def recorded(self) -> dict[str, int]:
        """Return the task counts that the config topic says were fenced last."""
        recorder = TopicRecorder(self._servers, {"configs": self._configs})
        recorder.read_until_quiet()
        recorder.close()
        return {
            (record.key or b"").decode().removeprefix("tasks-fencing-"): json.loads(
                record.value or b""
            )["task-count"]
            for record in recorder.records["configs"]
            if (record.key or b"").startswith(b"tasks-fencing-")
        }


def owners(worker: AnyWorker, name: str) -> list[str]:
    """Return who runs the connector and each task, or how what does not run fares."""
    status, answer = worker.request("GET", f"/connectors/{name}/status")
    if status != 200:
        return []
    return [
        part["worker_id"] if part["state"] == "RUNNING" else str(part)
        for part in (answer["connector"], *answer["tasks"])
    ]


@pytest.mark.parametrize("leading", ["apache", "isthmus"])
def test_zombies_are_fenced_out_by_whoever_leads_and_each_line_is_written_once(
    cluster: Cluster, apache: ApacheConnect, tmp_path: Path, leading: str
) -> None:
    zombies = Zombies(cluster)
    if leading == "apache":
        apache.start()
        leader: AnyWorker = apache
        follower: AnyWorker = cluster.start(1).workers[0]
    else:
        leader = cluster.start(1).workers[0]
        apache.start()
        follower = apache

    topic = f"{cluster.group}-lines"
    feed = Feed([tmp_path / name for name in SOURCES])
    try:
        _fence_and_take_over(zombies, leader, follower, tmp_path, topic)
    finally:
        feed.close()

    written = values(cluster.properties["bootstrap.servers"], topic, len(feed.lines))
    assert sorted(written) == sorted(feed.lines)


def _fence_and_take_over(
    zombies: Zombies, leader: AnyWorker, follower: AnyWorker, directory: Path, topic: str
) -> None:
    for name in SOURCES:
        status, answer = follower.request(
            "PUT", f"/connectors/{name}/config", file_source(directory / name, topic)
        )
        assert status == 201, answer

    def task_owners() -> list[str]:
        return sorted(owner for name in SOURCES for owner in owners(follower, name)[1:])

    shared = sorted([leader.worker_id, follower.worker_id] * 2)
    expect_value("who runs the tasks", task_owners, shared, 60)
    assert zombies.fenced() == SOURCES
    assert zombies.recorded() == dict.fromkeys(SOURCES, 1)

    leader.kill()
    (directory / "late").touch()
    expect_value("tasks", task_owners, [follower.worker_id] * 4, 60)
    late = file_source(directory / "late", topic)
    status, answer = follower.request("PUT", "/connectors/late/config", late)
    assert status == 201, answer
    expect_value("late", lambda: owners(follower, "late"), [follower.worker_id] * 2, 60)
    assert zombies.recorded() == {**dict.fromkeys(SOURCES, 1), "late": 1}
