"""A herder that answers what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar, cast

from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.herder.errors import NotFoundError
from isthmus.herder.signature import SignatureRules
from isthmus.herder.views import (
    ActiveTopics,
    ConfigInfos,
    ConfigKeyInfo,
    ConnectorExpansion,
    ConnectorHealth,
    ConnectorInfo,
    ConnectorOffset,
    ConnectorOffsets,
    ConnectorState,
    ConnectorStateInfo,
    Created,
    HealthInfo,
    JsonConfig,
    LoggerLevel,
    Message,
    PluginInfo,
    TaskInfo,
    TaskState,
)
from isthmus.metrics import Sample
from isthmus.storage.config_store import RestartRequest

T = TypeVar("T")


def info(name: str, config: JsonConfig | None = None, tasks: int = 1) -> ConnectorInfo:
    ids = [ConnectorTaskId(name, number) for number in range(tasks)]
    return ConnectorInfo(name, config or {"name": name}, ids, "source")


def status(name: str, state: State = State.RUNNING) -> ConnectorStateInfo:
    return ConnectorStateInfo(
        name,
        ConnectorState(state, "w:8083", "1.0"),
        [TaskState(0, state, "w:8083", "1.0")],
        "source",
    )


class ScriptedHerder:
    """Every method gives the answer that `answers` has under its name, or a plain default.

    An exception among the answers is raised. A name in `stuck` never answers.
    """

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.stuck: set[str] = set()
        self.calls: list[tuple[object, ...]] = []
        self.current_stage: str | None = None
        self.rules: SignatureRules | None = None
        self.is_ready = True
        self.cluster_id = "cluster-1"
        self.worker_id = "w:8083"

    def reset(self) -> None:
        self.__init__()

    def stage(self) -> str | None:
        return self.current_stage

    def signature_rules(self) -> SignatureRules | None:
        return self.rules

    async def _answer(self, method: str, default: T, *arguments: object) -> T:
        self.calls.append((method, *arguments))
        if method in self.stuck:
            await asyncio.Event().wait()
        answer = self.answers.get(method, default)
        if isinstance(answer, Exception):
            raise answer
        return cast("T", answer)

    def metrics(self) -> list[Sample]:
        return [Sample("connect-worker-metrics", "task-count", {}, 2)]

    async def health_check(self) -> None:
        return await self._answer("health_check", None)

    async def connectors(self) -> list[str]:
        return await self._answer("connectors", ["a", "b"])

    async def expanded_connectors(
        self, *, status: bool, info: bool
    ) -> dict[str, ConnectorExpansion]:
        default = {"a": ConnectorExpansion()}
        return await self._answer("expanded_connectors", default, status, info)

    async def connector_health(self, name: str) -> HealthInfo:
        default = HealthInfo(name, ConnectorHealth(State.RUNNING, "w:8083"), [], {})
        return await self._answer("connector_health", default, name)

    async def connector_info(self, name: str) -> ConnectorInfo:
        return await self._answer("connector_info", info(name), name)

    async def connector_status(self, name: str) -> ConnectorStateInfo:
        return await self._answer("connector_status", status(name), name)

    async def task_status(self, task: ConnectorTaskId) -> TaskState:
        default = TaskState(task.task, State.RUNNING, "w:8083", "1.0")
        return await self._answer("task_status", default, task)

    async def put_connector_config(
        self,
        name: str,
        config: JsonConfig,
        target_state: TargetState | None,
        allow_replace: bool,
    ) -> Created[ConnectorInfo]:
        return await self._answer(
            "put_connector_config",
            Created(True, info(name, config)),
            name,
            config,
            target_state,
            allow_replace,
        )

    async def patch_connector_config(self, name: str, patch: JsonConfig) -> Created[ConnectorInfo]:
        default = Created(False, info(name, patch))
        return await self._answer("patch_connector_config", default, name, patch)

    async def delete_connector_config(self, name: str) -> None:
        return await self._answer("delete_connector_config", None, name)

    async def task_configs(self, name: str) -> list[TaskInfo]:
        default = [TaskInfo(ConnectorTaskId(name, 0), {"file": "x"})]
        return await self._answer("task_configs", default, name)

    async def put_task_configs(self, name: str, configs: Sequence[JsonConfig]) -> None:
        return await self._answer("put_task_configs", None, name, list(configs))

    async def fence_zombies(self, name: str) -> None:
        return await self._answer("fence_zombies", None, name)

    async def restart_connector(self, name: str) -> None:
        return await self._answer("restart_connector", None, name)

    async def restart_task(self, task: ConnectorTaskId) -> None:
        return await self._answer("restart_task", None, task)

    async def restart_connector_and_tasks(self, request: RestartRequest) -> ConnectorStateInfo:
        default = status(request.connector, State.RESTARTING)
        return await self._answer("restart_connector_and_tasks", default, request)

    async def pause_connector(self, name: str) -> None:
        return await self._answer("pause_connector", None, name)

    async def resume_connector(self, name: str) -> None:
        return await self._answer("resume_connector", None, name)

    async def stop_connector(self, name: str) -> None:
        return await self._answer("stop_connector", None, name)

    async def active_topics(self, name: str) -> ActiveTopics:
        return await self._answer("active_topics", ActiveTopics(name, ["t1", "t2"]), name)

    async def reset_active_topics(self, name: str) -> None:
        return await self._answer("reset_active_topics", None, name)

    async def connector_offsets(self, name: str) -> ConnectorOffsets:
        offset = ConnectorOffset({"filename": "f"}, {"position": 4})
        return await self._answer("connector_offsets", ConnectorOffsets([offset]), name)

    async def alter_connector_offsets(
        self, name: str, offsets: Sequence[ConnectorOffset]
    ) -> Message:
        return await self._answer("alter_connector_offsets", Message("done"), name, list(offsets))

    async def reset_connector_offsets(self, name: str) -> Message:
        return await self._answer("reset_connector_offsets", Message("done"), name)

    async def validate_connector_config(self, config: JsonConfig) -> ConfigInfos:
        default = ConfigInfos(config.get("connector.class") or "", 0, ["Common"], [])
        return await self._answer("validate_connector_config", default, config)

    async def connector_plugin_config(
        self, plugin: str, version: str | None
    ) -> list[ConfigKeyInfo]:
        key = ConfigKeyInfo(
            "file", "STRING", False, None, "HIGH", "A file.", None, -1, "NONE", "file", []
        )
        return await self._answer("connector_plugin_config", [key], plugin, version)

    async def plugins(self, *, connectors_only: bool) -> list[PluginInfo]:
        default = [PluginInfo("org.x.Sink", "sink", "1.0"), PluginInfo("org.x.Source", "source")]
        return await self._answer("plugins", default, connectors_only)

    async def all_loggers(self) -> dict[str, LoggerLevel]:
        default = {"root": LoggerLevel("INFO", None), "a.b": LoggerLevel("WARN", 17)}
        return await self._answer("all_loggers", default)

    async def logger(self, name: str) -> LoggerLevel | None:
        return await self._answer("logger", LoggerLevel("WARN", 17), name)

    async def set_worker_logger(self, namespace: str, level: str) -> list[str]:
        return await self._answer("set_worker_logger", ["a.z", "a.b"], namespace, level)

    async def set_cluster_logger(self, namespace: str, level: str) -> None:
        return await self._answer("set_cluster_logger", None, namespace, level)


def not_found(name: str) -> NotFoundError:
    return NotFoundError(f"Connector {name} not found")
