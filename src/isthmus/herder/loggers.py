"""Log levels at run time, of a worker with its children or of the cluster (KIP-495, KIP-976)."""

from collections.abc import Callable

from isthmus import logs
from isthmus.herder.errors import NotFoundError
from isthmus.herder.views import LoggerLevel
from isthmus.storage.config_store import ConfigStore


class Loggers:
    """Reads and sets levels. For the event loop only."""

    def __init__(self, configs: ConfigStore, set_level: Callable[[str, str], list[str]]) -> None:
        self._configs = configs
        self._set_level = set_level

    async def all(self) -> dict[str, LoggerLevel]:
        """Return the level of each logger that is not off, by name."""
        return {
            name: LoggerLevel(found.level, found.last_modified)
            for name, found in logs.levels().items()
        }

    async def one(self, name: str) -> LoggerLevel | None:
        """Return the logger's level, also if it is off, or None if there is no such logger."""
        found = logs.level_of(name)
        return None if found is None else LoggerLevel(found.level, found.last_modified)

    def set_here(self, namespace: str, level: str) -> list[str]:
        """Set the level in the worker and its children; return the loggers that it changed.

        Raises:
            NotFoundError: There is no such level; Java answers 404 to that too.
        """
        if not logs.is_level(level):
            raise NotFoundError(f"invalid log level '{level}'.")
        return self._set_level(namespace, level.upper())

    async def set_in_cluster(self, namespace: str, level: str) -> None:
        """Write the level as it was given; every running worker sets it, this one too."""
        if not logs.is_level(level):
            raise NotFoundError(f"invalid log level '{level}'.")
        await self._configs.put_logger_level(namespace, level)
