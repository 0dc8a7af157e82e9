"""The leader's rounds of fencing, and what a source task waits for before it writes (KIP-618)."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId
from isthmus.herder.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    NotLeaderError,
    RestError,
    UnreachableWorkerError,
)
from isthmus.herder.fencing import Fencing, Preflight
from isthmus.herder.reconcile import FencingRound, fencing_round
from isthmus.storage.cluster_state import ClusterState
from tests.unit.herder.bench import TASK, Bench

KINDS = {"s": "source", "sink": "sink"}


async def kind_of(connector: Mapping[str, str | None]) -> str:
    return KINDS.get(connector.get("name") or "", "source")


@dataclass
class Brokers:
    """Stands in for Kafka: takes notes, and answers when it is let go."""

    fenced: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def fence(self, name: str, config: Mapping[str, str | None], tasks: int) -> None:
        assert config["name"] == name
        self.fenced.append((name, tasks))
        await self.answer.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def brokers() -> Brokers:
    brokers = Brokers()
    brokers.answer.set()
    return brokers


@pytest.fixture
def fencing(bench: Bench, brokers: Brokers) -> Fencing:
    return Fencing(bench.herder, kind_of, dict, brokers.fence, 5.0)


def records(bench: Bench) -> list[str]:
    return [
        (value or b"").decode()
        for key, value in bench.log.records
        if key.decode() == "tasks-fencing-c"
    ]


@pytest.mark.parametrize(
    ("pending", "recorded", "tasks", "wanted"),
    [
        (False, None, 3, None),
        (False, 2, 3, None),
        (True, None, 3, FencingRound(0, 3, 7)),
        (True, 1, 1, FencingRound(0, 1, 7)),
        (True, 1, 2, FencingRound(1, 2, 7)),
        (True, 2, 1, FencingRound(2, 1, 7)),
        (True, 3, 3, FencingRound(3, 3, 7)),
        (True, 2, 0, FencingRound(2, 0, 7)),
        (True, 0, 2, FencingRound(0, 2, 7)),
    ],
)
def test_what_is_fenced_depends_on_the_task_counts_before_and_now(
    pending: bool, recorded: int | None, tasks: int, wanted: FencingRound | None
) -> None:
    state = ClusterState(
        configs={"c": {}},
        task_counts={"c": tasks},
        task_count_records={} if recorded is None else {"c": recorded},
        task_config_generations={"c": 7},
        pending_fencing=frozenset({"c"} if pending else ()),
    )

    assert fencing_round(state, "c") == wanted


async def test_the_first_tasks_of_a_connector_are_only_counted(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    await bench.create(tasks=2)
    await bench.join(bench.assignment())

    await fencing.fence_zombies("c")
    await fencing.fence_zombies("c")

    assert (brokers.fenced, records(bench)) == ([], ['{"task-count":2}'])


async def test_as_many_producers_are_fenced_as_there_were_tasks_before(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    await bench.create(tasks=3)
    await bench.join(bench.assignment())
    await fencing.fence_zombies("c")
    await bench.herder.configs.put_task_configs("c", [{"n": "new"}])

    await fencing.fence_zombies("c")

    assert brokers.fenced == [("c", 3)]
    assert records(bench) == ['{"task-count":3}', '{"task-count":1}']


async def pending_round(bench: Bench, brokers: Brokers, fencing: Fencing) -> "asyncio.Task[None]":
    """Begin a round that Kafka has not answered yet."""
    await bench.create(tasks=2)
    await bench.join(bench.assignment())
    await fencing.fence_zombies("c")
    await bench.herder.configs.put_task_configs("c", [{"n": "1"}, {"n": "2"}])
    brokers.answer.clear()
    asked = asyncio.create_task(fencing.fence_zombies("c"))
    await bench.settle()
    assert brokers.fenced == [("c", 2)]
    return asked


async def test_those_who_ask_while_a_round_is_under_way_share_it(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    first = await pending_round(bench, brokers, fencing)
    others = [asyncio.create_task(fencing.fence_zombies("c")) for _ in range(3)]
    given_up = asyncio.create_task(fencing.fence_zombies("c"))
    await bench.settle()
    given_up.cancel()

    brokers.answer.set()
    await asyncio.wait_for(asyncio.gather(first, *others), 5)

    assert brokers.fenced == [("c", 2)]
    assert records(bench) == ['{"task-count":2}'] * 2


async def test_new_task_configs_end_the_round_and_nothing_is_written_down(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    asked = await pending_round(bench, brokers, fencing)

    await bench.herder.configs.put_task_configs("c", [{"n": "newest"}])

    with pytest.raises(ConflictError) as conflict:
        await asyncio.wait_for(asked, 5)
    assert str(conflict.value) == (
        "Failed to complete zombie fencing because a new set of task configs was generated"
    )
    brokers.answer.set()
    await bench.settle()
    assert records(bench) == ['{"task-count":2}']
    await fencing.fence_zombies("c")
    assert records(bench) == ['{"task-count":2}', '{"task-count":1}']


async def test_task_configs_that_are_read_only_after_the_fencing_end_the_round_too(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    asked = await pending_round(bench, brokers, fencing)
    # As another leader would write them: unread until the topic is read to its end.
    bench.log.append((b"task-c-0", b'{"properties":{}}'), (b"commit-c", b'{"tasks":1}'))

    brokers.answer.set()

    with pytest.raises(ConflictError, match="a new set of task configs was generated"):
        await asyncio.wait_for(asked, 5)
    assert records(bench) == ['{"task-count":2}']


async def test_a_fencing_that_kafka_refuses_fails_for_all_who_asked_and_can_be_repeated(
    bench: Bench, brokers: Brokers, fencing: Fencing
) -> None:
    first = await pending_round(bench, brokers, fencing)
    second = asyncio.create_task(fencing.fence_zombies("c"))
    await bench.settle()

    brokers.error = ConnectError("Failed to perform zombie fencing: not authorized")
    brokers.answer.set()

    for asked in (first, second):
        with pytest.raises(ConnectError, match="not authorized"):
            await asyncio.wait_for(asked, 5)
    brokers.error = None
    await fencing.fence_zombies("c")
    assert brokers.fenced == [("c", 2), ("c", 2)]


async def test_only_sources_are_fenced_and_only_by_the_leader(
    bench: Bench, fencing: Fencing
) -> None:
    await bench.create("sink")
    await bench.join(bench.assignment())

    with pytest.raises(BadRequestError, match=r"^Connector sink is not a source connector$"):
        await fencing.fence_zombies("sink")
    with pytest.raises(NotFoundError, match=r"^Connector nope not found$"):
        await fencing.fence_zombies("nope")

    await bench.join(bench.assignment(leader="other", leader_url="http://other:8083/"))
    with pytest.raises(NotLeaderError, match=r"^Only the leader may perform") as refused:
        await fencing.fence_zombies("sink")
    assert refused.value.url == "http://other:8083/"


@pytest.fixture
def preflight(bench: Bench, fencing: Fencing) -> Preflight:
    return Preflight(bench.herder, kind_of, fencing.fence_zombies)


async def test_a_task_with_its_configs_on_its_worker_may_start(
    bench: Bench, preflight: Preflight
) -> None:
    await bench.create()
    await bench.join(bench.assignment(tasks=(TASK,)))

    await preflight.verification(TASK)()


async def test_a_task_whose_configs_were_replaced_may_not_start(
    bench: Bench, preflight: Preflight
) -> None:
    await bench.create()
    await bench.join(bench.assignment(tasks=(TASK,)))
    verify = preflight.verification(TASK)

    # Another worker writes; here it is read only because the verification reads.
    bench.log.append((b"task-c-0", b'{"properties":{}}'), (b"commit-c", b'{"tasks":1}'))

    with pytest.raises(
        ConnectError,
        match=r"^Cannot start source task c-0 with exactly-once support as the connector has"
        r" already generated a new set of task configs$",
    ):
        await verify()


async def test_a_task_that_was_revoked_may_not_start(bench: Bench, preflight: Preflight) -> None:
    await bench.create()
    await bench.join(bench.assignment(tasks=(ConnectorTaskId("c", 1),)))

    with pytest.raises(
        ConnectError,
        match=r"^Cannot start source task c-0 as it has already been revoked from this worker$",
    ):
        await preflight.verification(TASK)()


async def test_only_sources_need_a_preflight(preflight: Preflight) -> None:
    assert await preflight.is_for({"name": "s"})
    assert not await preflight.is_for({"name": "sink"})


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (RestError(403, "Internal request contained invalid signature."), 2),
        (RestError(503, "This worker is still starting up"), 2),
        (BadRequestError("Internal request missing required signature"), 2),
        (UnreachableWorkerError("IO Error trying to forward REST request: refused"), 2),
        (NotLeaderError("Only the leader may perform zombie fencing.", None), 2),
        (ConflictError("Cannot complete request momentarily due to no known leader URL"), 2),
        (BadRequestError("Connector c is not a source connector"), 1),
        (ConflictError("Fencing failed because new task configurations were generated"), 1),
        (ConnectError("Failed to perform zombie fencing"), 1),
    ],
)
async def test_the_leader_is_asked_again_if_leader_or_key_have_just_changed(
    bench: Bench, error: ConnectError, asked: int
) -> None:
    answers: list[ConnectError | None] = [error, None]
    given: list[ConnectError | None] = []

    async def fence(_name: str) -> None:
        given.append(answers[len(given)])
        if (answer := given[-1]) is not None:
            raise answer

    preflight = Preflight(bench.herder, kind_of, fence, pause=0)

    with contextlib.suppress(ConnectError):
        await preflight.fence("c")

    assert len(given) == asked
