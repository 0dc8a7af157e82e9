"""Tasks: what a connector author writes to move the data.

A task lives in a process of its own: it may block, use a whole core, and keep what it likes in
globals. The runtime calls its methods on one thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import (
    SinkRecord,
    SinkRecords,
    SourceBatch,
    SourceOffset,
    SourcePartition,
    SourceRecord,
)

TopicPartition = tuple[str, int]


class SourceOffsetReader(Protocol):
    """Reads what was committed for source partitions. Java: OffsetStorageReader."""

    def offset(self, partition: SourcePartition) -> SourceOffset | None:
        """Return the last committed offset of this source partition, or None."""
        ...

    def offsets(self, partitions: Sequence[SourcePartition]) -> Sequence[SourceOffset | None]:
        """Return the last committed offset of each, in their order; one request for all."""
        ...


class TransactionContext(Protocol):
    """Says where transactions end (KIP-618). Java: TransactionContext.

    Both may be called from any thread, before `poll` returns what they are about. A `record` is the
    very object that `poll` returns, or a `SourceBatch`, which stands for its last record; it counts
    also when it is dropped on its way. Without one all that `poll` returns next is meant.
    """

    def commit_transaction(self, record: SourceRecord | SourceBatch | None = None) -> None:
        """End the transaction behind this record, or behind what `poll` returns: it counts."""
        ...

    def abort_transaction(self, record: SourceRecord | SourceBatch | None = None) -> None:
        """End the transaction likewise, but drop its records; their offsets are committed."""
        ...


class SourceTaskContext(Protocol):
    """What a source task may ask of the runtime. Java: SourceTaskContext."""

    @property
    def plugin_metrics(self) -> PluginMetrics:
        """Shows figures of this task beside the worker's (KIP-877)."""
        ...

    def configs(self) -> Mapping[str, str]:
        """Return the task's settings with their variables resolved anew.

        For secrets that change while the task runs. Asks the worker: not for every record.

        Raises:
            ConnectError: A config provider cannot read its place.
        """
        ...

    @property
    def offset_reader(self) -> SourceOffsetReader:
        """Reads the offsets that this connector has committed."""
        ...

    @property
    def transaction_context(self) -> TransactionContext | None:
        """None unless the worker writes exactly once and `transaction.boundary` is connector."""
        ...

    def stopping(self) -> bool:
        """Return whether the runtime wants the task to end: a long `poll` should return soon."""
        ...

    def sleep(self, seconds: float) -> bool:
        """Wait, but no longer than until the task is to stop; return whether it is to stop."""
        ...


class SourceTask(ABC):
    """Brings records into Kafka. Java: SourceTask.

    The runtime promises: `start` once, then `poll` again and again, at last `stop`, also after a
    `start` or `poll` that failed. Records are written in the order in which they were returned. An
    offset is committed only once its record, and all before it of the same source partition, are
    in Kafka, and the next task reads it by `context.offset_reader`.

    It does not promise that a record is written once only: after a crash the task starts at the
    last commit, and what came after that comes again. Nor that a record is written at all, or as
    it is: transformations may drop and change it. A `poll` that blocks is not interrupted; if a
    stop takes longer than `task.shutdown.graceful.timeout.ms`, the process is killed.

    The usual mistake: telling the source that a record is done when `poll` returns it. It may be
    lost then. `commit_record` says when it is safe.
    """

    version: ClassVar[str] = "undefined"
    #: Set by the runtime before `start`.
    context: SourceTaskContext

    @abstractmethod
    def start(self, config: Mapping[str, str]) -> None:
        """Take the settings and find the place to go on from, by `context.offset_reader`.

        Raises:
            ConnectError: The task becomes FAILED with this text.
        """

    @abstractmethod
    def poll(self) -> Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None:
        """Return the next records; None or nothing when there are none yet.

        Records are the easy way. A source of many records a second returns batches, whose columns
        nobody takes apart.

        It may block, but not for longer than a stop may take: wait with `context.sleep`, which
        ends at a stop. A poll that returns nothing at once, again and again, burns a processor.

        Raises:
            RetriableError: Nothing was read; the runtime calls again.
            ConnectError: The task becomes FAILED with this text, as with any other exception.
        """

    def commit(self) -> None:
        """Called after each commit of offsets, also if there was nothing new to commit.

        What it raises is logged, and the task goes on.
        """

    def commit_record(self, record: SourceRecord) -> None:
        """Called when a record is in Kafka, or was dropped on the way.

        The record is as the task polled it, before transformations. Called on the task's thread,
        for the records of a source partition in their order. What it raises is logged.
        Java: commitRecord.
        """

    def commit_batch(self, batch: SourceBatch) -> None:
        """Called when all records of a batch are in Kafka, or were dropped on the way.

        The batch is as the task polled it, or the part of that with one topic, partition and
        schema. Without an override, `commit_record` is called for each record.
        """
        for record in batch:
            self.commit_record(record)

    def stop(self) -> None:
        """Let go of everything; called once, on the task's thread, after the last `poll`."""


class ErrantRecordReporter(Protocol):
    """Takes records that a sink cannot deliver (KIP-610). Java: ErrantRecordReporter."""

    def report(self, record: SinkRecord, error: Exception) -> None:
        """Hand the record to the log or the dead-letter topic, as the connector's config says.

        Raises:
            ConnectError: `errors.tolerance` does not allow it; let it pass, the task must fail.
        """
        ...


class SinkTaskContext(Protocol):
    """What a sink task may ask of the runtime. Java: SinkTaskContext."""

    @property
    def plugin_metrics(self) -> PluginMetrics:
        """Shows figures of this task beside the worker's (KIP-877)."""
        ...

    def configs(self) -> Mapping[str, str]:
        """Return the task's settings with their variables resolved anew.

        For secrets that change while the task runs. Asks the worker: not for every record.

        Raises:
            ConnectError: A config provider cannot read its place.
        """
        ...

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this task reads now."""
        ...

    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None:
        """None when neither a dead-letter topic nor the error log is configured."""
        ...

    def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets, from the next poll on; they count as committed.

        Offsets of partitions that are not assigned to this task are ignored. Java: offset(Map).
        """
        ...

    def timeout(self, seconds: float) -> None:
        """Wait this long before the next `put` after a RetriableError."""
        ...

    def pause(self, *partitions: TopicPartition) -> None:
        """Read nothing more from these partitions until `resume`, or until they are taken away.

        Raises:
            IllegalWorkerStateError: One is not assigned to this task.
        """
        ...

    def resume(self, *partitions: TopicPartition) -> None:
        """Read on from these partitions.

        Raises:
            IllegalWorkerStateError: One is not assigned to this task.
        """
        ...

    def request_commit(self) -> None:
        """Commit offsets before the next poll rather than at the next interval."""
        ...


class SinkTask(ABC):
    """Takes records out of Kafka. Java: SinkTask.

    The runtime promises: `start` once, then `open` for each partition before a record of it is
    `put`. The records of a partition come in their order. Offsets are committed from time to time,
    never beyond what `pre_commit` returned. `close` follows for each partition that goes away, at
    last `stop`, also after a `start` or `put` that failed.

    It does not promise that a record comes once only: after a crash, a lost partition or a rewind,
    what was not committed comes again. Nor that partitions stay: they come and go whenever tasks
    are started or stopped. A `put` that takes longer than `max.poll.interval.ms` costs the task
    all its partitions, and their records come again, perhaps to another task.

    The usual mistake: collecting records in `put` and writing them later, without `flush` or
    `pre_commit`. Their offsets are committed then, and a crash loses them.
    """

    version: ClassVar[str] = "undefined"
    #: Set by the runtime before `start`.
    context: SinkTaskContext

    @abstractmethod
    def start(self, config: Mapping[str, str]) -> None:
        """Take the settings and connect to the target.

        Raises:
            ConnectError: The task becomes FAILED with this text.
        """

    def open(self, partitions: Sequence[TopicPartition]) -> None:
        """Called when partitions were assigned, before any record of them is put.

        A target that keeps offsets itself says here where to begin, by `context.rewind`.

        Raises:
            ConnectError: The task becomes FAILED.
        """

    @abstractmethod
    def put(self, records: SinkRecords) -> None:
        """Take these records. They need not be safe before `flush` or `pre_commit` says so.

        Also called with no records: when there were none for a while, or the connector is paused.
        A single record that the target refuses is best given to `context.errant_record_reporter`.

        Raises:
            RetriableError: Nothing was taken; the same records come again after a while.
            ConnectError: The task becomes FAILED. Some of the records may come again.
        """

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make all records below these offsets safe; return only then.

        Raises:
            ConnectError: They are not safe. The records since the last commit come again.
        """

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the offsets that may be committed: of the first record not yet safe.

        `offsets` are those after the last record put. Without an override all is flushed.
        """
        self.flush(offsets)
        return offsets

    def close(self, partitions: Sequence[TopicPartition]) -> None:
        """Called when partitions were taken away, or the task ends.

        Their offsets have been committed before, unless the partitions were lost: then another
        task may have them already. What is kept of them is to be thrown away.
        """

    def stop(self) -> None:
        """Let go of everything; called once, after the last other call."""
