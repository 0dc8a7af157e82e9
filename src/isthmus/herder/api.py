"""All that the REST API asks of a herder, on one object; each method names who does it."""

from collections.abc import Iterator, Sequence

import msgspec

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.herder.connectors import Connectors
from isthmus.herder.errors import NotFoundError
from isthmus.herder.fencing import Fencing
from isthmus.herder.health import Health
from isthmus.herder.herder import Herder
from isthmus.herder.loggers import Loggers
from isthmus.herder.metrics import Metrics
from isthmus.herder.offsets import Offsets
from isthmus.herder.signature import SignatureRules
from isthmus.herder.validation import Validation
from isthmus.herder.views import (
    ActiveTopics,
    ConfigInfos,
    ConfigKeyInfo,
    ConnectorExpansion,
    ConnectorInfo,
    ConnectorOffset,
    ConnectorOffsets,
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


class HerderServices:
    """The herder and its parts as one. For the event loop only."""

    def __init__(
        self,
        cluster_id: str,
        herder: Herder,
        connectors: Connectors,
        offsets: Offsets,
        validation: Validation,
        loggers: Loggers,
        metrics: Metrics,
        fencing: Fencing,
    ) -> None:
        self._health = Health(herder)
        self._metrics = metrics
        self._fencing = fencing
        self.cluster_id = cluster_id
        self._herder = herder
        self._connectors = connectors
        self._offsets = offsets
        self._validation = validation
        self._loggers = loggers

    @property
    def is_ready(self) -> bool:
        return self._herder.is_ready

    def stage(self) -> str | None:
        return self._herder.stages.summary()

    def signature_rules(self) -> SignatureRules | None:
        return self._herder.signature_rules()

    def metrics(self) -> Iterator[Sample]:
        return self._metrics.samples()

    async def health_check(self) -> None:
        await self._connectors.health()

    async def connectors(self) -> list[str]:
        return await self._connectors.names()

    async def expanded_connectors(
        self, *, status: bool, info: bool
    ) -> dict[str, ConnectorExpansion]:
        expanded: dict[str, ConnectorExpansion] = {}
        for name in await self._connectors.names():
            try:
                expanded[name] = ConnectorExpansion(
                    status=await self._connectors.status(name) if status else msgspec.UNSET,
                    info=await self._connectors.info(name) if info else msgspec.UNSET,
                )
            except NotFoundError:
                continue  # deleted meanwhile, or so new that it has no status yet
        return expanded

    @property
    def worker_id(self) -> str:
        return self._health.worker_id

    async def connector_health(self, name: str) -> HealthInfo:
        return await self._health.of(name)

    async def connector_info(self, name: str) -> ConnectorInfo:
        return await self._connectors.info(name)

    async def connector_status(self, name: str) -> ConnectorStateInfo:
        return await self._connectors.status(name)

    async def task_status(self, task: ConnectorTaskId) -> TaskState:
        return await self._connectors.task_status(task)

    async def put_connector_config(
        self,
        name: str,
        config: JsonConfig,
        target_state: TargetState | None,
        allow_replace: bool,
    ) -> Created[ConnectorInfo]:
        return await self._connectors.put_config(
            name, config, target_state, allow_replace=allow_replace
        )

    async def patch_connector_config(self, name: str, patch: JsonConfig) -> Created[ConnectorInfo]:
        return await self._connectors.patch_config(name, patch)

    async def delete_connector_config(self, name: str) -> None:
        await self._connectors.delete(name)

    async def task_configs(self, name: str) -> list[TaskInfo]:
        return await self._connectors.task_configs(name)

    async def put_task_configs(self, name: str, configs: Sequence[JsonConfig]) -> None:
        given = [{key: value or "" for key, value in config.items()} for config in configs]
        await self._connectors.publish_task_configs(name, given)

    async def fence_zombies(self, name: str) -> None:
        await self._fencing.fence_zombies(name)

    async def restart_connector(self, name: str) -> None:
        await self._connectors.restart(name)

    async def restart_task(self, task: ConnectorTaskId) -> None:
        await self._connectors.restart_task(task)

    async def restart_connector_and_tasks(self, request: RestartRequest) -> ConnectorStateInfo:
        return await self._connectors.restart_with_tasks(request)

    async def pause_connector(self, name: str) -> None:
        await self._connectors.pause(name)

    async def resume_connector(self, name: str) -> None:
        await self._connectors.resume(name)

    async def stop_connector(self, name: str) -> None:
        await self._connectors.stop(name)

    async def active_topics(self, name: str) -> ActiveTopics:
        return await self._connectors.active_topics(name)

    async def reset_active_topics(self, name: str) -> None:
        await self._connectors.reset_active_topics(name)

    async def connector_offsets(self, name: str) -> ConnectorOffsets:
        return await self._offsets.all(name)

    async def alter_connector_offsets(
        self, name: str, offsets: Sequence[ConnectorOffset]
    ) -> Message:
        return await self._offsets.alter(name, offsets)

    async def reset_connector_offsets(self, name: str) -> Message:
        return await self._offsets.reset(name)

    async def validate_connector_config(self, config: JsonConfig) -> ConfigInfos:
        return await self._validation.validate(config)

    async def connector_plugin_config(
        self, plugin: str, version: str | None
    ) -> list[ConfigKeyInfo]:
        return await self._validation.plugin_config(plugin, version)

    async def plugins(self, *, connectors_only: bool) -> list[PluginInfo]:
        return await self._validation.plugins(connectors_only=connectors_only)

    async def all_loggers(self) -> dict[str, LoggerLevel]:
        return await self._loggers.all()

    async def logger(self, name: str) -> LoggerLevel | None:
        return await self._loggers.one(name)

    async def set_worker_logger(self, namespace: str, level: str) -> list[str]:
        return self._loggers.set_here(namespace, level)

    async def set_cluster_logger(self, namespace: str, level: str) -> None:
        await self._loggers.set_in_cluster(namespace, level)
