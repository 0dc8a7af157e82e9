"""Three workers under load, and one of them killed: work moves, and no line is lost."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.cluster import Cluster, child_pids, expect, file_sink, file_source

SOURCES = 3


class Load:
    """Appends numbered lines to files until it is stopped."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.lines = 0

    def _write(self) -> None:
        handles = [file.open("ab", buffering=0) for file in self._files]
        while not self._stop.wait(0.005):
            block = "".join(f"line {n}\n" for n in range(self.lines, self.lines + 20)).encode()
            for handle in handles:
                handle.write(block)
            self.lines += 20
        for handle in handles:
            handle.close()

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def missing(copy: Path, lines: int) -> list[int]:
    """Return the numbers of the first lines that are not in the copy."""
    found = set(copy.read_text().splitlines()) if copy.exists() else set[str]()
    return [n for n in range(lines) if f"line {n}" not in found][:5]


@contextmanager
def load(cluster: Cluster, directory: Path) -> Generator[tuple[Load, list[Path]]]:
    """Run sources and sinks over all workers while lines come in; check at the end."""
    files = [directory / f"in-{n}.txt" for n in range(SOURCES)]
    copies = [directory / f"out-{n}.txt" for n in range(SOURCES)]
    for n, (file, copy) in enumerate(zip(files, copies, strict=True)):
        file.touch()
        cluster.create(f"source-{n}", file_source(file, f"{cluster.group}-{n}"))
        cluster.create(f"sink-{n}", file_sink(copy, f"{cluster.group}-{n}"))
    for n in range(SOURCES):
        cluster.expect_running(f"source-{n}")
        cluster.expect_running(f"sink-{n}")
    with Load(files) as running:
        expect("load to flow", lambda: running.lines > 500 and copies[0].exists())
        yield running, copies
        written = running.lines
        expect("more load", lambda: running.lines > written + 500)
    for n, copy in enumerate(copies):
        cluster.expect_running(f"source-{n}", timeout=60)
        cluster.expect_running(f"sink-{n}", timeout=60)
        expect(
            f"all {running.lines} lines in {copy.name}",
            lambda c=copy: not missing(c, running.lines),
            timeout=60,
        )


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_killing_a_worker_under_load_moves_its_work_and_loses_no_line(
    cluster: Cluster, tmp_path: Path, victim: str
) -> None:
    cluster.start(3)
    with load(cluster, tmp_path):
        killed = cluster.leader() if victim == "leader" else cluster.follower()
        orphans = child_pids(killed.pid)
        assert orphans, "the worker to kill runs nothing"

        killed.kill()

        expect("its children to die with it", lambda: not any(map(psutil.pid_exists, orphans)))
        for n in range(SOURCES):
            cluster.expect_running(f"source-{n}", timeout=60)
            cluster.expect_running(f"sink-{n}", timeout=60)
    cluster.stop()


def test_stopping_a_worker_in_order_hands_its_work_over_without_a_repeated_line(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(2)
    with load(cluster, tmp_path) as (_, copies):
        leaving = cluster.leader()
        assert leaving.stop() == 0
    for copy in copies:
        lines = copy.read_text().splitlines()
        assert len(lines) == len(set(lines)), "a line came twice"
    cluster.stop()


def test_a_joining_worker_takes_a_fair_share(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(1)
    for n in range(4):
        cluster.create(f"source-{n}", file_source(tmp_path / f"{n}.txt", f"{cluster.group}-{n}"))
        cluster.expect_running(f"source-{n}")

    cluster.start(1)

    def share() -> list[int]:
        owners = [cluster.status(f"source-{n}")["tasks"][0]["worker_id"] for n in range(4)]
        return sorted(owners.count(worker.worker_id) for worker in cluster.workers)

    expect("two tasks on each worker", lambda: share() == [2, 2])
    for n in range(4):
        cluster.expect_running(f"source-{n}")
    cluster.stop()
