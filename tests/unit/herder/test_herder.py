"""The herder's decisions in turn, over real stores in memory and a worker that only takes notes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.config.worker import WorkerConfig
from isthmus.group.assignor import Work
from isthmus.group.protocol import Assignment, ConnectProtocol
from isthmus.herder.errors import NotLeaderError, RestError
from isthmus.herder.herder import Herder
from isthmus.herder.leader import Leadership
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
    generation: int = -1
    notes: list[str] = field(default_factory=list[str])

    async def start(self, work: Work) -> None:
        self.notes += [f"start {item}" for item in _items(work - self.running)]
        self.running |= work

    async def stop(self, work: Work) -> None:
        self.notes += [f"stop {item}" for item in _items(work & self.running)]
        self.running -= work

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


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    config = WorkerConfig.from_properties(SETTINGS)
    configs, statuses = ConfigStore(MemoryLog()), StatusStore(MemoryLog())
    herder = Herder(
        config, configs, statuses, Leadership(config, configs, statuses), URL, set_no_level
    )
    work, member = NotedWork(), NotedMember()
    herder.attach(work)  # pyright: ignore[reportArgumentType]
    herder.join(member)
    await configs.start(herder)
    await statuses.start()
    running = asyncio.create_task(herder.run())
    yield Bench(herder, work, member)
    herder.halt()
    await asyncio.wait_for(running, 5)
    await statuses.stop()


async def test_assigned_work_starts_when_the_config_offsets_are_equal(bench: Bench) -> None:
    await bench.create()

    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    assert bench.work.notes == ["start c", "start c-0"]
    assert bench.herder.is_ready


async def test_nothing_starts_while_this_worker_is_ahead_of_the_assignment(bench: Bench) -> None:
    await bench.create()

    await bench.join(bench.assignment(connectors=("c",), config_offset=1))

    assert bench.work.notes == []
    assert bench.member.rejoins[-1] == "config offset 3 does not match the group's 1"


async def test_a_later_assignment_adds_to_what_runs_and_revokes_from_it(bench: Bench) -> None:
    await bench.create("a")
    await bench.create("b")
    await bench.join(bench.assignment(connectors=("a",)))

    await bench.join(bench.assignment(connectors=("b",), revoked_connectors=("a",)))

    assert bench.work.notes == ["start a", "stop a", "start b"]
    assert bench.herder.assignment is not None
    assert bench.herder.assignment.connectors == ("b",)


async def test_under_the_eager_protocol_all_work_stops_before_each_join(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)), ConnectProtocol.EAGER)

    offer = await bench.herder.prepare_join()

    assert bench.work.notes == ["start c", "stop c"]
    assert offer.allocation is None


async def test_a_downgrade_to_eager_stops_what_was_given_to_others(bench: Bench) -> None:
    await bench.create("a")
    await bench.create("b")
    await bench.join(bench.assignment(connectors=("a",)))

    await bench.join(bench.assignment(connectors=("b",)), ConnectProtocol.EAGER)

    assert bench.work.notes == ["start a", "stop a", "start b"]


async def test_a_lost_membership_stops_all_work_at_once(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    await bench.herder.coordinator_lost()

    assert bench.work.notes[-2:] == ["stop c", "stop c-0"]
    assert bench.herder.leader_url() is None


async def test_a_new_connector_asks_for_a_rebalance(bench: Bench) -> None:
    await bench.join(bench.assignment())

    await bench.herder.configs.put_connector("new", {"name": "new"}, None)
    await bench.settle()

    assert bench.member.rejoins == ["connectors or task configs have changed"]


async def test_a_changed_connector_restarts_where_it_runs_without_a_rebalance(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))
    bench.member.rejoins.clear()

    await bench.herder.configs.put_connector("c", {"name": "c", "x": "1"}, None)
    await bench.settle()

    assert bench.work.notes[-1] == "restart c"
    assert bench.member.rejoins == []


async def test_new_task_configs_stop_the_running_tasks_and_ask_for_a_rebalance(
    bench: Bench,
) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    await bench.herder.configs.put_task_configs("c", [{"n": "other"}])
    await bench.settle()

    assert bench.work.notes[-1] == "stop c-0"
    assert bench.member.rejoins == ["connectors or task configs have changed"]


async def test_a_pause_reaches_the_connector(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))

    await bench.herder.configs.put_target_state("c", TargetState.PAUSED)
    await bench.settle()

    assert bench.work.notes[-1] == "change c"


async def test_only_the_leader_does_what_is_the_leaders(bench: Bench) -> None:
    await bench.join(bench.assignment(leader="other", leader_url="http://other:8083/"))

    with pytest.raises(NotLeaderError) as refused:
        bench.herder.require_leader()

    assert refused.value.url == "http://other:8083/"


async def test_requests_wait_until_this_worker_is_in_the_group(bench: Bench) -> None:
    async def answer() -> str:
        return "done"

    request = asyncio.create_task(bench.herder.request(answer))
    await bench.settle()
    assert not request.done()

    await bench.join(bench.assignment())

    assert await asyncio.wait_for(request, 5) == "done"


async def test_a_stopping_worker_refuses_requests_and_offers_nothing(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))

    await bench.herder.stop_work()

    assert bench.work.notes[-1] == "stop c"
    assert (await bench.herder.prepare_join()).allocation is None
    with pytest.raises(RestError, match="Worker is shutting down"):
        await bench.herder.request(bench.herder.current)


async def test_work_can_be_stopped_after_the_herder_has_failed(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))
    bench.herder.halt()
    await bench.settle()

    await asyncio.wait_for(bench.herder.stop_work(), 5)

    assert bench.work.notes[-1] == "stop c"
