"""What a plugin is called, what it is for, and where it is: names only, nothing imported."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from isthmus.plugins.versions import VersionKey, version_key

#: The version of a plugin that does not say one; the REST API leaves it out.
UNDEFINED_VERSION: Final = "undefined"

#: Where plugins are that came with the worker or were installed beside it, in Java's word.
WORKERS_OWN: Final = "classpath"


class PluginKind(StrEnum):
    """What a plugin is for, in the order in which lists show them. Java: PluginType."""

    SINK = "sink"
    SOURCE = "source"
    TRANSFORMATION = "transformation"
    PREDICATE = "predicate"
    CONVERTER = "converter"
    HEADER_CONVERTER = "header_converter"


Kinds: TypeAlias = PluginKind | Collection[PluginKind]

CONNECTORS: Final = (PluginKind.SINK, PluginKind.SOURCE)
_ORDER: Final = list(PluginKind)

#: The ends of class names that an alias may leave out. Most converters are of both kinds.
_SUFFIXES: Final[Mapping[PluginKind, Sequence[str]]] = {
    PluginKind.SINK: ("Connector",),
    PluginKind.SOURCE: ("Connector",),
    PluginKind.TRANSFORMATION: ("Transformation",),
    PluginKind.PREDICATE: ("Predicate",),
    PluginKind.CONVERTER: ("Converter",),
    PluginKind.HEADER_CONVERTER: ("HeaderConverter", "Converter"),
}


@dataclass(frozen=True, slots=True)
class PluginDescriptor:
    """One plugin by name; nothing is imported for it. Java: PluginDesc."""

    #: What configs and the REST API call it: Java's full name where it replaces a Java class.
    class_name: str
    kind: PluginKind
    #: Where the class is: `module:Class`.
    python_class: str
    version: str = UNDEFINED_VERSION
    #: What the class is called with: one class may stand for both `Cast$Key` and `Cast$Value`.
    arguments: tuple[Any, ...] = ()
    #: The place on `plugin.path` that it comes from.
    location: str = WORKERS_OWN

    @property
    def simple_name(self) -> str:
        """The class name without its package."""
        return self.class_name.rpartition(".")[2]

    @property
    def aliases(self) -> frozenset[str]:
        """The short names: `FileStreamSourceConnector` and `FileStreamSource`."""
        name = self.simple_name
        pruned = {name.removesuffix(suffix) for suffix in _SUFFIXES[self.kind]}
        return frozenset({name, *pruned} - {""})

    @property
    def implementation(self) -> tuple[str, str, tuple[Any, ...]]:
        """What two names have in common that stand for one and the same class of ours."""
        return self.location, self.python_class, self.arguments

    def is_called(self, name: str) -> bool:
        """Return whether `name` is this plugin's full name, in Java's or Python's spelling."""
        return name in {self.class_name, self.python_class, self.python_class.replace(":", ".")}

    def sort_key(self) -> tuple[int, str, VersionKey]:
        """Return what lists are sorted by: kind, name, version."""
        return _ORDER.index(self.kind), self.class_name, version_key(self.version)

    def __str__(self) -> str:
        """Return Java's text, which clients get to see when a connector is not found."""
        return (
            f"PluginDesc{{klass=class {self.class_name}, name='{self.class_name}',"
            f" version='{self.version}', encodedVersion={self.version}, type={self.kind},"
            f" typeName='{self.kind}', location='{self.location}'}}"
        )
