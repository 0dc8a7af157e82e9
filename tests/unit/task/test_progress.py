"""Where a task is, by a clock that tests turn."""

import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from isthmus.task.progress import Lag, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_task_that_comes_further_is_not_behind_however_much_waits() -> None:
    clock = Clock()
    progress = Progress(clock)
    for position in range(5):
        clock.now += 10
        progress.look(position, waiting=1000, committed=None, lag=10**6 + position)
    told = progress.told(with_stack=False)
    assert (told.moved, told.behind_since) == (150.0, None)
    assert (told.waiting, told.lag) == (1000, 10**6 + 4)


def test_records_that_wait_while_the_position_stands_are_behind_since_they_were_seen() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.look(7, waiting=0, committed=None)
    clock.now += 3600  # idle for an hour
    progress.look(7, waiting=1, committed=None)
    clock.now += 60
    progress.look(7, waiting=1, committed=None)
    assert progress.told(with_stack=False).behind_since == 3700.0

    progress.look(8, waiting=0, committed=None)
    assert progress.told(with_stack=False).behind_since is None


def test_a_lag_that_stays_is_none_to_speak_of_but_one_that_grows_is() -> None:
    clock = Clock()
    progress = Progress(clock)
    for _ in range(3):
        progress.look(7, waiting=0, committed=None, lag=1)  # the marker of a transaction, say
        clock.now += 10
    assert progress.told(with_stack=False).behind_since is None

    progress.look(7, waiting=0, committed=None, lag=2)
    assert progress.told(with_stack=False).behind_since == 130.0


def test_a_lag_that_grows_while_the_task_is_paused_does_not_count() -> None:
    progress = Progress(Clock())
    progress.look(7, waiting=0, committed=None, lag=1)
    progress.rest()
    progress.look(7, waiting=0, committed=None, lag=50)
    assert progress.told(with_stack=False).behind_since is None


def test_calls_and_commits_have_their_moments() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.enter("poll")
    clock.now += 1
    progress.polled()
    clock.now += 1
    progress.put()
    progress.look(0, waiting=0, committed=99.0)
    told = progress.told(with_stack=False)
    assert (told.call, told.since) == ("poll", 100.0)
    assert (told.polled, told.put, told.committed, told.moved) == (101.0, 102.0, 99.0, None)


def test_the_stack_is_that_of_the_task_whoever_asks() -> None:
    progress, entered, may_end = Progress(), threading.Event(), threading.Event()

    def wait_in_a_plugin() -> None:
        progress.enter("put")
        entered.set()
        may_end.wait(10)

    task = threading.Thread(target=wait_in_a_plugin)
    task.start()
    entered.wait(10)
    stack = progress.told(with_stack=True).stack
    may_end.set()
    task.join()
    assert "in wait_in_a_plugin" in stack
    assert "may_end.wait(10)" in stack


class Ends:
    """Stands in for a consumer: the ends that it knows, and those that the brokers tell."""

    def __init__(self, known: dict[int, int], told: dict[int, int] | None = None) -> None:
        self.known = known
        self.told = told
        self.asked = 0

    def get_watermark_offsets(self, partition: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached
        if partition.partition not in self.known:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        return 0, self.known[partition.partition]

    def offsets_for_times(
        self, partitions: Sequence[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        self.asked += 1
        if self.told is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return [TopicPartition(p.topic, p.partition, self.told[p.partition]) for p in partitions]


def lag_of(ends: Ends, stands_for: float, stall_timeout: float = 300.0) -> int | None:
    lag = Lag(ends, stall_timeout)  # pyright: ignore[reportArgumentType]
    return lag.of({("t", 0): 10, ("t", 1): 5}, stands_for)


def test_the_lag_is_counted_from_the_ends_that_the_consumer_knows() -> None:
    ends = Ends({0: 12, 1: -1001}, {0: 100, 1: 100})
    assert (lag_of(ends, stands_for=1.0), ends.asked) == (2, 0)


def test_the_brokers_are_asked_while_the_task_stands() -> None:
    ends = Ends({0: 12, 1: -1001}, {0: 20, 1: 6})
    assert (lag_of(ends, stands_for=31.0), ends.asked) == (11, 1)
    assert (lag_of(ends, stands_for=31.0, stall_timeout=0.0), ends.asked) == (2, 1)


def test_a_lag_that_nobody_can_tell_is_none() -> None:
    assert lag_of(Ends({}), stands_for=31.0) is None
