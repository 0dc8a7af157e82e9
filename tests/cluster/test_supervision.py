"""What fails is started again if that was asked for, and any worker tells of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from confluent_kafka import Producer

from tests.support.cluster import Cluster, child_titles, expect, expect_value
from tests.support.troubled import SINK, SOURCE, entries

#: Short enough that three restarts are over within a second or two.
QUICK = {
    "auto.restart.enable": "true",
    "auto.restart.backoff.ms": "100",
    "auto.restart.backoff.max.ms": "200",
}


@pytest.fixture(scope="module")
def cluster(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # Sinks flush when they are asked for memory, and not before.
    directory = tmp_path_factory.mktemp("supervision")
    made = Cluster(
        bootstrap_servers,
        directory,
        offset_flush_interval_ms="3600000",
        task_shutdown_graceful_timeout_ms="1000",
    )
    try:
        yield made.start(workers=2)
        made.stop()
    finally:
        made.close()


@pytest.fixture
def name(cluster: Cluster) -> Iterator[str]:
    """The name of a connector that is deleted at the end."""
    found = f"c-{uuid.uuid4().hex[:6]}"
    yield found
    cluster.request("DELETE", f"/connectors/{found}")


def troubled(directory: Path, trouble: str, **more: str) -> dict[str, str]:
    settings = {key.replace("_", "."): value for key, value in more.items()}
    config = {"connector.class": SOURCE, "trouble": trouble, "diary": str(directory / "diary")}
    return {**config, **settings}


def health(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return what the worker says that runs nothing of the first task."""
    owner = cluster.owner(name, 0)
    other = next(worker for worker in cluster.running if worker is not owner)
    status, answer = cluster.request("GET", f"/connectors/{name}/health", on=other)
    assert status == 200, answer
    assert answer["unanswered"] == {}
    return answer


def first_restarts(cluster: Cluster, name: str) -> dict[str, Any]:
    return health(cluster, name)["tasks"][0]["restarts"]


def health_of_first(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return what is known of the first task; nothing before it runs."""
    status, answer = cluster.request("GET", f"/connectors/{name}/health")
    return answer["tasks"][0] if status == 200 and answer["tasks"] else {}


def lag(cluster: Cluster, name: str) -> int | None:
    progress: dict[str, int | None] = health_of_first(cluster, name).get("progress") or {}
    return progress.get("lag")


def stall(cluster: Cluster, name: str) -> str:
    """Return how the first task stands still; nothing if it does not."""
    found: dict[str, str] = health_of_first(cluster, name).get("stall") or {}
    return found.get("reason", "")


def scraped(cluster: Cluster, name: str) -> dict[str, float]:
    """Return the metrics of the worker that runs the first task, by name and labels."""
    answer = urllib3.request("GET", f"{cluster.owner(name, 0).url}/metrics", timeout=10)
    lines = answer.data.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def sink(directory: Path, trouble: str, topic: str) -> dict[str, str]:
    return {**troubled(directory, trouble), "connector.class": SINK, "topics": topic}


def produce(bootstrap_servers: str, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for number in range(count):
        producer.produce(topic, str(number).encode())
    assert producer.flush(30) == 0


def processes(cluster: Cluster, name: str) -> dict[str, psutil.Process]:
    """Return those of a connector and its first task, under `connector` and `task`."""
    titles = {
        f"isthmus: connector {name}": "connector",
        f"isthmus: task {name}-0": "task",
    }
    found = {pid: title for w in cluster.running for pid, title in child_titles(w.pid).items()}
    chosen = {titles[title]: psutil.Process(p) for p, title in found.items() if title in titles}
    assert len(chosen) == 2, found
    return chosen


def _pid(process: psutil.Process) -> int:
    return process.pid


def logged(cluster: Cluster, text: str) -> bool:
    return any(text in worker.log.read_text(errors="replace") for worker in cluster.workers)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("fail", "isthmus.api.errors.ConnectError: fails on purpose"),
        ("die", "exited with code 3"),
    ],
)
def test_a_task_that_dies_three_times_runs_in_the_end(
    cluster: Cluster, name: str, tmp_path: Path, trouble: str, reason: str
) -> None:
    cluster.create(name, {**troubled(tmp_path, trouble, times="3", tasks_max="2"), **QUICK})
    cluster.expect_running(name, tasks=2)

    assert entries(tmp_path / "diary") == ["start"] * 4
    found = first_restarts(cluster, name)
    assert found["last_reason"].endswith(reason)
    assert {**found, "last_reason": ""} == {
        "enabled": True,
        "count": 3,
        "max": 10,
        "last_reason": "",
        "next_at": None,
        "gave_up": None,
    }
    assert logged(cluster, f"Restarting Task {name}-0, restart 3")
    metrics = scraped(cluster, name)
    labels = f'{{connector="{name}",task="0"}}'
    assert metrics[f"kafka_connect_connector_task_automatic_restart_count{labels}"] == 3
    assert metrics["kafka_connect_worker_automatic_restarts_total"] >= 3


def test_a_connector_is_restarted_like_a_task(cluster: Cluster, name: str, tmp_path: Path) -> None:
    cluster.create(name, {**troubled(tmp_path, "connector", times="2"), **QUICK})
    cluster.expect_running(name)
    assert health(cluster, name)["connector"]["restarts"]["count"] == 2


def test_an_error_of_the_configuration_is_not_restarted(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, {**troubled(tmp_path, "config"), **QUICK})
    cluster.expect_states(name, "RUNNING", "FAILED")
    text = f"Task {name}-0 is not restarted: the same configuration would fail again"
    expect("the log to say why", lambda: logged(cluster, text))

    found = first_restarts(cluster, name)
    assert (found["count"], found["gave_up"]) == (0, "the same configuration would fail again")
    assert entries(tmp_path / "diary") == ["start"]


def test_the_limit_of_restarts_holds_until_a_user_restarts(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    limited = {**QUICK, "auto.restart.max": "2"}
    cluster.create(name, {**troubled(tmp_path, "fail", times="4"), **limited})
    gave_up = "it was restarted 2 times (auto.restart.max=2)"
    cluster.expect_states(name, "RUNNING", "FAILED")
    expect_value("the end", lambda: first_restarts(cluster, name)["gave_up"], gave_up)
    assert entries(tmp_path / "diary") == ["start"] * 3

    status, _ = cluster.request("POST", f"/connectors/{name}/tasks/0/restart")
    assert status == 204
    cluster.expect_running(name)
    assert first_restarts(cluster, name)["count"] == 1


def test_nothing_is_restarted_without_being_asked_for(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, troubled(tmp_path, "fail"))
    cluster.expect_states(name, "RUNNING", "FAILED")
    found = first_restarts(cluster, name)
    assert (found["enabled"], found["count"], found["next_at"]) == (False, 0, None)


def test_a_task_that_blocks_is_reported_with_the_function_that_it_blocks_in(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, troubled(tmp_path, "block", tasks_max="2", stall_timeout_ms="2500"))
    expect("a stall", lambda: stall(cluster, name).startswith("has been in one call, poll"))

    found = health(cluster, name)["tasks"]
    assert "in wait_for_the_database" in found[0]["stall"]["stack"]
    assert (found[0]["state"], found[0]["progress"]["call"]) == ("RUNNING", "poll")
    assert found[1]["stall"] is None
    assert found[1]["progress"]["polled"] is not None
    assert found[1]["memory_bytes"] > 1_000_000
    log = cluster.owner(name, 0).log.read_text(errors="replace")
    warning = log[log.index(f"Task {name}-0 stands still") :]
    assert "in wait_for_the_database" in warning
    labels = f'{{connector="{name}",task="0"}}'
    metrics = scraped(cluster, name)
    assert metrics[f"kafka_connect_connector_task_stalled{labels}"] == 1
    assert metrics[f"kafka_connect_connector_task_memory_bytes{labels}"] > 1_000_000
    assert metrics["kafka_connect_worker_task_stalls_total"] >= 1


def test_a_task_that_blocks_is_restarted_if_that_is_asked_for(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    settings = {"stall.timeout.ms": "2500", "stall.action": "restart", **QUICK}
    settings["auto.restart.enable"] = "false"
    cluster.create(name, {**troubled(tmp_path, "block"), **settings})
    expect("a second start", lambda: len(entries(tmp_path / "diary")) > 1)
    cluster.expect_running(name)

    restarts = first_restarts(cluster, name)
    assert restarts["count"] >= 1
    assert "was killed because it stood still: it has been in one call" in restarts["last_reason"]


def test_a_sink_whose_lag_grows_while_it_reads_nothing_is_reported(
    cluster: Cluster, name: str, topic: str, tmp_path: Path, bootstrap_servers: str
) -> None:
    produce(bootstrap_servers, topic, 1)
    cluster.create(name, {**sink(tmp_path, "pause", topic), "stall.timeout.ms": "2000"})
    expect_value("the lag", lambda: lag(cluster, name), 1)
    produce(bootstrap_servers, topic, 3)
    expect("a stall", lambda: stall(cluster, name).endswith("although its lag has grown to 4"))


def test_a_task_that_does_not_answer_is_reported_until_it_does(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, {**troubled(tmp_path, ""), "stall.timeout.ms": "1000"})
    cluster.expect_running(name)
    process = processes(cluster, name)["task"]
    process.suspend()
    try:
        expect("a stall", lambda: stall(cluster, name).startswith("has not answered for "))
    finally:
        process.resume()
    expect("no stall", lambda: not stall(cluster, name))
    assert logged(cluster, f"Task {name}-0 goes on")


def test_a_task_beyond_its_hard_limit_of_memory_is_killed_alone(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    limits = {"limit.memory.soft.bytes": str(150 << 20), "limit.memory.hard.bytes": str(400 << 20)}
    limits["tasks.max"] = "2"
    cluster.create(name, {**troubled(tmp_path, "grow"), **limits})
    cluster.expect_states(name, "RUNNING", "FAILED", "RUNNING")
    trace = cluster.status(name)["tasks"][0]["trace"]
    assert "was killed because it took " in trace
    assert trace.endswith(f"more than limit.memory.hard.bytes={400 << 20}")
    relief = f"[{name}|task-0] Polling nothing more until all records are in Kafka"
    expect("relief at the soft limit", lambda: logged(cluster, relief))


def test_a_task_beyond_its_soft_limit_of_memory_flushes_and_goes_on(
    cluster: Cluster, name: str, topic: str, tmp_path: Path, bootstrap_servers: str
) -> None:
    limits = {"limit.memory.soft.bytes": str(250 << 20)}
    produce(bootstrap_servers, topic, 8)
    cluster.create(name, {**sink(tmp_path, "hoard", topic), **limits})
    expect("a flush", lambda: "flushed" in entries(tmp_path / "diary"))
    expect("a warning", lambda: logged(cluster, "limit.memory.soft.bytes=262144000"))
    cluster.expect_running(name)


def test_the_priority_and_the_open_files_of_each_process_can_be_limited(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    limits = {"limit.cpu.nice": "7", "limit.open.files": "200"}
    cluster.create(name, {**troubled(tmp_path, ""), **limits})
    cluster.expect_running(name)
    for process in processes(cluster, name).values():
        worker = next(w for w in cluster.running if w.pid in map(_pid, process.parents()))
        assert process.nice() == psutil.Process(worker.pid).nice() + 7
        assert process.rlimit(psutil.RLIMIT_NOFILE) == (200, 200)


def test_our_settings_are_validated_and_named_only_if_they_are_set(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    config = {"name": name, **troubled(tmp_path, "")}
    wrong = {**config, "auto.restart.max": "-2", "limit.memory.soft.bytes": "x"}
    _, plain = cluster.request("PUT", "/connector-plugins/TroubledSource/config/validate", config)
    status, answer = cluster.request(
        "PUT", "/connector-plugins/TroubledSource/config/validate", wrong
    )
    assert status == 200, answer

    errors = {found["value"]["name"]: found["value"]["errors"] for found in answer["configs"]}
    names = {found["value"]["name"] for found in plain["configs"]}
    assert set(errors) - names == {"auto.restart.max", "limit.memory.soft.bytes"}
    expected = "Invalid value -2 for configuration auto.restart.max: Value must be at least -1"
    assert errors["auto.restart.max"] == [expected]
    assert errors["limit.memory.soft.bytes"]
    assert "Supervision" not in plain["groups"]
