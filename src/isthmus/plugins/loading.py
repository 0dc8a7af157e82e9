"""Finding plugins and importing them: for processes that run plugin code, never for the worker's.

A plugin is listed as a `PluginDescriptor`: names only, so that a list costs no imports. Isthmus's
own stand in `BUILT_IN` under Java's class names, so configs written for Java run unchanged. Other
packages add theirs by an entry point of the group `isthmus.plugins`, which names a plugin class,
or an iterable of descriptors. What a config calls them is in `index.py`; besides that a class that
no list names may be called `my_package.my_module.MyConnector`.
"""

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, distributions
from typing import Any, Final, cast

from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.converter import Converter, HeaderConverter
from isthmus.api.errors import ConnectError
from isthmus.api.transformation import Predicate, Transformation
from isthmus.plugins.built_in import BUILT_IN
from isthmus.plugins.descriptor import (
    CONNECTORS,
    UNDEFINED_VERSION,
    WORKERS_OWN,
    Kinds,
    PluginDescriptor,
    PluginKind,
)
from isthmus.plugins.index import PluginIndex, Wanted, unknown
from isthmus.plugins.path import ENTRY_POINT_GROUP, PluginLocation, plain_name

log = logging.getLogger(__name__)

_BASES: Final[Mapping[PluginKind, type]] = {
    PluginKind.SINK: SinkConnector,
    PluginKind.SOURCE: SourceConnector,
    PluginKind.TRANSFORMATION: Transformation,
    PluginKind.PREDICATE: Predicate,
    PluginKind.CONVERTER: Converter,
    PluginKind.HEADER_CONVERTER: HeaderConverter,
}


class Plugins:
    """The plugins that a process can load. Java: Plugins.

    Other packages' lists are read, which imports code of theirs, when they are first needed: not
    for a full name that stands in `descriptors`. A package whose plugins cannot be listed is left
    out with a line in the log. `load` and `create` import plugins.
    """

    def __init__(
        self,
        descriptors: Iterable[PluginDescriptor],
        declared: Iterable[tuple[EntryPoint, str]] = (),
        elsewhere: Iterable[PluginDescriptor] = (),
    ) -> None:
        """`declared` are the entry points of other packages, each with its location.

        `elsewhere` is what other processes of the worker can load: it is listed, not loaded.
        """
        self._known = PluginIndex(descriptors)
        self._unread = tuple(declared)
        self._elsewhere = tuple(elsewhere)

    @classmethod
    def discover(cls, locations: Sequence[PluginLocation] = ()) -> "Plugins":
        """Return all plugins that the installed packages declare; imports nothing of theirs.

        `locations` are those whose folders this process imports from besides the worker's own.
        """
        return cls(BUILT_IN, _declared(locations))

    def with_others(self, elsewhere: Iterable[PluginDescriptor]) -> "Plugins":
        """Return these plugins, which also list those that only other processes can load."""
        return Plugins(self._known, self._unread, elsewhere)

    @property
    def _here(self) -> PluginIndex:
        unread, self._unread = self._unread, ()
        found: list[PluginDescriptor] = []
        for entry_point, location in unread:
            try:
                found.extend(replace(d, location=location) for d in _descriptors_of(entry_point))
            except Exception:  # somebody else's module may raise anything when it is imported
                log.exception(
                    "Plugins left out: entry_point=%s value=%s location=%s",
                    entry_point.name,
                    entry_point.value,
                    location,
                )
        if found:
            self._known = PluginIndex([*self._known, *found])
        return self._known

    def __iter__(self) -> Iterator[PluginDescriptor]:
        return iter(self._here)

    def everywhere(self) -> PluginIndex:
        """Return all plugins that the worker has, in this process or others."""
        return PluginIndex([*self._here, *self._elsewhere]) if self._elsewhere else self._here

    def find(self, kinds: Kinds, name: str, version: str | None = None) -> PluginDescriptor:
        """Return the plugin of one of these kinds that a config calls `name`.

        A class that no list names is imported to see what it is.

        Raises:
            PluginNotFoundError: There is none, or none of this version or range of versions, or
                `name` is an alias of several.
            ConnectError: There is one that no list names, and its module cannot be imported.
        """
        among = (kinds,) if isinstance(kinds, PluginKind) else tuple(kinds)
        wanted = Wanted("", "", among, name, version)
        index = self._known if self._known.called(kinds, name) else self._here
        found = index.matching(wanted)
        if found is None:
            unlisted = _describe_unlisted(among, name)
            if unlisted is None:
                raise unknown(among, name, self.everywhere().of(among))
            found = PluginIndex([unlisted]).matching(replace(wanted, name=unlisted.class_name))
        assert found is not None
        return found

    def find_connector(self, config: Mapping[str, str | None]) -> PluginDescriptor:
        """Return the connector that a config names; raises as `find`."""
        name, version = config.get("connector.class"), config.get("connector.plugin.version")
        return self.find(CONNECTORS, name or "", version)

    def load(self, descriptor: PluginDescriptor) -> type[Any]:
        """Import the plugin's class.

        Raises:
            ConnectError: It cannot be imported, or is not what the descriptor says.
        """
        try:
            loaded = _import_class(descriptor.python_class)
        except Exception as error:  # somebody else's module may raise anything
            raise _broken(descriptor.class_name, descriptor.python_class, error) from error
        base = _BASES[descriptor.kind]
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise ConnectError(
                f"Plugin {descriptor.class_name} is listed as {descriptor.kind}, but"
                f" {descriptor.python_class} is no subclass of {base.__module__}.{base.__name__}"
            )
        return cast("type[Any]", loaded)

    def create(self, descriptor: PluginDescriptor) -> Any:
        """Import the plugin's class and return a new, not yet configured, instance of it.

        Raises:
            ConnectError: It cannot be loaded.
        """
        return self.load(descriptor)(*descriptor.arguments)


def _declared(locations: Iterable[PluginLocation]) -> list[tuple[EntryPoint, str]]:
    """Return the entry points of all packages with the locations that they come from.

    Of a package that is in several folders, the first one on the path is imported, and counts.
    """
    located = {folder: location.path for location in locations for folder in location.folders}
    seen = {"isthmus"}  # its plugins are known, and it may have come along with a plugin
    found: list[tuple[EntryPoint, str]] = []
    for distribution in distributions():
        declared = [each for each in distribution.entry_points if each.group == ENTRY_POINT_GROUP]
        # The name is asked for last: it takes parsing all of the package's metadata.
        if not declared or (name := plain_name(distribution)) in seen:
            continue
        seen.add(name)
        folder = str(distribution.locate_file("")).rstrip("/")
        found += [(each, located.get(folder, WORKERS_OWN)) for each in declared]
    return found


def _descriptors_of(entry_point: EntryPoint) -> list[PluginDescriptor]:
    declared = entry_point.load()
    if isinstance(declared, type):
        version = entry_point.dist.version if entry_point.dist else UNDEFINED_VERSION
        return _describe_class(cast("type[Any]", declared), version)
    if isinstance(declared, Mapping):
        declared = cast("Mapping[str, object]", declared).values()
    descriptors = list(cast("Iterable[object]", declared))
    wrong = [item for item in descriptors if not isinstance(item, PluginDescriptor)]
    if wrong:
        raise TypeError(f"Expected a plugin class or PluginDescriptors, found {wrong[0]!r}")
    return cast("list[PluginDescriptor]", descriptors)


def _describe_class(plugin: type[Any], version: str) -> list[PluginDescriptor]:
    """Return a descriptor for each kind of plugin that the class is."""
    own = str(getattr(plugin, "version", UNDEFINED_VERSION))
    return [
        PluginDescriptor(
            class_name=f"{plugin.__module__}.{plugin.__qualname__}",
            kind=kind,
            python_class=f"{plugin.__module__}:{plugin.__qualname__}",
            version=version if own == UNDEFINED_VERSION else own,
        )
        for kind, base in _BASES.items()
        if issubclass(plugin, base)
    ]


def _describe_unlisted(kinds: Iterable[PluginKind], name: str) -> PluginDescriptor | None:
    if ":" not in name and "." not in name:
        return None
    try:
        plugin = _import_class(name)
    except Exception as error:  # somebody else's module may raise anything
        if _names_nothing(name, error):
            return None
        raise _broken(name, name, error) from error
    if not isinstance(plugin, type):
        return None
    wanted = set(kinds)
    described = _describe_class(cast("type[Any]", plugin), UNDEFINED_VERSION)
    return next((descriptor for descriptor in described if descriptor.kind in wanted), None)


def _import_class(name: str) -> object:
    """Return what `module:Class` or `module.Class` names; a class may stand inside another."""
    module, _, qualified = name.partition(":") if ":" in name else name.rpartition(".")
    found: object = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    return found


def _names_nothing(name: str, error: Exception) -> bool:
    """Return whether importing `name` failed because there is no such module or class.

    A module that is there, and misses another, is broken: its user must hear of that.
    """
    if isinstance(error, ModuleNotFoundError):
        return error.name is not None and f"{name.replace(':', '.')}.".startswith(f"{error.name}.")
    return isinstance(error, AttributeError | ValueError)


def _broken(class_name: str, python_class: str, error: Exception) -> ConnectError:
    return ConnectError(
        f"Plugin {class_name} could not be loaded from {python_class}:"
        f" {type(error).__name__}: {error}"
    )
