"""Records, one at a time for those who write connectors, and as columns for the runtime.

A `RecordBatch` is a run of records that share topic, partition and schemas. What they share is
stored once; what differs is a list a column. Converters and transformations take a batch and give
batches, so that work is done per batch wherever it can be. A `SinkRecord` or `SourceRecord` is a
view of one row, made only when somebody iterates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from isthmus.api.schema import Schema

SourcePartition = Mapping[str, Any]
SourceOffset = Mapping[str, Any]


class Header(NamedTuple):
    """One header of a record. Headers keep their order, and a key may occur more than once."""

    key: str
    value: Any
    schema: Schema | None = None


Headers = tuple[Header, ...]


@dataclass(slots=True, kw_only=True)
class SourceRecord:
    """One record on its way into Kafka. Java: SourceRecord.

    `source_partition` and `source_offset` say where in the source it was found; both must be plain
    JSON-like maps with string keys. `partition` None lets the producer choose from the key.
    `timestamp` is milliseconds since the epoch; None means the time of sending.
    """

    topic: str
    value: Any
    value_schema: Schema | None = None
    key: Any = None
    key_schema: Schema | None = None
    partition: int | None = None
    timestamp: int | None = None
    headers: Headers = ()
    source_partition: SourcePartition | None = None
    source_offset: SourceOffset | None = None


@dataclass(slots=True, kw_only=True)
class SinkRecord:
    """One record on its way out of Kafka. Java: SinkRecord.

    The `original_…` coordinates are those in Kafka, whatever transformations made of `topic`
    (KIP-793). `timestamp` is milliseconds since the epoch, None if the record has none.
    """

    topic: str
    partition: int | None
    offset: int
    value: Any
    value_schema: Schema | None = None
    key: Any = None
    key_schema: Schema | None = None
    timestamp: int | None = None
    timestamp_type: str = "CreateTime"
    headers: Headers = ()
    original_topic: str
    original_partition: int


BatchT = TypeVar("BatchT", bound="RecordBatch")


@dataclass(slots=True, kw_only=True)
class RecordBatch:
    """A run of records with the same topic, partition, key schema and value schema.

    Columns have one entry a record. `keys`, `timestamps` and `headers` are None when no record of
    the run has any: most runs, and then nothing is stored or looped over. A column is never
    changed in place once the batch was handed on; `replace` gives a batch with another one.
    """

    topic: str
    partition: int | None = None
    values: Sequence[Any]
    value_schema: Schema | None = None
    keys: Sequence[Any] | None = None
    key_schema: Schema | None = None
    timestamps: Sequence[int | None] | None = None
    headers: Sequence[Headers] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def replace(self: BatchT, **changes: Any) -> BatchT:
        """Return this batch with other columns or shared values; the rest is not copied."""
        return replace(self, **changes)

    def rows(self: BatchT, start: int, stop: int) -> BatchT:
        """Return the batch of the rows from `start` up to but not including `stop`."""
        if start <= 0 and stop >= len(self.values):
            return self
        part = slice(start, stop)
        return replace(self, **{name: column[part] for name, column in self.columns().items()})

    def select(self: BatchT, indices: Sequence[int]) -> BatchT:
        """Return the batch of the rows at these positions, in their order."""
        if len(indices) == len(self.values):
            return self
        return replace(
            self,
            **{name: [column[i] for i in indices] for name, column in self.columns().items()},
        )

    def columns(self) -> dict[str, Sequence[Any]]:
        """Return the columns that are there, by name."""
        columns: dict[str, Sequence[Any]] = {"values": self.values}
        if self.keys is not None:
            columns["keys"] = self.keys
        if self.timestamps is not None:
            columns["timestamps"] = self.timestamps
        if self.headers is not None:
            columns["headers"] = self.headers
        return columns


@dataclass(slots=True, kw_only=True)
class SourceBatch(RecordBatch):
    """Records on their way into Kafka, all of one source partition.

    `source_offsets` may be any sequence, also one that makes an offset only when asked for it: the
    runtime reads just the last offset of each stretch that it commits.
    """

    source_partition: SourcePartition | None = None
    source_offsets: Sequence[SourceOffset | None] | None = None

    def columns(self) -> dict[str, Sequence[Any]]:
        columns = super(SourceBatch, self).columns()
        if self.source_offsets is not None:
            columns["source_offsets"] = self.source_offsets
        return columns

    def record(self, row: int) -> SourceRecord:
        """Return a view of one row."""
        return SourceRecord(
            topic=self.topic,
            partition=self.partition,
            key=self.keys[row] if self.keys is not None else None,
            key_schema=self.key_schema,
            value=self.values[row],
            value_schema=self.value_schema,
            timestamp=self.timestamps[row] if self.timestamps is not None else None,
            headers=self.headers[row] if self.headers is not None else (),
            source_partition=self.source_partition,
            source_offset=self.source_offsets[row] if self.source_offsets is not None else None,
        )

    def __iter__(self) -> Iterator[SourceRecord]:
        return (self.record(row) for row in range(len(self.values)))

    @classmethod
    def from_records(cls, records: Iterable[SourceRecord]) -> "list[SourceBatch]":
        """Return the records as batches, one for each run that shares what a batch shares."""
        return [cls._from_run(run) for run in _runs(records, _source_run_key)]

    @classmethod
    def _from_run(cls, run: Sequence[SourceRecord]) -> "SourceBatch":
        first = run[0]
        return cls(
            topic=first.topic,
            partition=first.partition,
            values=[record.value for record in run],
            value_schema=first.value_schema,
            keys=_column([record.key for record in run]),
            key_schema=first.key_schema,
            timestamps=_column([record.timestamp for record in run]),
            headers=_header_column([record.headers for record in run]),
            source_partition=first.source_partition,
            source_offsets=_column([record.source_offset for record in run]),
        )


@dataclass(slots=True, kw_only=True)
class SinkBatch(RecordBatch):
    """Records on their way out of Kafka, all of one Kafka partition; `offsets` are Kafka's."""

    offsets: Sequence[int]
    timestamp_type: str = "CreateTime"
    original_topic: str
    original_partition: int

    def columns(self) -> dict[str, Sequence[Any]]:
        columns = super(SinkBatch, self).columns()
        columns["offsets"] = self.offsets
        return columns

    def record(self, row: int) -> SinkRecord:
        """Return a view of one row."""
        return SinkRecord(
            topic=self.topic,
            partition=self.partition,
            offset=self.offsets[row],
            key=self.keys[row] if self.keys is not None else None,
            key_schema=self.key_schema,
            value=self.values[row],
            value_schema=self.value_schema,
            timestamp=self.timestamps[row] if self.timestamps is not None else None,
            timestamp_type=self.timestamp_type,
            headers=self.headers[row] if self.headers is not None else (),
            original_topic=self.original_topic,
            original_partition=self.original_partition,
        )

    def __iter__(self) -> Iterator[SinkRecord]:
        return (self.record(row) for row in range(len(self.values)))

    @classmethod
    def from_records(cls, records: Iterable[SinkRecord]) -> "list[SinkBatch]":
        """Return the records as batches, one for each run that shares what a batch shares."""
        return [cls._from_run(run) for run in _runs(records, _sink_run_key)]

    @classmethod
    def _from_run(cls, run: Sequence[SinkRecord]) -> "SinkBatch":
        first = run[0]
        return cls(
            topic=first.topic,
            partition=first.partition,
            values=[record.value for record in run],
            value_schema=first.value_schema,
            keys=_column([record.key for record in run]),
            key_schema=first.key_schema,
            timestamps=_column([record.timestamp for record in run]),
            timestamp_type=first.timestamp_type,
            headers=_header_column([record.headers for record in run]),
            offsets=[record.offset for record in run],
            original_topic=first.original_topic,
            original_partition=first.original_partition,
        )


class SinkRecords(Sequence[SinkRecord]):
    """What a sink's `put` is given: a sequence of records that is stored as batches.

    Iterate to get one `SinkRecord` after the other, or take `batches` and work on columns.
    """

    __slots__ = ("batches",)

    def __init__(self, batches: Sequence[SinkBatch] = ()) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.batches)

    def __iter__(self) -> Iterator[SinkRecord]:
        for batch in self.batches:
            yield from batch

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        row = index + len(self) if index < 0 else index
        for batch in self.batches:
            if 0 <= row < len(batch):
                return batch.record(row)
            row -= len(batch)
        raise IndexError(index)


RecordT = TypeVar("RecordT", SourceRecord, SinkRecord)


def _source_run_key(record: SourceRecord) -> tuple[Any, ...]:
    shared = (record.topic, record.partition, record.key_schema, record.value_schema)
    return (*shared, record.source_partition)


def _sink_run_key(record: SinkRecord) -> tuple[Any, ...]:
    shared = (record.topic, record.partition, record.key_schema, record.value_schema)
    return (*shared, record.timestamp_type, record.original_topic, record.original_partition)


def _runs(records: Iterable[RecordT], run_key: Any) -> Iterator[list[RecordT]]:
    run: list[RecordT] = []
    current: tuple[Any, ...] | None = None
    for record in records:
        key = run_key(record)
        if run and key != current:
            yield run
            run = []
        current = key
        run.append(record)
    if run:
        yield run


def _column(entries: list[Any]) -> list[Any] | None:
    return None if all(entry is None for entry in entries) else entries


def _header_column(entries: list[Headers]) -> list[Headers] | None:
    return entries if any(entries) else None
