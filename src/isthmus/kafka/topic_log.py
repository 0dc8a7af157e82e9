"""A compacted topic as a log: read to its end, followed, and written to.

Java: KafkaBasedLog.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from isthmus.api.errors import ConnectError
from isthmus.kafka.admin import TopicAdmin

log = logging.getLogger(__name__)

_LOOKUP_TIMEOUT = 30.0
_REQUEST_TIMEOUT = 10.0
_START_ATTEMPTS_PAUSE = 0.5
_CONSUME_MESSAGES = 500
#: The reader looks this often whether it is to stop; a record that comes in wakes it at once.
_POLL_SECONDS = 0.2


class LogRecord(NamedTuple):
    """One record of the topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class TopicLog(Protocol):
    """What the stores stand on. For the event loop only."""

    async def start(self, on_records: Callable[[Sequence[LogRecord]], None]) -> None:
        """Read the topic to its end, then follow it; `on_records` is called on the loop.

        Raises:
            ConnectError: The topic cannot be made, read or used.
        """
        ...

    async def send(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records; returns when all are acknowledged. Concurrent calls keep their order.

        Raises:
            ConnectError: Some could not be written.
        """
        ...

    async def send_and_read(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records; returns when they have been given to `on_records` as well."""
        ...

    async def read_to_end(self) -> None:
        """Return when all that is in the topic now has been given to `on_records`."""
        ...

    async def stop(self) -> None: ...


class KafkaTopicLog:
    """The log over a real topic. For the event loop only.

    A consumer on a thread of its own reads all partitions from the beginning, and hands batches
    over to the loop. A producer on another thread writes. How far each partition was read is known
    on the loop, so to wait for one's own writes takes no question to the broker.
    """

    def __init__(
        self,
        topic: str,
        admin: TopicAdmin,
        prepare: Callable[[], None],
        consumer_config: Mapping[str, Any],
        producer_config: Mapping[str, Any],
    ) -> None:
        """`prepare` makes or checks the topic; it may block, and raises ConnectError."""
        self._topic = topic
        self._admin = admin
        self._prepare = prepare
        self._consumer_config = dict(consumer_config)
        self._producer_config = dict(producer_config)
        self._writer = ThreadPoolExecutor(1, f"{topic}-writer")
        self._questions = ThreadPoolExecutor(1, f"{topic}-ends")
        self._stopping = threading.Event()
        self._positions: dict[int, int] = {}
        self._waiting: list[tuple[Mapping[int, int], asyncio.Future[None]]] = []
        self._on_records: Callable[[Sequence[LogRecord]], None]
        self._producer: Producer
        self._consumer: Consumer
        self._reader: threading.Thread | None = None

    async def start(self, on_records: Callable[[Sequence[LogRecord]], None]) -> None:
        loop = asyncio.get_running_loop()
        self._on_records = on_records
        await loop.run_in_executor(self._writer, self._open)
        self._reader = threading.Thread(
            target=self._read, args=(loop,), name=f"{self._topic}-reader", daemon=True
        )
        self._reader.start()
        await self.read_to_end()

    def _open(self) -> None:
        self._prepare()
        self._producer = Producer(self._producer_config)
        self._consumer = Consumer(self._consumer_config)
        partitions = self._partitions()
        self._positions = dict.fromkeys(partitions, 0)
        self._consumer.assign(
            [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in partitions]
        )

    def _partitions(self) -> list[int]:
        """Return the topic's partitions; a topic just made may take a moment to be known."""
        deadline = time.monotonic() + _LOOKUP_TIMEOUT
        while time.monotonic() < deadline:
            try:
                metadata = self._consumer.list_topics(self._topic, _REQUEST_TIMEOUT)
            except KafkaException as error:
                log.warning("Topic %s: no metadata yet: %s", self._topic, error)
            else:
                found = metadata.topics[self._topic]
                if found.error is None and found.partitions:
                    return sorted(found.partitions)
            time.sleep(_START_ATTEMPTS_PAUSE)
        raise ConnectError(
            f"Could not look up partition metadata for topic '{self._topic}' in the allotted"
            " period. This could indicate a connectivity issue, unavailable topic partitions, or"
            " if this is your first use of the topic it may have taken too long to create."
        )

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read until told to stop; on the reader's thread."""
        failing = False
        while not self._stopping.is_set():
            try:
                first = self._consumer.poll(_POLL_SECONDS)
                if first is None:
                    continue
                messages = [first, *self._consumer.consume(_CONSUME_MESSAGES, 0)]
            except KafkaException as error:
                log.error("Topic %s cannot be read now: %s", self._topic, error)
                self._stopping.wait(_START_ATTEMPTS_PAUSE)
                continue
            batch, positions, errors = _sorted_out(messages)
            if errors and not failing:
                log.warning("Topic %s cannot be read now: %s", self._topic, errors[0].str())
            failing = bool(errors) and not batch
            try:
                loop.call_soon_threadsafe(self._deliver, batch, positions)
            except RuntimeError:
                break  # the loop has been closed; there is nobody to read for
        self._consumer.close()

    def _deliver(self, batch: list[LogRecord], positions: dict[int, int]) -> None:
        if batch:
            try:
                self._on_records(batch)
            except Exception:
                log.exception("Topic %s: records could not be taken", self._topic)
        self._positions.update(positions)
        for targets, waiting in list(self._waiting):
            if self._has_read(targets) and not waiting.done():
                waiting.set_result(None)
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    def _has_read(self, targets: Mapping[int, int]) -> bool:
        return all(self._positions.get(number, 0) >= end for number, end in targets.items())

    async def _read_up_to(self, targets: Mapping[int, int]) -> None:
        if not self._has_read(targets):
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append((targets, waiting))
            await waiting

    async def send(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        await self._sent(records)

    async def send_and_read(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        await self._read_up_to(await self._sent(records))

    async def _sent(self, records: Sequence[tuple[bytes, bytes | None]]) -> dict[int, int]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._send, list(records))

    def _send(self, records: list[tuple[bytes, bytes | None]]) -> dict[int, int]:
        """Write and wait for the acknowledgements; return what must be read to see them."""
        failures: list[KafkaError] = []
        ends: dict[int, int] = {}
        acknowledged = 0

        def delivered(error: KafkaError | None, message: Message) -> None:
            nonlocal acknowledged
            acknowledged += 1
            number, offset = message.partition(), message.offset()
            if error is not None:
                failures.append(error)
            elif number is not None and offset is not None:
                ends[number] = max(ends.get(number, 0), offset + 1)

        try:
            for key, value in records:
                self._producer.produce(self._topic, value, key, on_delivery=delivered)
            while acknowledged < len(records) and not self._stopping.is_set():
                self._producer.poll(0.1)
        except (KafkaException, BufferError) as error:
            raise ConnectError(f"topic {self._topic} could not be written: {error}") from error
        if failures or acknowledged < len(records):
            reason = failures[0].str() if failures else "the worker is stopping"
            raise ConnectError(f"topic {self._topic} could not be written: {reason}")
        return ends

    async def read_to_end(self) -> None:
        loop = asyncio.get_running_loop()
        await self._read_up_to(await loop.run_in_executor(self._questions, self._ends))

    def _ends(self) -> dict[int, int]:
        """Return the present end of each partition, as an uncommitted reader sees it.

        Asked by the admin client: on the consumer's connection the broker would answer only after
        the fetch that waits there for something new.
        """
        while not self._stopping.is_set():
            try:
                return self._admin.end_offsets(self._topic, list(self._positions))
            except ConnectError as error:
                log.warning("Topic %s: its end is not known yet: %s", self._topic, error)
                self._stopping.wait(_START_ATTEMPTS_PAUSE)
        raise ConnectError(f"topic {self._topic} is not read any more: the worker is stopping")

    async def stop(self) -> None:
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, 5.0)
        for executor in (self._writer, self._questions):
            executor.shutdown(wait=False, cancel_futures=True)


def _sorted_out(
    messages: Sequence[Message],
) -> tuple[list[LogRecord], dict[int, int], list[KafkaError]]:
    """Return the records, the positions after them, and errors but the end of a partition."""
    batch: list[LogRecord] = []
    positions: dict[int, int] = {}
    errors: list[KafkaError] = []
    for message in messages:
        number, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            errors.append(error)
        elif number is None or offset is None:
            continue
        elif error is not None:
            positions[number] = offset
        else:
            positions[number] = offset + 1
            batch.append(LogRecord(number, offset, message.key(), message.value()))
    return batch, positions, errors
