"""Where transactions of a source task end: `transaction.boundary` (KIP-618).

    poll        behind all that a poll returned, also nothing
    interval    behind the first poll after `transaction.boundary.interval.ms`
    connector   where the task says, through its `TransactionContext`

Java: ExactlyOnceWorkerSourceTask.TransactionBoundaryManager, WorkerTransactionContext.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Protocol, cast

from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.config.connector_def import source_config_def
from isthmus.config.worker import WorkerConfig
from isthmus.task.polled import Polled, batches_of

Clock = Callable[[], float]
Markable = SourceRecord | SourceBatch


class End(Enum):
    """How a transaction ends."""

    COMMIT = auto()
    ABORT = auto()


#: Batches in their order; the transaction ends behind those that have an End.
Stretches = Sequence[tuple[SourceBatch, End | None]]


class Boundary(Protocol):
    """Says when the transaction ends. For the task's thread."""

    def start(self) -> None:
        """Begin; the task is about to be polled."""
        ...

    def stretches(self, polled: Polled) -> Stretches:
        """Return what was polled as batches, each with what is to follow it."""
        ...

    def behind_poll(self) -> End | None:
        """Return what is to follow all that was polled."""
        ...

    def at_rest(self) -> End | None:
        """Return what is to follow when no poll comes soon: at a pause, and in the end."""
        ...


class PollBoundary:
    """One transaction for each poll."""

    def start(self) -> None:
        """Nothing to prepare."""

    def stretches(self, polled: Polled) -> Stretches:
        return [(batch, None) for batch in batches_of(polled)]

    def behind_poll(self) -> End | None:
        return End.COMMIT

    def at_rest(self) -> End | None:
        return End.COMMIT


class IntervalBoundary(PollBoundary):
    """A transaction for all polls of an interval, in seconds."""

    def __init__(self, interval: float, clock: Clock = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._last = clock()

    def start(self) -> None:
        self._last = self._clock()

    def behind_poll(self) -> End | None:
        now = self._clock()
        if now - self._last < self._interval:
            return None
        self._last = now
        return End.COMMIT


class ConnectorBoundary:
    """Transactions as the task asks for them. Its requests come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._behind_poll: set[End] = set()
        #: What is asked for by the identity of a record or batch, which is kept alive meanwhile.
        self._behind: dict[int, tuple[Markable, set[End]]] = {}

    def commit_transaction(self, record: Markable | None = None) -> None:
        self._ask(End.COMMIT, record)

    def abort_transaction(self, record: Markable | None = None) -> None:
        self._ask(End.ABORT, record)

    def _ask(self, end: End, record: Markable | None) -> None:
        with self._lock:
            if record is None:
                self._behind_poll.add(end)
            else:
                self._behind.setdefault(id(record), (record, set()))[1].add(end)

    def start(self) -> None:
        """Nothing to prepare: the task may have asked for something already."""

    def stretches(self, polled: Polled) -> Stretches:
        """Return the batches, cut behind the records that were named.

        Raises:
            RuntimeError: Both a commit and an abort were asked for behind the same record.
        """
        if isinstance(polled, SourceBatch):
            polled = [polled]
        if not polled:
            return ()
        if isinstance(polled[0], SourceBatch):
            batches = cast("Sequence[SourceBatch]", polled)
            return [(b, end) for b in batches if (end := self._take(b)) or len(b)]
        return self._cut(cast("Sequence[SourceRecord]", polled))

    def _cut(self, records: Sequence[SourceRecord]) -> Stretches:
        stretches: list[tuple[SourceBatch, End | None]] = []
        begin = 0
        for number, record in enumerate(records):
            if (end := self._take(record)) is None:
                continue
            *others, last = SourceBatch.from_records(records[begin : number + 1])
            stretches += [*((batch, None) for batch in others), (last, end)]
            begin = number + 1
        left = SourceBatch.from_records(records[begin:])
        return [*stretches, *((batch, None) for batch in left)]

    def _take(self, record: Markable) -> End | None:
        with self._lock:
            _, asked = self._behind.pop(id(record), (record, set[End]()))
        if len(asked) > 1:
            raise RuntimeError(
                "Connector requested both commit and abort of same record against topic/partition"
                f" {record.topic}/{'null' if record.partition is None else record.partition}"
            )
        return next(iter(asked), None)

    def behind_poll(self) -> End | None:
        """Return what was asked for behind the poll.

        Raises:
            RuntimeError: Both a commit and an abort were.
        """
        with self._lock:
            asked, self._behind_poll = self._behind_poll, set()
        if len(asked) > 1:
            raise RuntimeError("Connector requested both commit and abort of same transaction")
        return next(iter(asked), None)

    def at_rest(self) -> End | None:
        """Return what was asked for; an open transaction is otherwise left to itself."""
        return self.behind_poll()


def boundary_of(worker: WorkerConfig, config: Mapping[str, str | None]) -> Boundary:
    """Return the boundary that a connector's config names.

    Raises:
        ConfigError: A value is not of its type, or not one of those allowed.
    """
    keys = source_config_def().keys
    kind = str(keys["transaction.boundary"].parse(config)).lower()
    if kind == "connector":
        return ConnectorBoundary()
    if kind == "interval":
        milliseconds = keys["transaction.boundary.interval.ms"].parse(config)
        if milliseconds is None:
            return IntervalBoundary(worker.offset_flush_interval)
        return IntervalBoundary(cast("int", milliseconds) / 1000)
    return PollBoundary()
