"""Isthmus's own plugins, under the names of the Java classes that they replace."""

from collections.abc import Sequence
from typing import Final

from isthmus import CONNECT_VERSION, __version__
from isthmus.plugins.descriptor import PluginDescriptor, PluginKind


def _built_in(kind: PluginKind, java_class: str, python_class: str) -> PluginDescriptor:
    return PluginDescriptor(
        class_name=f"org.apache.kafka.connect.{java_class}",
        kind=kind,
        python_class=f"isthmus.{python_class}",
        version=CONNECT_VERSION,
    )


_CONVERTERS: Final = (
    ("converters.BooleanConverter", "converters.boolean:BooleanConverter"),
    ("converters.ByteArrayConverter", "converters.byte_array:ByteArrayConverter"),
    ("converters.DoubleConverter", "converters.numbers:DoubleConverter"),
    ("converters.FloatConverter", "converters.numbers:FloatConverter"),
    ("converters.IntegerConverter", "converters.numbers:IntegerConverter"),
    ("converters.LongConverter", "converters.numbers:LongConverter"),
    ("converters.ShortConverter", "converters.numbers:ShortConverter"),
    ("json.JsonConverter", "converters.json:JsonConverter"),
    ("storage.StringConverter", "converters.string:StringConverter"),
)

_REGISTRY_CONVERTERS: Final = (
    ("io.confluent.connect.avro.AvroConverter", "avro:AvroConverter"),
    ("io.apicurio.registry.utils.converter.AvroConverter", "avro:AvroConverter"),
)

#: Plugins that bring large libraries with them: imported only where a config names them.
IMPORTED_WHEN_NAMED: Final[Sequence[PluginDescriptor]] = tuple(
    PluginDescriptor(
        class_name=java_class,
        kind=PluginKind.CONVERTER,
        python_class=f"isthmus.converters.registry.{python_class}",
        version=__version__,
    )
    for java_class, python_class in _REGISTRY_CONVERTERS
)

#: Isthmus's own plugins, under the names of the Java classes that they replace.
BUILT_IN: Final[Sequence[PluginDescriptor]] = (
    _built_in(
        PluginKind.SINK,
        "file.FileStreamSinkConnector",
        "connectors.file_sink:FileStreamSinkConnector",
    ),
    _built_in(
        PluginKind.SOURCE,
        "file.FileStreamSourceConnector",
        "connectors.file_source:FileStreamSourceConnector",
    ),
    *(_built_in(PluginKind.CONVERTER, *names) for names in _CONVERTERS),
    *(_built_in(PluginKind.HEADER_CONVERTER, *names) for names in _CONVERTERS),
    _built_in(
        PluginKind.HEADER_CONVERTER,
        "storage.SimpleHeaderConverter",
        "converters.simple_header:SimpleHeaderConverter",
    ),
    *IMPORTED_WHEN_NAMED,
)
