"""What is fuzzed: each reader of bytes that come from outside, with the one error it may raise.

A target that may raise nothing skips what it cannot read. Records of topics are a key and a value,
joined by a byte that neither has in the seeds.
"""

import asyncio
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConfigError, DataError
from isthmus.channel import ConnectorTaskId, State
from isthmus.config.properties import read_properties
from isthmus.group.protocol import (
    Assignment,
    ConnectProtocol,
    ProtocolError,
    WorkerState,
    decode_assignment,
    decode_worker_state,
    encode_assignment,
    encode_worker_state,
)
from isthmus.kafka.topic_log import LogRecord
from isthmus.rest.bodies import (
    read_config,
    read_create_request,
    read_offsets,
    read_task_configs,
)
from isthmus.rest.errors import RestError
from isthmus.storage.config_records import ConfigReader
from isthmus.storage.java_map import read_map, write_map
from isthmus.storage.memory_log import MemoryLog
from isthmus.storage.offset_store import OffsetStore
from isthmus.storage.status_store import StatusStore
from tests.unit.storage.told import Told

_ROOT: Final = Path(__file__).parents[2]
_SEPARATOR: Final = b"\x1f"
#: Stores keep what they have read; they are made anew after so many records.
_STORE_LIFE: Final = 2000


@dataclass(frozen=True)
class Target:
    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    declared: type[Exception] | tuple[()] = ()

    def crash(self, data: bytes) -> Exception | None:
        """Return what the reader raised that it should not."""
        try:
            self.read(data)
        except self.declared:
            return None
        except Exception as error:  # noqa: BLE001  # it is what we look for
            return error
        return None


@contextmanager
def targets(directory: Path) -> Generator[list[Target]]:
    """Give the targets, which use a file in that directory."""
    with asyncio.Runner() as runner:
        yield [*_rest_bodies(), *_group(), _properties(directory), *_topics(runner), _offset_file()]


def _rest_bodies() -> Iterator[Target]:
    seeds = [
        *_recorded_bodies(),
        b'[{"a":"b"},{"c":null}]',
        b'{"offsets":[{"partition":{},"a":1}]}',
    ]
    for read in (read_create_request, read_config, read_task_configs, read_offsets):
        yield Target(f"REST body, {read.__name__}", seeds, read, RestError)


def _recorded_bodies() -> list[bytes]:
    """Return the bodies that were sent to Apache's worker, by the record of its answers."""
    found: set[str] = set()
    for name in ("bodies", "connectors", "offsets", "names", "initial-states"):
        answers = _ROOT / "tests" / "golden" / "rest" / "answers" / f"{name}.jsonl"
        for line in answers.read_text().splitlines():
            found.add(json.loads(line)["request"].partition(" | ")[2])
    return [body.encode("utf-8", "surrogatepass") for body in sorted(found)]


def _group() -> Iterator[Target]:
    tasks = (ConnectorTaskId("a", 0), ConnectorTaskId("a", 1), ConnectorTaskId("b-c", 7))
    work = Assignment(0, "leader", "http://h:8083/", 7, ("a", "b-c"), tasks, ("d",), tasks, 300.0)
    states = [WorkerState("http://h:8083/", 5, allocation) for allocation in (None, work)]
    yield Target(
        "group protocol, member metadata",
        [encode_worker_state(state, protocol) for state in states for protocol in ConnectProtocol],
        decode_worker_state,
        ProtocolError,
    )
    yield Target(
        "group protocol, assignment",
        [encode_assignment(work, protocol) for protocol in ConnectProtocol],
        decode_assignment,
        ProtocolError,
    )


def _properties(directory: Path) -> Target:
    file = directory / "fuzzed.properties"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        read_properties(file)
        read_properties(file, encoding="utf-8")

    shipped = [path.read_bytes() for path in sorted((_ROOT / "config").glob("*.properties"))]
    made = [b"a=b\\\n  c\n# no\n! no\nk\\ ey : \\u00e9\\t\n", b"\\uD83D\\uDE00 = x\r\ny"]
    # Whole files are long and mostly comments; their lines make more of the inputs matter.
    lines = [line for text in shipped for line in text.splitlines() if line[:1] not in b"# "]
    return Target("properties file", [*shipped[:1], *made, *lines], read, ConfigError)


def _topics(runner: asyncio.Runner) -> Iterator[Target]:
    config = b'{"properties":{"connector.class":"x","tasks.max":"1","n":null}}'
    key = b'{"key":"c2VjcmV0","algorithm":"HmacSHA256","creation-timestamp":1}'
    yield Target(
        "config topic",
        _records(
            {
                b"connector-a": config,
                b"task-a-0": config,
                b"commit-a": b'{"tasks":1}',
                b"target-state-a": b'{"state":"PAUSED","state.v2":"STOPPED"}',
                b"tasks-fencing-a": b'{"task-count":1}',
                b"session-key": key,
                b"restart-connector-a": b'{"include-tasks":true,"only-failed":false}',
                b"logger-cluster-root": b'{"level":"DEBUG"}',
            }
        ),
        _ConfigTopic().read,
    )
    status = b'{"state":"%s","trace":null,"worker_id":"h:8083","generation":2,"version":"1"}'
    states = [status % state.value.encode() for state in State]
    yield Target(
        "status topic",
        _records(
            {
                b"status-connector-a": states[0],
                b"status-task-a-0": states[1],
                b"status-topic-t:connector-a": b'{"topic":{"name":"t","connector":"a","task":0,'
                b'"discoverTimestamp":1}}',
            }
        )
        + [_SEPARATOR.join((b"status-task-a-1", state)) for state in states],
        _StoreTopic(runner, StatusStore, _look_at_statuses).read,
    )
    yield Target(
        "offsets topic",
        _records({b'["a",{"file":"x","n":1}]': b'{"position":17}', b'["a",null]': b'{"p":1.5}'}),
        _StoreTopic(runner, OffsetStore, partial(_look_at_offsets, runner)).read,
    )


def _offset_file() -> Target:
    entries = {b'["a",{"file":"x"}]': b'{"position":17}', b"": b"", b"k" * 300: b"v" * 300}
    return Target(
        "standalone offset file", [write_map(entries), write_map({})], read_map, DataError
    )


def _records(found: Mapping[bytes, bytes]) -> list[bytes]:
    return [_SEPARATOR.join(entry) for entry in found.items()] + list(found)


def _record(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a key and a value; without the separator it is a deletion."""
    key, separator, value = data.partition(_SEPARATOR)
    return key, value if separator else None


class _ConfigTopic:
    """One topic after the other: what a record meets depends on those before."""

    def __init__(self) -> None:
        self._read_so_far = 0
        self._reader, self._told = ConfigReader(), Told()

    def read(self, data: bytes) -> None:
        if self._read_so_far % _STORE_LIFE == 0:
            self._reader, self._told = ConfigReader(), Told()
        self._read_so_far += 1
        event = self._reader.read(LogRecord(0, self._read_so_far, *_record(data)))
        if event is not None:
            event(self._told)
        if self._read_so_far % 16 == 0:
            state = self._reader.state()
            for name in state.connectors():
                for task in state.tasks(name):
                    state.task_config(task)


class _StoreTopic:
    """As `_ConfigTopic`, for a store that follows a log."""

    def __init__(
        self,
        runner: asyncio.Runner,
        make: Callable[[MemoryLog], "StatusStore | OffsetStore"],
        look: Callable[["StatusStore | OffsetStore"], object],
    ) -> None:
        self._runner, self._make, self._look = runner, make, look
        self._read_so_far = 0

    def read(self, data: bytes) -> None:
        if self._read_so_far % _STORE_LIFE == 0:
            if self._read_so_far:
                self._runner.run(self._store.stop())
            self._log = MemoryLog()
            self._store = self._make(self._log)
            self._runner.run(self._store.start())
        self._read_so_far += 1
        self._log.deliver([_record(data)])
        if self._read_so_far % 16 == 0:
            self._look(self._store)


def _look_at_statuses(store: StatusStore | OffsetStore) -> None:
    assert isinstance(store, StatusStore)
    for name in store.connectors():
        store.connector(name)
        store.tasks(name)
        store.topics(name)


def _look_at_offsets(runner: asyncio.Runner, store: StatusStore | OffsetStore) -> None:
    assert isinstance(store, OffsetStore)
    runner.run(store.offsets_of("a"))
