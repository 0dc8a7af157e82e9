"""A topic log in memory: what the stores' tests give them in place of Kafka."""

from collections.abc import Callable, Sequence

from isthmus.api.errors import ConnectError
from isthmus.kafka.topic_log import LogRecord

Record = tuple[bytes, bytes | None]


class MemoryLog:
    """One partition, never compacted; `fail_next` sends fail."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records: list[Record] = list(records)
        self.fail_next = 0
        self._on_records: Callable[[Sequence[LogRecord]], None] | None = None

    async def start(self, on_records: Callable[[Sequence[LogRecord]], None]) -> None:
        self._on_records = on_records
        self._deliver(0)

    async def send(self, records: Sequence[Record]) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise ConnectError("the broker is away")
        first = len(self.records)
        self.records += records
        self._deliver(first)

    async def send_and_read(self, records: Sequence[Record]) -> None:
        await self.send(records)

    async def read_to_end(self) -> None:
        pass

    async def stop(self) -> None:
        self._on_records = None

    def _deliver(self, first: int) -> None:
        if self._on_records is not None and first < len(self.records):
            new = self.records[first:]
            self._on_records(
                [LogRecord(0, first + n, key, value) for n, (key, value) in enumerate(new)]
            )
