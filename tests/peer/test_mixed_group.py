"""One group of Apache's worker and ours: work is shared, forwarded and taken over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import (
    SESSION_TIMEOUT_MS,
    Cluster,
    expect,
    expect_value,
    file_sink,
    file_source,
)
from tests.support.feed import Feed

SOURCES = [f"source-{n}" for n in range(4)]
SINK_TASKS = 4

AnyWorker = ApacheConnect | WorkerProcess


class MixedGroup:
    """Connectors that a group of both kinds of worker runs under load."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.topic = f"{cluster.group}-lines"
        self.files = [directory / f"in-{n}.txt" for n in range(len(SOURCES))]
        self.copy = directory / "out.txt"
        self.alive: list[AnyWorker] = []

    def owners(self, name: str) -> list[str]:
        """Return who runs the connector and each task, "" for what does not run."""
        status, answer = self.alive[0].request("GET", f"/connectors/{name}/status")
        if status != 200:
            return []
        parts: list[dict[str, Any]] = [answer["connector"], *answer["tasks"]]
        return [part["worker_id"] if part["state"] == "RUNNING" else "" for part in parts]

    def expect_shared(self, sink_tasks: int = SINK_TASKS) -> None:
        """Wait until all runs, and each worker that is alive has connectors and tasks."""
        alive = {worker.worker_id for worker in self.alive}

        def shared() -> tuple[int, set[str], set[str]]:
            found = [self.owners(name) or [""] for name in ("sink", *SOURCES)]
            tasks = [owner for owners in found for owner in owners[1:]]
            return len(tasks), {owners[0] for owners in found}, set(tasks)

        expect_value("tasks and owners", shared, (len(SOURCES) + sink_tasks, alive, alive), 60)

    def sink_owners(self) -> set[str]:
        return set(self.owners("sink")[1:])

    def put(self, on: AnyWorker, name: str, config: dict[str, str]) -> None:
        status, answer = on.request("PUT", f"/connectors/{name}/config", config)
        assert status in (200, 201), f"{name}: {status} {answer}"

    def post(self, on: AnyWorker, path: str, wanted: int) -> None:
        status, answer = on.request("POST", path)
        assert status == wanted, f"{path}: {status} {answer}"

    def sink(self, tasks: int) -> dict[str, str]:
        config = file_sink(self.copy, self.topic, tasks_max=str(tasks))
        # A task that was killed holds up the others' consumer group until its session has ended.
        config["consumer.override.session.timeout.ms"] = str(SESSION_TIMEOUT_MS)
        # What Java's worker does not know, it ignores.
        return {**config, "auto.restart.enable": "true", "limit.open.files": "512"}

    def copied(self) -> set[str]:
        return set(self.copy.read_text().splitlines()) if self.copy.exists() else set()


@pytest.fixture(params=["eager", "compatible", "sessioned"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path)
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


@pytest.mark.timeout(400)
def test_java_gives_way_to_ours_and_ours_to_java_under_load_and_no_record_is_lost(
    cluster: Cluster, apache: ApacheConnect, bootstrap_servers: str, tmp_path: Path, protocol: str
) -> None:
    cluster.properties["connect.protocol"] = protocol
    apache.properties["connect.protocol"] = protocol
    group = MixedGroup(cluster, tmp_path)
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(group.topic, SINK_TASKS, 1)])[group.topic].result()
    feed = Feed(group.files)
    try:
        # Java's came first and leads; ours asks it for what it may not do itself.
        apache.start()
        ours = cluster.start(1).workers[0]
        group.alive = [apache, ours]
        for n, name in enumerate(SOURCES):
            group.put(group.alive[n % 2], name, file_source(group.files[n], group.topic))
        group.put(ours, "sink", group.sink(SINK_TASKS))
        group.expect_shared()
        assert group.sink_owners() == {apache.worker_id, ours.worker_id}
        status, health = ours.request("GET", "/connectors/sink/health")
        assert status == 200, health
        assert list(health["unanswered"]) == [apache.worker_id]
        told = {task["worker_id"]: task["restarts"] is not None for task in health["tasks"]}
        assert told == {apache.worker_id: False, ours.worker_id: True}
        _restart_and_reconfigure(group, follower=ours)

        apache.kill()
        group.alive = [ours]
        group.expect_shared(SINK_TASKS)

        # Now ours leads, and Java's asks.
        apache.start()
        group.alive = [ours, apache]
        group.expect_shared()
        _restart_and_reconfigure(group, follower=apache)
        group.put(apache, "late", file_source(group.files[0], f"{group.topic}-late"))
        expect("the new connector", lambda: "" not in (group.owners("late") or [""]), 30)
        status, answer = apache.request("DELETE", "/connectors/late")
        assert status == 204, answer

        assert ours.stop() == 0
        group.alive = [apache]
        group.expect_shared()
        second = cluster.start(1).workers[1]
        group.alive = [apache, second]
        group.expect_shared()
        second.kill()
        group.alive = [apache]
        group.expect_shared()
    finally:
        feed.close()

    expect_value("missing lines", lambda: len(set(feed.lines) - group.copied()), 0, 60)


def _restart_and_reconfigure(group: MixedGroup, follower: AnyWorker) -> None:
    """Ask the follower for what the leader must do, or whoever runs the connector or task."""
    for name in SOURCES:
        group.post(follower, f"/connectors/{name}/restart", 204)
        group.post(follower, f"/connectors/{name}/tasks/0/restart", 204)
    group.post(follower, "/connectors/sink/restart?includeTasks=true", 202)
    group.expect_shared()
    group.put(follower, "sink", group.sink(SINK_TASKS - 1))
    group.expect_shared(SINK_TASKS - 1)
    group.put(follower, "sink", group.sink(SINK_TASKS))
    group.expect_shared(SINK_TASKS)


@pytest.mark.parametrize("first", ["apache", "isthmus"])
def test_the_other_kind_of_worker_goes_on_where_the_first_stood(
    cluster: Cluster, apache: ApacheConnect, tmp_path: Path, first: str
) -> None:
    original, copy = tmp_path / "größe-😀.txt", tmp_path / "out.txt"
    original.write_text("one\ntwo\n")
    worker = _start(first, cluster, apache)
    for name, config in (
        ("größe-😀", file_source(original, f"{cluster.group}-t")),
        ("sink", file_sink(copy, f"{cluster.group}-t")),
    ):
        status, answer = worker.request("POST", "/connectors", {"name": name, "config": config})
        assert status == 201, answer
    expect("the first lines", lambda: copy.exists() and copy.read_text() == "one\ntwo\n")
    worker.stop()

    _start("isthmus" if first == "apache" else "apache", cluster, apache)
    with original.open("a") as file:
        file.write("three\n")

    expect("the third line", lambda: "three" in copy.read_text(), 60)
    assert copy.read_text() == "one\ntwo\nthree\n"


def _start(kind: str, cluster: Cluster, apache: ApacheConnect) -> AnyWorker:
    if kind == "isthmus":
        return cluster.start(1).workers[0]
    apache.start()
    return apache
