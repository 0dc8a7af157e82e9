"""What a herder answers: the shapes of the REST API, field order being the order on the wire.

All are data only. A field that Java leaves out of the JSON has here the value that makes it be
left out as its default.
"""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import msgspec

from isthmus.channel import ConnectorTaskId, State

#: The config of a connector or task as clients send it: a value may be null.
JsonConfig: TypeAlias = dict[str, str | None]

#: What Java calls a version that a plugin does not state; it is then left out of the JSON.
UNDEFINED_VERSION = "undefined"

T = TypeVar("T")


class View(msgspec.Struct, frozen=True):
    """The base of all shapes."""


@dataclass(frozen=True, slots=True)
class Created(Generic[T]):
    """What a put made of a thing, and whether the thing is new. Java: Herder.Created."""

    created: bool
    result: T


class ServerInfo(View, frozen=True):
    """`GET /`. Java: ServerInfo."""

    version: str
    commit: str
    kafka_cluster_id: str


class WorkerHealth(View, frozen=True):
    """`GET /health` (KIP-1017). Java: WorkerStatus."""

    status: str
    message: str


class ConnectorInfo(View, frozen=True):
    """A connector as it is configured; `config` with its `${…}` unresolved.

    `type` is `source`, `sink`, or `unknown` when this worker cannot load the class.
    Java: ConnectorInfo.
    """

    name: str
    config: JsonConfig
    tasks: list[ConnectorTaskId]
    type: str


class ConnectorState(View, frozen=True, omit_defaults=True):
    """The state of a connector itself; `version` None is sent as null, as for old workers' records.

    Java: ConnectorStateInfo.ConnectorState.
    """

    state: State
    worker_id: str
    version: str | None = UNDEFINED_VERSION
    trace: str | None = None

    def __post_init__(self) -> None:
        if self.trace == "":
            msgspec.structs.force_setattr(self, "trace", None)


class TaskState(View, frozen=True, omit_defaults=True):
    """The state of one task; `id` is the task's number. Java: ConnectorStateInfo.TaskState."""

    id: int
    state: State
    worker_id: str
    version: str | None = UNDEFINED_VERSION
    trace: str | None = None

    def __post_init__(self) -> None:
        if self.trace == "":
            msgspec.structs.force_setattr(self, "trace", None)


class ConnectorStateInfo(View, frozen=True):
    """The states of a connector and its tasks, tasks by number. Java: ConnectorStateInfo."""

    name: str
    connector: ConnectorState
    tasks: list[TaskState]
    type: str


class ConnectorExpansion(View, frozen=True, omit_defaults=True):
    """One connector in `GET /connectors?expand=…`: only what was asked for."""

    status: ConnectorStateInfo | msgspec.UnsetType = msgspec.UNSET
    info: ConnectorInfo | msgspec.UnsetType = msgspec.UNSET


class RestartsInfo(View, frozen=True):
    """The automatic restarts of a connector or task since its count began.

    `max` -1 is without end; `next_at` is in ms since 1970. `gave_up` says why there is none to come
    although they are enabled.
    """

    enabled: bool
    count: int
    max: int
    last_reason: str | None
    next_at: int | None
    gave_up: str | None


class ProgressInfo(View, frozen=True):
    """Where a task is; moments are ms since 1970, null for never.

    It is in `call` since `since`. `waiting` records are on their way through it; `lag` records are
    left in Kafka for a sink, null if that is unknown.
    """

    call: str
    since: int
    polled: int | None
    put: int | None
    committed: int | None
    moved: int | None
    waiting: int
    lag: int | None


class StallInfo(View, frozen=True):
    """A task that stands still, since a moment in ms since 1970."""

    since: int
    reason: str
    stack: str


class ConnectorHealth(View, frozen=True):
    """What the worker of a connector knows of it; all is None if that worker does not say."""

    state: State
    worker_id: str
    memory_bytes: int | None = None
    restarts: RestartsInfo | None = None


class TaskHealth(View, frozen=True):
    """What the worker of a task knows of it; all is None if that worker does not say."""

    id: int
    state: State
    worker_id: str
    memory_bytes: int | None = None
    restarts: RestartsInfo | None = None
    progress: ProgressInfo | None = None
    stall: StallInfo | None = None


class HealthInfo(View, frozen=True):
    """`GET /connectors/{connector}/health`. There is none in Java.

    `unanswered` has the workers that did not say what they know, each with the reason.
    """

    name: str
    connector: ConnectorHealth
    tasks: list[TaskHealth]
    unanswered: dict[str, str]


class TaskInfo(View, frozen=True):
    """A task as it is configured. Java: TaskInfo."""

    id: ConnectorTaskId
    config: JsonConfig


class ActiveTopics(View, frozen=True):
    """The topics that a connector has used since the last reset (KIP-558). Java: ActiveTopicsInfo.

    On the wire it is `{connector: {"topics": topics}}`.
    """

    connector: str
    topics: list[str]


class ConnectorOffset(View, frozen=True):
    """Where a connector stands in one partition; `offset` None asks for a reset (KIP-875).

    Java: ConnectorOffset.
    """

    partition: dict[str, object] | None
    offset: dict[str, object] | None


class ConnectorOffsets(View, frozen=True):
    """Where a connector stands in all its partitions. Java: ConnectorOffsets."""

    offsets: list[ConnectorOffset]


class Message(View, frozen=True):
    """A sentence for the user. Java: Message."""

    message: str


class ConfigKeyInfo(View, frozen=True):
    """What a setting is. `type`, `importance` and `width` are Java's enum names.

    Java: ConfigKeyInfo.
    """

    name: str
    type: str
    required: bool
    default_value: str | None
    importance: str
    documentation: str | None
    group: str | None
    order_in_group: int
    width: str
    display_name: str
    dependents: list[str]


class ConfigValueInfo(View, frozen=True):
    """What a setting has, as text. Java: ConfigValueInfo."""

    name: str
    value: str | None
    recommended_values: list[str | None]
    errors: list[str]
    visible: bool


class ConfigInfo(View, frozen=True):
    """One setting in the answer of a validation. Java: ConfigInfo."""

    definition: ConfigKeyInfo | None
    value: ConfigValueInfo


class ConfigInfos(View, frozen=True):
    """The answer of a validation; `name` is the `connector.class` as given. Java: ConfigInfos."""

    name: str
    error_count: int
    groups: list[str]
    configs: list[ConfigInfo]


class PluginInfo(View, frozen=True, omit_defaults=True, rename={"class_name": "class"}):
    """A plugin that this worker has; `class_name` is Java's full name. Java: PluginInfo."""

    class_name: str
    type: str
    version: str | None = UNDEFINED_VERSION


class LoggerLevel(View, frozen=True):
    """The level of a logger and when it was set, in ms since 1970. Java: LoggerLevel."""

    level: str
    last_modified: int | None
