"""The three topics, byte for byte: one long life on Apache's worker and on ours, then compared.

What the records of one key say, in which order and in which partition must agree. Only what cannot
be the same is replaced by a word: session keys, times, worker ids, generations, stack traces. The
config topic has one partition, so there the order of all records must agree too.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import Cluster, expect_value, file_sink, file_source
from tests.support.topic_recorder import TopicRecorder, Written

STORES = ("config", "offset", "status")
PROVIDERS = {
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
}
#: In the order of their mention, more members than a hash map keeps in that order by luck.
ODD_OFFSETS: list[dict[str, Any]] = [
    {
        "partition": {"filename": "/tmp/größe-😀\x01\u2028.txt"},
        "offset": {"position": 9007199254740993, "f": 1.5, "whole": 1e7, "small": 1.25e-5},
    },
    {
        "partition": {"filename": 'quote " \\ / \t', "shard": 7, "ratio": 1.0, "on": True},
        "offset": {
            "position": 0,
            "text": "naïve 😀 \x7f",
            "none": None,
            "huge": 1.7976931348623157e308,
        },
    },
]


@dataclass(frozen=True, slots=True)
class Life:
    """One worker, and the names that both lives share."""

    worker: ApacheConnect | WorkerProcess
    recorder: TopicRecorder
    run: str
    #: Of the consumer groups: the lives share a broker, and their sinks' names.
    side: str
    directory: Path

    def send(self, method: str, path: str, body: object = None, *, wanted: int) -> Any:
        status, answer = self.worker.request(method, path, body)
        assert status == wanted, f"{method} {path}: {status} {answer}"
        return answer

    def create(self, name: str, config: Mapping[str, str], **more: str) -> None:
        body = {"name": name, "config": config, **more}
        self.send("POST", "/connectors", body, wanted=201)

    def states(self, name: str) -> list[str]:
        status, answer = self.worker.request("GET", f"/connectors/{quote(name)}/status")
        if status != 200:
            return []
        return [answer["connector"]["state"], *(task["state"] for task in answer["tasks"])]

    def settle(self, name: str, *states: str) -> None:
        """Wait until the connector and its tasks are in these states and nothing is written."""
        self.recorder.read_until_quiet()
        expect_value(f"states of {name}", lambda: self.states(name), list(states))
        self.recorder.read_until_quiet(0.3)

    def source(self, **more: str) -> dict[str, str]:
        secret = f"${{file:{self.directory / 'secrets'}-{self.side}.properties:word}}"
        return file_source(
            self.directory / "größe-😀.txt", f"lines-{self.run}", note=secret, **more
        )

    def sink(self, file: str = "out.txt", **more: str) -> dict[str, str]:
        config = file_sink(self.directory / file, f"lines-{self.run}", **more)
        return {**config, "consumer.override.group.id": f"readers-{self.run}-{self.side}"}


def live(life: Life) -> None:
    """Lead a life in which each kind of record is written, for each reason that there is."""
    _a_source(life)
    _a_sink(life)
    _initial_states(life)
    _offsets_of_a_source(life)
    _offsets_of_a_sink(life)
    _a_failing_task(life)
    _loggers_and_topics(life)
    _a_secret(life)
    _deletion(life)


def _a_source(life: Life) -> None:
    name = f"größe-😀-{life.run}"
    path = f"/connectors/{quote(name)}"
    life.create(name, life.source())
    life.settle(name, "RUNNING", "RUNNING")
    life.send("PUT", f"{path}/config", life.source(), wanted=200)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("PUT", f"{path}/config", life.source(batch_size="7", tasks_max="3"), wanted=200)
    life.settle(name, "RUNNING", "RUNNING")
    patch = {"batch.size": None, "extra": 'ü😀\x01"', "number": 7, "big.number": 1.50}
    life.send("PATCH", f"{path}/config", patch, wanted=200)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("PUT", f"{path}/config", {**life.source(), "topic": ""}, wanted=400)
    life.send("PUT", f"{path}/pause", wanted=202)
    life.settle(name, "PAUSED", "PAUSED")
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("PUT", f"{path}/stop", wanted=204)
    life.settle(name, "STOPPED")
    life.send("PUT", f"{path}/stop", wanted=204)
    life.settle(name, "STOPPED")
    life.send("PUT", f"{path}/pause", wanted=202)
    life.settle(name, "PAUSED")
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("POST", f"{path}/restart", wanted=204)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("POST", f"{path}/restart?includeTasks=true", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("POST", f"{path}/restart?includeTasks=true&onlyFailed=true", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")
    life.send("POST", f"{path}/tasks/0/restart", wanted=204)
    life.settle(name, "RUNNING", "RUNNING")


def _a_sink(life: Life) -> None:
    name = f"sink-{life.run}"
    path = f"/connectors/{name}"
    for count in (3, 1, 4):
        life.send(
            "PUT",
            f"{path}/config",
            life.sink(tasks_max=str(count)),
            wanted=201 if count == 3 else 200,
        )
        life.settle(name, "RUNNING", *["RUNNING"] * count)
    life.send("PUT", f"{path}/config", life.sink(tasks_max="2"), wanted=200)
    life.settle(name, "RUNNING", "RUNNING", "RUNNING")
    life.send("PUT", f"{path}/pause", wanted=202)
    life.settle(name, "PAUSED", "PAUSED", "PAUSED")
    life.send("PUT", f"{path}/config", life.sink(tasks_max="1"), wanted=200)
    life.settle(name, "PAUSED", "PAUSED", "PAUSED")
    # Two tasks are one too many now, and nobody has asked the connector for fewer.
    life.send("POST", f"{path}/tasks/0/restart", wanted=500)
    life.settle(name, "PAUSED", "FAILED", "PAUSED")
    life.send("PUT", f"{path}/config", life.sink(tasks_max="2", batch_size="1"), wanted=200)
    life.settle(name, "PAUSED", "FAILED", "PAUSED")
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING", "RUNNING")


def _initial_states(life: Life) -> None:
    for state, shown, tasks in (
        ("RUNNING", "RUNNING", 1),
        ("PAUSED", "PAUSED", 0),
        ("STOPPED", "STOPPED", 0),
    ):
        name = f"{state.lower()}-{life.run}"
        config = {**life.sink(), "name": name}
        life.create(name, config, initial_state=state)
        life.settle(name, shown, *["RUNNING"] * tasks)
        life.send("PUT", f"/connectors/{name}/resume", wanted=202)
        life.settle(name, "RUNNING", "RUNNING")
        life.send("DELETE", f"/connectors/{name}", wanted=204)
        life.settle(name)


def _offsets_of_a_source(life: Life) -> None:
    name = f"größe-😀-{life.run}"
    path = f"/connectors/{quote(name)}"
    life.send("PUT", f"{path}/stop", wanted=204)
    life.settle(name, "STOPPED")
    for entry in ODD_OFFSETS:
        life.send("PATCH", f"{path}/offsets", {"offsets": [entry]}, wanted=200)
        life.recorder.read_until_quiet()
    life.send("DELETE", f"{path}/offsets", wanted=200)
    life.recorder.read_until_quiet()
    life.send("PATCH", f"{path}/offsets", {"offsets": [ODD_OFFSETS[0]]}, wanted=200)
    removed = {"partition": ODD_OFFSETS[0]["partition"], "offset": None}
    life.send("PATCH", f"{path}/offsets", {"offsets": [removed]}, wanted=200)
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")


def _offsets_of_a_sink(life: Life) -> None:
    name = f"sink-{life.run}"
    path = f"/connectors/{name}"
    life.send("PUT", f"{path}/stop", wanted=204)
    life.settle(name, "STOPPED")
    moved = {
        "partition": {"kafka_topic": f"lines-{life.run}", "kafka_partition": 0},
        "offset": {"kafka_offset": 1},
    }
    life.send("PATCH", f"{path}/offsets", {"offsets": [moved]}, wanted=200)
    life.send("DELETE", f"{path}/offsets", wanted=200)
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING", "RUNNING")


def _a_failing_task(life: Life) -> None:
    name = f"failing-{life.run}"
    life.create(name, life.sink("no/such/directory/out.txt"))
    life.settle(name, "RUNNING", "FAILED")
    for flags in ("includeTasks=true&onlyFailed=true", "onlyFailed=true", "includeTasks=true"):
        life.send("POST", f"/connectors/{name}/restart?{flags}", wanted=202)
        life.settle(name, "RUNNING", "FAILED")
    life.send("PUT", f"/connectors/{name}/pause", wanted=202)
    life.settle(name, "PAUSED", "FAILED")
    life.send("DELETE", f"/connectors/{name}", wanted=204)
    life.settle(name)


def _loggers_and_topics(life: Life) -> None:
    level = {"level": "debug"}
    life.send("PUT", "/admin/loggers/some.logger-größe?scope=cluster", level, wanted=204)
    life.send("PUT", "/admin/loggers/some.logger-größe?scope=worker", {"level": "WARN"}, wanted=200)
    name = f"größe-😀-{life.run}"
    path = f"/connectors/{quote(name)}"
    life.send("PUT", f"{path}/topics/reset", wanted=202)
    life.send("PUT", f"{path}/stop", wanted=204)
    life.settle(name, "STOPPED")
    life.send("DELETE", f"{path}/offsets", wanted=200)
    life.send("PUT", f"{path}/resume", wanted=202)
    life.settle(name, "RUNNING", "RUNNING")


def _a_secret(life: Life) -> None:
    """A value behind a placeholder changes: a restart of the connector has it noticed."""
    name = f"größe-😀-{life.run}"
    secrets = life.directory / f"secrets-{life.side}.properties"
    life.send("POST", f"/connectors/{quote(name)}/restart", wanted=204)
    life.settle(name, "RUNNING", "RUNNING")
    secrets.write_text("word=second\n")
    life.send("POST", f"/connectors/{quote(name)}/restart", wanted=204)
    life.settle(name, "RUNNING", "RUNNING")


def _deletion(life: Life) -> None:
    name = f"größe-😀-{life.run}"
    life.send("DELETE", f"/connectors/{quote(name)}", wanted=204)
    life.settle(name)
    life.create(name, life.source())
    life.settle(name, "RUNNING", "RUNNING")
    life.send("DELETE", f"/connectors/sink-{life.run}", wanted=204)
    life.settle(f"sink-{life.run}")


@dataclass(frozen=True, slots=True)
class Lives:
    """What both workers have written."""

    apache: TopicRecorder
    isthmus: TopicRecorder


@pytest.fixture(scope="module")
def lives(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    directory = tmp_path_factory.mktemp("lives")
    run = uuid.uuid4().hex[:8]
    (directory / "größe-😀.txt").write_text("one\ntwo\nthree\n")
    for side in "ai":
        (directory / f"secrets-{side}.properties").write_text("word=first\n")
    clusters = [Cluster(bootstrap_servers, directory / side, **PROVIDERS) for side in "ai"]
    for cluster in clusters:
        # As Connect makes them unless it is told otherwise.
        for store in STORES[1:]:
            cluster.properties.pop(f"{store}.storage.partitions", None)
        # Offsets are committed at stops only, or their number would be a matter of luck.
        cluster.properties["offset.flush.interval.ms"] = "60000"
    properties = {"offset.storage.partitions": "25", "status.storage.partitions": "5"}
    apache = ApacheConnect(
        directory / "a",
        bootstrap_servers,
        clusters[0].properties | properties,
        jvm_options=QUICK_START,
    )
    recorders: list[TopicRecorder] = []
    try:
        apache.start()
        clusters[1].start(1)
        for cluster in clusters:
            topics = {store: cluster.properties[f"{store}.storage.topic"] for store in STORES}
            recorders.append(TopicRecorder(bootstrap_servers, topics))
        workers = (apache, clusters[1].workers[0])
        all_lives = [
            Life(worker, recorder, run, side, directory)
            for worker, recorder, side in zip(workers, recorders, "ai", strict=True)
        ]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(live, all_lives))
        yield Lives(*recorders)
    finally:
        for recorder in recorders:
            recorder.close()
        apache.stop()
        for cluster in clusters:
            cluster.close()


def test_config_records_are_the_same_in_the_same_order(lives: Lives) -> None:
    ours, theirs = (_configs(life.records["config"]) for life in (lives.isthmus, lives.apache))

    assert ours == theirs


def test_offsets_are_the_same_to_the_byte_and_in_the_same_partitions(lives: Lives) -> None:
    ours, theirs = (life.by_key("offset") for life in (lives.isthmus, lives.apache))

    assert ours.keys() == theirs.keys()
    for key in theirs:
        assert _offsets(ours[key]) == _offsets(theirs[key]), key


def test_states_of_each_connector_task_and_topic_follow_one_another_the_same_way(
    lives: Lives,
) -> None:
    ours, theirs = (life.by_key("status") for life in (lives.isthmus, lives.apache))

    assert ours.keys() == theirs.keys()
    for key in theirs:
        assert _statuses(ours[key]) == _statuses(theirs[key]), key


def test_the_topics_have_as_many_partitions(lives: Lives) -> None:
    assert lives.apache.partitions == {"config": 1, "offset": 25, "status": 5}
    assert lives.isthmus.partitions == lives.apache.partitions


_MEMBER = re.compile(rb'"(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|[^",]+)')


def _configs(records: Sequence[Written]) -> list[Written]:
    return [record._replace(value=_config(record.value)) for record in records]


def _config(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    value = re.sub(rb'(?<="key":)"[A-Za-z0-9+/]{43}="', b'"KEY"', value)
    value = re.sub(rb'(?<="creation-timestamp":)\d{13}', b"MS", value)
    value = re.sub(rb"(readers-\w{8}-|secrets-)[ai]", rb"\1X", value)
    # Where a connector copied its config to a hash map, the members come in the order of that.
    return re.sub(rb'(?<=^\{"properties":\{).*(?=\}\}$)', _sorted_members, value)


def _sorted_members(members: re.Match[bytes]) -> bytes:
    return b",".join(sorted(_MEMBER.findall(members[0])))


def _offsets(records: Sequence[Written]) -> list[Written]:
    """Return the records with the members of their values in order: Java's come from a hash map."""
    return [
        record._replace(
            value=record.value and re.sub(rb"(?<=^\{).*(?=\}$)", _sorted_members, record.value)
        )
        for record in records
    ]


_MOMENT = re.compile(rb'"state":"(UNASSIGNED|RESTARTING)"')


def _statuses(records: Sequence[Written]) -> list[Written]:
    """Return what a reader would note: neither what is said twice nor the moment between two."""
    shown = [record._replace(value=_status(record.value)) for record in records]
    last = shown[-1]
    lasting = [one for one in shown if not _MOMENT.search(one.value or b"")] or [last]
    return [one for n, one in enumerate(lasting) if n == 0 or one != lasting[n - 1]]


def _status(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    value = re.sub(rb'"127\.0\.0\.1:\d+"', b'"WORKER"', value)
    value = re.sub(rb'(?<="generation":)\d+', b"N", value)
    value = re.sub(rb'(?<="trace":)"([^"\\]|\\.)*"', b'"TRACE"', value)
    # Which task of a sink gets the topic's only partition is for its consumer group to say.
    value = re.sub(rb'(?<="task":)\d+', b"N", value)
    return re.sub(rb'(?<="discoverTimestamp":)\d{13}', b"MS", value)
