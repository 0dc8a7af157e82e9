"""Which plugins there are, and how one is found by the name that a config gives it.

A plugin is listed as a `PluginDescriptor`: names only, so that a list costs no imports. Isthmus's
own stand in `BUILT_IN` under Java's class names, so configs written for Java run unchanged. Other
packages add theirs by an entry point of the group `isthmus.plugins`, which names a plugin class,
or an iterable of descriptors.

A name in a config may be any of

    org.apache.kafka.connect.file.FileStreamSourceConnector     the name in the list
    isthmus.connectors.file_source:FileStreamSourceConnector    Python's, also with a dot
    FileStreamSourceConnector, FileStreamSource                 aliases, if only one plugin has it
    my_package.my_module.MyConnector                            a class that no list names
"""

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, cast

from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.converter import Converter, HeaderConverter
from isthmus.api.errors import ConnectError
from isthmus.api.transformation import Predicate, Transformation
from isthmus.plugins.built_in import BUILT_IN
from isthmus.plugins.descriptor import (
    CONNECTORS,
    UNDEFINED_VERSION,
    Kinds,
    PluginDescriptor,
    PluginKind,
)

ENTRY_POINT_GROUP: Final = "isthmus.plugins"

log = logging.getLogger(__name__)

_ORDER: Final = list(PluginKind)

_BASES: Final[Mapping[PluginKind, type]] = {
    PluginKind.SINK: SinkConnector,
    PluginKind.SOURCE: SourceConnector,
    PluginKind.TRANSFORMATION: Transformation,
    PluginKind.PREDICATE: Predicate,
    PluginKind.CONVERTER: Converter,
    PluginKind.HEADER_CONVERTER: HeaderConverter,
}


class PluginNotFoundError(ConnectError):
    """No plugin has this name, or more than one."""


class Plugins:
    """The plugins that a process can load. Java: Plugins.

    Other packages' lists are read, which imports code of theirs, when they are first needed: not
    for a full name that stands in `descriptors`. A package whose plugins cannot be listed is left
    out with a line in the log. `load` and `create` import plugins. All of that is for processes
    that run plugin code, never for the worker's.
    """

    def __init__(
        self, descriptors: Iterable[PluginDescriptor], entry_points: Iterable[EntryPoint] = ()
    ) -> None:
        self._known = _in_order(descriptors)
        self._unread = tuple(entry_points)

    @classmethod
    def discover(cls) -> "Plugins":
        """Return all plugins that the installed packages declare; imports nothing of theirs."""
        return cls(BUILT_IN, entry_points(group=ENTRY_POINT_GROUP))

    @property
    def _descriptors(self) -> Sequence[PluginDescriptor]:
        unread, self._unread = self._unread, ()
        found: list[PluginDescriptor] = []
        for entry_point in unread:
            try:
                found.extend(_descriptors_of(entry_point))
            except Exception:  # somebody else's module may raise anything when it is imported
                log.exception(
                    "Plugins left out: entry_point=%s value=%s",
                    entry_point.name,
                    entry_point.value,
                )
        if found:
            self._known = _in_order([*self._known, *found])
        return self._known

    def __iter__(self) -> Iterator[PluginDescriptor]:
        return iter(self._descriptors)

    def of(self, kinds: Kinds) -> list[PluginDescriptor]:
        """Return the plugins of these kinds, in Java's order."""
        return _of(kinds, self._descriptors)

    def find(self, kinds: Kinds, name: str) -> PluginDescriptor:
        """Return the plugin of one of these kinds that a config calls `name`.

        A class that no list names is imported to see what it is.

        Raises:
            PluginNotFoundError: There is none, or `name` is an alias of several.
        ConnectError: There is one that no list names, and its module cannot be imported.
        """
        full = _called(name, _of(kinds, self._known)) or _called(name, self.of(kinds))
        if full is not None:
            return full
        candidates = self.of(kinds)
        by_alias = {d.class_name: d for d in candidates if name in d.aliases}
        if len(by_alias) == 1:
            return next(iter(by_alias.values()))
        if by_alias:
            raise _ambiguous(kinds, name, by_alias.values())
        unlisted = _describe_unlisted(kinds, name)
        if unlisted is None:
            raise _unknown(kinds, name, candidates)
        return unlisted

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

    def describe(self) -> list[dict[str, str]]:
        """Return what `GET /connector-plugins?connectorsOnly=false` lists, in its order."""
        return [_describe(descriptor) for descriptor in self._descriptors]


def _in_order(descriptors: Iterable[PluginDescriptor]) -> Sequence[PluginDescriptor]:
    unique = dict.fromkeys(descriptors)
    return sorted(unique, key=lambda d: (_ORDER.index(d.kind), d.class_name))


def _of(kinds: Kinds, descriptors: Iterable[PluginDescriptor]) -> list[PluginDescriptor]:
    wanted = {kinds} if isinstance(kinds, PluginKind) else set(kinds)
    return [descriptor for descriptor in descriptors if descriptor.kind in wanted]


def _called(name: str, descriptors: Iterable[PluginDescriptor]) -> PluginDescriptor | None:
    return next((descriptor for descriptor in descriptors if descriptor.is_called(name)), None)


def _describe(descriptor: PluginDescriptor) -> dict[str, str]:
    described = {"class": descriptor.class_name, "type": str(descriptor.kind)}
    if descriptor.version != UNDEFINED_VERSION:
        described["version"] = descriptor.version
    return described


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


def _describe_unlisted(kinds: Kinds, name: str) -> PluginDescriptor | None:
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
    wanted = {kinds} if isinstance(kinds, PluginKind) else set(kinds)
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


def _unknown(
    kinds: Kinds, name: str, candidates: Iterable[PluginDescriptor]
) -> PluginNotFoundError:
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
    return ", ".join(map(str, sorted(descriptors, key=lambda d: d.class_name)))
