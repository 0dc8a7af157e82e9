"""Where transactions end: what was polled, cut into stretches, each with what is to follow it."""

from collections.abc import Mapping
from typing import Any

import pytest

from isthmus.api.errors import ConfigError
from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.config.worker import WorkerConfig
from isthmus.task.boundaries import (
    ConnectorBoundary,
    End,
    IntervalBoundary,
    PollBoundary,
    Stretches,
    boundary_of,
)
from tests.support.scripted_link import worker_config
from tests.support.source_tasks import batch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def records(*values: str, topic: str = "t", partition: int | None = None) -> list[SourceRecord]:
    return [SourceRecord(topic=topic, partition=partition, value=value) for value in values]


def seen(stretches: Stretches) -> list[tuple[list[Any], End | None]]:
    """Return the values of each batch and what follows it."""
    return [(list(found.values), end) for found, end in stretches]


def made(config: Mapping[str, str], **worker: str) -> object:
    return boundary_of(WorkerConfig.from_properties(worker_config("h:1", **worker)), config)


def test_each_poll_is_a_transaction_also_one_without_records() -> None:
    boundary = PollBoundary()

    assert seen(boundary.stretches(records("a", "b"))) == [(["a", "b"], None)]
    assert boundary.behind_poll() is End.COMMIT
    assert seen(boundary.stretches(None)) == []
    assert boundary.behind_poll() is End.COMMIT
    assert boundary.at_rest() is End.COMMIT


def test_a_transaction_ends_behind_the_first_poll_after_the_interval() -> None:
    clock = Clock()
    boundary = IntervalBoundary(60.0, clock)
    clock.now += 1000
    boundary.start()

    ends: list[End | None] = []
    for _ in range(5):
        clock.now += 25
        ends.append(boundary.behind_poll())

    assert ends == [None, None, End.COMMIT, None, None]
    assert boundary.at_rest() is End.COMMIT


def test_a_connector_that_says_nothing_has_one_transaction_without_end() -> None:
    boundary = ConnectorBoundary()

    assert seen(boundary.stretches(records("a"))) == [(["a"], None)]
    assert boundary.behind_poll() is None
    assert boundary.at_rest() is None


def test_a_request_for_a_poll_counts_once() -> None:
    boundary = ConnectorBoundary()
    boundary.abort_transaction()

    assert seen(boundary.stretches(records("a"))) == [(["a"], None)]
    assert boundary.behind_poll() is End.ABORT
    assert boundary.behind_poll() is None


def test_a_request_for_a_poll_that_never_came_counts_at_a_pause() -> None:
    boundary = ConnectorBoundary()
    boundary.commit_transaction()

    assert boundary.at_rest() is End.COMMIT


def test_records_are_cut_behind_those_that_were_named() -> None:
    boundary = ConnectorBoundary()
    polled = [*records("a", "b", "c"), *records("d", topic="u"), *records("e")]
    boundary.commit_transaction(polled[1])
    boundary.abort_transaction(polled[3])

    assert seen(boundary.stretches(polled)) == [
        (["a", "b"], End.COMMIT),
        (["c"], None),
        (["d"], End.ABORT),
        (["e"], None),
    ]
    assert seen(boundary.stretches(polled))[0][1] is None


def test_only_the_very_object_is_meant_not_one_that_is_equal() -> None:
    boundary = ConnectorBoundary()
    first, second = records("a", "a")
    boundary.commit_transaction(second)

    assert seen(boundary.stretches([first, second])) == [(["a", "a"], End.COMMIT)]


def test_a_batch_stands_for_its_last_record() -> None:
    boundary = ConnectorBoundary()
    first, second, nothing = batch("t", [1, 2]), batch("t", [3]), batch("t", [])
    boundary.commit_transaction(first)
    boundary.abort_transaction(nothing)

    assert seen(boundary.stretches([first, second, nothing])) == [
        (["1", "2"], End.COMMIT),
        (["3"], None),
        ([], End.ABORT),
    ]
    boundary.commit_transaction(second)
    assert seen(boundary.stretches(second)) == [(["3"], End.COMMIT)]


def test_commit_and_abort_of_the_same_transaction_is_an_error() -> None:
    boundary = ConnectorBoundary()
    boundary.commit_transaction()
    boundary.abort_transaction()

    with pytest.raises(
        RuntimeError, match=r"^Connector requested both commit and abort of same transaction$"
    ):
        boundary.behind_poll()


@pytest.mark.parametrize(("partition", "named"), [(None, "null"), (3, "3")])
def test_commit_and_abort_of_the_same_record_is_an_error(partition: int | None, named: str) -> None:
    boundary = ConnectorBoundary()
    polled = records("a", topic="orders", partition=partition)
    boundary.commit_transaction(polled[0])
    boundary.abort_transaction(polled[0])

    with pytest.raises(RuntimeError) as raised:
        boundary.stretches(polled)

    assert str(raised.value) == (
        "Connector requested both commit and abort of same record against topic/partition"
        f" orders/{named}"
    )


def test_a_named_record_that_is_gone_is_not_taken_for_another_one() -> None:
    boundary = ConnectorBoundary()
    for number in range(1000):
        # Were the first not kept alive, a later one would soon have its place in memory.
        boundary.commit_transaction(SourceBatch(topic="t", values=[number]))

    assert all(
        end is None
        for number in range(1000)
        for _, end in boundary.stretches(SourceBatch(topic="t", values=[number]))
    )


def test_the_boundary_is_that_of_the_config() -> None:
    assert type(made({})) is PollBoundary
    assert type(made({"transaction.boundary": "CONNECTOR"})) is ConnectorBoundary
    assert isinstance(made({"transaction.boundary": "interval"}), IntervalBoundary)
    with pytest.raises(ConfigError, match=r"transaction\.boundary\.interval\.ms"):
        made({"transaction.boundary": "interval", "transaction.boundary.interval.ms": "x"})
