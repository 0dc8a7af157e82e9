"""Variables in settings: `${provider:path:key}` and `${provider:key}` (KIP-297).

    ConfigTransformer        finds the variables and fills them in
      FileConfigProvider     from a properties file
      DirectoryConfigProvider  from files whose names are the keys
      EnvVarConfigProvider   from the environment
      a class of an installed package, named `my_package.vault:VaultConfigProvider`

A variable stays as it is if there is no such provider or key. Nothing is resolved twice: a value
that looks like a variable is taken as text.
"""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Generic, Protocol, TypeVar, cast

from isthmus import secrets
from isthmus.api.config_def import parse_list
from isthmus.api.config_provider import ConfigData
from isthmus.api.config_provider import ConfigProvider as AuthorsProvider
from isthmus.api.errors import ConfigError
from isthmus.config.properties import read_properties

log = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}")
#: Provider, path and key of a variable.
_Place = tuple[str, str, str]
_Value = TypeVar("_Value", str, str | None)


class ConfigProvider(Protocol):
    """Where values of variables come from. Java: ConfigProvider."""

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str] | ConfigData:
        """Return the values of those `keys` that exist at `path`; "" where none was given.

        Raises:
            ConfigError: The place cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Resolved(Generic[_Value]):
    """Settings whose variables are filled in, and for how many seconds all of them hold."""

    config: dict[str, _Value]
    ttl: float | None = None


class ConfigTransformer:
    """Fills in the variables of settings. Java: ConfigTransformer."""

    def __init__(self, providers: Mapping[str, ConfigProvider]) -> None:
        self._providers = providers

    def transform(self, props: Mapping[str, _Value]) -> dict[str, _Value]:
        """Return `props` with each variable replaced whose provider has a value for it.

        From then on no line of the log shows these values.

        Raises:
            ConfigError: A provider cannot read the place that a variable names.
        """
        return self.resolve(props).config

    def resolve(self, props: Mapping[str, _Value]) -> Resolved[_Value]:
        """Do as `transform`, and say also how long the values hold; None for ever."""
        if not self._providers:
            return Resolved(dict(props))
        values, ttl = self._look_up(value for value in props.values() if value is not None)
        secrets.learn({value: _variable(place) for place, value in values.items()})

        def fill_in(text: str) -> str:
            return _VARIABLE.sub(lambda match: values.get(_place(match), match[0]), text)

        filled = {key: value if value is None else fill_in(value) for key, value in props.items()}
        return Resolved(cast("dict[str, _Value]", filled), ttl)

    def _look_up(self, texts: Iterable[str]) -> tuple[dict[_Place, str], float | None]:
        wanted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for text in texts:
            for match in _VARIABLE.finditer(text):
                provider, path, key = _place(match)
                wanted[provider, path].add(key)
        values: dict[_Place, str] = {}
        ttls: list[float] = []
        for (name, path), keys in wanted.items():
            if (provider := self._providers.get(name)) is None:
                continue
            found = provider.get(path, keys)
            if isinstance(found, ConfigData):
                ttls += [] if found.ttl is None else [found.ttl]
                found = found.values
            values |= {(name, path, key): value for key, value in found.items()}
        return values, min(ttls, default=None)


def _variable(place: _Place) -> str:
    provider, path, key = place
    return f"${{{provider}:{path}:{key}}}" if path else f"${{{provider}:{key}}}"


def _place(match: re.Match[str]) -> _Place:
    return match[1], match[2] or "", match[3]


class _AllowedPaths:
    """The files and directories that a provider may read; all if none are named."""

    def __init__(self, name: str, text: str | None) -> None:
        self._paths = [_existing_path(name, path) for path in parse_list(text or "")]

    def allow(self, path: Path) -> bool:
        """Return whether `path` is one of them or below; `..` and links do not lead out."""
        resolved = path.resolve()
        return not self._paths or any(resolved.is_relative_to(allowed) for allowed in self._paths)


def _existing_path(name: str, text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ConfigError.invalid(name, text, "Path is not absolute")
    if not path.exists():
        raise ConfigError.invalid(name, text, "Path does not exist")
    return path.resolve()


class FileConfigProvider:
    """Values from a properties file in UTF-8. Java: FileConfigProvider."""

    def __init__(self, name: str, params: Mapping[str, str]) -> None:
        key = f"config.providers.{name}.param.allowed.paths"
        self._allowed = _AllowedPaths(key, params.get("allowed.paths"))

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """Return those `keys` that the file `path` has.

        Raises:
            ConfigError: The file cannot be read.
        """
        if not path:
            return {}
        if not self._allowed.allow(Path(path)):
            log.warning("config provider may not read this file: path=%s", path)
            return {}
        properties = read_properties(path, encoding="utf-8")
        return {key: properties[key] for key in keys if key in properties}


class DirectoryConfigProvider:
    """Values from the files of a directory, as Kubernetes mounts secrets.

    A value is all that its file holds, with blanks and line ends. Java: DirectoryConfigProvider.
    """

    def __init__(self, name: str, params: Mapping[str, str]) -> None:
        key = f"config.providers.{name}.param.allowed.paths"
        self._allowed = _AllowedPaths(key, params.get("allowed.paths"))

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """Return the contents of the regular files in the directory `path` named as in `keys`.

        Raises:
            ConfigError: The directory or a file cannot be read.
        """
        directory = Path(path)
        if not path:
            return {}
        if not self._allowed.allow(directory):
            log.warning("config provider may not read this directory: path=%s", path)
            return {}
        if not directory.is_dir():
            log.warning("config provider was given a path that is no directory: path=%s", path)
            return {}
        try:
            return {
                file.name: file.read_text(encoding="utf-8")
                for file in directory.iterdir()
                if file.name in keys and file.is_file()
            }
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"Could not read files of directory {path}: {error}") from None


class EnvVarConfigProvider:
    """Values from the environment of the worker. Java: EnvVarConfigProvider."""

    def __init__(self, name: str, params: Mapping[str, str]) -> None:
        pattern = params.get("allowlist.pattern", ".*")
        try:
            allowed = re.compile(pattern)
        except re.error as error:
            key = f"config.providers.{name}.param.allowlist.pattern"
            raise ConfigError.invalid(key, pattern, f"Invalid regex: {error}") from None
        self._values = {key: value for key, value in os.environ.items() if allowed.fullmatch(key)}

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """Return those `keys` that the environment has; there is no path.

        Raises:
            ConfigError: A path was given.
        """
        if path:
            raise ConfigError(
                f"Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
            )
        return {key: self._values[key] for key in keys if key in self._values}


_PROVIDERS = {
    provider.__name__: provider
    for provider in (FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider)
}
_JAVA_PACKAGE = "org.apache.kafka.common.config.provider."


def build_transformer(props: Mapping[str, str]) -> ConfigTransformer:
    """Return the transformer with the providers that worker properties ask for.

    Raises:
        ConfigError: A provider has no class, an unknown one, or a wrong option.
    """
    names = parse_list(props.get("config.providers", ""))
    return ConfigTransformer({name: _build_provider(name, props) for name in names})


def _build_provider(name: str, props: Mapping[str, str]) -> ConfigProvider:
    key = f"config.providers.{name}.class"
    class_name = props.get(key, "").strip()
    if not class_name:
        raise ConfigError(f'Missing required configuration "{key}" which has no default value.')
    prefix = f"config.providers.{name}.param."
    params = {
        key.removeprefix(prefix): value for key, value in props.items() if key.startswith(prefix)
    }
    if (provider := _PROVIDERS.get(class_name.removeprefix(_JAVA_PACKAGE))) is not None:
        return provider(name, params)
    return _InstalledProvider(_find_class(key, class_name), params)


def _find_class(key: str, class_name: str) -> type[AuthorsProvider]:
    """Return a class of a package that is installed beside the worker."""
    try:
        found = resolve_name(class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError.invalid(
            key,
            class_name,
            f"Class {class_name} could not be found; known: {', '.join(_PROVIDERS)}",
        ) from error
    if not (isinstance(found, type) and issubclass(found, AuthorsProvider)):
        base = f"{AuthorsProvider.__module__}.{AuthorsProvider.__name__}"
        raise ConfigError.invalid(key, class_name, f"expected a subclass of {base}")
    return found


class _InstalledProvider:
    """A provider of somebody else's, made when it is first asked.

    Processes of connectors and tasks know the same settings, and never ask.
    """

    def __init__(self, provider: type[AuthorsProvider], params: Mapping[str, str]) -> None:
        self._class, self._params = provider, params
        self._provider: AuthorsProvider | None = None

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str] | ConfigData:
        if self._provider is None:
            provider = self._class()
            provider.configure(self._params)
            self._provider = provider
        return self._provider.get(path, keys)
