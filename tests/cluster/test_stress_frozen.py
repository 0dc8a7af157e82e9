"""A worker that is stopped for longer than its session, and let go again."""

import signal
import time
from pathlib import Path

import psutil

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.cluster import SESSION_TIMEOUT_MS, Cluster, child_pids, expect, expect_value
from tests.support.recorded import overlaps, recorded_source, runs

TASKS = 4
NAMES = [f"numbers-{n}" for n in range(2)]


def test_the_work_of_a_frozen_worker_ends_before_others_begin_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(2)
    record = tmp_path / "record"
    for name in NAMES:
        cluster.create(name, recorded_source(record, f"{cluster.group}-t", tasks=TASKS))
        cluster.expect_running(name, tasks=TASKS)
    frozen, other = cluster.follower(), cluster.leader()
    children = child_pids(frozen.pid)
    [fork_server] = psutil.Process(frozen.pid).children()
    assert len(children) == 1 + len(NAMES) * (1 + TASKS) / 2

    frozen.send(signal.SIGSTOP)
    since = time.monotonic()
    try:
        expect("its children to end", lambda: not fork_server.children(), timeout=20)
        print(f"children ended {time.monotonic() - since:.1f} s after the worker was frozen")
        expect_value("owners", lambda: owners(other), {other.worker_id}, timeout=60)
        expect_value("states", lambda: states(other), {"RUNNING"})
        print(f"its work ran elsewhere after {time.monotonic() - since:.1f} s")
        assert time.monotonic() - since > SESSION_TIMEOUT_MS / 1000 - 1
    finally:
        frozen.send(signal.SIGCONT)
    thawed = time.monotonic()
    expect("it to be a member again", lambda: frozen.request("GET", "/health")[0] == 200)
    both = {worker.worker_id for worker in cluster.workers}
    expect_value("owners", lambda: owners(other), both, timeout=60)
    for name in NAMES:
        cluster.expect_running(name, tasks=TASKS)

    assert overlaps(record) == []
    back = [run for found in runs(record).values() for run in found if run.end > thawed]
    assert not {run.pid for run in back} & set(children), "what was frozen has gone on"
    assert "FAILED" not in frozen.log.read_text()
    cluster.stop()


def parts(worker: WorkerProcess) -> list[dict[str, str]]:
    """Return the statuses of all connectors and tasks, as this worker knows them."""
    found: list[dict[str, str]] = []
    for name in NAMES:
        _, status = worker.request("GET", f"/connectors/{name}/status")
        found += [status["connector"], *status["tasks"]]
    return found


def owners(worker: WorkerProcess) -> set[str]:
    return {part["worker_id"] for part in parts(worker)}


def states(worker: WorkerProcess) -> set[str]:
    return {part["state"] for part in parts(worker)}
