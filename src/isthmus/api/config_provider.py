"""Where values of `${provider:path:key}` come from: the base of providers of your own (KIP-297)."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping


class ConfigProvider(ABC):
    """Java: ConfigProvider. Made without arguments, in the worker's own process."""

    def configure(self, params: Mapping[str, str]) -> None:
        """Take the settings `config.providers.<name>.param.*`, without their prefix.

        Called before the first `get`.
        """

    @abstractmethod
    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """Return the values of those `keys` that exist at `path`; "" where none was given.

        Raises:
            ConfigError: The place cannot be read.
        """
