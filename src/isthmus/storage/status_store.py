"""The status topic as a store: what connectors and tasks are, and which topics they use.

Reads are answered from what was read so far. Writes are handed over and sent in order in the
background, the newest for each key: a worker that starts 200 connectors does not wait for 200
acknowledgements. Java: KafkaStatusBackingStore.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, State
from isthmus.kafka.jackson import jackson_dumps
from isthmus.kafka.topic_log import LogRecord, TopicLog

log = logging.getLogger(__name__)

_CONNECTOR = "status-connector-"
_TASK = "status-task-"
_TOPIC = "status-topic-"
_TOPIC_CONNECTOR = ":connector-"
_RETRY_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a connector or task, and who says so, in which generation of the group."""

    state: State
    trace: str | None
    worker_id: str
    generation: int
    version: str | None = None


class StatusStore:
    """Reads and writes the status topic. For the event loop only."""

    def __init__(self, topic_log: TopicLog, clock: Callable[[], float] = time.time) -> None:
        self._log = topic_log
        self._clock = clock
        self._connectors: dict[str, Status] = {}
        self._tasks: defaultdict[str, dict[int, Status]] = defaultdict(dict)
        self._topics: defaultdict[str, set[str]] = defaultdict(set)
        #: What is to be sent, the newest of each key, in the order in which the keys came.
        self._outbox: dict[bytes, bytes | None] = {}
        self._pending = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the topic to its end, and follow it."""
        await self._log.start(self._read)
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
        """Return the names of all connectors that have a status."""
        return sorted(self._connectors)

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
        """Write a connector's status, whatever others say."""
        self._connectors[name] = status
        self._put(f"{_CONNECTOR}{name}", _encode(status))

    def put_connector_safe(self, name: str, status: Status) -> None:
        """Write a connector's status unless another worker has said something newer."""
        if _may_replace(self._connectors.get(name), status):
            self.put_connector(name, status)

    def put_task(self, task: ConnectorTaskId, status: Status) -> None:
        """Write a task's status, whatever others say."""
        self._tasks[task.connector][task.task] = status
        self._put(f"{_TASK}{task}", _encode(status))

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
        self._put(f"{_TOPIC}{topic}{_TOPIC_CONNECTOR}{task.connector}", jackson_dumps(value))

    def delete_topics(self, name: str) -> None:
        """Forget the topics that the connector uses."""
        for topic in self._topics.pop(name, ()):
            self._put(f"{_TOPIC}{topic}{_TOPIC_CONNECTOR}{name}", None)

    def _put(self, key: str, value: bytes | None) -> None:
        self._outbox.pop(key.encode(), None)  # to the end: keys keep the order of their last put
        self._outbox[key.encode()] = value
        self._sent.clear()
        self._pending.set()

    async def _send_pending(self) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            batch, self._outbox = self._outbox, {}
            try:
                await self._log.send(list(batch.items()))
            except ConnectError as error:
                log.warning("Statuses could not be written, trying again: %s", error)
                self._outbox = {**batch, **self._outbox}  # a newer one of the same key wins
                self._pending.set()
                await asyncio.sleep(_RETRY_PAUSE)
                continue
            if not self._outbox:
                self._sent.set()

    def _read(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            try:
                self._read_one((record.key or b"").decode(), record)
            except (ValueError, KeyError, TypeError) as error:
                log.error("Status topic, offset %d, key %r: %s", record.offset, record.key, error)

    def _read_one(self, key: str, record: LogRecord) -> None:
        if record.key in self._outbox:
            return  # we have something newer to say
        if key.startswith(_CONNECTOR):
            self._read_connector(key.removeprefix(_CONNECTOR), record.value)
        elif key.startswith(_TASK):
            name, _, number = key.removeprefix(_TASK).rpartition("-")
            self._read_task(ConnectorTaskId(name, int(number)), record.value)
        elif key.startswith(_TOPIC):
            topic, _, name = key.removeprefix(_TOPIC).partition(_TOPIC_CONNECTOR)
            if record.value is None:
                self._topics[name].discard(topic)
            else:
                self._topics[name].add(topic)
        else:
            raise ValueError("unknown kind of record; skipped")

    def _read_connector(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._connectors.pop(name, None)
        else:
            self._connectors[name] = _decode(value)

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
            return
        self._tasks[task.connector][task.task] = status


def _may_replace(known: Status | None, status: Status) -> bool:
    return (
        known is None
        or known.worker_id == status.worker_id
        or known.generation <= status.generation
    )


def _encode(status: Status) -> bytes:
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
    fields: Mapping[str, Any] = orjson.loads(value)
    generation = fields["generation"]
    if isinstance(generation, bool) or not isinstance(generation, int):
        raise TypeError(f"generation {generation!r}: expected an integer")
    return Status(
        state=State(fields["state"]),
        trace=cast("str | None", fields.get("trace")),
        worker_id=str(fields["worker_id"]),
        generation=generation,
        version=cast("str | None", fields.get("version")),
    )
