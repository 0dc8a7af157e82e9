"""A herder over real stores in memory, and a worker that only takes notes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from isthmus.channel import ConnectorTaskId
from isthmus.config.worker import WorkerConfig
from isthmus.group.assignor import Work
from isthmus.group.protocol import Assignment, ConnectProtocol
from isthmus.herder.herder import Herder
from isthmus.herder.leader import Leadership
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.status_store import StatusStore
from tests.support.memory_log import MemoryLog

SETTINGS = {
    "bootstrap.servers": "localhost:9092",
    "group.id": "g",
    "key.converter": "k",
    "value.converter": "v",
    "config.storage.topic": "c",
    "offset.storage.topic": "o",
    "status.storage.topic": "s",
}
URL = "http://me:8083/"
TASK = ConnectorTaskId("c", 0)


@dataclass
class NotedWork:
    """Stands in for LocalWork: what it is told to do goes on a list."""

    running: Work = field(default_factory=Work)
    worker_id: str = "me:8083"
    generation: int = -1
    notes: list[str] = field(default_factory=list[str])

    async def start(self, work: Work) -> None:
        self.notes += [f"start {item}" for item in _items(work - self.running)]
        self.running |= work

    async def stop(self, work: Work) -> None:
        self.notes += [f"stop {item}" for item in _items(work & self.running)]
        self.running -= work

    def abandon_preflights(self) -> None:
        self.notes.append("abandon preflights")

    async def stop_all(self) -> None:
        await self.stop(self.running)

    async def restart_connector(self, name: str) -> None:
        self.notes.append(f"restart {name}")

    async def change_state(self, name: str) -> None:
        self.notes.append(f"change {name}")


def _items(work: Work) -> list[str]:
    return [*sorted(work.connectors), *(str(task) for task in sorted(work.tasks))]


@dataclass
class NotedMember:
    """Stands in for the group member."""

    rejoins: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])

    def request_rejoin(self, reason: str) -> None:
        self.rejoins.append(reason)

    def leave_group(self, reason: str) -> None:
        self.left.append(reason)


@dataclass
class Bench:
    herder: Herder
    work: NotedWork
    member: NotedMember
    #: The config topic and the status topic.
    log: MemoryLog
    status_log: MemoryLog

    async def join(self, assignment: Assignment, protocol: ConnectProtocol | None = None) -> None:
        """Go through one rebalance."""
        await self.herder.prepare_join()
        await self.herder.joined(1, "me", protocol or ConnectProtocol.COMPATIBLE, assignment)

    def assignment(self, **parts: object) -> Assignment:
        """Return an assignment of this worker as leader, with the offset that it knows."""
        offset = self.herder.configs.snapshot().offset
        base = Assignment(error=0, leader="me", leader_url=URL, config_offset=offset)
        return replace(base, **parts)  # pyright: ignore[reportArgumentType]

    async def settle(self) -> None:
        """Let the herder do all that it has to do now."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def create(self, name: str = "c", tasks: int = 1) -> None:
        await self.herder.configs.put_connector(name, {"name": name}, None)
        await self.herder.configs.put_task_configs(name, [{"n": str(n)} for n in range(tasks)])


def set_no_level(_namespace: str, _level: str) -> None:
    pass


@asynccontextmanager
async def make_bench(
    settings: Mapping[str, str] = SETTINGS, leader_writer: TransactionalWriter | None = None
) -> AsyncGenerator[Bench]:
    config = WorkerConfig.from_properties(settings)
    log = MemoryLog()
    configs = ConfigStore(log, leader_writer=leader_writer)
    status_log = MemoryLog()
    statuses = StatusStore(status_log)
    herder = Herder(
        config, configs, statuses, Leadership(config, configs, statuses), URL, set_no_level
    )
    work, member = NotedWork(), NotedMember()
    herder.attach(work)  # pyright: ignore[reportArgumentType]
    herder.join(member)
    await configs.start(herder)
    await statuses.start(herder.work_ended)
    running = asyncio.create_task(herder.run())
    try:
        yield Bench(herder, work, member, log, status_log)
    finally:
        herder.halt()
        await asyncio.wait_for(running, 5)
        await statuses.stop()
