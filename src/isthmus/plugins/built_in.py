"""Isthmus's own plugins, under the names of the Java classes that they replace."""

from collections.abc import Sequence
from typing import Final

from isthmus import CONNECT_VERSION, __version__
from isthmus.plugins.descriptor import PluginDescriptor, PluginKind


def _built_in(
    kind: PluginKind, java_class: str, python_class: str, *arguments: str
) -> PluginDescriptor:
    return PluginDescriptor(
        class_name=f"org.apache.kafka.connect.{java_class}",
        kind=kind,
        python_class=f"isthmus.{python_class}",
        version=CONNECT_VERSION,
        arguments=arguments,
    )


def _transformation(module: str, name: str, *arguments: str) -> PluginDescriptor:
    java_class = "$".join((f"transforms.{name}", *arguments))
    python_class = f"transforms.{module}:{name}"
    return _built_in(PluginKind.TRANSFORMATION, java_class, python_class, *arguments)


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
    ("io.confluent.connect.protobuf.ProtobufConverter", "protobuf:ProtobufConverter"),
    ("io.apicurio.registry.utils.converter.ProtobufConverter", "protobuf:ProtobufConverter"),
    ("io.confluent.connect.json.JsonSchemaConverter", "json_schema:JsonSchemaConverter"),
    ("io.apicurio.registry.utils.converter.ExtJsonConverter", "ext_json:ExtJsonConverter"),
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

#: Those of records as a whole, and those with a class for keys and one for values.
_TRANSFORMATIONS: Final = (
    ("drop_headers", "DropHeaders"),
    ("filter", "Filter"),
    ("insert_header", "InsertHeader"),
    ("regex_router", "RegexRouter"),
    ("timestamp_router", "TimestampRouter"),
    ("value_to_key", "ValueToKey"),
)
_SIDED_TRANSFORMATIONS: Final = (
    ("cast", "Cast"),
    ("extract_field", "ExtractField"),
    ("flatten", "Flatten"),
    ("header_from", "HeaderFrom"),
    ("hoist_field", "HoistField"),
    ("insert_field", "InsertField"),
    ("mask_field", "MaskField"),
    ("replace_field", "ReplaceField"),
    ("set_schema_metadata", "SetSchemaMetadata"),
    ("timestamp_converter", "TimestampConverter"),
)
_PREDICATES: Final = ("HasHeaderKey", "RecordIsTombstone", "TopicNameMatches")

#: Connectors for tests of clusters; Apache has them in a jar of its own, connect-test-plugins.
_TOOLS: Final = (
    (PluginKind.SINK, "mock", "MockSinkConnector"),
    (PluginKind.SINK, "verifiable_sink", "VerifiableSinkConnector"),
    (PluginKind.SOURCE, "mock", "MockSourceConnector"),
    (PluginKind.SOURCE, "schema_source", "SchemaSourceConnector"),
    (PluginKind.SOURCE, "verifiable_source", "VerifiableSourceConnector"),
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
    *(
        _built_in(kind, f"tools.{name}", f"connectors.{module}:{name}")
        for kind, module, name in _TOOLS
    ),
    *(_built_in(PluginKind.CONVERTER, *names) for names in _CONVERTERS),
    *(_built_in(PluginKind.HEADER_CONVERTER, *names) for names in _CONVERTERS),
    _built_in(
        PluginKind.HEADER_CONVERTER,
        "storage.SimpleHeaderConverter",
        "converters.simple_header:SimpleHeaderConverter",
    ),
    *IMPORTED_WHEN_NAMED,
    *(_transformation(*names) for names in _TRANSFORMATIONS),
    *(
        _transformation(*names, side)
        for names in _SIDED_TRANSFORMATIONS
        for side in ("Key", "Value")
    ),
    *(
        _built_in(
            PluginKind.PREDICATE, f"transforms.predicates.{name}", f"transforms.predicates:{name}"
        )
        for name in _PREDICATES
    ),
)
