"""The status topic as a store: what connectors and tasks are, and which topics they use.

Reads are answered from what was read so far, and from what is on its way. Writes are handed over
and sent in order in the background, all that have gathered at once and the newest for each key: a
worker that starts 200 connectors does not wait for 200 acknowledgements. One that fails is sent
again unless it is out of date by then. Java: KafkaStatusBackingStore.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.channel import ConnectorTaskId, State
from isthmus.kafka.jackson import jackson_dumps, jackson_loads
from isthmus.kafka.topic_log import LogRecord, TopicLog

log = logging.getLogger(__name__)

_CONNECTOR = "status-connector-"
_TASK = "status-task-"
_TOPIC = "status-topic-"
_TOPIC_CONNECTOR = ":connector-"
_ENDS = frozenset({State.UNASSIGNED, State.FAILED})
_FIRST_RETRY = 0.1
_LONGEST_RETRY = 10.0
#: A longer number is no task's; Python takes long to parse one, and refuses the longest.
_MAX_DIGITS = 10
_MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a connector or task, and who says so, in which generation of the group."""

    state: State
    trace: str | None
    worker_id: str
    generation: int
    version: str | None = None


class _WrongRecordError(ValueError):
    """The record is not what its key promises."""


@dataclass(frozen=True, slots=True)
class _Write:
    """What is to be written under a key; `status` None if it is no status or deletes one."""

    value: bytes | None
    status: Status | None = None


#: Is told of a connector or task whose work has ended, as the topic says, and who says so.
Ended = Callable[[str | ConnectorTaskId, Status], None]


def _nobody(_subject: str | ConnectorTaskId, _status: Status) -> None:
    pass


class StatusStore:
    """Reads and writes the status topic. For the event loop only.

    `first_retry` is the pause in seconds after a send that failed; each further one is longer.
    """

    def __init__(
        self,
        topic_log: TopicLog,
        clock: Callable[[], float] = time.time,
        first_retry: float = _FIRST_RETRY,
    ) -> None:
        self._log = topic_log
        self._first_retry = first_retry
        self._clock = clock
        self._connectors: dict[str, Status] = {}
        self._tasks: defaultdict[str, dict[int, Status]] = defaultdict(dict)
        self._topics: defaultdict[str, set[str]] = defaultdict(set)
        #: What is to be sent, the newest of each key, in the order in which the keys came.
        self._outbox: dict[bytes, _Write] = {}
        #: What this worker said last under each key.
        self._said: dict[bytes, Status] = {}
        #: The topics in use that this worker has told of, as they were written.
        self._said_topics: dict[bytes, bytes] = {}
        #: The keys of those in the outbox that have failed before.
        self._failed: set[bytes] = set()
        self._pending = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._sender: asyncio.Task[None] | None = None
        self._ended: Ended = _nobody

    async def start(self, ended: Ended = _nobody) -> None:
        """Read the topic to its end, and follow it; `ended` is told what it says from now on."""
        self._ended = ended
        await self._log.start(self._read, self._say_all_again)
        self._sender = asyncio.create_task(self._send_pending(), name="status sender")

    async def stop(self) -> None:
        """Stop; what was not sent is lost, so `flush` first."""
        if self._sender is not None:
            self._sender.cancel()
        await self._log.stop()

    async def flush(self, timeout: float = 5.0) -> None:
        """Wait until all that was put is written, or `timeout` seconds have passed."""
        try:
            await asyncio.wait_for(self._sent.wait(), timeout)
        except TimeoutError:
            log.warning("%d statuses could not be written in time", len(self._outbox))

    def connectors(self) -> list[str]:
        """Return the names of all connectors of which there is a status, be it a task's."""
        return sorted(
            self._connectors.keys() | {name for name, found in self._tasks.items() if found}
        )

    def connector(self, name: str) -> Status | None:
        return self._connectors.get(name)

    def task(self, task: ConnectorTaskId) -> Status | None:
        return self._tasks[task.connector].get(task.task) if task.connector in self._tasks else None

    def tasks(self, name: str) -> dict[ConnectorTaskId, Status]:
        """Return the statuses of the connector's tasks, in order."""
        found = self._tasks.get(name, {})
        return {ConnectorTaskId(name, number): found[number] for number in sorted(found)}

    def topics(self, name: str) -> list[str]:
        """Return the topics that the connector is known to use (KIP-558)."""
        return sorted(self._topics.get(name, ()))

    def put_connector(self, name: str, status: Status) -> None:
        """Write a connector's status, whatever others say; DESTROYED deletes it."""
        if status.state is State.DESTROYED:
            self._connectors.pop(name, None)
        else:
            self._connectors[name] = status
        self._put(f"{_CONNECTOR}{name}", _encode(status), status)

    def put_connector_safe(self, name: str, status: Status) -> None:
        """Write a connector's status unless another worker has said something newer."""
        if _may_replace(self._connectors.get(name), status):
            self.put_connector(name, status)

    def put_task(self, task: ConnectorTaskId, status: Status) -> None:
        """Write a task's status, whatever others say; DESTROYED deletes it."""
        if status.state is State.DESTROYED:
            self._tasks[task.connector].pop(task.task, None)
        else:
            self._tasks[task.connector][task.task] = status
        self._put(f"{_TASK}{task}", _encode(status), status)

    def put_task_safe(self, task: ConnectorTaskId, status: Status) -> None:
        """Write a task's status unless another worker has said something newer."""
        if _may_replace(self.task(task), status):
            self.put_task(task, status)

    def delete_connector(self, name: str) -> None:
        """Delete the statuses of a connector and of all its tasks."""
        for task in self.tasks(name):
            self.delete_task(task)
        self._connectors.pop(name, None)
        self._put(f"{_CONNECTOR}{name}", None)

    def delete_task(self, task: ConnectorTaskId) -> None:
        self._tasks[task.connector].pop(task.task, None)
        self._put(f"{_TASK}{task}", None)

    def put_topic(self, topic: str, task: ConnectorTaskId) -> None:
        """Note that a task uses a topic; written once for each connector and topic."""
        if topic in self._topics[task.connector]:
            return
        self._topics[task.connector].add(topic)
        value = {
            "topic": {
                "name": topic,
                "connector": task.connector,
                "task": task.task,
                "discoverTimestamp": int(self._clock() * 1000),
            }
        }
        key = f"{_TOPIC}{topic}{_TOPIC_CONNECTOR}{task.connector}"
        self._said_topics[key.encode()] = encoded = jackson_dumps(value)
        self._put(key, encoded)

    def delete_topics(self, name: str) -> None:
        """Forget the topics that the connector uses."""
        for topic in self._topics.pop(name, ()):
            key = f"{_TOPIC}{topic}{_TOPIC_CONNECTOR}{name}"
            self._said_topics.pop(key.encode(), None)
            self._put(key, None)

    def _put(self, key: str, value: bytes | None, status: Status | None = None) -> None:
        encoded = key.encode()
        self._outbox.pop(encoded, None)  # to the end: keys keep the order of their last put
        self._outbox[encoded] = _Write(value, status)
        if status is None or value is None:
            self._said.pop(encoded, None)
        else:
            self._said[encoded] = status
        self._failed.discard(encoded)
        self._sent.clear()
        self._pending.set()

    def _say_again(self, key: str, known: Status) -> None:
        """Write what we have said once more, if an older word of another came behind it.

        Whoever reads the topic from its beginning, after it was compacted, sees only the last word.
        """
        if self._said.get(key.encode()) == known:
            self._put(key, _encode(known), known)

    def _say_all_again(self) -> None:
        """Write again all that this worker has said and still holds: the topic was made anew.

        Each worker does so for its own work; what those wrote that are gone is gone.
        """
        for name, known in list(self._connectors.items()):
            self._say_again(f"{_CONNECTOR}{name}", known)
        for connector in list(self._tasks):
            for task, known in self.tasks(connector).items():
                self._say_again(f"{_TASK}{task}", known)
        for key, value in self._said_topics.items():
            self._put(key.decode(), value)
        log.info("The status topic was made anew; %d statuses are to be written", len(self._outbox))

    async def _send_pending(self) -> None:
        pause = self._first_retry
        while True:
            await self._pending.wait()
            self._pending.clear()
            batch, self._outbox = self._outbox, {}
            self._failed.clear()
            try:
                await self._send(batch)
                pause = self._first_retry
            except RetriableError as error:
                log.warning("Statuses could not be written, next try in %g s: %s", pause, error)
                self._outbox = {**batch, **self._outbox}  # a newer one of the same key wins
                self._failed = {key for key, write in batch.items() if self._outbox[key] is write}
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_RETRY)
            if self._outbox:
                self._pending.set()
            else:
                self._sent.set()

    async def _send(self, batch: Mapping[bytes, _Write]) -> None:
        """Send the batch; what the brokers refuse for good is logged and dropped."""
        try:
            await self._log.send([(key, write.value) for key, write in batch.items()])
        except RetriableError:
            raise
        except ConnectError as error:
            if len(batch) == 1:
                log.error("Failed to write status update of %r: %s", next(iter(batch)), error)
                return
            # The fault of one, such as a trace that is too long, must not cost the others.
            for key, write in batch.items():
                await self._send({key: write})

    def _read(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            try:
                self._read_one((record.key or b"").decode(errors="replace"), record)
            except ValueError as error:
                log.error("Status topic, %s: %s; skipped", record.place, error)

    def _read_one(self, key: str, record: LogRecord) -> None:
        if record.key in self._outbox:
            if not self._is_overtaken(record.key, record.value):
                return  # we have something newer to say
            self._failed.discard(record.key)
            del self._outbox[record.key]
        if key.startswith(_CONNECTOR):
            self._read_connector(key.removeprefix(_CONNECTOR), record.value)
        elif key.startswith(_TASK):
            self._read_task(_parse_task(key.removeprefix(_TASK)), record.value)
        elif key.startswith(_TOPIC):
            self._read_topic(key.removeprefix(_TOPIC), record.value)
        else:
            raise _WrongRecordError(
                f"unknown kind of record, expected {_CONNECTOR}, {_TASK} or {_TOPIC}"
            )

    def _is_overtaken(self, key: bytes, value: bytes | None) -> bool:
        """Tell whether what we say under the key gives way to what was just read.

        It does if it could not be sent for a while, and was meanwhile deleted, or replaced by a
        worker of a later generation. That our work has ended gives way to the latter at once.
        """
        status = self._outbox[key].status
        is_end = status is not None and status.state in _ENDS
        if key not in self._failed and not (is_end and value is not None):
            return False
        return value is None or (status is not None and not _may_replace(_decode(value), status))

    def _read_topic(self, key: str, value: bytes | None) -> None:
        topic, _, name = key.partition(_TOPIC_CONNECTOR)
        if not topic or not name:
            raise _WrongRecordError("expected status-topic-TOPIC:connector-CONNECTOR")
        if value is None:
            self._topics[name].discard(topic)
            self._said_topics.pop(f"{_TOPIC}{key}".encode(), None)
            return
        fields = _fields(_fields(_json(value)).get("topic"))
        if not isinstance(fields.get("name"), str) or not isinstance(fields.get("connector"), str):
            raise _WrongRecordError("expected the names of a topic and a connector")
        self._topics[name].add(topic)

    def _read_connector(self, name: str, value: bytes | None) -> None:
        if not name:
            raise _WrongRecordError("expected status-connector-CONNECTOR")
        if value is None:
            self._connectors.pop(name, None)
            return
        status, known = _decode(value), self._connectors.get(name)
        # As for tasks; Java has no such rule and shows UNASSIGNED until the next change.
        if (
            status.state is State.UNASSIGNED
            and known is not None
            and known.worker_id != status.worker_id
            and known.generation > status.generation
        ):
            self._say_again(f"{_CONNECTOR}{name}", known)
            return
        self._connectors[name] = status
        if status.state in _ENDS:
            self._ended(name, status)

    def _read_task(self, task: ConnectorTaskId, value: bytes | None) -> None:
        if value is None:
            self._tasks[task.connector].pop(task.task, None)
            return
        status, known = _decode(value), self.task(task)
        # A worker that lost the task may say so after the new owner has started it.
        if (
            status.state is State.UNASSIGNED
            and known is not None
            and known.state is State.RUNNING
            and known.generation >= status.generation
        ):
            self._say_again(f"{_TASK}{task}", known)
            return
        self._tasks[task.connector][task.task] = status
        if status.state in _ENDS:
            self._ended(task, status)


def _may_replace(known: Status | None, status: Status) -> bool:
    return (
        known is None
        or known.worker_id == status.worker_id
        or known.generation <= status.generation
    )


def _encode(status: Status) -> bytes | None:
    if status.state is State.DESTROYED:
        return None
    return jackson_dumps(
        {
            "state": status.state.value,
            "trace": status.trace,
            "worker_id": status.worker_id,
            "generation": status.generation,
            "version": status.version,
        }
    )


def _decode(value: bytes) -> Status:
    fields = _fields(_json(value))
    generation, worker_id = fields.get("generation"), fields.get("worker_id")
    if isinstance(generation, bool) or not isinstance(generation, int):
        raise _WrongRecordError(f"generation {_shown(generation)}: expected an integer")
    if not isinstance(worker_id, str):
        raise _WrongRecordError(f"worker_id {_shown(worker_id)}: expected a string")
    try:
        state = State(fields.get("state"))
    except ValueError:
        found = _shown(fields.get("state"))
        raise _WrongRecordError(f"state {found}: expected one of {', '.join(State)}") from None
    trace, version = fields.get("trace"), fields.get("version")
    return Status(
        state=state,
        trace=trace if isinstance(trace, str) else None,
        worker_id=worker_id,
        generation=generation,
        version=version if isinstance(version, str) else None,
    )


def _parse_task(text: str) -> ConnectorTaskId:
    name, _, number = text.rpartition("-")
    if not name or not (number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS):
        raise _WrongRecordError("expected status-task-CONNECTOR-NUMBER")
    return ConnectorTaskId(name, int(number))


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _WrongRecordError(f"expected a JSON object, found {_shown(value)}")
    return cast("dict[str, Any]", value)


def _json(value: bytes) -> object:
    try:
        return jackson_loads(value)
    except ValueError as error:
        raise _WrongRecordError(f"the value is not JSON: {error}") from None


def _shown(value: object) -> str:
    """Return a JSON value for a message, the beginning of a long one."""
    return jackson_dumps(value)[:_MAX_SHOWN].decode(errors="replace")
