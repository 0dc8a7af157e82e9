"""The offsets of a connector with a topic of its own, beside those in the worker's."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from isthmus.api.errors import ConnectError
from isthmus.storage.connector_offsets import OffsetStores
from isthmus.storage.offset_store import OffsetStore
from tests.support.memory_log import MemoryLog

OWN = {"name": "a", "offsets.storage.topic": "own"}


def key(number: int) -> bytes:
    return b'["a",{"p":%d}]' % number


class Topics:
    """The worker's topic, and the own topics of connectors as they are opened."""

    def __init__(self) -> None:
        self.workers = MemoryLog()
        self.own: list[MemoryLog] = []
        self.before: list[tuple[bytes, bytes | None]] = []
        self.failing: list[ConnectError] = []
        self.stores = OffsetStores(OffsetStore(self.workers), self._find)

    def _find(
        self, connector: str, config: Mapping[str, str | None]
    ) -> Callable[[], MemoryLog] | None:
        return self._open if "offsets.storage.topic" in config else None

    def _open(self) -> MemoryLog:
        if self.failing:
            raise self.failing.pop()
        self.own.append(MemoryLog(self.before))
        return self.own[-1]


@pytest.fixture
async def topics() -> AsyncIterator[Topics]:
    made = Topics()
    await made.stores.start()
    yield made
    await made.stores.stop()


async def test_a_connector_without_a_topic_has_its_offsets_in_the_workers(topics: Topics) -> None:
    async with topics.stores.opened("a", {"name": "a"}) as offsets:
        await offsets.set([(key(1), b'{"o":1}')])

        assert await offsets.get([key(1)]) == [b'{"o":1}']
    assert topics.workers.records == [(key(1), b'{"o":1}')]
    assert topics.own == []


async def test_what_is_in_the_own_topic_counts_and_the_workers_stands_in(topics: Topics) -> None:
    topics.workers.append((key(1), b'{"o":1}'), (key(2), b'{"o":2}'))
    topics.before = [(key(2), b'{"o":20}'), (key(3), b'{"o":30}')]

    async with topics.stores.opened("a", OWN) as offsets:
        found = await offsets.get([key(1), key(2), key(3), key(4)])
        listed = await offsets.offsets_of("a")

    assert found == [b'{"o":1}', b'{"o":20}', b'{"o":30}', None]
    assert sorted((part["p"], offset["o"]) for part, offset in listed) == [(1, 1), (2, 20), (3, 30)]


async def test_offsets_are_copied_to_the_workers_topic_behind_the_own(topics: Topics) -> None:
    async with topics.stores.opened("a", OWN) as offsets:
        await offsets.set([(key(1), b'{"o":1}'), (key(2), None)])

    assert topics.own[0].records == [(key(1), b'{"o":1}'), (key(2), None)]
    assert topics.workers.records == [(key(2), None), (key(1), b'{"o":1}')]


async def test_nothing_is_written_if_what_is_removed_stays_in_the_workers_topic(
    topics: Topics,
) -> None:
    async with topics.stores.opened("a", OWN) as offsets:
        topics.workers.fail_next = 1
        with pytest.raises(ConnectError, match="the broker is away"):
            await offsets.set([(key(1), b'{"o":1}'), (key(2), None)])

    assert topics.own[0].records == []


async def test_a_copy_that_fails_is_only_logged(
    topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    async with topics.stores.opened("a", OWN) as offsets:
        topics.workers.fail_next = 1
        with caplog.at_level(logging.WARNING):
            await offsets.set([(key(1), b'{"o":1}')])

    assert topics.own[0].records == [(key(1), b'{"o":1}')]
    assert (
        "Offsets could not be copied to the worker's own topic: the broker is away" in caplog.text
    )


async def test_nothing_is_written_to_the_workers_topic_if_the_own_fails(topics: Topics) -> None:
    async with topics.stores.opened("a", OWN) as offsets:
        topics.own[0].fail_next = 1
        with pytest.raises(ConnectError):
            await offsets.set([(key(1), b'{"o":1}')])

    assert topics.workers.records == []


async def test_keys_are_spelled_as_in_the_topic_that_counts(topics: Topics) -> None:
    topics.workers.append((b'["a",{"x":1,"y":2}]', b'{"o":1}'))
    topics.before = [(b'["a",{"y":2,"x":1}]', b'{"o":1}')]
    wanted = [b'["a",{"x":1,"y":2}]', key(1)]

    async with topics.stores.opened("a", OWN) as offsets:
        assert await offsets.spelled(wanted) == [b'["a",{"y":2,"x":1}]', key(1)]


async def test_all_who_use_a_topic_share_one_log_until_the_last_is_gone(topics: Topics) -> None:
    first, second = topics.stores.open("a", OWN), topics.stores.open("a", OWN)
    await first.start()
    await second.start()
    first.close()
    first.close()

    await second.set([(key(1), b'{"o":1}')])
    assert [log.records for log in topics.own] == [[(key(1), b'{"o":1}')]]

    second.close()
    async with topics.stores.opened("a", OWN):
        assert len(topics.own) == 2


async def test_another_config_has_a_log_of_its_own(topics: Topics) -> None:
    other = {**OWN, "consumer.override.client.id": "x"}

    async with topics.stores.opened("a", OWN), topics.stores.opened("a", other):
        assert len(topics.own) == 2


async def test_a_topic_that_could_not_be_read_is_tried_again_by_who_comes_next(
    topics: Topics,
) -> None:
    topics.failing = [ConnectError("no topic")]
    offsets = topics.stores.open("a", OWN)

    with pytest.raises(ConnectError, match="no topic"):
        await offsets.start()
    assert await offsets.get([key(1)]) == [None]
    offsets.close()
