"""Tasks that wait for their preflight before they get a process (KIP-618)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.config.providers import Resolved
from isthmus.config.supervision import Supervision
from isthmus.group.assignor import Work
from isthmus.herder.errors import ConflictError
from isthmus.herder.local_work import LocalWork
from isthmus.herder.reloads import Reloads
from isthmus.herder.restarts import Restarts
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.status_store import StatusStore
from isthmus.worker.requests import TaskAnswers, Verify
from tests.support.memory_log import MemoryLog
from tests.unit.herder.bench import TASK
from tests.unit.storage.told import Told

WORK = Work(tasks=frozenset({TASK}))


class NotedWorker:
    """Stands in for the worker: keeps which tasks have a process."""

    def __init__(self) -> None:
        self.tasks: dict[ConnectorTaskId, Verify | None] = {}

    async def start_task(
        self,
        id: ConnectorTaskId,
        connector_config: Mapping[str, str | None],
        task_config: Mapping[str, str | None],
        target_state: TargetState,
        answers: TaskAnswers,
    ) -> bool:
        self.tasks[id] = answers.verify
        return True

    async def stop_tasks(self, ids: Sequence[ConnectorTaskId]) -> None:
        for id in ids:
            self.tasks.pop(id, None)

    async def stop_connectors(self, names: Sequence[str]) -> None:
        pass


@dataclass
class Gate:
    """Stands in for the preflight: open for some connectors, shut until `opened` for others."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    asked: list[str] = field(default_factory=list[str])

    async def is_for(self, connector: Mapping[str, str | None]) -> bool:
        return connector.get("kind") == "source"

    async def fence(self, name: str) -> None:
        self.asked.append(name)
        await self.opened.wait()
        if self.error is not None:
            raise self.error

    async def in_turn(self, action: Callable[[], Awaitable[None]]) -> None:
        await action()

    def verification(self, task: ConnectorTaskId) -> Verify:
        return self.opened_in_time

    async def opened_in_time(self) -> None:
        pass


@dataclass
class Site:
    work: LocalWork
    worker: NotedWorker
    gate: Gate
    statuses: StatusStore

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    configs, statuses = ConfigStore(MemoryLog()), StatusStore(MemoryLog())
    await configs.start(Told())
    await statuses.start()
    kind = getattr(request, "param", "source")
    await configs.put_connector("c", {"name": "c", "kind": kind}, None)
    await configs.put_task_configs("c", [{"n": "0"}])
    worker, gate = NotedWorker(), Gate()
    work = LocalWork(
        lambda _listener: worker,  # pyright: ignore[reportArgumentType]
        configs,
        statuses,
        "here:8083",
        dict,
        publish,
        Restarts(lambda _name: Supervision.of({}, {}).restart, restart_nothing, gate.in_turn),
        Reloads(lambda raw: Resolved(dict(raw)), reload_nothing, gate.in_turn),
        gate,
    )
    yield Site(work, worker, gate, statuses)
    await statuses.stop()


async def restart_nothing(work: Work) -> None:
    raise AssertionError(f"{work} has not failed")


async def reload_nothing(name: str) -> None:
    raise AssertionError(f"{name} has no values that end")


async def publish(name: str, configs: Sequence[Mapping[str, str]]) -> None:
    raise AssertionError(f"{name} has no connector here")


async def test_a_source_task_starts_after_its_preflight_and_nobody_waits_for_that(
    site: Site,
) -> None:
    await site.work.start(WORK)
    await site.settle()
    assert (site.gate.asked, site.worker.tasks) == (["c"], {})

    site.gate.opened.set()
    await site.settle()

    assert site.worker.tasks == {TASK: site.gate.opened_in_time}


@pytest.mark.parametrize("site", ["sink"], indirect=True)
async def test_a_sink_task_needs_no_preflight(site: Site) -> None:
    await site.work.start(WORK)

    assert (site.gate.asked, site.worker.tasks) == ([], {TASK: None})


async def test_a_task_that_is_stopped_during_its_preflight_never_starts(site: Site) -> None:
    await site.work.start(WORK)
    await site.settle()

    await site.work.stop(WORK)
    site.gate.opened.set()
    await site.settle()

    assert site.worker.tasks == {}
    await site.work.start(WORK)
    await site.settle()
    assert list(site.worker.tasks) == [TASK]


async def test_a_preflight_that_fails_is_the_tasks_failure(site: Site) -> None:
    site.gate.error = ConflictError("Fencing failed because new task configurations were generated")
    site.gate.opened.set()

    await site.work.start(WORK)
    await site.settle()

    status = site.statuses.task(TASK)
    assert status is not None
    assert (status.state, status.trace) == (
        State.FAILED,
        "Fencing failed because new task configurations were generated",
    )
    assert site.worker.tasks == {}


async def test_a_worker_that_stops_abandons_tasks_in_their_preflight_without_failing_them(
    site: Site,
) -> None:
    await site.work.start(WORK)
    await site.settle()

    site.work.abandon_preflights()
    site.gate.opened.set()
    await site.work.stop_all()
    await site.settle()

    assert (site.worker.tasks, site.statuses.task(TASK)) == ({}, None)
