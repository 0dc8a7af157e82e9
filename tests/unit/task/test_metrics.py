"""What a task counts of itself."""

from collections.abc import Mapping

import pytest

from isthmus.task.metrics import (
    Commits,
    ErrorCounts,
    Meter,
    SinkMetrics,
    SourceMetrics,
    TaskMetrics,
    Transactions,
    Window,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_per_second_of_the_last_half_to_whole_minute() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.add(300)

    assert meter.rate == pytest.approx(10.0)
    clock.now += 45
    assert meter.rate == pytest.approx(300 / 45)
    clock.now += 20
    assert (meter.rate, meter.total) == (0.0, 300)


def test_average_and_maximum_forget_what_is_old() -> None:
    clock = Clock()
    window = Window(clock)
    window.add(10)
    clock.now += 40
    window.add(2)
    window.add(4)

    assert (window.average, window.maximum) == (pytest.approx(16 / 3), 10)
    clock.now += 25
    assert (window.average, window.maximum) == (3, 4)


def test_commits_have_shares_that_are_nothing_before_the_first() -> None:
    commits = Commits(Clock())
    assert set(commits.values().values()) == {0.0}

    commits.add(0.5, succeeded=True)
    commits.add(9.0, succeeded=False)

    values = commits.values()
    assert values["offset-commit-success-percentage"] == 0.5
    assert values["offset-commit-failure-percentage"] == 0.5
    assert values["offset-commit-max-time-ms"] == 500


def test_only_failed_commits_are_all_failures() -> None:
    commits = Commits(Clock())
    commits.add(1.0, succeeded=False)

    assert commits.values()["offset-commit-failure-percentage"] == 1.0


def test_values_are_sent_each_second_and_only_if_they_changed() -> None:
    clock = Clock()
    sent: list[Mapping[str, float]] = []
    errors = ErrorCounts()
    values = {"a": 1.0}
    metrics = TaskMetrics(sent.append, lambda: dict(values), errors, clock)

    metrics.report()
    values["a"] = 2.0
    metrics.report()
    clock.now += 1.1
    metrics.report()
    clock.now += 1.1
    metrics.report()
    errors.failed()
    metrics.report()
    metrics.report(at_once=True)

    assert [(each["a"], each["total-record-failures"]) for each in sent] == [
        (1.0, 0),
        (2.0, 0),
        (2.0, 1),
    ]
    assert sent[-1]["last-error-timestamp"] > 1.7e12


def test_a_source_says_what_it_polled_wrote_and_has_under_way() -> None:
    metrics = SourceMetrics(Clock())
    metrics.polled(500, 0.2)
    metrics.polled(100, 0.1)

    values = metrics.values(450, 150)

    assert values["source-record-poll-total"] == 600
    assert values["source-record-write-total"] == 450
    assert values["source-record-active-count"] == 150
    assert values["poll-batch-max-time-ms"] == 200
    assert (values["batch-size-max"], values["batch-size-avg"]) == (500, 300)


def test_sizes_of_transactions_are_those_of_the_last_minute() -> None:
    clock = Clock()
    transactions = Transactions(clock)
    assert set(transactions.values().values()) == {0}

    transactions.committed(1)
    clock.now += 61
    for size in (500, 300, 100):
        transactions.committed(size)

    assert transactions.values() == {
        "transaction-size-min": 100,
        "transaction-size-max": 500,
        "transaction-size-avg": 300,
    }


def test_a_sink_says_what_it_read_put_and_committed() -> None:
    metrics = SinkMetrics(Clock())
    metrics.consumed(10)
    metrics.put(8, 0.05)
    metrics.began_commit()
    metrics.ended_commit(0.1, succeeded=True)
    metrics.began_commit()
    metrics.ended_commit(0.1, succeeded=False)

    values = metrics.values(3, 2)

    assert (values["sink-record-read-total"], values["sink-record-send-total"]) == (10, 8)
    assert (values["partition-count"], values["sink-record-active-count"]) == (3, 2)
    assert values["offset-commit-seq-no"] == 2
    assert values["offset-commit-completion-total"] == values["offset-commit-skip-total"] == 1
    assert values["put-batch-max-time-ms"] == pytest.approx(50)
