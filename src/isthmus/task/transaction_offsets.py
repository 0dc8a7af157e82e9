"""The offsets that go into a transaction, as records of the offsets topic (KIP-618).

A connector with a topic of its own has its offsets in the worker's as well, which stands in for it
where it has none: an offset is removed there first, and others are copied behind the commit.

Java: OffsetStorageWriter, ConnectorOffsetBackingStore.
"""

import msgspec

from isthmus.api.record import SourceBatch, SourceOffset
from isthmus.channel import SpellOffsetKeys, WriteOffsets
from isthmus.config.offsets_topic import OffsetsTopic
from isthmus.kafka.offset_codec import encode_key, encode_value
from isthmus.task.link import Link
from isthmus.task.submitted import OffsetRecord


class TransactionOffsets:
    """The newest offset of each source partition since the last commit. For the task's thread."""

    def __init__(self, connector: str, link: Link, topic: OffsetsTopic) -> None:
        self._connector = connector
        self._link = link
        self._topic = topic
        self._noted: dict[bytes, SourceOffset | None] = {}
        self._taken: list[OffsetRecord] = []
        #: Keys as they are in the topic, where the members may have another order.
        self._spelled: dict[bytes, bytes] = {}

    @property
    def is_noted(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._noted)

    def note(self, batch: SourceBatch) -> None:
        """Take the offset of the last record of a polled batch, also if that one was dropped.

        Raises:
            DataError: The source partition is not a map from strings to primitive values.
        """
        if batch.source_partition is not None and (offsets := batch.source_offsets) is not None:
            key = encode_key(self._connector, batch.source_partition)
            self._noted[key] = offsets[len(batch) - 1]

    def take(self) -> list[OffsetRecord]:
        """Return the records to write now; those that remove an offset are in the worker's topic.

        Raises:
            DataError: An offset is not a map from strings to primitive values.
            ConnectError: The worker could not do its part, or not in time.
        """
        noted, self._noted = self._noted, {}
        self._learn_spelling([key for key in noted if key not in self._spelled])
        self._taken = [(self._spelled[key], encode_value(offset)) for key, offset in noted.items()]
        removed = [record for record in self._taken if record[1] is None]
        if removed and not self._topic.is_workers:
            self._link.ask(WriteOffsets(0, removed, only_workers=True))
        return self._taken

    def committed(self) -> None:
        """The transaction is committed: copy its offsets, and do not wait for that."""
        taken, self._taken = self._taken, []
        kept = [record for record in taken if record[1] is not None]
        if kept and not self._topic.is_workers:
            self._link.send(WriteOffsets(0, kept, only_workers=True))

    def _learn_spelling(self, keys: list[bytes]) -> None:
        if keys:
            reply = self._link.ask(SpellOffsetKeys(0, keys))
            spelled = msgspec.msgpack.decode(reply.body, type=list[bytes])
            self._spelled |= zip(keys, spelled, strict=True)
