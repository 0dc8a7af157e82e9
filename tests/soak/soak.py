"""Twenty connectors, a rebalance each minute, and a look at every process."""

import contextlib
import os
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.worker_process import WorkerProcess
from tests.faults.numbered import SINK, SOURCE
from tests.soak.report import HEADER, Report, Sample, row
from tests.support.cluster import Cluster

PAIRS = 10
RATE = 50
_INTERVAL = 60.0
#: Sinks' files are emptied when they are so large: a soak is no test of the disk.
_LARGE_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    pss_kib: float
    descriptors: int
    is_zombie: bool


class Soak:
    """Enter it to start all, leave it to end all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sunk = directory / "sunk"
        self._kafka = EmbeddedKafka(directory / "kafka")
        self._offsets: dict[str, int] = {}

    def __enter__(self) -> "Soak":
        self._sunk.mkdir(parents=True)
        self._kafka.start()
        servers = self._kafka.bootstrap_servers
        self._cluster = Cluster(servers, self._directory / "workers")
        try:
            self._cluster.start(2)
            self._create_topics(servers)
            for number in range(PAIRS):
                self._create_pair(number)
            for number in range(PAIRS):
                self._cluster.expect_running(f"source-{number}", timeout=60)
                self._cluster.expect_running(f"sink-{number}", timeout=60)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, minutes: int) -> Report:
        """Measure each minute, just before the next rebalance."""
        report = Report()
        third = WorkerProcess(
            self._cluster.directory, "worker-that-comes-and-goes", self._cluster.properties
        )
        print(HEADER, flush=True)
        began = time.monotonic()
        try:
            for minute in range(1, minutes + 1):
                if third.is_running:
                    third.stop()
                else:
                    third.start()
                time.sleep(max(0.0, began + minute * _INTERVAL - time.monotonic()))
                report.samples.append(self._sample(minute))
                print(row(report.samples[-1]), flush=True)
        finally:
            third.kill()
        return report

    def _create_topics(self, servers: str) -> None:
        # A compact life: what is not read within minutes is of no use to anybody.
        config = {"retention.ms": "600000", "segment.ms": "120000"}
        topics = [NewTopic(f"numbers-{n}", 1, 1, config=config) for n in range(PAIRS)]
        admin = AdminClient({"bootstrap.servers": servers})
        created = cast("dict[str, Future[None]]", admin.create_topics(topics))
        for future in created.values():
            future.result(30)

    def _create_pair(self, number: int) -> None:
        never = str(self._directory / "never")
        source = {"connector.class": SOURCE, "topic": f"numbers-{number}", "rate": str(RATE)}
        self._cluster.create(f"source-{number}", {**source, "until": never, "memory": never})
        sink = {"connector.class": SINK, "topics": f"numbers-{number}"}
        self._cluster.create(f"sink-{number}", {**sink, "directory": str(self._sunk)})

    def _sample(self, minute: int) -> Sample:
        self._empty_files()
        workers = [measure(psutil.Process(w.pid)) for w in self._cluster.running]
        children = [
            measure(child)
            for worker in self._cluster.running
            for child in psutil.Process(worker.pid).children(recursive=True)
        ]
        orphans = [p for p in psutil.Process().children() if p.status() == psutil.STATUS_ZOMBIE]
        offsets, standing = self._read_offsets()
        self._offsets = offsets
        return Sample(
            minute=minute,
            processes=len(workers) + len(children),
            worker_pss=fmean(usage.pss_kib for usage in workers),
            child_pss=fmean(usage.pss_kib for usage in children),
            largest_child_pss=max(usage.pss_kib for usage in children),
            worker_descriptors=fmean(usage.descriptors for usage in workers),
            child_descriptors=fmean(usage.descriptors for usage in children),
            zombies=sum(usage.is_zombie for usage in [*workers, *children]) + len(orphans),
            standing=standing,
            records=sum(value for name, value in offsets.items() if name.startswith("source")),
        )

    def _read_offsets(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Return how far each connector is, and those that are no further than a minute ago."""
        found: dict[str, int] = {}
        for number in range(PAIRS):
            for name in (f"source-{number}", f"sink-{number}"):
                _, answer = self._cluster.request("GET", f"/connectors/{name}/offsets")
                found[name] = _position(answer)
        standing = [name for name, value in found.items() if value <= self._offsets.get(name, 0)]
        return found, tuple(standing)

    def _empty_files(self) -> None:
        for file in self._sunk.iterdir():
            if file.stat().st_size > _LARGE_FILE:
                os.truncate(file, 0)

    def _end(self) -> None:
        self._cluster.close()
        self._kafka.kill()


def measure(process: psutil.Process) -> Usage:
    """Return what a process holds; nothing of one that is just ending."""
    with contextlib.suppress(psutil.NoSuchProcess):
        if process.status() == psutil.STATUS_ZOMBIE:
            return Usage(0.0, 0, is_zombie=True)
        return Usage(process.memory_full_info().pss / 1024, process.num_fds(), is_zombie=False)
    return Usage(0.0, 0, is_zombie=False)


def _position(answer: dict[str, Any]) -> int:
    """Return the offset of the one partition; 0 before the first commit."""
    if not answer["offsets"]:
        return 0
    offset = answer["offsets"][0]["offset"]
    return int(offset.get("next", offset.get("kafka_offset", 0)))
