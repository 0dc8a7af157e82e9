"""Transformations and predicates: small changes to records between connector and converter."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from isthmus.api.config_def import ConfigDef
from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import RecordBatch, SinkBatch, SinkRecord, SourceBatch, SourceRecord

AnyRecord = TypeVar("AnyRecord", SourceRecord, SinkRecord)


class Transformation(ABC):
    """Changes records, or drops them. Java: Transformation.

    Write `apply`; the batch method calls it record by record. A transformation that can do better
    for a whole batch overrides `apply_batch` too, with the same result.

    The runtime promises: `configure` once before any other method, `close` once at the end, and
    all calls on one thread. Records come in the order of their partition. What raises is found
    within its batch, and only that record is skipped or fails the task.

    It does not promise that a record comes once: a batch in which something failed is transformed
    again by halves, and a task that starts again reads some records again. So a count of records,
    or a mean of the last ten, does not belong here.

    The usual mistake: changing a key or value in place. Other records, or the connector, may hold
    the same object.
    """

    def config(self) -> ConfigDef:
        """Return the options that this transformation knows."""
        return ConfigDef()

    def configure(self, config: Mapping[str, str]) -> None:
        """Take the options, without the prefix `transforms.NAME.`."""

    def monitor(self, metrics: PluginMetrics) -> None:
        """Register metrics of its own (KIP-877). Called once, after `configure`; keep `metrics`."""

    @abstractmethod
    def apply(self, record: AnyRecord) -> AnyRecord | None:
        """Return the record to go on with, or None to drop it.

        The record itself may be changed in place, its key and value may not.

        Raises:
            DataError: The record is wrong, as with any other exception.
            RetriableError: The same may succeed later; tried again for `errors.retry.timeout`.
        """

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        """Return the batches to go on with; rows keep their order, dropped rows are missing."""
        if isinstance(batch, SourceBatch):
            source = [self.apply(record) for record in batch]
            return SourceBatch.from_records(record for record in source if record is not None)
        assert isinstance(batch, SinkBatch)
        sink = [self.apply(record) for record in batch]
        return SinkBatch.from_records(record for record in sink if record is not None)

    def close(self) -> None:
        """Let go of what the transformation holds; called once, when the task ends."""


class Predicate(ABC):
    """Says whether a transformation applies to a record. Java: Predicate (KIP-585).

    Write `test`. The runtime promises what it promises a `Transformation`; each use of a predicate
    in a connector's config has an instance of its own.
    """

    def config(self) -> ConfigDef:
        """Return the options that this predicate knows."""
        return ConfigDef()

    def configure(self, config: Mapping[str, str]) -> None:
        """Take the options, without the prefix `predicates.NAME.`."""

    def monitor(self, metrics: PluginMetrics) -> None:
        """Register metrics of its own (KIP-877). Called once, after `configure`; keep `metrics`."""

    @abstractmethod
    def test(self, record: Any) -> bool:
        """Return whether the record, a `SourceRecord` or `SinkRecord`, has what is asked for."""

    def test_batch(self, batch: RecordBatch) -> Sequence[bool]:
        """Return `test` for each row."""
        assert isinstance(batch, SourceBatch | SinkBatch)
        return [self.test(record) for record in batch]

    def close(self) -> None:
        """Let go of what the predicate holds; called once, when the task ends."""
