"""Connectors that block, flood or take all memory, beside others that must not feel it.

All run in one cluster of two workers. Times are limits on what clients see.
"""

import re
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from tests.support.cluster import Cluster, child_titles, expect, expect_value

SOURCE = "tests.support.connectors:TestSource"
SINK = "tests.support.connectors:TestSink"
GRACEFUL = 2.0
#: A connector is killed when its stop takes longer than this; Java gives up on it then.
CONNECTOR_STOP = 5.0
#: What a rebalance and a slow machine add to a limit.
MARGIN = 10.0


@pytest.fixture(scope="module")
def cluster(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("hostile")
    graceful = {"task_shutdown_graceful_timeout_ms": str(round(GRACEFUL * 1000))}
    made = Cluster(bootstrap_servers, directory, **graceful)
    try:
        made.start(2)
        made.create("bystander", {"connector.class": SOURCE})
        made.expect_running("bystander")
        yield made
        made.stop()
    finally:
        made.close()


@pytest.fixture
def name(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a connector that is deleted at the end, and then has no process any more."""
    found = re.sub(r"\W+", "-", str(request.node.name)).strip("-")[-60:]
    yield found
    cluster.request("DELETE", f"/connectors/{found}")
    expect_value("processes left", lambda: processes(cluster, found), [], timeout=20)


def processes(cluster: Cluster, name: str) -> list[int]:
    """Return the pids of a connector and its tasks, on all workers."""
    found: list[int] = []
    for worker in cluster.running:
        for pid, title in child_titles(worker.pid).items():
            if re.fullmatch(rf"isthmus: (connector|task) {name}(-\d+)?", title):
                found.append(pid)
    return sorted(found)


def config(**more: str) -> dict[str, str]:
    return {"connector.class": SOURCE, **{key.replace("_", "."): v for key, v in more.items()}}


@contextmanager
def steady_answers(cluster: Cluster, limit: float = 3.0) -> Generator[None]:
    """Ask both workers all the while; fail if an answer comes late or is an error."""
    bystander = processes(cluster, "bystander")
    times: list[tuple[float, str, int]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.05):
            for worker in cluster.workers[:2]:
                for path in ("/connectors", "/connectors/bystander/status", "/health"):
                    begin = time.monotonic()
                    status, _ = worker.request("GET", path)
                    times.append((time.monotonic() - begin, path, status))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield
        finally:
            done.set()
        asking.result()
    slowest = max(times)
    print(f"{len(times)} answers, the slowest {slowest[1]} after {slowest[0]:.3f} s")
    assert {status for *_, status in times} == {200}
    assert slowest[0] < limit, f"slowest answer: {slowest}"
    assert processes(cluster, "bystander") == bystander, "it was started anew"


def blocking(cluster: Cluster, *places: str) -> list[str]:
    """Create a connector for each place to block in; return their names."""
    names = [f"blocks-in-{place}-{n}" for n, place in enumerate(places)]
    for name, place in zip(names, places, strict=True):
        cluster.create(name, config(behave=f"{place}=hang"))
    for name in names:
        expect(f"a process of {name}", lambda n=name: bool(processes(cluster, n)))
    time.sleep(0.3)  # by then they are in the deed
    return names


def at_once(cluster: Cluster, method: str, paths: Sequence[str]) -> set[int]:
    """Send these requests at the same time; return the statuses of the answers."""

    def send(path: str) -> int:
        return cluster.request(method, path)[0]

    with ThreadPoolExecutor(len(paths)) as pool:
        return set(pool.map(send, paths))


def delete(cluster: Cluster, names: Sequence[str], limit: float) -> None:
    """Delete the connectors, all at once, and wait until they have no process any more."""
    begin = time.monotonic()
    assert at_once(cluster, "DELETE", [f"/connectors/{name}" for name in names]) == {204}
    for name in names:
        left = max(0.1, begin + limit - time.monotonic())
        expect_value(f"processes of {name}", lambda n=name: processes(cluster, n), [], left)
        status = f"/connectors/{name}/status"
        expect_value(status, lambda path=status: cluster.request("GET", path)[0], 404)
    print(f"deleted after {time.monotonic() - begin:.1f} s")


def end_now(cluster: Cluster, names: Sequence[str]) -> None:
    """Kill the processes of blocked connectors: whether they can be ended in order is not asked."""
    for name in names:
        for pid in processes(cluster, name):
            psutil.Process(pid).kill()


def test_connectors_that_block_are_replaced_by_a_new_config(cluster: Cluster) -> None:
    names = blocking(cluster, "start", "task_configs", "stop")
    before = {name: processes(cluster, name) for name in names}

    with steady_answers(cluster):
        for name in names:
            begin = time.monotonic()
            assert cluster.request("PUT", f"/connectors/{name}/config", config())[0] == 200
            assert time.monotonic() - begin < 3.0
        for name in names:
            gone = f"the old process of {name} to end"
            old = before[name][0]
            expect(gone, lambda pid=old: not psutil.pid_exists(pid), CONNECTOR_STOP + MARGIN)
            cluster.expect_running(name, timeout=MARGIN)
    delete(cluster, names, MARGIN)


def test_connectors_that_block_can_be_deleted(cluster: Cluster) -> None:
    names = blocking(cluster, "start", "task_configs", "stop")

    # Those that come while a rebalance waits for the first are for the next one.
    delete(cluster, names, 2 * CONNECTOR_STOP + MARGIN)


def test_a_blocked_connector_is_ended_in_time_though_its_config_keeps_changing(
    cluster: Cluster,
) -> None:
    [name] = blocking(cluster, "start")
    [old] = processes(cluster, name)

    begin = time.monotonic()
    number = 0
    while psutil.pid_exists(old):
        assert time.monotonic() - begin < CONNECTOR_STOP + MARGIN
        number += 1
        changed = config(note=str(number))
        assert cluster.request("PUT", f"/connectors/{name}/config", changed)[0] == 200
        time.sleep(0.5)

    cluster.expect_running(name)
    _, tasks = cluster.request("GET", f"/connectors/{name}/tasks")
    assert tasks[0]["config"]["note"] == str(number)
    delete(cluster, [name], MARGIN)


def test_tasks_that_block_can_be_restarted_and_deleted(cluster: Cluster) -> None:
    names = blocking(cluster, "task.start", "task.poll", "task.stop")
    for name in names:
        expect(f"two processes of {name}", lambda n=name: len(processes(cluster, n)) == 2)
    before = {name: processes(cluster, name) for name in names}

    paths = [f"/connectors/{name}/tasks/0/restart" for name in names]
    assert at_once(cluster, "POST", paths) == {204}
    for name in names:
        all_of = set(before[name])
        expect(
            f"another task of {name}",
            lambda n=name, b=all_of: len(b | set(processes(cluster, n))) == 3,
        )

    delete(cluster, names, GRACEFUL + MARGIN)


def test_a_sink_task_that_blocks_in_put_is_ended_after_the_graceful_time(
    cluster: Cluster, name: str
) -> None:
    topics = f"{cluster.group}-{name}"
    sink = {"connector.class": SINK, "topics": topics, "behave": "task.put=hang"}
    cluster.create(name, sink)
    cluster.expect_running(name)

    assert cluster.request("DELETE", f"/connectors/{name}")[0] == 204

    expect_value("processes left", lambda: processes(cluster, name), [], timeout=GRACEFUL + MARGIN)


def test_ten_connectors_that_block_hold_up_nobody(cluster: Cluster) -> None:
    names = [f"blocking-{n}" for n in range(10)]
    for name in names:
        cluster.create(name, config(behave="start=hang"))
    for name in names:
        expect(f"a process of {name}", lambda n=name: bool(processes(cluster, n)))
    before = {pid for name in names for pid in processes(cluster, name)}

    def change(name: str) -> float:
        begin = time.monotonic()
        changed = config(behave="start=hang", note="changed")
        assert cluster.request("PUT", f"/connectors/{name}/config", changed)[0] == 200
        return time.monotonic() - begin

    with steady_answers(cluster), ThreadPoolExecutor(len(names)) as pool:
        slowest = max(pool.map(change, names))
        begin = time.monotonic()
        cluster.create("good", config())
        cluster.expect_running("good", timeout=5)
        print(f"slowest change {slowest:.2f} s, good after {time.monotonic() - begin:.2f} s")
    assert slowest < 3.0
    for name in names:  # else one may be started anew after it was killed
        gone = f"the old process of {name} to end"
        expect(gone, lambda n=name: not before & set(processes(cluster, n)), 60)
        expect(f"the new process of {name}", lambda n=name: bool(processes(cluster, n)), 60)
    end_now(cluster, names)
    delete(cluster, [*names, "good"], MARGIN)


def test_a_connector_that_asks_for_new_task_configs_all_the_time_slows_nobody(
    cluster: Cluster, name: str
) -> None:
    cluster.create(name, config(flood="true"))
    cluster.expect_running(name)

    with steady_answers(cluster, limit=1.0):
        time.sleep(2)
        cluster.create(f"{name}-other", config())
        cluster.expect_running(f"{name}-other", timeout=5)
        assert cluster.request("DELETE", f"/connectors/{name}-other")[0] == 204


@pytest.mark.parametrize(
    ("place", "failed"),
    [("start", "connector"), ("task.start", "task"), ("task.poll", "task")],
)
def test_a_connector_or_task_without_memory_has_failed_with_the_reason(
    cluster: Cluster, name: str, place: str, failed: str
) -> None:
    cluster.create(name, config(behave=f"{place}=exhaust"))

    states = ["FAILED"] if failed == "connector" else ["RUNNING", "FAILED"]
    cluster.expect_states(name, *states)
    status = cluster.status(name)
    trace = (status["connector"] if failed == "connector" else status["tasks"][0])["trace"]
    assert trace.rstrip().endswith("MemoryError")
    assert "in exhaust" in trace


def test_a_task_that_multiplies_harms_nobody_and_ends_with_all_that_it_started(
    cluster: Cluster, name: str
) -> None:
    with steady_answers(cluster):
        cluster.create(name, config(behave="task.poll=multiply"))
        expect("200 processes", lambda: len(processes(cluster, name)) > 200)
    # The fixture deletes it and waits until it has no process any more.


# Last, since the worker that joins may be given the bystander.
def test_a_worker_joins_while_connectors_block(cluster: Cluster) -> None:
    names = blocking(cluster, *["stop"] * 4)

    begin = time.monotonic()
    cluster.start(1)
    joined = cluster.workers[2].worker_id

    def owners() -> set[str]:
        parts = [cluster.status(name)["connector"] for name in names]
        return {part["worker_id"] for part in parts if part["state"] == "RUNNING"}

    expect("a share for it", lambda: joined in owners(), CONNECTOR_STOP + MARGIN)
    for name in names:
        cluster.expect_running(name, timeout=MARGIN)
    print(f"it has its share after {time.monotonic() - begin:.1f} s")
    end_now(cluster, names)
