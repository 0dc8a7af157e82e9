"""Which source offsets are to be committed next. Java: SubmittedRecords, in part.

Java keeps a queue of records a source partition and waits for each to be acknowledged. Here the
newest offset of each partition is kept, and a commit first waits until the producer has nothing
under way (a barrier): then all that was submitted is in Kafka, whatever the partition. The barrier
costs milliseconds each `offset.flush.interval.ms`, and accounting a record costs nothing.
"""

from collections.abc import Sequence

from isthmus.api.record import SourceBatch, SourceOffset
from isthmus.kafka.offset_codec import encode_key, encode_value

OffsetRecord = tuple[bytes, bytes | None]


class SubmittedOffsets:
    """The newest offset of each source partition since the last commit. For the task's thread."""

    def __init__(self, connector: str) -> None:
        self._connector = connector
        self._newest: dict[bytes, SourceOffset | None] = {}
        #: The key of the partition object seen last; most batches come with the same object.
        self._last: tuple[object, bytes] = (object(), b"")

    def add(self, batch: SourceBatch) -> None:
        """Note the offset of the batch's last record, all of whose records were submitted.

        Raises:
            DataError: The source partition is not a map from strings to primitive values.
        """
        if batch.source_offsets is None or batch.source_partition is None or not len(batch):
            return
        partition, key = self._last
        if partition is not batch.source_partition:
            key = encode_key(self._connector, batch.source_partition)
            self._last = (batch.source_partition, key)
        self._newest[key] = batch.source_offsets[len(batch) - 1]

    def take(self) -> list[OffsetRecord]:
        """Return what is to be committed, and begin anew.

        Raises:
            DataError: An offset is not a map from strings to primitive values; the others are kept.
        """
        records = [(key, encode_value(offset)) for key, offset in self._newest.items()]
        self._newest = {}
        return records


class UncommittedOffsets:
    """Offsets whose commit has failed, to be tried again behind newer ones."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes | None] = {}

    def add(self, records: Sequence[OffsetRecord]) -> None:
        """Keep these for the next try; newer ones of the same partition take their place."""
        self._records.update(records)

    def take(self) -> list[OffsetRecord]:
        """Return all that is waiting, and begin anew."""
        records, self._records = list(self._records.items()), {}
        return records
