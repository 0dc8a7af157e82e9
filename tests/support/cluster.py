"""A cluster of worker processes, as a user would start them."""

import contextlib
import re
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil

from isthmus.embedded.worker_process import WorkerProcess

T = TypeVar("T")

STRING = "org.apache.kafka.connect.storage.StringConverter"
#: Short enough that a killed worker is missed within seconds; the broker's own minimum.
SESSION_TIMEOUT_MS = 6000


class Cluster:
    """Workers of one group with topics of their own. Use it from one thread."""

    def __init__(self, bootstrap_servers: str, directory: Path, **properties: str) -> None:
        run = uuid.uuid4().hex[:8]
        self.group = f"connect-{run}"
        self.directory = directory
        self.workers: list[WorkerProcess] = []
        self.properties = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": self.group,
            "key.converter": STRING,
            "value.converter": STRING,
            "config.storage.topic": f"{run}-configs",
            "offset.storage.topic": f"{run}-offsets",
            "offset.storage.partitions": "5",
            "status.storage.topic": f"{run}-status",
            "config.storage.replication.factor": "1",
            "offset.storage.replication.factor": "1",
            "status.storage.replication.factor": "1",
            "offset.flush.interval.ms": "500",
            "session.timeout.ms": str(SESSION_TIMEOUT_MS),
            "heartbeat.interval.ms": "500",
            "scheduled.rebalance.max.delay.ms": "0",
            **{key.replace("_", "."): value for key, value in properties.items()},
        }

    def start(self, workers: int) -> "Cluster":
        """Start so many workers more, and wait until all are members that have work to do."""
        new = [
            WorkerProcess(self.directory, f"worker-{len(self.workers) + n + 1}", self.properties)
            for n in range(workers)
        ]
        for worker in new:
            worker.start()
            self.workers.append(worker)
        for worker in new:
            worker.wait_until_ready()
        return self

    def stop(self) -> None:
        """Stop what still runs; fail if a worker does not end in order or leaves a process."""
        children = {pid for worker in self.running for pid in child_pids(worker.pid)}
        codes = {worker.name: worker.stop() for worker in self.running}
        assert set(codes.values()) <= {0}, f"exit codes {codes}"
        expect("all children to be gone", lambda: not [p for p in children if psutil.pid_exists(p)])

    def close(self) -> None:
        """Make sure that nothing runs on, whatever happened in the test."""
        for worker in self.workers:
            worker.kill()

    @property
    def running(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.is_running]

    def worker(self, worker_id: str) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.worker_id == worker_id)

    def leader(self) -> WorkerProcess:
        """Return the worker that leads, as the newest log line of each says."""
        urls = {url for worker in self.running if (url := _leader_url(worker))}
        assert len(urls) == 1, f"workers name different leaders: {urls}"
        return next(worker for worker in self.running if f"{worker.url}/" in urls)

    def follower(self) -> WorkerProcess:
        leader = self.leader()
        return next(worker for worker in self.running if worker is not leader)

    def request(
        self, method: str, path: str, body: object = None, *, on: WorkerProcess | None = None
    ) -> tuple[int, Any]:
        """Send a request to that worker, or to the first that runs; once, as it is answered."""
        return (on or self.running[0]).request(method, path, body)

    def create(self, name: str, config: Mapping[str, str], on: WorkerProcess | None = None) -> None:
        status, answer = self.request(
            "POST", "/connectors", {"name": name, "config": config}, on=on
        )
        assert status == 201, f"{name} was not created: {status} {answer}"

    def status(self, name: str) -> dict[str, Any]:
        _, answer = self.request("GET", f"/connectors/{name}/status")
        return answer or {}

    def states(self, name: str) -> list[str]:
        """Return the connector's state, then those of its tasks."""
        status = self.status(name)
        if "connector" not in status:
            return []
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def owner(self, name: str, task: int | None = None) -> WorkerProcess:
        """Return the worker that runs the connector, or one of its tasks."""
        status = self.status(name)
        found = status["connector"] if task is None else status["tasks"][task]
        return self.worker(found["worker_id"])

    def kill_task(self, name: str, task: int) -> int:
        """Kill the process of a task as the kernel would; return its pid."""
        worker = self.owner(name, task)
        for pid, title in child_titles(worker.pid).items():
            if title.startswith(f"isthmus: task {name}-{task}"):
                psutil.Process(pid).kill()
                return pid
        raise AssertionError(f"no process of task {name}-{task} on {worker.name}")

    def expect_states(self, name: str, *states: str, timeout: float = 30.0) -> None:
        """Wait until connector and tasks are in these states, and on workers that run."""
        alive = {worker.worker_id for worker in self.running}

        def seen() -> list[str]:
            status = self.status(name)
            if "connector" not in status:
                return []
            parts = [status["connector"], *status["tasks"]]
            return [
                part["state"] if part["worker_id"] in alive else f"on dead {part['worker_id']}"
                for part in parts
            ]

        expect_value(f"states of {name}", seen, list(states), timeout)

    def expect_running(self, name: str, tasks: int = 1, timeout: float = 30.0) -> None:
        self.expect_states(name, *["RUNNING"] * (tasks + 1), timeout=timeout)


def _leader_url(worker: WorkerProcess) -> str | None:
    found = re.findall(r"Joined group .* leader (\S+):", worker.log.read_text(errors="replace"))
    return found[-1] if found else None


def child_pids(pid: int) -> list[int]:
    """Return the pids of all processes below that one."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def child_titles(pid: int) -> dict[int, str]:
    """Return the titles of all processes below that one by pid, but of those that have ended."""
    titles: dict[int, str] = {}
    for child in child_pids(pid):
        with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie is, too
            titles[child] = " ".join(psutil.Process(child).cmdline()).strip()
    return titles


def expect(what: str, condition: Callable[[], bool], timeout: float = 30.0) -> None:
    """Wait until the condition holds; fail after `timeout` seconds."""
    expect_value(what, condition, True, timeout)


def expect_value(what: str, seen: Callable[[], T], wanted: T, timeout: float = 30.0) -> None:
    """Wait until what is seen is what is wanted; the failure says what was seen last."""
    deadline = time.monotonic() + timeout
    while (last := seen()) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: wanted {wanted!r}, last seen {last!r} after {timeout} s")
        time.sleep(0.1)


def file_source(file: Path, topic: str, **more: str) -> dict[str, str]:
    config = {"connector.class": "FileStreamSource", "file": str(file), "topic": topic}
    return {**config, **{key.replace("_", "."): value for key, value in more.items()}}


def file_sink(file: Path, topic: str, **more: str) -> dict[str, str]:
    """Return the config of a file sink whose consumer group is its topic's alone.

    Clusters of several tests share a broker: a sink of the same name that was killed in an earlier
    test would hold its group up until its session has ended.
    """
    config = {"connector.class": "FileStreamSink", "file": str(file), "topics": topic}
    config["consumer.override.group.id"] = f"readers-of-{topic}"
    return {**config, **{key.replace("_", "."): value for key, value in more.items()}}
