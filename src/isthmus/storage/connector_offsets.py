"""Where a connector's offsets are: in the worker's topic, and perhaps one of its own (KIP-618).

A connector's own topic counts; the worker's stands in where it has nothing, so that a connector
which is given a topic goes on where it was. Both are written. What is removed is removed from the
worker's first, or it would come back.

Java: ConnectorOffsetBackingStore.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from isthmus.api.errors import ConnectError
from isthmus.kafka.topic_log import TopicLog
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.storage.offset_store import OffsetStore

log = logging.getLogger(__name__)

Config: TypeAlias = Mapping[str, str | None]
Record: TypeAlias = tuple[bytes, bytes | None]
#: Makes the log over a topic; raises ConfigError if a connector's config makes no clients for it.
MakeLog: TypeAlias = Callable[[], TopicLog]
#: Returns what makes the log over a connector's own topic, None if it has none.
FindLog: TypeAlias = Callable[[str, Config], MakeLog | None]


class OffsetStores:
    """The offsets of all connectors. For the event loop only.

    A connector's own topic is read once, for all who have its offsets open with the same config.
    """

    def __init__(self, workers: OffsetStore, find_log: FindLog) -> None:
        self._workers = workers
        self._find_log = find_log
        self._own: dict[tuple[str, frozenset[tuple[str, str | None]]], _OwnTopic] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the worker's topic to its end, and follow it."""
        await self._workers.start()

    async def stop(self) -> None:
        """Stop reading and writing all topics."""
        own, self._own = list(self._own.values()), {}
        await asyncio.gather(
            self._workers.stop(), *self._stopping, *(topic.stop() for topic in own)
        )

    def open(self, connector: str, config: Config) -> "ConnectorOffsets":
        """Return the offsets of a connector, to be closed."""
        key = (connector, frozenset(config.items()))
        own = self._own.get(key)
        if own is None:
            if (make_log := self._find_log(connector, config)) is None:
                return ConnectorOffsets(self._workers)
            own = self._own[key] = _OwnTopic(make_log)
        own.users += 1
        return ConnectorOffsets(self._workers, own, lambda: self._release(key))

    @asynccontextmanager
    async def opened(self, connector: str, config: Config) -> AsyncGenerator["ConnectorOffsets"]:
        """Have the offsets of a connector open for a while.

        Raises:
            ConnectError: Its own topic cannot be made or read.
        """
        offsets = self.open(connector, config)
        try:
            await offsets.start()
            yield offsets
        finally:
            offsets.close()

    def _release(self, key: tuple[str, frozenset[tuple[str, str | None]]]) -> None:
        own = self._own.get(key)
        if own is None:
            return
        own.users -= 1
        if own.users == 0:
            del self._own[key]
            stopping = asyncio.create_task(own.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)


class ConnectorOffsets:
    """The offsets of one connector, for one who needs them. For the event loop only."""

    def __init__(
        self,
        workers: OffsetStore,
        own: "_OwnTopic | None" = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._workers = workers
        self._own = own
        self._release = release

    async def start(self) -> None:
        """Read the connector's own topic, if it has one, to its end; it is made if need be.

        Raises:
            ConnectError: It cannot be made or read.
        """
        if self._own is not None:
            await self._own.started()

    def close(self) -> None:
        """Give up the connector's own topic; once."""
        release, self._release = self._release, None
        if release is not None:
            release()

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of these keys, read to the present end of the topics."""
        if self._own is None:
            return await self._workers.get(keys)
        own = await self._own.started()
        found, others = await asyncio.gather(own.get(keys), self._workers.get(keys))
        return [
            other if value is None else value for value, other in zip(found, others, strict=True)
        ]

    async def spelled(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys as they are in the topic that counts."""
        store = self._workers if self._own is None else await self._own.started()
        return store.spelled(keys)

    async def set(self, records: Sequence[Record]) -> None:
        """Write values; returns when they are acknowledged where they count."""
        await self._set(records, lambda store: store.set(records))

    async def set_at_once(self, records: Sequence[Record], writer: TransactionalWriter) -> None:
        """Write values in one transaction, all or none of them; then `writer` is of no more use.

        Raises:
            ConnectError: They could not be written.
        """
        await self._set(records, lambda store: store.set_at_once(records, writer))

    async def _set(
        self, records: Sequence[Record], write: Callable[[OffsetStore], Awaitable[None]]
    ) -> None:
        if self._own is None:
            await write(self._workers)
            return
        if removed := [record for record in records if record[1] is None]:
            await self._workers.set(removed)
        await write(await self._own.started())
        if kept := [record for record in records if record[1] is not None]:
            try:
                await self._workers.set(kept)
            except ConnectError as error:
                log.warning("Offsets could not be copied to the worker's own topic: %s", error)

    async def set_workers(self, records: Sequence[Record]) -> None:
        """Write values to the worker's own topic alone."""
        await self._workers.set(records)

    async def offsets_of(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each partition of the connector that has an offset, with it."""
        if self._own is None:
            return await self._workers.offsets_of(connector)
        own = await self._own.started()
        found, others = await asyncio.gather(
            own.offsets_of(connector), self._workers.offsets_of(connector)
        )
        known = [partition for partition, _ in found]
        return [*found, *(entry for entry in others if entry[0] not in known)]

    async def partitions_of(self, connector: str) -> list[dict[str, Any]]:
        """Return each partition of the connector, also those whose offset makes no sense."""
        if self._own is None:
            return await self._workers.partitions_of(connector)
        own = await self._own.started()
        found, others = await asyncio.gather(
            own.partitions_of(connector), self._workers.partitions_of(connector)
        )
        return [*found, *(partition for partition in others if partition not in found)]


class _OwnTopic:
    """A connector's own topic, read from its first use on. For the event loop only."""

    def __init__(self, make_log: MakeLog) -> None:
        self.users = 0
        self._make_log = make_log
        self._starting: asyncio.Task[OffsetStore] | None = None

    async def started(self) -> OffsetStore:
        """Return the store over the topic; who comes after a failure tries again.

        Raises:
            ConnectError: The topic cannot be made or read.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        starting = self._starting
        await asyncio.wait({starting})
        if starting.cancelled():
            raise ConnectError("The offsets of this connector are not read any more")
        if (error := starting.exception()) is not None:
            if self._starting is starting:
                self._starting = None
            raise error
        return starting.result()

    async def _start(self) -> OffsetStore:
        store = OffsetStore(self._make_log())
        await store.start()
        return store

    async def stop(self) -> None:
        """Stop reading and writing."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        starting.cancel()
        await asyncio.wait({starting})
        if not starting.cancelled() and starting.exception() is None:
            await starting.result().stop()
