"""What faults are injected into: a broker behind a proxy, three workers, a source and a sink."""

import os
import subprocess
from pathlib import Path

import psutil

from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.process import free_port
from isthmus.embedded.worker_process import WorkerProcess
from tests.faults.counts import SinkCounts, TopicCounts
from tests.faults.numbered import SINK, SOURCE
from tests.faults.proxy import Proxy
from tests.support.cluster import Cluster, child_titles

WORKERS = 3
TASKS = 2
PARTITIONS = 3
#: Records per second of each task of the source.
RATE = 300
_DISK_MB = 16


class Rig:
    """All of it, in a directory of its own. Enter it to start; leave it to end all processes."""

    def __init__(self, directory: Path, *, exactly_once: bool) -> None:
        self.directory = directory
        self.exactly_once = exactly_once
        self.disk = directory / "disk"
        self._plain, open_port = free_port(), free_port()
        proxy_port = free_port()
        self.proxy = Proxy(proxy_port, open_port)
        self.kafka = EmbeddedKafka(
            directory / "kafka",
            port=self._plain,
            short_lived=True,
            extra={
                "listeners": f"FAULTY://127.0.0.1:{open_port}",
                "listener.security.protocol.map": "FAULTY:PLAINTEXT",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._plain},"
                f"FAULTY://127.0.0.1:{proxy_port}",
                "inter.broker.listener.name": "PLAINTEXT",
                "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            },
        )
        self.cluster = Cluster(
            f"127.0.0.1:{proxy_port}",
            directory / "workers",
            exactly_once_source_support="enabled" if exactly_once else "disabled",
            auto_restart_enable="true",
            auto_restart_max="-1",
            auto_restart_backoff_ms="200",
            auto_restart_backoff_max_ms="2000",
            producer_max_block_ms="10000",
            task_shutdown_graceful_timeout_ms="2000",
        )
        self.topic = f"{self.cluster.group}-numbers"
        self._environment = {
            **os.environ,
            "FAULTS_CLOCK": str(self.clock),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "clock"), str(Path.cwd())]),
        }
        self.has_disk = False

    @property
    def clock(self) -> Path:
        """The file with the seconds by which the workers' clocks are wrong."""
        return self.directory / "clock"

    @property
    def memory(self) -> Path:
        """The file whose being there makes one task run out of memory."""
        return self.directory / "memory"

    def __enter__(self) -> "Rig":
        self.disk.mkdir(parents=True)
        try:
            self.has_disk = _mount(self.disk)
            self.kafka.start()
            self.proxy.start()
            for number in range(WORKERS):
                self._start_worker(f"worker-{number + 1}")
            for worker in self.cluster.workers:
                worker.wait_until_ready()
            self._create()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def demand(self, until: int) -> None:
        """Have the source's tasks count up to `until`, exclusive."""
        draft = self.directory / "draft"
        draft.write_text(str(until))
        draft.replace(self.directory / "until")

    def owned(self, name: str) -> list[tuple[WorkerProcess, psutil.Process]]:
        """Return the processes of a connector's tasks, wherever they run."""
        return [
            (worker, psutil.Process(pid))
            for worker in self.cluster.running
            for pid, title in child_titles(worker.pid).items()
            if title.startswith(f"isthmus: task {name}-")
        ]

    def _start_worker(self, name: str) -> None:
        properties, directory = self.cluster.properties, self.cluster.directory
        worker = WorkerProcess(directory, name, properties, self._environment)
        worker.start()
        self.cluster.workers.append(worker)

    def _create(self) -> None:
        self.demand(0)
        self.topic_counts = TopicCounts(f"127.0.0.1:{self._plain}", self.topic, PARTITIONS)
        self.sink_counts = SinkCounts(self.disk)
        source = {
            "connector.class": SOURCE,
            "tasks.max": str(TASKS),
            "topic": self.topic,
            "until": str(self.directory / "until"),
            "memory": str(self.memory),
            "rate": str(RATE),
            "topic.creation.default.partitions": str(PARTITIONS),
            "topic.creation.default.replication.factor": "1",
            # So much must fit between a fault and its end that no delivery is given up.
            "producer.override.delivery.timeout.ms": "60000",
        }
        if self.exactly_once:
            source["exactly.once.support"] = "requested"
        sink = {
            "connector.class": SINK,
            "tasks.max": str(TASKS),
            "topics": self.topic,
            "directory": str(self.disk),
            "consumer.override.isolation.level": "read_committed",
            "consumer.override.session.timeout.ms": "6000",
            "consumer.override.auto.offset.reset": "earliest",
        }
        self.cluster.create("source", source)
        self.cluster.create("sink", sink)
        self.cluster.expect_running("source", tasks=TASKS)
        self.cluster.expect_running("sink", tasks=TASKS)

    def _end(self) -> None:
        self.cluster.close()
        if hasattr(self, "topic_counts"):
            self.topic_counts.close()
        self.proxy.stop()
        self.kafka.kill()
        if self.has_disk:
            subprocess.run(["umount", "-l", self.disk], check=False)


def fill(disk: Path) -> None:
    """Leave no room on the disk."""
    with (disk / ".filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while filler.write(b"x" * size):
                    pass
            except OSError:
                continue


def remount(disk: Path, how: str) -> bool:
    """Make the disk `ro` or `rw`; False if somebody is just writing."""
    command = ["mount", "-o", f"remount,{how}", str(disk)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _mount(disk: Path) -> bool:
    """Put a small file system of its own there; only root may."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(disk)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
