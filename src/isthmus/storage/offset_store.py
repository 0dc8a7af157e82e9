"""The offsets topic as a store: where sources stand, by the exact bytes of their partitions.

A partition that Java wrote has its members in the order of a hash map. So where the bytes of a key
are not in the topic, those of the same members in another order stand for it, for reading and for
writing: a Java worker that takes over looks under its own bytes, and must find the newest offset.

Java: KafkaOffsetBackingStore.
"""

import logging
from collections.abc import Sequence
from typing import Any

from isthmus.api.errors import DataError
from isthmus.kafka.jackson import jackson_dumps
from isthmus.kafka.offset_codec import decode_key, decode_value
from isthmus.kafka.topic_log import LogRecord, TopicLog
from isthmus.kafka.transactional_writer import TransactionalWriter

log = logging.getLogger(__name__)

#: Seconds for each of the two steps of a transaction that somebody waits for.
_TRANSACTION_TIMEOUT = 30.0


class OffsetStore:
    """Reads and writes the offsets topic. For the event loop only."""

    def __init__(self, topic_log: TopicLog) -> None:
        self._log = topic_log
        self._values: dict[bytes, bytes] = {}
        #: The key as it was last written, by the same key with its members sorted.
        self._spelled: dict[bytes, bytes] = {}
        #: The partitions that have an offset, by their connector and key.
        self._partitions: dict[str, dict[bytes, dict[str, Any]]] = {}
        #: The keys that are none of this topic's.
        self._unusable: set[bytes] = set()

    async def start(self) -> None:
        """Read the topic to its end, and follow it."""
        await self._log.start(self._read)

    async def stop(self) -> None:
        await self._log.stop()

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of these keys, read to the present end of the topic."""
        await self._log.read_to_end()
        return [self._values.get(self._known(key)) for key in keys]

    def spelled(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the bytes under which `set` would write each of these keys."""
        return [self._known(key) for key in keys]

    async def set(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write values; returns when they are acknowledged."""
        await self._log.send([(self._known(key), value) for key, value in records])

    async def set_at_once(
        self, records: Sequence[tuple[bytes, bytes | None]], writer: TransactionalWriter
    ) -> None:
        """Write values in one transaction, all or none of them; then `writer` is of no more use.

        Raises:
            ConnectError: They could not be written.
        """
        try:
            await writer.claim(_TRANSACTION_TIMEOUT)
            await writer.write(
                [(self._known(key), value) for key, value in records], _TRANSACTION_TIMEOUT
            )
        finally:
            await writer.stop()

    async def offsets_of(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each partition of a connector that has an offset, with it."""
        await self._log.read_to_end()
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for key, partition in self._partitions.get(connector, {}).items():
            try:
                offset = decode_value(self._values[key])
            except DataError:
                continue  # logged when it was read
            if offset is not None:
                found.append((dict(partition), offset))
        return found

    async def partitions_of(self, connector: str) -> list[dict[str, Any]]:
        """Return each partition of a connector, also those whose offset makes no sense."""
        await self._log.read_to_end()
        return [dict(partition) for partition in self._partitions.get(connector, {}).values()]

    def _known(self, key: bytes) -> bytes:
        """Return the bytes under which the partition is in the topic, `key` if it is not."""
        if key in self._values:
            return key
        try:
            return self._spelled.get(_sorted_members(*decode_key(key)), key)
        except DataError:
            return key

    def _read(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            key, value = record.key, record.value
            if key is None:
                log.warning("Offsets topic, %s: expected a key; skipped", record.place)
                continue
            try:
                if value is None or key not in self._values:
                    self._read_partition(key, value)
                self._read_offset(key, value)
            except DataError as error:
                log.warning("Offsets topic, %s: %s; skipped", record.place, error)

    def _read_offset(self, key: bytes, value: bytes | None) -> None:
        """Take an offset as it is: a task whose own offset makes no sense is to hear of it.

        Raises:
            DataError: It makes none.
        """
        if value is not None:
            self._values[key] = value
            if key not in self._unusable:
                decode_value(value)

    def _read_partition(self, key: bytes, value: bytes | None) -> None:
        """Take a key that is new, or gone.

        Raises:
            DataError: It is none of this topic's; its value is kept all the same.
        """
        if value is None and self._values.pop(key, None) is None:
            return
        if value is None and key in self._unusable:
            self._unusable.discard(key)
            return
        if value is not None:
            self._values[key] = value
        try:
            connector, partition = decode_key(key)
        except DataError:
            self._unusable.add(key)
            raise
        members = _sorted_members(connector, partition)
        partitions = self._partitions.setdefault(connector, {})
        if value is not None:
            self._spelled[members] = key
            if partition is not None:
                partitions[key] = partition
        else:
            partitions.pop(key, None)
            if self._spelled.get(members) == key:
                del self._spelled[members]


def _sorted_members(connector: str, partition: dict[str, Any] | None) -> bytes:
    return jackson_dumps([connector, partition and dict(sorted(partition.items()))])
