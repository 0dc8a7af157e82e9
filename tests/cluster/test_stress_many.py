"""Two hundred connectors on three workers, and one of the workers killed."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.cluster import Cluster, child_pids, expect_value

CONNECTORS = 200
CONFIG = {"connector.class": "tests.support.connectors:TestSource"}


def parts(worker: WorkerProcess) -> list[dict[str, str]]:
    """Return the status of each connector and each task, in one request."""
    _, found = worker.request("GET", "/connectors?expand=status")
    statuses = [entry["status"] for entry in found.values()]
    return [part for status in statuses for part in (status["connector"], *status["tasks"])]


def counted(worker: WorkerProcess, alive: set[str]) -> Counter[str]:
    """Count connectors and tasks by state; those of a worker that is gone by its absence."""
    return Counter(
        part["state"] if part["worker_id"] in alive else "on a dead worker"
        for part in parts(worker)
    )


# Four hundred processes are started twice, on two processors: that is what takes the time.
def test_two_hundred_connectors_run_and_run_again_after_a_worker_is_killed(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    cluster.start(3)
    began = time.monotonic()

    def note(what: str) -> None:
        seconds = round(time.monotonic() - began, 1)
        print(f"{seconds:5.1f} s: {what}")
        record_property(what, seconds)

    def create(n: int) -> None:
        cluster.create(f"c{n}", CONFIG, on=cluster.workers[n % 3])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(create, range(CONNECTORS)))
    note("all created")
    asked = cluster.workers[0]
    all_running = Counter({"RUNNING": 2 * CONNECTORS})
    alive = {worker.worker_id for worker in cluster.running}
    expect_value("states", lambda: counted(asked, alive), all_running, timeout=60)
    note("all running")
    shares = Counter(part["worker_id"] for part in parts(asked))
    assert max(shares.values()) - min(shares.values()) <= 2, f"shares {shares}"
    before = {worker: descriptors(worker) for worker in cluster.workers}

    victim = next(worker for worker in cluster.workers[1:] if worker is not cluster.leader())
    victim.kill()
    killed = time.monotonic()
    alive = {worker.worker_id for worker in cluster.running}
    expect_value("states", lambda: counted(asked, alive), all_running, timeout=60)
    note("all running again")
    print(f"{time.monotonic() - killed:.1f} s after the kill")

    for worker in cluster.running:
        pids = child_pids(worker.pid)
        states = Counter(psutil.Process(pid).status() for pid in pids)
        assert psutil.STATUS_ZOMBIE not in states, states
        # Its fork server, and a process for each connector and task.
        assert len(pids) == 1 + shares_of(asked, worker), f"{len(pids)} processes"
        moved = shares_of(asked, worker) - shares[worker.worker_id]
        grown = descriptors(worker) - before[worker]
        assert grown <= moved + 10, f"{grown} descriptors more for {moved} processes more"
    begin = time.monotonic()
    cluster.stop()
    print(f"two workers stopped in {time.monotonic() - begin:.1f} s")


def shares_of(asked: WorkerProcess, worker: WorkerProcess) -> int:
    return sum(part["worker_id"] == worker.worker_id for part in parts(asked))


def descriptors(worker: WorkerProcess) -> int:
    return psutil.Process(worker.pid).num_fds()
