"""The plugins that settings may name, for the definitions of those settings."""

from collections.abc import Sequence
from typing import cast

from isthmus.api.config_def import ConfigDef
from isthmus.api.errors import ConnectError
from isthmus.plugins import (
    CONNECTORS,
    PluginDescriptor,
    PluginIndex,
    PluginKind,
    PluginNotFoundError,
    Plugins,
    Wanted,
)
from isthmus.plugins.versions import VersionRange, version_key


class Catalog:
    """Knows the plugins of the worker, and has the definitions of those in this process."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def names(self, kind: str) -> Sequence[str]:
        """Return the class names of all plugins of a kind."""
        found = self._plugins.everywhere().of(PluginKind(kind))
        return list(dict.fromkeys(descriptor.class_name for descriptor in found))

    def resolve(self, kind: str, name: str) -> str | None:
        """Return the full class name for a class name or alias; None if there is none."""
        found = self._find(kind, name)
        return None if found is None else found.class_name

    def config_def(self, kind: str, class_name: str) -> ConfigDef:
        """Return the settings of a plugin that `resolve` gave the name of."""
        plugin = self._plugins.create(self._plugins.find(PluginKind(kind), class_name))
        return cast("ConfigDef", plugin.config())

    def versions(self, kind: str, name: str) -> Sequence[str]:
        """Return the versions that there are of a plugin, the newest last; none if unknown."""
        found = self._find(kind, name)
        if found is None:
            return []
        everywhere = self._plugins.everywhere().named(_kinds(kind), found.class_name)
        versions = dict.fromkeys(each.version for each in everywhere or [found])
        return sorted(versions, key=version_key)

    def newest_version(self, kind: str, name: str) -> str | None:
        """Return the newest version that there is of a plugin; None if it is unknown."""
        return next(reversed(self.versions(kind, name)), None)

    def has_version(self, kind: str, name: str, wanted: str | None) -> bool:
        """Return whether a plugin is there in this version or range; so is an unknown plugin."""
        found = self._find(kind, name)
        if found is None:
            return True
        known = PluginIndex([found, *self._plugins.everywhere()])
        try:
            return why_not(known, Wanted("", "", _kinds(kind), found.class_name, wanted)) is None
        except ConnectError:
            return True  # It is no version at all, as its own setting says.

    def _find(self, kind: str, name: str) -> PluginDescriptor | None:
        try:
            return self._plugins.find(_kinds(kind), name)
        except PluginNotFoundError:
            return None


def why_not(known: PluginIndex, wanted: Wanted) -> str | None:
    """Return why no version of a plugin is what is wanted; None if one is, or there is no plugin.

    Raises:
        ConnectError: The version is no version.
    """
    if not VersionRange.is_given(wanted.version):
        return None
    try:
        known.matching(wanted)
    except PluginNotFoundError as error:
        return str(error)
    return None


def _kinds(kind: str) -> tuple[PluginKind, ...]:
    return CONNECTORS if kind == "connector" else (PluginKind(kind),)
