"""Extensions of the REST API (KIP-285): middleware around it, and resources beside its own.

    class Audit(ConnectRestExtension):
        def register(self, context: ConnectRestExtensionContext) -> None:
            context.add_middleware(AuditMiddleware)
            context.add_routes(Route("/audit", self.show))

A worker loads the classes that `rest.extension.classes` names. They run in the worker's own
process, on its event loop: what they do there must not block.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

#: Returns an application that gets each request first, and may hand it on to the one given.
Middleware: TypeAlias = Callable[[ASGIApp], ASGIApp]


class ConnectClusterState(Protocol):
    """What an extension may ask about the cluster. Java: ConnectClusterState.

    Each raises TimeoutError if the worker does not answer in time, and the error that the same
    request over HTTP gets.
    """

    async def connectors(self) -> Sequence[str]:
        """Return the names of all connectors."""
        ...

    async def connector_health(self, name: str) -> Mapping[str, Any]:
        """Return what `GET /connectors/{name}/status` answers."""
        ...

    async def connector_config(self, name: str) -> Mapping[str, str | None]:
        """Return a connector's config, with its variables unresolved."""
        ...

    @property
    def kafka_cluster_id(self) -> str:
        """The id of the Kafka cluster. Java: ConnectClusterDetails."""
        ...


class ConnectRestExtensionContext(Protocol):
    """Where an extension adds what it has. Java: ConnectRestExtensionContext."""

    @property
    def cluster_state(self) -> ConnectClusterState: ...

    def add_middleware(self, middleware: Middleware) -> None:
        """Put middleware around all resources; what was added first sees a request first.

        A request's path is already in its plain form. Resources of `/admin` are included, unless
        they have listeners of their own.
        """
        ...

    def add_routes(self, *routes: BaseRoute) -> None:
        """Add resources; those of Connect itself win over them."""
        ...


class ConnectRestExtension(ABC):
    """An extension. Java: ConnectRestExtension.

    Its class is called without arguments, then `configure`, then `register`; `close` at the end.
    """

    def configure(self, config: Mapping[str, str]) -> None:
        """Take the worker's properties, variables filled in; they may hold secrets.

        Raises:
            ConfigError: They lack something, or something is wrong; the worker does not start.
        """

    @abstractmethod
    def register(self, context: ConnectRestExtensionContext) -> None:
        """Add middleware and resources; the worker is about to answer requests."""

    def close(self) -> None:
        """Release what is held; the worker is about to end."""
