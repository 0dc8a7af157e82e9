"""A worker in the test's own process, with real children and without Kafka."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import psutil

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.worker.worker import Worker

SOURCE = "tests.support.connectors:TestSource"
TASK_0 = ConnectorTaskId("numbers", 0)


class Settings:
    def __init__(self, graceful: float) -> None:
        self.originals = {
            # Nobody listens there: clients that are not used need no broker.
            "bootstrap.servers": "127.0.0.1:9",
            "group.id": "connect",
            "config.storage.topic": "configs",
            "offset.storage.topic": "offsets",
            "status.storage.topic": "statuses",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "header.converter": "org.apache.kafka.connect.storage.StringConverter",
        }
        self.plugin_path: list[str] = []
        self.task_shutdown_graceful_timeout = graceful


class Offsets:
    """The offsets topic as a dict, the same for all connectors."""

    def __init__(self) -> None:
        self.stored: dict[bytes, bytes | None] = {}

    def open(self, connector: str, config: Mapping[str, str | None]) -> "Offsets":
        return self

    async def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    async def spelled(self, keys: Sequence[bytes]) -> list[bytes]:
        return list(keys)

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.stored.get(key) for key in keys]

    async def set(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        self.stored.update(records)

    async def set_workers(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        raise AssertionError("this is the worker's own topic")


def children(but: Collection[int] = ()) -> list[str]:
    """Return pid and state of all processes below this one, zombies included.

    `but` are those that are not of the test: the session's broker is one, if it has been started.
    """
    below = psutil.Process().children(recursive=True)
    return [f"{process.pid} {process.status()}" for process in below if process.pid not in but]


def own_processes() -> list[psutil.Process]:
    """Return those below this process that are the worker's, and not the session's broker."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if _title(process).startswith("isthmus:")]


def _title(process: psutil.Process) -> str:
    """Return what it calls itself; nothing where it has ended."""
    try:
        return "".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def source_config(**settings: str) -> dict[str, str | None]:
    renamed = {key.replace("_", "."): value for key, value in settings.items()}
    return {"name": "numbers", "connector.class": SOURCE, **renamed}


async def start_task(worker: Worker, task: ConnectorTaskId = TASK_0, **settings: str) -> None:
    config = source_config(**settings)
    task_config = {**config, "task.class": "tests.support.connectors:IdleSourceTask"}
    assert await worker.start_task(task, config, task_config, TargetState.STARTED)


async def never() -> None:
    await asyncio.Event().wait()


async def not_this_task() -> None:
    raise ConnectError("Cannot start source task numbers-0 with exactly-once support")


def is_dead(process: psutil.Process) -> bool:
    """Return whether it has ended; who inherits an orphan takes its time to reap it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def eventually(
    reached: Callable[[], bool], timeout: float, last: Callable[[], object]
) -> None:
    deadline = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < deadline, f"not in {timeout:g} s: {last()}"
        await asyncio.sleep(0.02)
