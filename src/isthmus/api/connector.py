"""Connectors: what a connector author writes to say which tasks there are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Protocol

from isthmus.api.config_def import ConfigDef, ConfigValue
from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import SourceOffset, SourcePartition
from isthmus.api.task import SinkTask, SourceOffsetReader, SourceTask


class ConnectorContext(Protocol):
    """What a connector may ask of the runtime; from any thread."""

    @property
    def plugin_metrics(self) -> PluginMetrics:
        """Shows figures of this connector beside the worker's (KIP-877)."""
        ...

    def request_task_reconfiguration(self) -> None:
        """Ask for `task_configs` to be called again, because the source or target changed."""
        ...

    def raise_error(self, error: Exception) -> None:
        """Mark the connector FAILED, for an error found outside the runtime's calls."""
        ...


class SourceConnectorContext(ConnectorContext, Protocol):
    """The context of a source connector."""

    @property
    def offset_reader(self) -> SourceOffsetReader: ...


class Connector(ABC):
    """Says how a job is split into tasks; moves no data itself. Java: Connector.

    The runtime promises: a process of its own, and all calls on one thread. `start` comes first,
    then `task_configs` whenever the tasks may have changed, at last `stop`. `context` is set before
    `start`.

    It does not promise one life: after a pause `start` may be called again on the same instance,
    and `config` and `validate` are called on instances that never start, on any worker. A worker
    that dies calls no `stop`.

    The usual mistake: `task_configs` that differ although nothing changed, from a set or a time of
    day. Each difference restarts all tasks of the connector.
    """

    #: What users see at `GET /connector-plugins` and in statuses.
    version: ClassVar[str] = "undefined"

    @abstractmethod
    def config(self) -> ConfigDef:
        """Return the settings that this connector knows."""

    def validate(self, config: Mapping[str, str | None]) -> Sequence[ConfigValue]:
        """Return each setting with its value and errors; by default what `config` can tell.

        Add errors that need a look at several settings, or at the source or target. Called often,
        on any worker: it must not change anything.
        """
        return self.config().validate(config)

    @abstractmethod
    def start(self, config: Mapping[str, str]) -> None:
        """Take the settings, and get ready to say which tasks there are.

        Raises:
            ConnectError: The connector becomes FAILED with this text.
        """

    @abstractmethod
    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Return the settings of each task, at most `max_tasks` of them.

        Return the same when nothing changed: a difference restarts all tasks of the connector.
        """

    def stop(self) -> None:
        """Let go of what `start` took; called once for each `start` that was called."""


class ExactlyOnceSupport(StrEnum):
    """Whether a source connector can write each record exactly once (KIP-618)."""

    SUPPORTED = "SUPPORTED"
    UNSUPPORTED = "UNSUPPORTED"


class ConnectorTransactionBoundaries(StrEnum):
    """Whether a source connector can say itself what goes into a transaction (KIP-618)."""

    SUPPORTED = "SUPPORTED"
    UNSUPPORTED = "UNSUPPORTED"


class SourceConnector(Connector):
    """A connector whose tasks bring records into Kafka. Java: SourceConnector."""

    context: SourceConnectorContext

    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        """Return whether the connector writes exactly once with this config; None if unknown.

        Asked when a config has `exactly.once.support=required`, before anything is started.
        """
        return None

    def can_define_transaction_boundaries(
        self, config: Mapping[str, str]
    ) -> ConnectorTransactionBoundaries:
        """Return whether `transaction.boundary=connector` is possible with this config."""
        return ConnectorTransactionBoundaries.UNSUPPORTED

    @abstractmethod
    def task_class(self) -> type[SourceTask]:
        """Return the class of the tasks."""

    def alter_offsets(
        self,
        config: Mapping[str, str],
        offsets: Sequence[tuple[SourcePartition, SourceOffset | None]],
    ) -> bool:
        """Check offsets that a user wants to write, None for a reset (KIP-875).

        Return True when the offsets in Kafka are all there is to change.

        Raises:
            ConnectError: These offsets make no sense for this connector; nothing is written.
        """
        return False


class SinkConnector(Connector):
    """A connector whose tasks take records out of Kafka. Java: SinkConnector."""

    context: ConnectorContext

    @abstractmethod
    def task_class(self) -> type[SinkTask]:
        """Return the class of the tasks."""

    def alter_offsets(
        self, config: Mapping[str, str], offsets: Mapping[tuple[str, int], int | None]
    ) -> bool:
        """Check offsets by topic and partition that a user wants to write, None for a reset.

        Return True when the offsets in Kafka are all there is to change (KIP-875).
        """
        return False


#: Any class of connectors, for those who look one up by name.
AnyConnector = SourceConnector | SinkConnector
