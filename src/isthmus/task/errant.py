"""Takes the records that a sink task itself gives up on (KIP-610).

A record is reported as it came from Kafka. A `SinkRecord` does not hold that, so the batches of
bytes are kept for a while: at least those of the last put, and of earlier ones as many as fit. A
record that is older, or that the task has made itself, is turned back into bytes by the
connector's converters. Java: WorkerErrantRecordReporter.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from isthmus.api.record import SinkBatch, SinkRecord
from isthmus.task.errors import ErrorPolicy, Failure, Stage

_KEPT_BYTES: Final = 32 * 1024 * 1024
#: Java names the interface here, whatever the task's class.
_COMPONENT: Final = "org.apache.kafka.connect.sink.SinkTask"


class ErrantRecords:
    """The `ErrantRecordReporter` of one task. `report` from any thread, the rest from its own."""

    def __init__(self, errors: ErrorPolicy, to_bytes: Callable[[SinkRecord], SinkBatch]) -> None:
        self._errors = errors
        self._to_bytes = to_bytes
        self._kept: deque[tuple[SinkBatch, int]] = deque()
        self._kept_bytes = 0
        self._failure: Exception | None = None

    def keep(self, batches: Sequence[SinkBatch]) -> None:
        """Remember batches as they were consumed, before their records are put."""
        for batch in batches:
            size = sum(len(value) for value in batch.values if value is not None)
            self._kept.append((batch, size))
            self._kept_bytes += size
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > len(batches):
            _, size = self._kept.popleft()
            self._kept_bytes -= size

    def report(self, record: SinkRecord, error: Exception) -> None:
        """Log the record or write it to the dead-letter topic, as the connector's config says.

        Raises:
            ToleranceExceededError: `errors.tolerance` is none. The task fails when `put` has
                returned, also if it catches this.
        """
        raw = self._as_consumed(record) or self._to_bytes(record)
        try:
            self._errors.skip_or_fail(Failure(raw, Stage.TASK_PUT, _COMPONENT, error))
        except Exception as failure:
            self._failure = self._failure or failure
            raise

    def raise_failure(self) -> None:
        """Raise what `report` has raised, which the task may have caught.

        Raises:
            ToleranceExceededError: A record was reported, and may not be skipped.
        """
        if self._failure is not None:
            raise self._failure

    def _as_consumed(self, record: SinkRecord) -> SinkBatch | None:
        for batch, _ in reversed(tuple(self._kept)):
            if (
                batch.original_partition == record.original_partition
                and batch.original_topic == record.original_topic
                and batch.offsets[0] <= record.offset <= batch.offsets[-1]
                and record.offset in batch.offsets
            ):
                row = batch.offsets.index(record.offset)
                return batch.rows(row, row + 1)
        return None
