"""What the config topic says, at one moment; immutable. Java: ClusterConfigState."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from isthmus.channel import ConnectorTaskId, TargetState

Config = Mapping[str, str | None]

Resolve = Callable[[Config], Config]


@dataclass(slots=True)
class AppliedConfig:
    """A connector's config as of one commit of its task configs. For the event loop only.

    Its variables are resolved at the first look, and stay as they were then: a later change of a
    value behind the same `${…}` is thus a difference. Java: AppliedConnectorConfig.
    """

    config: Config
    _resolved: Config | None = field(default=None, init=False, repr=False, compare=False)

    def resolved(self, resolve: Resolve) -> Config:
        """Return the config with its variables as of the first call."""
        if self._resolved is None:
            self._resolved = resolve(self.config)
        return self._resolved


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The key that signs requests between workers (KIP-507); created in ms since 1970."""

    key: bytes = field(repr=False)
    algorithm: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class ClusterState:
    """One reading of the config topic.

    `offset` is that of the last record read plus one, -1 for an empty topic. A connector whose
    task configs were not all there at their commit is inconsistent: it has a task count, and no
    tasks.
    """

    offset: int = -1
    session_key: SessionKey | None = None
    configs: Mapping[str, Config] = field(default_factory=dict[str, Config])
    target_states: Mapping[str, TargetState] = field(default_factory=dict[str, TargetState])
    task_counts: Mapping[str, int] = field(default_factory=dict[str, int])
    tasks_by_id: Mapping[ConnectorTaskId, Config] = field(
        default_factory=dict[ConnectorTaskId, Config]
    )
    applied: Mapping[str, AppliedConfig] = field(default_factory=dict[str, AppliedConfig])
    inconsistent_connectors: frozenset[str] = frozenset()
    task_count_records: Mapping[str, int] = field(default_factory=dict[str, int])
    task_config_generations: Mapping[str, int] = field(default_factory=dict[str, int])
    pending_fencing: frozenset[str] = frozenset()

    def connectors(self) -> list[str]:
        """Return the names of all connectors, sorted."""
        return sorted(self.configs)

    def contains(self, name: str) -> bool:
        return name in self.configs

    def connector_config(self, name: str) -> Config | None:
        """Return the connector's config as it was written, placeholders and all."""
        return self.configs.get(name)

    def target_state(self, name: str) -> TargetState | None:
        """Return what the connector is to be, None if there is no such connector."""
        if name not in self.configs:
            return None
        return self.target_states.get(name, TargetState.STARTED)

    def task_count(self, name: str) -> int:
        """Return the number of tasks at the last commit, also of an inconsistent connector."""
        return self.task_counts.get(name, 0)

    def tasks(self, connector: str) -> list[ConnectorTaskId]:
        """Return the connector's tasks in order, none if it is inconsistent."""
        if connector in self.inconsistent_connectors:
            return []
        return [ConnectorTaskId(connector, n) for n in range(self.task_count(connector))]

    def task_config(self, task: ConnectorTaskId) -> Config | None:
        """Return the task's config as it was written."""
        return self.tasks_by_id.get(task)

    def applied_config(self, name: str) -> AppliedConfig | None:
        """Return the connector's config as of the last commit of its task configs."""
        return self.applied.get(name)

    def task_config_generation(self, name: str) -> int:
        """Return how often the connector's task configs were replaced, -1 if it never had any."""
        return self.task_config_generations.get(name, -1)
