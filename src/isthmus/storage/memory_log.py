"""A log that lives as long as its process: what a standalone worker has in place of a topic."""

from collections.abc import Callable, Sequence

from isthmus.kafka.topic_log import LogRecord

Record = tuple[bytes, bytes | None]


class MemoryLog:
    """One partition; what is sent has been read when `send` returns. For the event loop only.

    Nothing is kept: the store that stands on it has read all of it. Java: MemoryConfigBackingStore,
    MemoryStatusBackingStore.
    """

    def __init__(self) -> None:
        self._next_offset = 0
        self._on_records: Callable[[Sequence[LogRecord]], None] | None = None

    async def start(
        self,
        on_records: Callable[[Sequence[LogRecord]], None],
        on_made_anew: Callable[[], None] | None = None,
    ) -> None:
        self._on_records = on_records

    async def send(self, records: Sequence[Record]) -> None:
        self.deliver(records)

    async def send_and_read(self, records: Sequence[Record]) -> None:
        await self.send(records)

    async def read_to_end(self) -> None:
        """Return at once: everything has been read."""

    async def stop(self) -> None:
        self._on_records = None

    def deliver(self, records: Sequence[Record]) -> None:
        """Give the records to whoever reads, with the next offsets."""
        first, self._next_offset = self._next_offset, self._next_offset + len(records)
        if self._on_records is not None and records:
            self._on_records(
                [LogRecord(0, first + n, key, value) for n, (key, value) in enumerate(records)]
            )
