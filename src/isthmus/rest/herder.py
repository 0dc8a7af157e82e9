"""What the REST API asks of a herder."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.herder.signature import SignatureRules
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


class HerderApi(Protocol):
    """Decides and acts; called on the loop. Java: Herder.

    The methods raise the errors of `isthmus.herder.errors`; any other exception becomes status
    500 with its text. A call that takes too long is cancelled. Those that another worker must do
    raise a `RequestTargetError`, and the request goes there.
    """

    @property
    def is_ready(self) -> bool:
        """True once the first round of work was done, and from then on (KIP-1017)."""
        ...

    @property
    def cluster_id(self) -> str: ...

    def stage(self) -> str | None:
        """Return what the worker is doing, or did last, as a sentence with its full stop."""
        ...

    def signature_rules(self) -> SignatureRules | None:
        """Return how requests of other workers must be signed, None while they need not be."""
        ...

    def metrics(self) -> Iterable[Sample]:
        """Return all metrics of this worker as they are now."""
        ...

    async def health_check(self) -> None:
        """Return when the herder has got to it: the proof that it is not stuck."""
        ...

    async def connectors(self) -> list[str]: ...

    async def expanded_connectors(
        self, *, status: bool, info: bool
    ) -> dict[str, ConnectorExpansion]:
        """Return what this worker knows of all connectors, even while a rebalance is expected.

        A connector without a status record is left out if `status` is asked for.
        """
        ...

    @property
    def worker_id(self) -> str:
        """The name of this worker in statuses."""
        ...

    async def connector_health(self, name: str) -> HealthInfo:
        """Return all states of a connector, with what this worker knows of its own part."""
        ...

    async def connector_info(self, name: str) -> ConnectorInfo: ...

    async def connector_status(self, name: str) -> ConnectorStateInfo: ...

    async def task_status(self, task: ConnectorTaskId) -> TaskState: ...

    async def put_connector_config(
        self,
        name: str,
        config: JsonConfig,
        target_state: TargetState | None,
        allow_replace: bool,
    ) -> Created[ConnectorInfo]: ...

    async def patch_connector_config(
        self, name: str, patch: JsonConfig
    ) -> Created[ConnectorInfo]: ...

    async def delete_connector_config(self, name: str) -> None: ...

    async def task_configs(self, name: str) -> list[TaskInfo]: ...

    async def put_task_configs(self, name: str, configs: Sequence[JsonConfig]) -> None:
        """Take the task configs that another worker's connector made; the caller was checked."""
        ...

    async def fence_zombies(self, name: str) -> None:
        """Fence out the tasks of earlier generations (KIP-618); the caller was checked."""
        ...

    async def restart_connector(self, name: str) -> None: ...

    async def restart_task(self, task: ConnectorTaskId) -> None: ...

    async def restart_connector_and_tasks(self, request: RestartRequest) -> ConnectorStateInfo: ...

    async def pause_connector(self, name: str) -> None: ...

    async def resume_connector(self, name: str) -> None: ...

    async def stop_connector(self, name: str) -> None: ...

    async def active_topics(self, name: str) -> ActiveTopics: ...

    async def reset_active_topics(self, name: str) -> None: ...

    async def connector_offsets(self, name: str) -> ConnectorOffsets: ...

    async def alter_connector_offsets(
        self, name: str, offsets: Sequence[ConnectorOffset]
    ) -> Message:
        """Write these offsets; no partition is named twice, an offset None resets its partition."""
        ...

    async def reset_connector_offsets(self, name: str) -> Message: ...

    async def validate_connector_config(self, config: JsonConfig) -> ConfigInfos: ...

    async def connector_plugin_config(
        self, plugin: str, version: str | None
    ) -> list[ConfigKeyInfo]:
        """Return a plugin's settings; `version` is a range as Maven writes it, None the latest."""
        ...

    async def plugins(self, *, connectors_only: bool) -> list[PluginInfo]: ...

    async def all_loggers(self) -> dict[str, LoggerLevel]:
        """Return the level of each logger that is not off, by name."""
        ...

    async def logger(self, name: str) -> LoggerLevel | None: ...

    async def set_worker_logger(self, namespace: str, level: str) -> list[str]:
        """Set the level on this worker; return the loggers whose level changed, by name."""
        ...

    async def set_cluster_logger(self, namespace: str, level: str) -> None:
        """Have every running worker set the level (KIP-976)."""
        ...
