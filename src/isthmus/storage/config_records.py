"""The records of the config topic: what each kind says, and what reading one changes.

    connector-NAME           a connector's config; null deletes it
    task-NAME-N              a task's config, which counts from the next commit on
    commit-NAME              the task configs so far count, N of them
    target-state-NAME        STARTED, PAUSED or STOPPED
    tasks-fencing-NAME       how many producers to fence out the next time (KIP-618)
    session-key              the key that signs requests between workers (KIP-507)
    restart-connector-NAME   restart it now, on whichever workers it runs (KIP-745)
    logger-cluster-NAME      a log level for all running workers (KIP-976)

No I/O here. Java: KafkaConfigBackingStore's processing of records.
"""

import base64
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.kafka.jackson import jackson_dumps, jackson_loads
from isthmus.kafka.topic_log import LogRecord
from isthmus.storage.cluster_state import AppliedConfig, ClusterState, Config, SessionKey

log = logging.getLogger(__name__)

#: A longer number is no task's; Python takes long to parse one, and refuses the longest.
_MAX_DIGITS = 10
_MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class RestartRequest:
    """Restart a connector, and of its tasks all, the failed ones or none (KIP-745)."""

    connector: str
    only_failed: bool
    include_tasks: bool

    def __str__(self) -> str:
        return (
            f"restart request for {{connectorName='{self.connector}',"
            f" onlyFailed={str(self.only_failed).lower()},"
            f" includeTasks={str(self.include_tasks).lower()}}}"
        )


class ConfigListener(Protocol):
    """Is told what has changed, on the loop, from the end of the start on."""

    def connector_config_updated(self, name: str) -> None: ...

    def connector_config_removed(self, name: str) -> None: ...

    def task_configs_updated(self, name: str) -> None: ...

    def target_state_changed(self, name: str) -> None: ...

    def session_key_updated(self, key: SessionKey) -> None: ...

    def restart_requested(self, request: RestartRequest) -> None: ...

    def logger_level_updated(self, namespace: str, level: str) -> None: ...


Event: TypeAlias = Callable[[ConfigListener], None]


class _WrongRecordError(Exception):
    """The record's value is not what its key promises."""


def encode_properties(config: Mapping[str, str | None]) -> bytes:
    return jackson_dumps({"properties": dict(config)})


def encode_commit(tasks: int) -> bytes:
    return jackson_dumps({"tasks": tasks})


def encode_target_state(state: TargetState) -> bytes:
    """Return the state twice: workers before 3.5 read the first, and know no STOPPED."""
    old = TargetState.PAUSED if state is TargetState.STOPPED else state
    return jackson_dumps({"state": old.value, "state.v2": state.value})


def encode_session_key(key: SessionKey) -> bytes:
    return jackson_dumps(
        {
            "key": base64.b64encode(key.key).decode(),
            "algorithm": key.algorithm,
            "creation-timestamp": key.created_ms,
        }
    )


def encode_restart(request: RestartRequest) -> bytes:
    return jackson_dumps(
        {"include-tasks": request.include_tasks, "only-failed": request.only_failed}
    )


def encode_task_count(count: int) -> bytes:
    return jackson_dumps({"task-count": count})


def encode_logger_level(level: str) -> bytes:
    return jackson_dumps({"level": level})


class ConfigReader:
    """Reads the config topic's records in their order; holds what they say so far."""

    def __init__(self) -> None:
        self._offset = -1
        self._session_key: SessionKey | None = None
        self._configs: dict[str, Config] = {}
        self._target_states: dict[str, TargetState] = {}
        self._task_counts: dict[str, int] = {}
        self._task_configs: dict[ConnectorTaskId, Config] = {}
        self._applied: dict[str, AppliedConfig] = {}
        self._inconsistent: set[str] = set()
        self._count_records: dict[str, int] = {}
        self._generations: dict[str, int] = {}
        self._pending_fencing: set[str] = set()
        #: Task configs that wait for their commit, by connector; a connector stays in here, if
        #: empty, once it had one.
        self._deferred: dict[str, dict[int, Config]] = {}

    def state(self) -> ClusterState:
        """Return a reading that later records leave alone."""
        return ClusterState(
            offset=self._offset,
            session_key=self._session_key,
            configs=dict(self._configs),
            target_states=dict(self._target_states),
            task_counts=dict(self._task_counts),
            tasks_by_id=dict(self._task_configs),
            applied=dict(self._applied),
            inconsistent_connectors=frozenset(self._inconsistent),
            task_count_records=dict(self._count_records),
            task_config_generations=dict(self._generations),
            pending_fencing=frozenset(self._pending_fencing),
        )

    def read(self, record: LogRecord) -> Event | None:
        """Take one record; return what a listener should be told, if anything.

        A record that makes no sense changes nothing but the offset, and is logged. One whose value
        is not JSON does not even change that, as in Java: offsets must agree between workers.
        """
        try:
            value = None if record.value is None else jackson_loads(record.value)
        except ValueError as error:
            log.error("Config topic, %s: the value is not JSON: %s; skipped", record.place, error)
            return None
        self._offset = record.offset + 1
        try:
            return self._dispatch((record.key or b"").decode(errors="replace"), value)
        except _WrongRecordError as error:
            log.error("Config topic, %s: %s; skipped", record.place, error)
            return None

    def _dispatch(self, key: str, value: object) -> Event | None:
        readers: dict[str, Callable[[str, object], Event | None]] = {
            "target-state-": self._target_state,
            "connector-": self._connector,
            "task-": self._task,
            "commit-": self._commit,
            "restart-connector-": self._restart,
            "tasks-fencing-": self._task_count,
            "logger-cluster-": self._logger_level,
        }
        for prefix, read in readers.items():
            if key.startswith(prefix):
                return read(key.removeprefix(prefix), value)
        if key == "session-key":
            return self._key(value)
        raise _WrongRecordError(
            f"unknown kind of record, expected session-key or {', '.join(readers)}"
        )

    def _target_state(self, name: str, value: object) -> Event | None:
        if value is None:
            # Java: a deletion resets the state in silence; the connector's own record tells.
            self._target_states.pop(name, None)
            return None
        fields = _fields(value)
        text = fields.get("state.v2")
        text = text if isinstance(text, str) else fields.get("state")
        try:
            state = TargetState(cast("str", text))
        except ValueError:
            raise _WrongRecordError(
                f"target state {repr(text)[:_MAX_SHOWN]}: expected one of {', '.join(TargetState)}"
            ) from None
        changed = self._target_states.get(name, TargetState.STARTED) is not state
        self._target_states[name] = state
        if not changed or name not in self._configs:
            return None
        return lambda listener: listener.target_state_changed(name)

    def _connector(self, name: str, value: object) -> Event | None:
        if value is None:
            known = name in self._configs
            self._forget(name)
            self._applied.pop(name, None)
            return (lambda listener: listener.connector_config_removed(name)) if known else None
        self._configs[name] = _properties(value)
        self._target_states.setdefault(name, TargetState.STARTED)
        return lambda listener: listener.connector_config_updated(name)

    def _forget(self, name: str) -> None:
        self._configs.pop(name, None)
        self._task_counts.pop(name, None)
        self._inconsistent.discard(name)
        self._deferred.pop(name, None)
        for task in [task for task in self._task_configs if task.connector == name]:
            del self._task_configs[task]

    def _task(self, name: str, value: object) -> None:
        connector, dash, number = name.rpartition("-")
        digits = number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS
        if not dash or not digits:
            raise _WrongRecordError("expected task-CONNECTOR-NUMBER")
        if value is not None:
            self._deferred.setdefault(connector, {})[int(number)] = _properties(value)

    def _commit(self, name: str, value: object) -> Event | None:
        if name not in self._configs:
            # The connector was deleted, and compaction left the commit.
            self._forget(name)
            return None
        count = _integer(_fields(value).get("tasks"), "tasks")
        if count < 0:
            raise _WrongRecordError(f"tasks is {count}: expected 0 or more")
        deferred = self._deferred.get(name)
        waiting = deferred or {}
        # `all` ends at the first that is missing, however large the count pretends to be.
        if all(number in waiting for number in range(count)):
            for number, config in waiting.items():
                self._task_configs[ConnectorTaskId(name, number)] = config
            self._inconsistent.discard(name)
            self._applied[name] = AppliedConfig(self._configs[name])
            if deferred is not None:
                self._generations[name] = self._generations.get(name, -1) + 1
        else:
            log.error("Connector %s has %d tasks, and not all of their configs", name, count)
            self._inconsistent.add(name)
        if deferred is not None:
            deferred.clear()
        self._task_counts[name] = count
        self._pending_fencing.add(name)
        return lambda listener: listener.task_configs_updated(name)

    def _restart(self, name: str, value: object) -> Event:
        fields = _fields(value)
        request = RestartRequest(
            name,
            only_failed=fields.get("only-failed") is True,
            include_tasks=fields.get("include-tasks") is True,
        )
        return lambda listener: listener.restart_requested(request)

    def _task_count(self, name: str, value: object) -> None:
        self._count_records[name] = _integer(_fields(value).get("task-count"), "task-count")
        self._pending_fencing.discard(name)

    def _logger_level(self, namespace: str, value: object) -> Event:
        level = _fields(value).get("level")
        if not isinstance(level, str):
            raise _WrongRecordError(f"level {repr(level)[:_MAX_SHOWN]}: expected a string")
        return lambda listener: listener.logger_level_updated(namespace, level)

    def _key(self, value: object) -> Event:
        fields = _fields(value)
        text, algorithm = fields.get("key"), fields.get("algorithm")
        if not isinstance(text, str) or not isinstance(algorithm, str):
            raise _WrongRecordError("expected a key and an algorithm")
        try:
            secret = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise _WrongRecordError("the key is not base64") from error
        created = _integer(fields.get("creation-timestamp"), "creation-timestamp")
        key = self._session_key = SessionKey(secret, algorithm, created)
        return lambda listener: listener.session_key_updated(key)


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        shown = jackson_dumps(value)[:_MAX_SHOWN].decode(errors="replace")
        raise _WrongRecordError(f"expected a JSON object, found {shown}")
    return cast("dict[str, Any]", value)


def _properties(value: object) -> Config:
    properties = _fields(value).get("properties")
    if not isinstance(properties, dict):
        raise _WrongRecordError("expected an object `properties`")
    # Connect writes strings and nulls; a hand-written number is shown as it was written.
    return {
        key: item if item is None or isinstance(item, str) else jackson_dumps(item).decode()
        for key, item in cast("dict[str, object]", properties).items()
    }


def _integer(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _WrongRecordError(
            f"{name} is {repr(value)[:_MAX_SHOWN]}:"
            " Expected integer value to be either Integer or Long"
        )
    return value
