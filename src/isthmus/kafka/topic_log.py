"""A compacted topic as a log: read to its end, followed, and written to.

Java: KafkaBasedLog.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeAlias

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.kafka.admin import TopicAdmin

log = logging.getLogger(__name__)

_LOOKUP_TIMEOUT = 30.0
_REQUEST_TIMEOUT = 10.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 10.0
#: So much longer each pause is; a topic just made has all its leaders after some 0.2 s.
_LONGER = 1.3
#: How long the brokers may take for that before the log says so.
_ELECTION_SECONDS = 1.0
#: How long brokers may take to say where the topic ends when the log starts, as in Java.
_FIRST_END_TIMEOUT = 15 * 60.0
_CONSUME_MESSAGES = 500
#: Batches that wait for the loop: a large topic must not pile up in memory.
_MAX_BATCHES_UNDER_WAY = 4
#: The reader looks this often whether it is to stop; a record that comes in wakes it at once.
_POLL_SECONDS = 0.2
#: How often a topic that can be written again is looked for. A deletion is told by nothing else:
#: the consumer waits for the topic in silence, and the producer's next record has brokers make it.
_LOOK_SECONDS = 2.0
#: Short: nothing is read meanwhile.
_LOOK_TIMEOUT = 1.0
_MAX_KEY_SHOWN = 200
#: An internal topic is small; its reader needs little memory, and to know where partitions end.
#: A topic that brokers make by themselves is not compacted.
_CONSUMER_FORCED: Mapping[str, Any] = {
    "allow.auto.create.topics": False,
    "enable.partition.eof": True,
    "fetch.queue.backoff.ms": 1,
    "queued.max.messages.kbytes": 16_384,
    "queued.min.messages": 1_000,
}
#: The end of a partition is told by a fetch that comes back empty. Whoever waits for the end behind
#: the marker of a transaction, as an exactly-once leader writes it, waits for that.
_CONSUMER_DEFAULTS: Mapping[str, Any] = {"fetch.wait.max.ms": 100}
#: What brokers will say again, however often they are asked.
_FINAL = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
    }
)
#: How brokers say that the topic is not there.
_GONE = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  # confluent-kafka's public names begin so
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    }
)


class LogRecord(NamedTuple):
    """One record of the topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> str:
        """Say which one it is, in a log; a key that nobody can read may be very long."""
        shown = repr(self.key if self.key is None else self.key[:_MAX_KEY_SHOWN])
        return f"partition {self.partition}, offset {self.offset}, key {shown}"


class TopicLog(Protocol):
    """What the stores stand on. For the event loop only."""

    async def start(
        self,
        on_records: Callable[[Sequence[LogRecord]], None],
        on_made_anew: Callable[[], None] | None = None,
    ) -> None:
        """Read the topic to its end, then follow it; both functions are called on the loop.

        `on_made_anew` is for a store that can write again what was in the topic. If the topic is
        deleted, it is made anew, and that is called, also if others have made it.

        Raises:
            ConnectError: The topic cannot be made, read or used.
        """
        ...

    async def send(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records; returns when all are acknowledged. Concurrent calls keep their order.

        Who is cancelled gives up waiting; the records may be written all the same.

        Raises:
            RetriableError: Some could not be written, but may be another time.
            ConnectError: Some never can.
        """
        ...

    async def send_and_read(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records; returns when they have been given to `on_records` as well."""
        ...

    async def read_to_end(self) -> None:
        """Return when all that is in the topic now has been given to `on_records`.

        Takes as long as it takes; whoever calls sets a limit.
        """
        ...

    async def stop(self) -> None:
        """Stop reading and writing; whoever waits gets a ConnectError."""
        ...


DeliveryCallback: TypeAlias = Callable[[KafkaError | None, Message], None]


class KafkaTopicLog:
    """The log over a real topic. For the event loop only.

    A consumer on a thread of its own reads all partitions from the beginning, and hands batches
    over to the loop. A producer on another thread writes. How far each partition was read is known
    on the loop, so to wait for one's own writes takes no question to the broker.

    Brokers that go away and a topic that is made anew are logged and waited for.
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
        self._consumer_config = {**_CONSUMER_DEFAULTS, **consumer_config, **_CONSUMER_FORCED}
        self._producer_config = dict(producer_config)
        self._writer = ThreadPoolExecutor(1, f"{topic}-writer")
        self._questions = ThreadPoolExecutor(1, f"{topic}-ends")
        self._stopping = threading.Event()
        self._room = threading.BoundedSemaphore(_MAX_BATCHES_UNDER_WAY)
        self._asking = asyncio.Lock()
        #: A question for the end that has not been asked yet: those who want to know share it.
        self._next_end: asyncio.Task[dict[int, int]] | None = None
        self._ends_asked: set[asyncio.Task[dict[int, int]]] = set()
        self._positions: dict[int, int] = {}
        self._waiting: list[tuple[Mapping[int, int], asyncio.Future[None]]] = []
        self._on_records: Callable[[Sequence[LogRecord]], None]
        self._on_made_anew: Callable[[], None] | None = None
        #: For the reader's thread: the topic that it reads, "" before the first look; the last
        #: reason why there is none; when to look again.
        self._topic_id = ""
        self._gone = ""
        self._next_look = 0.0
        self._producer: Producer
        self._consumer: Consumer
        self._reader: threading.Thread | None = None

    async def start(
        self,
        on_records: Callable[[Sequence[LogRecord]], None],
        on_made_anew: Callable[[], None] | None = None,
    ) -> None:
        self._on_records, self._on_made_anew = on_records, on_made_anew
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._open)
        self._reader = threading.Thread(
            target=self._read, args=(loop,), name=f"{self._topic}-reader", daemon=True
        )
        self._reader.start()
        try:
            end = await asyncio.wait_for(self._end(), _FIRST_END_TIMEOUT)
        except TimeoutError as error:
            raise ConnectError(
                f"topic {self._topic}: its end could not be found in time"
            ) from error
        await self._read_up_to(end)

    def _open(self) -> None:
        self._prepare()
        try:
            self._producer = Producer(self._producer_config)
            self._consumer = Consumer(self._consumer_config)
        except (KafkaException, TypeError, ValueError) as error:
            raise ConnectError(f"topic {self._topic}: no client could be made: {error}") from error
        self._positions = dict.fromkeys(self._assign(), 0)

    def _assign(self) -> list[int]:
        """Have the consumer read all partitions from their beginning; return these."""
        partitions = self._partitions()
        self._consumer.assign(
            [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in partitions]
        )
        return partitions

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
                leaders = [partition.leader for partition in found.partitions.values()]
                if found.error is None and leaders and min(leaders) >= 0:
                    return sorted(found.partitions)
            if self._stopping.wait(_FIRST_PAUSE):
                break
        raise ConnectError(
            f"Could not look up partition metadata for topic '{self._topic}' in the allotted"
            " period. This could indicate a connectivity issue, unavailable topic partitions, or"
            " if this is your first use of the topic it may have taken too long to create."
        )

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read until told to stop; on the reader's thread."""
        failing = False
        while not self._stopping.is_set():
            if self._on_made_anew is not None and time.monotonic() >= self._next_look:
                self._look(loop, self._on_made_anew)
                self._next_look = time.monotonic() + _LOOK_SECONDS
            try:
                first = self._consumer.poll(_POLL_SECONDS)
                if first is None:
                    continue
                messages = [first, *self._consumer.consume(_CONSUME_MESSAGES, 0)]
            except KafkaException as error:
                log.error("Topic %s cannot be read now: %s", self._topic, error)
                self._stopping.wait(1.0)
                continue
            batch, positions, errors = _sorted_out(messages)
            if self._on_made_anew is not None and any(each.code() in _GONE for each in errors):
                errors, self._next_look = [], 0.0  # which tells what is the matter
            if errors and not failing:
                log.warning("Topic %s cannot be read now: %s", self._topic, errors[0].str())
            if failing and batch:
                log.info("Topic %s is being read again", self._topic)
            failing = (failing or bool(errors)) and not batch
            if not self._make_room():
                break
            try:
                loop.call_soon_threadsafe(self._deliver, batch, positions)
            except RuntimeError:
                break  # the loop has been closed; there is nobody to read for
        self._consumer.close()

    def _look(self, loop: asyncio.AbstractEventLoop, on_made_anew: Callable[[], None]) -> None:
        """Make the topic anew if it was deleted, and read the one that has taken its place."""
        try:
            found = self._admin.topic_id(self._topic, _LOOK_TIMEOUT)
            if found is None:
                self._make_anew()
                found = self._admin.topic_id(self._topic, _LOOK_TIMEOUT)
            if found is None or found == self._topic_id:
                return
            partitions = self._assign() if self._topic_id else None
        except ConnectError as error:
            log.debug("Topic %s cannot be looked for now: %s", self._topic, error)
            return
        self._topic_id, self._gone = found, ""
        if partitions is not None:
            log.warning("Topic %s was deleted while in use; it was made anew", self._topic)
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(self._begin_again, partitions, on_made_anew)

    def _make_anew(self) -> None:
        try:
            self._prepare()
        except ConnectError as error:
            if str(error) != self._gone:
                self._gone = str(error)
                log.error("Topic %s was deleted, and cannot be made anew: %s", self._topic, error)

    def _begin_again(self, partitions: Sequence[int], on_made_anew: Callable[[], None]) -> None:
        self._positions = dict.fromkeys(partitions, 0)
        on_made_anew()

    def _make_room(self) -> bool:
        """Wait until the loop has taken earlier batches; return False if it is to stop."""
        while not self._room.acquire(timeout=_POLL_SECONDS):
            if self._stopping.is_set():
                return False
        return True

    def _deliver(self, batch: list[LogRecord], positions: dict[int, int]) -> None:
        self._room.release()
        if self._stopping.is_set():
            return
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
        if self._stopping.is_set():
            raise self._stopped()
        if not self._has_read(targets):
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append((targets, waiting))
            await waiting

    async def send(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        await self._sent(records)

    async def send_and_read(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        before = dict(self._positions)
        ends = await self._sent(records)
        # The brokers put the first of these records before what had been read already.
        self._reread({n: end for n, end in ends.items() if end <= before.get(n, 0)}, before)
        await self._read_up_to(ends)

    async def _sent(self, records: Sequence[tuple[bytes, bytes | None]]) -> dict[int, int]:
        if self._stopping.is_set():
            raise self._stopped()
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

        produced = self._produce(records, delivered)
        while acknowledged < produced:
            if self._stopping.is_set():
                raise self._stopped()
            self._producer.poll(0.1)
        if failures:
            # One that is final decides: to repeat it all would never succeed.
            final = [error for error in failures if error.code() in _FINAL or error.fatal()]
            kind = ConnectError if final else RetriableError
            reason = (final or failures)[0].str()
            raise kind(f"topic {self._topic} could not be written: {reason}")
        if produced < len(records):
            raise RetriableError(f"topic {self._topic} could not be written: too much is waiting")
        return ends

    def _produce(
        self, records: Sequence[tuple[bytes, bytes | None]], delivered: DeliveryCallback
    ) -> int:
        """Give the records to the client; return how many it took, since it stops at an error."""
        for produced, (key, value) in enumerate(records):
            try:
                self._producer.produce(self._topic, value, key, on_delivery=delivered)
            except KafkaException as error:
                reason = error.args[0]
                kind = ConnectError if reason.code() in _FINAL else RetriableError
                raise kind(
                    f"topic {self._topic} could not be written: {reason.str()}, key={key!r}"
                ) from error
            except BufferError:
                return produced
        return len(records)

    async def read_to_end(self) -> None:
        await self._read_up_to(await self._end())

    async def _end(self) -> dict[int, int]:
        """Return the present end; those who ask before the question is put share the answer."""
        if self._stopping.is_set():
            raise self._stopped()
        if self._next_end is None:
            self._next_end = asyncio.create_task(self._ask(), name=f"end of {self._topic}")
            self._ends_asked.add(self._next_end)
            self._next_end.add_done_callback(self._answered)
        shared = self._next_end
        try:
            return await asyncio.shield(shared)
        except asyncio.CancelledError:
            if shared.cancelled() and self._stopping.is_set():
                raise self._stopped() from None
            raise

    async def _ask(self) -> dict[int, int]:
        async with self._asking:
            self._next_end = None  # who comes from now on may want what is written from now on
            before = dict(self._positions)
            loop = asyncio.get_running_loop()
            ends = await loop.run_in_executor(self._questions, self._ends)
        self._reread({n: end for n, end in ends.items() if end < before[n]}, before)
        return ends

    def _answered(self, question: "asyncio.Task[dict[int, int]]") -> None:
        self._ends_asked.discard(question)
        if not question.cancelled():
            question.exception()  # all who asked may have given up

    def _reread(self, ends: Mapping[int, int], before: Mapping[int, int]) -> None:
        """Count partitions that end before what was read of them as not read at all.

        The topic was deleted and made anew, or has lost records. The reader is told by the brokers
        as well, and starts at the beginning, if it has not done so already.
        """
        for number, end in ends.items():
            log.warning(
                "Topic %s, partition %d ends at %d and had been read up to %d: it was made anew,"
                " or has lost records",
                self._topic,
                number,
                end,
                before[number],
            )
            if self._positions[number] >= before[number]:
                self._positions[number] = 0

    def _ends(self) -> dict[int, int]:
        """Return the present end of each partition, as an uncommitted reader sees it.

        Asked by the admin client: on the consumer's connection the broker would answer only after
        the fetch that waits there for something new.
        """
        pause, trouble, told = _FIRST_PAUSE, "", time.monotonic() + _ELECTION_SECONDS
        while not self._stopping.is_set():
            try:
                return self._admin.end_offsets(self._topic, list(self._positions))
            except RetriableError as error:
                if str(error) != trouble and time.monotonic() > told:
                    trouble = str(error)
                    log.warning("Topic %s: its end is not known yet: %s", self._topic, trouble)
                self._stopping.wait(pause)
                pause = min(_LONGER * pause, _LONGEST_PAUSE)
        raise self._stopped()

    def _stopped(self) -> ConnectError:
        return ConnectError(f"topic {self._topic} is not followed any more: the worker is stopping")

    async def stop(self) -> None:
        self._stopping.set()
        for question in self._ends_asked:
            question.cancel()
        for _, waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(self._stopped())
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
