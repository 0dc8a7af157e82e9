"""What the worker and its child processes say to each other: messages and framing, no I/O.

A message is a msgspec struct, sent as MessagePack behind a four-byte big-endian length over a
Unix stream socket. Three conversations use it:

    worker → fork server    `Fork` with the child's end of a socket pair; later perhaps `Kill`; now
                            and then `RenewLease`; back: `Forked`, then `Exited`
    worker → child          first a job (`StartConnector`, `StartTask`, `RunPluginJob`), then orders
    child → worker          `StateChanged` and the other reports, and its own requests

`worker/` drives one end on the event loop, `task/` the other with blocking calls. Neither imports
the other; this module is their only common ground.

A message with a `request` number other than 0 is answered by a `Reply` with the same number.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

#: A message larger than this is a bug or hostile, not a configuration.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True, order=True)
class ConnectorTaskId:
    """One task of one connector. Java: ConnectorTaskId."""

    connector: str
    task: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.task}"


class TargetState(StrEnum):
    """What the user wants a connector and its tasks to be."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class State(StrEnum):
    """What a connector or task is, as the status topic and the REST API name it."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FAILED = "FAILED"
    RESTARTING = "RESTARTING"
    STOPPED = "STOPPED"
    DESTROYED = "DESTROYED"


class Failure(StrEnum):
    """Why a connector or task has FAILED, as far as it matters to what comes after."""

    #: Its configuration is wrong, or names a class that is not there: it would fail again.
    CONFIG = "CONFIG"
    ERROR = "ERROR"
    #: Its process ended by itself, or was ended by someone who gave no reason.
    CRASH = "CRASH"
    #: It was ended because it stood still.
    STALL = "STALL"
    #: It was ended because of the memory that it took.
    MEMORY = "MEMORY"


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of all messages; on the wire an array that starts with the class's name."""


class Fork(Message, frozen=True):
    """Worker → fork server, with one file descriptor attached: the child's end of its channel.

    A `leased` child may run no longer than the worker's lease: see `RenewLease`.
    """

    child: int
    title: str
    leased: bool


class Forked(Message, frozen=True):
    """Fork server → worker: child `child` runs as process `pid`."""

    child: int
    pid: int


class Exited(Message, frozen=True):
    """Fork server → worker: `exit_code` is as `subprocess` has it, negative for a signal.

    `error` is set instead when the process could not be forked; there is then no `Forked`.
    `lease_over` says that the fork server killed it because the lease was over.
    """

    child: int
    exit_code: int
    error: str = ""
    lease_over: bool = False


class Kill(Message, frozen=True):
    """Worker → fork server: SIGKILL for this child.

    The fork server does it because it is the parent: a process id cannot have been given to
    another process before the parent has reaped the child.
    """

    child: int


class RenewLease(Message, frozen=True):
    """Worker → fork server: connectors and tasks are this worker's until then, for all it knows.

    `until` is a moment of the machine's monotonic clock, which all its processes share. Who hears
    no more of the worker has all of them killed at that moment: others will be given their work.
    """

    until: float


class StartConnector(Message, frozen=True):
    """The job of a connector's child. Configs have their `${…}` resolved already.

    `worker_config` are the worker's own properties. `target_state` PAUSED or STOPPED: the
    connector is built but not started.
    """

    name: str
    config: dict[str, str | None]
    worker_config: dict[str, str]
    target_state: TargetState
    log_levels: dict[str, str]
    #: Values in these settings that are not to be shown, with what is shown in their place.
    secrets: dict[str, str] = {}


class StartTask(Message, frozen=True):
    """The job of a task's child. `config` is the task's own, `connector_config` its connector's."""

    connector: str
    task: int
    config: dict[str, str | None]
    connector_config: dict[str, str | None]
    worker_config: dict[str, str]
    target_state: TargetState
    cluster_id: str
    log_levels: dict[str, str]
    secrets: dict[str, str] = {}


class RunPluginJob(Message, frozen=True):
    """The job of a short-lived child that runs plugin code once and answers with a `Reply`.

    `job` names a function in `task/jobs.py`; `arguments` and the reply's `body` are JSON, and so is
    `elsewhere`: the plugins that only other children of the worker can load.
    """

    request: int
    job: str
    arguments: bytes
    worker_config: dict[str, str]
    log_levels: dict[str, str]
    elsewhere: bytes = b"[]"
    secrets: dict[str, str] = {}


class ChangeState(Message, frozen=True):
    """Worker → child: go to this target state; the child reports with `StateChanged`."""

    target_state: TargetState


class Stop(Message, frozen=True):
    """Worker → child: end in order, report the last state and exit."""


class GenerateTaskConfigs(Message, frozen=True):
    """Worker → connector: answer with JSON, a list of at most `max_tasks` task configs.

    Each is complete: `task.class` and `topics` or `topics.regex` are added by the child.
    """

    request: int
    max_tasks: int


class TellProgress(Message, frozen=True):
    """Worker → task: answer with a `Progress` as MessagePack, even while a plugin blocks the task.

    With the stack of the task's thread if it is wanted.
    """

    request: int
    with_stack: bool = False


class Progress(msgspec.Struct, frozen=True):
    """Where a task is. Moments are of the machine's monotonic clock, None for never.

    The task is in `call` since `since`. `moved` is when it came further last, `behind_since` since
    when it has not, although `waiting` records were read or more are in Kafka. `lag` is how many a
    sink has not read, None if unknown.
    """

    call: str
    since: float
    polled: float | None = None
    put: float | None = None
    committed: float | None = None
    moved: float | None = None
    behind_since: float | None = None
    waiting: int = 0
    lag: int | None = None
    stack: str = ""


class RelieveMemory(Message, frozen=True):
    """Worker → task: read nothing more until all is flushed and committed; then go on."""


class SetLogLevel(Message, frozen=True):
    """Worker → child: what `logs.set_level` takes; `logger` is a prefix of names, or `root`."""

    logger: str
    level: str


class StateChanged(Message, frozen=True):
    """Child → worker: the state it is in now. `trace` and `failure` are set for FAILED."""

    state: State
    trace: str | None = None
    version: str | None = None
    failure: Failure | None = None


class ReconfigurationRequested(Message, frozen=True):
    """Connector → worker: the connector wants its task configs generated anew."""


class ReadyToStart(Message, frozen=True):
    """Source task → worker: nobody writes any more under its transactional id, if it has one.

    The reply says that the task is still this worker's, or why it may not go on (KIP-618).
    """

    request: int


class ReadTaskConfig(Message, frozen=True):
    """Task → worker: the reply's body is a `TaskConfig` as MessagePack."""

    request: int


class TaskConfig(msgspec.Struct, frozen=True):
    """The config that a task was started with, its `${…}` resolved again."""

    config: dict[str, str | None]
    secrets: dict[str, str]


class ReadOffsets(Message, frozen=True):
    """Child → worker: the reply's body is a MessagePack list of values in the order of `keys`.

    `keys` are keys of the offsets topic, as bytes; a value is bytes, or nil where there is none.
    """

    request: int
    keys: list[bytes]


class WriteOffsets(Message, frozen=True):
    """Task → worker: the reply says that all of them are in the offsets topic, or why not.

    `only_workers` is for a task that writes to a topic of its connector by itself: these are to go
    into the worker's as well. Nobody waits for the reply to request number 0.
    """

    request: int
    records: list[tuple[bytes, bytes | None]]
    only_workers: bool = False


class SpellOffsetKeys(Message, frozen=True):
    """Task → worker: the reply's body is a MessagePack list of keys in the order of `keys`.

    Each is as it is in the offsets topic, if it is there with its members in another order.
    """

    request: int
    keys: list[bytes]


class TopicsUsed(Message, frozen=True):
    """Task → worker: the first time records of these topics passed through it (KIP-558)."""

    topics: list[str]


class Measured(Message, frozen=True):
    """Task → worker: its metrics, by the names of Java's attributes; all of them each time."""

    values: dict[str, float]


class PluginSample(msgspec.Struct, frozen=True, array_like=True):
    """One metric of a plugin's own (KIP-877), with the labels that it is shown with."""

    name: str
    labels: dict[str, str]
    value: float


class PluginsMeasured(Message, frozen=True):
    """Child → worker: the metrics that its plugins have registered; all of them each time."""

    samples: list[PluginSample]


class Reply(Message, frozen=True):
    """The answer to request number `request`: a body, or an error's class name and text.

    `error_type` is the class's own name (`ConfigError`), or "" when there is no error.
    """

    request: int
    body: bytes = b""
    error_type: str = ""
    error: str = ""


AnyMessage: TypeAlias = (
    Fork
    | Forked
    | Exited
    | Kill
    | RenewLease
    | StartConnector
    | StartTask
    | RunPluginJob
    | ChangeState
    | Stop
    | GenerateTaskConfigs
    | TellProgress
    | RelieveMemory
    | SetLogLevel
    | StateChanged
    | ReconfigurationRequested
    | ReadyToStart
    | ReadTaskConfig
    | ReadOffsets
    | WriteOffsets
    | SpellOffsetKeys
    | TopicsUsed
    | Measured
    | PluginsMeasured
    | Reply
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: AnyMessage) -> bytes:
    """Return the message as one frame, ready to send."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class FrameReader:
    """Turns the bytes of a stream back into messages; holds what is not yet complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyMessage]:
        """Take the next bytes of the stream and return the messages that they complete.

        Raises:
            ValueError: The stream does not hold our messages; it cannot be read on.
        """
        self._buffer += data
        messages: list[AnyMessage] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[start : start + _LENGTH_BYTES], "big")
            if length > MAX_MESSAGE_BYTES:
                raise ValueError(
                    f"a message of {length} bytes; at most {MAX_MESSAGE_BYTES} expected"
                )
            end = start + _LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            messages.append(_decode(self._buffer[start + _LENGTH_BYTES : end]))
            start = end
        if start:
            del self._buffer[:start]
        return messages


def _decode(body: bytearray) -> AnyMessage:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"not one of our messages: {error}") from None
