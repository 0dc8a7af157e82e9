"""Which source offsets are safe to commit. Java: SubmittedRecords.

A batch as the task polled it is one entry. Entries of a source partition stand in a queue, and an
entry is settled once Kafka has acknowledged all its records and all entries before it are settled.
The offset to commit is that of the last settled entry; records of other source partitions hold
nothing up.

Measured, records of 100 bytes: the callback takes 0.3 to 0.5 µs a record, with which a task submits
0.5 to 0.8 million a second. A barrier instead (callbacks for errors only, commit when nothing is
under way) saves that, but one partition without a leader then stops all others.
"""

from collections import deque
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message

from isthmus.api.record import SourceBatch, SourceOffset
from isthmus.kafka.offset_codec import encode_key, encode_value

OffsetRecord = tuple[bytes, bytes | None]
#: Takes a refused record, and returns whether it may be skipped.
Refused = Callable[[KafkaError, Message | None], bool]

#: The queue of records that have no source partition, whose offsets are not committed.
_NO_PARTITION = b""


class Submission:
    """One polled batch on its way; made by `SubmittedRecords`."""

    __slots__ = ("_left", "_owner", "_refused", "batch", "key", "offset", "rows")

    def __init__(self, owner: "SubmittedRecords", refused: Refused, key: bytes, rows: int) -> None:
        self._owner = owner
        self._refused = refused
        self._left = self.rows = rows
        self.key = key
        self.offset: tuple[SourceOffset | None] | None = None
        self.batch: SourceBatch | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether all records are in Kafka, or were refused and may be skipped."""
        return self._left == 0

    def delivered(self, error: KafkaError | None, message: Message | None) -> None:
        """Take the answer for one record; the producer calls it within `poll`."""
        if error is not None and not self._refused(error, message):
            return
        self._left -= 1
        if not self._left:
            self._owner.settle(self.key)


class SubmittedRecords:
    """What a source task has given to its producer. For the task's thread."""

    def __init__(self, connector: str, refused: Refused, *, keep_batches: bool) -> None:
        """Prepare for a connector's records; `keep_batches` for `take_acknowledged`."""
        self._connector = connector
        self._refused = refused
        self._keep_batches = keep_batches
        self._queues: dict[bytes, deque[Submission]] = {}
        self._committable: dict[bytes, SourceOffset | None] = {}
        self._acknowledged: list[SourceBatch] = []
        #: How many records were given to the producer, and how many of them are settled.
        self.submitted = 0
        self.settled = 0

    def submit(self, polled: SourceBatch, sent: Sequence[SourceBatch]) -> Submission:
        """Note a polled batch before what became of it, `sent`, is given to the producer.

        Its offset is that of its last record, also if that one was dropped or skipped: there is
        nothing to read again. Java's stays behind until a later record is sent, so that a source
        of which all is filtered begins at its old offset after each restart.

        Raises:
            DataError: The source partition is not a map from strings to primitive values.
        """
        key = self._key(polled)
        submission = Submission(self, self._refused, key, sum(len(batch) for batch in sent))
        self.submitted += submission.rows
        if self._keep_batches:
            submission.batch = polled
        if key is not _NO_PARTITION and (offsets := polled.source_offsets) is not None:
            submission.offset = (offsets[len(polled) - 1],)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
        queue.append(submission)
        if submission.is_acknowledged:
            self.settle(key)
        return submission

    def settle(self, key: bytes) -> None:
        """Take what is acknowledged off the front of one queue."""
        queue = self._queues[key]
        while queue and queue[0].is_acknowledged:
            submission = queue.popleft()
            self.settled += submission.rows
            if submission.offset is not None:
                (self._committable[key],) = submission.offset
            if submission.batch is not None:
                self._acknowledged.append(submission.batch)
        if not queue:
            del self._queues[key]

    def take_committable(self) -> list[OffsetRecord]:
        """Return the offsets that became safe since the last call, as records of the topic.

        Raises:
            DataError: An offset is not a map from strings to primitive values.
        """
        offsets, self._committable = self._committable, {}
        return [(key, encode_value(offset)) for key, offset in offsets.items()]

    def take_acknowledged(self) -> list[SourceBatch]:
        """Return the polled batches that became settled since the last call."""
        batches, self._acknowledged = self._acknowledged, []
        return batches

    def _key(self, batch: SourceBatch) -> bytes:
        if batch.source_partition is None:
            return _NO_PARTITION
        return encode_key(self._connector, batch.source_partition)
