"""Where values of `${provider:path:key}` come from: the base of providers of your own (KIP-297)."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigData:
    """Values that hold for a while only, as a lease of a vault does. Java: ConfigData.

    When `ttl` seconds have gone by, connectors that use them are started anew, unless their
    `config.action.reload` is `none`; tasks follow where the new values make a difference.
    """

    values: Mapping[str, str]
    ttl: float | None = None


class ConfigProvider(ABC):
    """Looks values up for `${provider:path:key}`. Java: ConfigProvider.

    The runtime promises: made without arguments, `configure` first. The values are looked up each
    time a connector or task starts, and are not written to Kafka.

    It does not promise a process of its own: it runs in the worker.

    The usual mistake: waiting without a limit for a place that is away. Nothing else of the
    worker's may start meanwhile.
    """

    def configure(self, params: Mapping[str, str]) -> None:
        """Take the settings `config.providers.<name>.param.*`, without their prefix.

        Called before the first `get`.
        """

    @abstractmethod
    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str] | ConfigData:
        """Return the values of those `keys` that exist at `path`; "" where none was given.

        As `ConfigData` if they hold for a while only.

        Raises:
            ConfigError: The place cannot be read.
        """
