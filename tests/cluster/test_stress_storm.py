"""Workers come and go faster than the group settles: each task runs once, and nothing is lost."""

import signal
import time
from pathlib import Path

import psutil

from tests.support.cluster import Cluster, expect
from tests.support.recorded import lost, numbers, overlaps, recorded_source, runs

CONNECTORS = 3
TASKS = 4


def test_after_a_storm_of_rebalances_each_task_runs_once_and_never_ran_twice(
    cluster: Cluster, tmp_path: Path, bootstrap_servers: str
) -> None:
    record, topic = tmp_path / "record", f"{cluster.group}-t"
    cluster.start(1)
    names = [f"numbers-{n}" for n in range(CONNECTORS)]
    for name in names:
        cluster.create(name, recorded_source(record, topic, tasks=TASKS))
    for name in names:
        cluster.expect_running(name, tasks=TASKS)

    began = time.monotonic()
    cluster.start(2)
    cluster.workers[0].send(signal.SIGTERM)
    cluster.start(1)
    cluster.workers[1].send(signal.SIGTERM)
    cluster.start(1)
    cluster.workers[2].kill()
    cluster.start(1)
    cluster.workers[3].send(signal.SIGTERM)
    cluster.start(1)
    print(f"storm of {time.monotonic() - began:.1f} s")
    expect("those told to leave to be gone", lambda: len(cluster.running) == 3)
    for name in names:
        cluster.expect_running(name, tasks=TASKS, timeout=60)
    print(f"settled after {time.monotonic() - began:.1f} s")

    settled = time.monotonic()
    wanted = {f"{name}-{n}" for name in names for n in range(TASKS)}

    def at_work() -> dict[str, list[int]]:
        """Return the processes of each task that were at work since all had settled."""
        found = runs(record)
        return {
            task: [
                run.pid for run in found[task] if run.end > settled and psutil.pid_exists(run.pid)
            ]
            for task in wanted
        }

    expect("all at work", lambda: all(at_work().values()))
    assert {task: len(pids) for task, pids in at_work().items()} == dict.fromkeys(wanted, 1)
    assert overlaps(record) == []
    shares = [cluster.owner(name, n).name for name in names for n in range(TASKS)]
    assert sorted(map(shares.count, set(shares))) == [4, 4, 4], shares
    cluster.stop()
    sent = numbers(bootstrap_servers, topic)
    assert set(sent) == wanted
    assert lost(sent) == {}
