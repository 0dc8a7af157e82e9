"""A sink task that does what a test says, and a runner of it in this process.

The task's connector is `tests.support.sink_tasks:ScriptedSink`; its setting `script` names a
`Script` that the test holds.
"""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from confluent_kafka import Consumer, Producer, TopicPartition

from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SinkConnector
from isthmus.api.record import SinkRecord, SinkRecords
from isthmus.api.task import SinkTask, SinkTaskContext
from isthmus.api.transformation import AnyRecord, Transformation
from isthmus.channel import (
    ChangeState,
    FrameReader,
    Measured,
    StartTask,
    State,
    StateChanged,
    Stop,
    TargetState,
    TopicsUsed,
    encode,
)
from isthmus.plugins import Plugins
from isthmus.task.link import Link
from isthmus.task.sink import SinkRunner

JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
Key = tuple[str, int]
Offsets = Mapping[Key, int]

_scripts: dict[str, "Script"] = {}


class Script:
    """What the task does at each call, and what it was called with."""

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex
        _scripts[self.name] = self
        self.calls: list[str] = []
        self.records: list[SinkRecord] = []
        self.puts = 0
        self.opened: list[Key] = []
        self.closed: list[Key] = []
        self.context: SinkTaskContext | None = None
        #: Called before the records are taken; may raise.
        self.on_put: Callable[[SinkRecords], None] = lambda _: None
        self.on_open: Callable[[Sequence[Key]], None] = lambda _: None
        self.on_pre_commit: Callable[[Offsets], Offsets] = lambda offsets: offsets

    @property
    def values(self) -> list[Any]:
        return [record.value for record in self.records]


class ScriptedSink(SinkConnector):
    version = "4.5.6"

    def config(self) -> ConfigDef:
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None: ...

    def task_class(self) -> type[SinkTask]:
        return ScriptedSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return []


class ScriptedSinkTask(SinkTask):
    def start(self, config: Mapping[str, str]) -> None:
        self._script = _scripts[config["script"]]
        self._script.context = self.context
        self._script.calls.append("start")

    def open(self, partitions: Sequence[Key]) -> None:
        self._script.opened += partitions
        self._script.on_open(partitions)

    def put(self, records: SinkRecords) -> None:
        self._script.puts += 1
        self._script.on_put(records)
        self._script.records += records

    def pre_commit(self, offsets: Offsets) -> Offsets:
        return self._script.on_pre_commit(offsets)

    def close(self, partitions: Sequence[Key]) -> None:
        self._script.closed += partitions
        self._script.calls.append("close")

    def stop(self) -> None:
        self._script.calls.append("stop")


class DropB(Transformation):
    """Drops records whose value is `b`."""

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        return None if record.value == "b" else record


class RunningSink:
    """One sink task on a thread of its own, over a real channel."""

    def __init__(
        self,
        bootstrap_servers: str,
        script: Script,
        config: Mapping[str, str],
        target_state: TargetState = TargetState.STARTED,
        worker: Mapping[str, str] | None = None,
    ) -> None:
        self.states: list[State] = []
        self.versions: list[str | None] = []
        self.topics: list[str] = []
        self.failure: BaseException | None = None
        self._script = script
        self._ours, theirs = socket.socketpair()
        self._link = Link(theirs, _end)
        connector = {"connector.class": "tests.support.sink_tasks:ScriptedSink", **config}
        self._send(
            StartTask(
                connector["name"],
                0,
                {**connector, "script": script.name},
                dict(connector),
                _worker_config(bootstrap_servers) | dict(worker or {}),
                target_state,
                "cluster",
                {},
            )
        )
        threading.Thread(target=self._read, daemon=True).start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        self._send(ChangeState(TargetState.PAUSED))

    def resume(self) -> None:
        self._send(ChangeState(TargetState.STARTED))

    def stop(self) -> None:
        self._send(Stop())
        self.join()

    def join(self, timeout: float = 20.0) -> BaseException | None:
        """Wait for the end of the task, and return what made it fail."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"still running after {timeout:g} s: {self._seen()}"
        return self.failure

    def until(self, reached: Callable[[], bool], timeout: float = 20.0) -> None:
        deadline = time.monotonic() + timeout
        while not reached():
            assert self.failure is None, self._seen()
            assert time.monotonic() < deadline, f"not within {timeout:g} s: {self._seen()}"
            time.sleep(0.02)

    def until_put(self, *values: Any) -> None:
        """Wait until these are the values put so far, in any order of partitions."""
        self.until(lambda: len(self._script.records) >= len(values))
        assert sorted(self._script.values) == sorted(values)

    def _seen(self) -> str:
        return (
            f"states {self.states}, values {self._script.values[:20]}, calls {self._script.calls},"
            f" failure {self.failure!r}"
        )

    def _send(self, message: Any) -> None:
        self._ours.sendall(encode(message))

    def _run(self) -> None:
        try:
            job = self._link.receive_job()
            assert isinstance(job, StartTask)
            SinkRunner(job, self._link, Plugins.discover()).run()
        except BaseException as error:  # noqa: BLE001  # for `join`
            self.failure = error

    def _read(self) -> None:
        frames = FrameReader()
        while data := self._ours.recv(65536):
            for message in frames.feed(data):
                match message:
                    case StateChanged(state, _, version):
                        self.states.append(state)
                        self.versions.append(version)
                    case TopicsUsed(topics):
                        self.topics += topics
                    case Measured():
                        pass
                    case _:
                        raise AssertionError(message)


#: The fixture that starts a task of the connector named as the topic.
Start: TypeAlias = Callable[..., RunningSink]


def until(reached: Callable[[], object], timeout: float = 30.0) -> None:
    """Wait until something is so, which no failure of a task prevents."""
    deadline = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < deadline, f"not within {timeout:g} s"
        time.sleep(0.05)


def _end(_reason: str) -> NoReturn:
    raise SystemExit


def _worker_config(bootstrap_servers: str) -> dict[str, str]:
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": "workers",
        "config.storage.topic": "configs",
        "offset.storage.topic": "offsets",
        "status.storage.topic": "statuses",
        "key.converter": STRING,
        "value.converter": STRING,
        "header.converter": STRING,
        "offset.flush.interval.ms": "300",
    }


def produce(bootstrap_servers: str, topic: str, *values: str | bytes | None, **more: Any) -> None:
    """Write records one after the other, and wait for them."""
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for value in values:
        producer.produce(topic, value, **more)
    assert producer.flush(20) == 0


def committed(bootstrap_servers: str, connector: str, topic: str, partition: int = 0) -> int:
    """Return the offset that the connector's group has committed, below 0 if none."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": f"connect-{connector}"}
    )
    try:
        return consumer.committed([TopicPartition(topic, partition)], 10)[0].offset
    finally:
        consumer.close()


def read(bootstrap_servers: str, topic: str, count: int) -> list[Any]:
    """Return the first `count` messages of partition 0."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": uuid.uuid4().hex})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return consumer.consume(count, 10)
    finally:
        consumer.close()
