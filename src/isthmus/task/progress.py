"""Where a task is and when it came further last, for the worker that watches over it.

The task's thread notes it, which costs next to nothing; the thread that takes the worker's orders
tells it. So there is an answer, with the stack, even while a plugin blocks the task.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from isthmus import channel

#: Offsets that librdkafka does not know are negative.
_KNOWN: Final = 0
_ASK_TIMEOUT: Final = 1.0
_LONGEST_PAUSE: Final = 30.0

Key = tuple[str, int]


class Progress:
    """What one task has done. Each method says whose thread it is for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._thread = threading.get_ident()
        self._call = "start"
        self._since = clock()
        self._polled: float | None = None
        self._put: float | None = None
        self._committed: float | None = None
        self._position = 0.0
        self._waiting = 0
        self._lag: int | None = None
        self._lag_when_moved: int | None = None
        self._moved: float | None = None
        self._behind_since: float | None = None

    def enter(self, call: str) -> None:
        """Note that the task's thread, which this is, begins a call."""
        self._thread = threading.get_ident()
        self._call, self._since = call, self._clock()

    def polled(self) -> None:
        """Note the end of a poll, or of a look for records. For the task's thread."""
        self._polled = self._clock()

    def put(self) -> None:
        """Note that a sink has taken records, perhaps none. For the task's thread."""
        self._put = self._clock()

    def look(
        self,
        position: float,
        waiting: float,
        committed: float | None,
        lag: int | None = None,
    ) -> None:
        """Note how far the task is, now and then. For the task's thread.

        `position` is a number that changes when it comes further, 0 at first. `waiting` records
        were read and are on their way; `lag` records are still in Kafka, None if nobody knows.
        `committed` is when it committed last.
        """
        now = self._clock()
        self._waiting, self._committed, self._lag = int(waiting), committed, lag
        if position != self._position:
            self._moved, self._behind_since = now, None
            self._position, self._lag_when_moved = position, lag
            return
        if self._lag_when_moved is None:
            self._lag_when_moved = lag
        has_grown = lag is not None and lag > (self._lag_when_moved or 0)
        if not waiting and not has_grown:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now

    def rest(self) -> None:
        """Note that the user wants the task to stand still. For the task's thread."""
        self._behind_since = self._lag_when_moved = self._lag = None

    @property
    def stands_for(self) -> float:
        """For how many seconds the position has been the same, or was never another."""
        return self._clock() - (self._moved or 0.0)

    def told(self, *, with_stack: bool) -> channel.Progress:
        """Return all of it. For any thread but the task's."""
        return channel.Progress(
            call=self._call,
            since=self._since,
            polled=self._polled,
            put=self._put,
            committed=self._committed,
            moved=self._moved,
            behind_since=self._behind_since,
            waiting=self._waiting,
            lag=self._lag,
            stack=self._stack() if with_stack else "",
        )

    def _stack(self) -> str:
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        frame = frames.get(self._thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else ""


class Lag:
    """How many records of its partitions a sink has not read. For the task's thread.

    The consumer knows the ends of partitions from what it fetches. While it fetches nothing, since
    a partition is paused or something is wrong, the brokers are asked now and then.
    """

    def __init__(self, consumer: Consumer, stall_timeout: float) -> None:
        """`stall_timeout` is in seconds, 0 has nobody asked."""
        self._consumer = consumer
        self._pause = min(stall_timeout / 4, _LONGEST_PAUSE)
        self._next = 0.0
        self._asked: dict[Key, int] = {}

    def of(self, positions: Mapping[Key, int], stands_for: float) -> int | None:
        """Return the lag by where the task is; `stands_for` seconds it has been there."""
        if stands_for < self._pause:
            self._asked.clear()
        elif self._pause and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause
            self._ask(list(positions))
        lags = [
            max(0, end - position)
            for key, position in positions.items()
            if (end := self._end(key)) is not None
        ]
        return sum(lags) if lags else None

    def _end(self, key: Key) -> int | None:
        try:
            known = self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True)
        except KafkaException:
            known = None  # the topic is deleted, say
        ends = (known[1] if known else -1, self._asked.get(key, -1))
        return max(ends) if max(ends) >= _KNOWN else None

    def _ask(self, keys: Sequence[Key]) -> None:
        if not keys:
            return
        wanted = [TopicPartition(*key, OFFSET_END) for key in keys]
        try:
            found = self._consumer.offsets_for_times(wanted, timeout=_ASK_TIMEOUT)
        except KafkaException:
            return  # the brokers are away, which the consumer says by itself
        self._asked = {(p.topic, p.partition): p.offset for p in found if p.error is None}
