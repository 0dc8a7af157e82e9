"""Extensions of the REST API: the classes of `rest.extension.classes`, loaded and given a place.

Java: RestServer.registerRestExtensions, ConnectClusterStateImpl.
"""

import asyncio
import logging
import pkgutil
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.routing import BaseRoute

from isthmus.api.errors import ConfigError
from isthmus.api.rest_extension import ConnectRestExtension, Middleware
from isthmus.rest.herder import HerderApi

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Classes of Java that have a counterpart here.
_JAVA_CLASSES: Final[Mapping[str, str]] = {
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension": (
        "isthmus.rest.basic_auth:BasicAuthSecurityRestExtension"
    )
}


class Extensions:
    """The extensions of one worker, in the order in which they see a request."""

    def __init__(self, class_names: Sequence[str], worker_config: Mapping[str, str]) -> None:
        """Load and configure them.

        Raises:
            ConfigError: One cannot be loaded, or refuses its settings.
        """
        self._extensions = [_load(name) for name in class_names]
        for extension in self._extensions:
            extension.configure(worker_config)

    def register(self, herder: HerderApi, timeout: float) -> "Additions":
        """Return what they add; a question of theirs to the herder may take `timeout` seconds."""
        additions = Additions(ClusterState(herder, timeout))
        for extension in self._extensions:
            extension.register(additions)
        return additions

    def close(self) -> None:
        """Close them; one that fails is logged."""
        for extension in self._extensions:
            try:
                extension.close()
            except Exception:  # somebody else's class may raise anything
                log.exception("REST extension %s could not be closed", type(extension).__name__)
        self._extensions = []


class ClusterState:
    """Java: ConnectClusterStateImpl."""

    def __init__(self, herder: HerderApi, timeout: float) -> None:
        self._herder = herder
        self._timeout = timeout

    async def connectors(self) -> Sequence[str]:
        return await self._answer(self._herder.connectors())

    async def connector_health(self, name: str) -> Mapping[str, Any]:
        return msgspec.to_builtins(await self._answer(self._herder.connector_status(name)))

    async def connector_config(self, name: str) -> Mapping[str, str | None]:
        return (await self._answer(self._herder.connector_info(name))).config

    @property
    def kafka_cluster_id(self) -> str:
        return self._herder.cluster_id

    async def _answer(self, call: Awaitable[T]) -> T:
        async with asyncio.timeout(self._timeout):
            return await call


class Additions:
    """What extensions add, as they are registered. Java: ConnectRestExtensionContextImpl."""

    def __init__(self, cluster_state: ClusterState) -> None:
        self.cluster_state = cluster_state
        self.middleware: list[Middleware] = []
        self.routes: list[BaseRoute] = []

    def add_middleware(self, middleware: Middleware) -> None:
        self.middleware.append(middleware)

    def add_routes(self, *routes: BaseRoute) -> None:
        self.routes.extend(routes)


def _load(name: str) -> ConnectRestExtension:
    key = "rest.extension.classes"
    try:
        loaded: object = pkgutil.resolve_name(_JAVA_CLASSES.get(name, name))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError.invalid(key, name, f"Class {name} could not be found: {error}") from None
    except Exception as error:  # somebody else's module may raise anything
        raise ConfigError.invalid(
            key, name, f"Class {name} could not be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, ConnectRestExtension)):
        raise ConfigError.invalid(
            key,
            name,
            f"expected a subclass of {ConnectRestExtension.__module__}"
            f".{ConnectRestExtension.__name__}",
        )
    return loaded()
