"""A topic log in memory: what the stores' tests give them in place of Kafka."""

import asyncio
from collections.abc import Callable, Sequence

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.kafka.topic_log import LogRecord

Record = tuple[bytes, bytes | None]


class MemoryLog:
    """One partition, never compacted. What is sent is read at once.

    `append` is what others write: it is read with the next thing that reads. `fail_next` sends
    fail as those to a broker that is away, before anything is written. A value longer than
    `max_value` is refused for good, and with it all that is sent after it in the same call. While
    `hold` is in force, nothing is acknowledged or read.
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records: list[Record] = list(records)
        #: What each call of `send` and `send_and_read` was given.
        self.sends: list[list[Record]] = []
        #: "send" or "read" for each call that was made.
        self.calls: list[str] = []
        self.fail_next = 0
        self.max_value = 2**63
        self._open = asyncio.Event()
        self._open.set()
        self._delivered = 0
        self._on_records: Callable[[Sequence[LogRecord]], None] | None = None
        self._on_made_anew: Callable[[], None] | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of all records, as text."""
        return [key.decode() for key, _ in self.records]

    def append(self, *records: Record) -> None:
        self.records += records

    def lose_all(self) -> None:
        """Have the topic deleted and made anew, and tell who wants to know."""
        self.records.clear()
        self._delivered = 0
        assert self._on_made_anew is not None
        self._on_made_anew()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def start(
        self,
        on_records: Callable[[Sequence[LogRecord]], None],
        on_made_anew: Callable[[], None] | None = None,
    ) -> None:
        self._on_records = on_records
        self._on_made_anew = on_made_anew
        self._deliver()

    async def send(self, records: Sequence[Record]) -> None:
        self.calls.append("send")
        self.sends.append(list(records))
        await self._open.wait()
        if self.fail_next:
            self.fail_next -= 1
            raise RetriableError("the broker is away")
        for record in records:
            if record[1] is not None and len(record[1]) > self.max_value:
                self._deliver()
                raise ConnectError("the value is too large")
            self.records.append(record)
        self._deliver()

    async def send_and_read(self, records: Sequence[Record]) -> None:
        await self.send(records)

    async def read_to_end(self) -> None:
        self.calls.append("read")
        await self._open.wait()
        self._deliver()

    async def stop(self) -> None:
        self._on_records = None

    def _deliver(self) -> None:
        first, self._delivered = self._delivered, len(self.records)
        if self._on_records is not None and first < len(self.records):
            new = self.records[first:]
            self._on_records(
                [LogRecord(0, first + n, key, value) for n, (key, value) in enumerate(new)]
            )
