"""Tasks: what a connector author writes to move the data. This is the contract with the runtime.

A task lives in a process of its own. The runtime calls its methods on one thread, in the order in
which they stand here; only `stop` of the process itself may come from outside, as a signal.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

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


class SourceTaskContext(Protocol):
    """What a source task may ask of the runtime. Java: SourceTaskContext."""

    @property
    def offset_reader(self) -> SourceOffsetReader: ...

    def stopping(self) -> bool:
        """Return whether the runtime wants the task to end: a long `poll` should return soon."""
        ...

    def sleep(self, seconds: float) -> bool:
        """Wait, but no longer than until the task is to stop; return whether it is to stop."""
        ...


class SourceTask(ABC):
    """Brings records into Kafka. Java: SourceTask."""

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

        Records are written in this order. The offset of a record is committed only once it, and
        all before it of the same source partition, are in Kafka: after a crash the task starts at
        most that far behind, and some records come again.

        It may block, but not for longer than a stop may take
        (`task.shutdown.graceful.timeout.ms`): wait with `context.sleep`, which ends at a stop. A
        poll that returns nothing at once, again and again, burns a processor.

        Raises:
            RetriableError: Nothing was read; the runtime calls again.
        """

    def commit(self) -> None:
        """Called after each commit of offsets, for sources that want to be told."""

    def commit_batch(self, batch: SourceBatch) -> None:
        """Called when the records of a batch are in Kafka, or were dropped on the way.

        The batch is as the task polled it, before transformations, and may be a part of one.
        """

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
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this task reads now."""
        ...

    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None:
        """None when neither a dead-letter topic nor the error log is configured."""
        ...

    def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets, from the next poll on. Java: offset(Map)."""
        ...

    def timeout(self, seconds: float) -> None:
        """Wait this long before the next `put` after a RetriableError."""
        ...

    def pause(self, *partitions: TopicPartition) -> None:
        """Read nothing more from these partitions until `resume`."""
        ...

    def resume(self, *partitions: TopicPartition) -> None:
        """Read on from these partitions."""
        ...

    def request_commit(self) -> None:
        """Commit offsets before the next poll rather than at the next interval."""
        ...


class SinkTask(ABC):
    """Takes records out of Kafka. Java: SinkTask."""

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
        """Called when partitions were assigned, before any record of them is put."""

    @abstractmethod
    def put(self, records: SinkRecords) -> None:
        """Take these records. They need not be safe before `flush` or `pre_commit` says so.

        Also called with no records, when there were none for a while or the task is paused.

        Raises:
            RetriableError: Nothing was taken; the same records come again after a while.
            ConnectError: The task becomes FAILED. Some of the records may come again.
        """

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make all records below these offsets safe; return only then."""

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the offsets that may be committed: of the first record not yet safe.

        `offsets` are those after the last record put. Without an override all is flushed.
        """
        self.flush(offsets)
        return offsets

    def close(self, partitions: Sequence[TopicPartition]) -> None:
        """Called when partitions were taken away, after their offsets were committed."""

    def stop(self) -> None:
        """Let go of everything; called once, after the last other call."""
