"""Which plugin a name in a config means, and where it is; nothing is imported for that.

A name may be any of

    org.apache.kafka.connect.file.FileStreamSourceConnector     the name in the list
    isthmus.connectors.file_source:FileStreamSourceConnector    Python's, also with a dot
    FileStreamSourceConnector, FileStreamSource                 aliases, if only one plugin has it

Two names of one class, such as the two that replace the AvroConverters of Confluent and Apicurio,
share an alias without harm.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from isthmus.api.config_def import parse_list
from isthmus.api.errors import ConnectError
from isthmus.plugins.descriptor import (
    CONNECTORS,
    UNDEFINED_VERSION,
    WORKERS_OWN,
    Kinds,
    PluginDescriptor,
    PluginKind,
)
from isthmus.plugins.versions import VersionRange, version_key

log = logging.getLogger(__name__)

_CONVERTERS: Final[Mapping[str, PluginKind]] = {
    "key.converter": PluginKind.CONVERTER,
    "value.converter": PluginKind.CONVERTER,
    "header.converter": PluginKind.HEADER_CONVERTER,
}
_CHAINS: Final[Mapping[str, PluginKind]] = {
    "transforms": PluginKind.TRANSFORMATION,
    "predicates": PluginKind.PREDICATE,
}


class PluginNotFoundError(ConnectError):
    """No plugin has this name, or more than one, or none has this version."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plugin that a config names by the setting `key`, perhaps in certain versions."""

    key: str
    version_key: str
    kinds: tuple[PluginKind, ...]
    name: str
    version: str | None = None


def wanted_by(
    config: Mapping[str, str | None], worker: Mapping[str, str | None]
) -> Sequence[Wanted]:
    """Return the plugins that a connector's config names: the connector, then what it uses.

    A converter that it does not name is the worker's.
    """
    wanted = [_wanted(config, "connector.class", "connector.plugin.version", CONNECTORS)]
    for key, kind in _CONVERTERS.items():
        settings = config if (config.get(key) or "").strip() else worker
        wanted.append(_wanted(settings, key, f"{key}.plugin.version", (kind,)))
    for chain, kind in _CHAINS.items():
        for alias in parse_list(config.get(chain) or ""):
            prefix = f"{chain}.{alias}"
            wanted.append(_wanted(config, f"{prefix}.type", f"{prefix}.plugin.version", (kind,)))
    return [each for each in wanted if each.name]


def _wanted(
    settings: Mapping[str, str | None], key: str, version_key: str, kinds: tuple[PluginKind, ...]
) -> Wanted:
    name = (settings.get(key) or "").strip()
    return Wanted(key, version_key, kinds, name, settings.get(version_key))


class PluginIndex:
    """Plugins by name; several may be versions of one."""

    def __init__(self, descriptors: Iterable[PluginDescriptor]) -> None:
        self._descriptors = sorted(dict.fromkeys(descriptors), key=PluginDescriptor.sort_key)

    def __iter__(self) -> Iterator[PluginDescriptor]:
        return iter(self._descriptors)

    def of(self, kinds: Kinds) -> list[PluginDescriptor]:
        """Return the plugins of these kinds, in Java's order."""
        wanted = {kinds} if isinstance(kinds, PluginKind) else set(kinds)
        return [descriptor for descriptor in self._descriptors if descriptor.kind in wanted]

    def called(self, kinds: Kinds, name: str) -> list[PluginDescriptor]:
        """Return all versions of the plugin whose full name is `name`."""
        return [descriptor for descriptor in self.of(kinds) if descriptor.is_called(name)]

    def named(self, kinds: Kinds, name: str) -> list[PluginDescriptor]:
        """Return all versions of the plugin that `name` means, by full name or alias.

        Raises:
            PluginNotFoundError: `name` is an alias of several.
        """
        if full := self.called(kinds, name):
            return full
        by_alias = [descriptor for descriptor in self.of(kinds) if name in descriptor.aliases]
        names = {descriptor.class_name for descriptor in by_alias}
        if len(names) <= 1:
            return by_alias
        if len({descriptor.implementation for descriptor in by_alias}) > 1:
            raise _ambiguous(kinds, name, by_alias)
        return self.called(kinds, max(names))

    def matching(self, wanted: Wanted) -> PluginDescriptor | None:
        """Return the newest version that is wanted, None if the index has no such plugin.

        Raises:
            PluginNotFoundError: There are only other versions, or `name` is an alias of several.
            ConnectError: The version is no version.
        """
        versions = self.named(wanted.kinds, wanted.name)
        fitting = _fitting(versions, wanted.version)
        if versions and not fitting:
            raise _no_version(wanted, versions)
        return max(fitting, key=_newest, default=None)

    def locations_for(self, wanted: Iterable[Wanted]) -> tuple[str, ...]:
        """Return the places that one process needs to have all these plugins, best first.

        The worker's own plugins are in every process. A plugin that is packaged with another one
        of the list is taken from there, otherwise the newest one. What is wanted in a certain
        version goes before the rest, since of a package in several places the first one counts.

        Raises:
            PluginNotFoundError: A name is an alias of several plugins.
        """
        certain: list[str] = []
        others: list[str] = []
        for each in wanted:
            versions = self.named(each.kinds, each.name)
            try:
                fitting = _fitting(versions, each.version)
            except ConnectError:
                fitting = []  # whoever validates the config says so
            fitting = fitting or versions
            packaged = {found.location for found in fitting}.intersection((*certain, *others))
            if not fitting or packaged:
                continue
            location = max(fitting, key=_newest).location
            if location != WORKERS_OWN:
                (certain if VersionRange.is_given(each.version) else others).append(location)
        return (*certain, *others)


def _fitting(
    versions: Iterable[PluginDescriptor], version: str | None
) -> Sequence[PluginDescriptor]:
    accepted = VersionRange.parse(version)
    return [found for found in versions if accepted is None or accepted.contains(found.version)]


def _newest(descriptor: PluginDescriptor) -> tuple[object, ...]:
    """Return what sorts the newest version last; of the same one, the worker's own."""
    is_known = descriptor.version != UNDEFINED_VERSION
    return is_known, version_key(descriptor.version), descriptor.location == WORKERS_OWN


def _no_version(wanted: Wanted, versions: Iterable[PluginDescriptor]) -> PluginNotFoundError:
    available = dict.fromkeys(found.version for found in versions)
    class_name = next(iter(versions)).class_name
    return PluginNotFoundError(
        f"Plugin {class_name} not found that matches the version range"
        f" {VersionRange.parse(wanted.version)}, available versions: [{', '.join(available)}]"
    )


def unknown(kinds: Kinds, name: str, candidates: Iterable[PluginDescriptor]) -> PluginNotFoundError:
    """Return the error for a name that no plugin has, in Java's words."""
    if not _are_connectors(kinds):
        return PluginNotFoundError(f"Class {name} could not be found.")
    return PluginNotFoundError(
        "Failed to find any class that implements Connector and which name matches"
        f" {name}, available connectors are: {_listed(candidates)}"
    )


def _ambiguous(
    kinds: Kinds, name: str, candidates: Iterable[PluginDescriptor]
) -> PluginNotFoundError:
    kind = "connector" if _are_connectors(kinds) else "plugin"
    return PluginNotFoundError(
        f"More than one {kind} matches alias {name}. Please use full package and class name"
        f" instead. Classes found: {_listed(candidates)}"
    )


def _are_connectors(kinds: Kinds) -> bool:
    wanted = {kinds} if isinstance(kinds, PluginKind) else set(kinds)
    return bool(wanted) and wanted <= set(CONNECTORS)


def _listed(descriptors: Iterable[PluginDescriptor]) -> str:
    return ", ".join(map(str, sorted(descriptors, key=lambda d: d.sort_key()[1:])))
