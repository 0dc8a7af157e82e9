"""The offsets topic as a store: where sources stand, by the exact bytes of their partitions.

Java: KafkaOffsetBackingStore.
"""

import logging
from collections.abc import Sequence
from typing import Any

import orjson

from isthmus.api.errors import DataError
from isthmus.kafka.offset_codec import decode_key, decode_value
from isthmus.kafka.topic_log import LogRecord, TopicLog

log = logging.getLogger(__name__)


class OffsetStore:
    """Reads and writes the offsets topic. For the event loop only."""

    def __init__(self, topic_log: TopicLog) -> None:
        self._log = topic_log
        self._values: dict[bytes, bytes | None] = {}
        #: The key as it was last written, by the same key with its members sorted. Java writes the
        #: members of a partition in the order of a hash map; the same partition must be found.
        self._spelled: dict[bytes, bytes] = {}

    async def start(self) -> None:
        """Read the topic to its end, and follow it."""
        await self._log.start(self._read)

    async def stop(self) -> None:
        await self._log.stop()

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of these keys, read to the present end of the topic."""
        await self._log.read_to_end()
        return [self._value(key) for key in keys]

    async def set(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write values; returns when they are acknowledged."""
        await self._log.send(records)

    async def offsets_of(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each partition of a connector that has an offset, with it."""
        await self._log.read_to_end()
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for key, value in self._values.items():
            try:
                owner, partition = decode_key(key)
                offset = decode_value(value)
            except DataError as error:
                log.warning("Offsets topic: %s; skipped", error)
                continue
            if owner == connector and partition is not None and offset is not None:
                found.append((partition, offset))
        return found

    def _value(self, key: bytes) -> bytes | None:
        if key not in self._values:
            key = self._spelled.get(_sorted_members(key) or key, key)
        return self._values.get(key)

    def _read(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            if record.key is None:
                log.warning("Offsets topic, offset %d: no key; skipped", record.offset)
                continue
            self._values[record.key] = record.value
            if (members := _sorted_members(record.key)) is not None:
                self._spelled[members] = record.key


def _sorted_members(key: bytes) -> bytes | None:
    """Return the key with its members sorted, None if it has no two that could be."""
    if key.count(b":") < 2:
        return None
    try:
        return orjson.dumps(orjson.loads(key), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, TypeError):
        return None
