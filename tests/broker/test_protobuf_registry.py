"""Protobuf and Connect: each becomes the other. protoc is a process, so this is no unit test."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from isthmus.api.errors import DataError
from isthmus.api.logical import DATE, TIME, TIMESTAMP, decimal_schema
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.json_schema import JsonSchemaConverter
from isthmus.converters.registry.protobuf import ProtobufConverter
from isthmus.converters.registry.protobuf_compile import compile_protobuf
from isthmus.converters.registry.protobuf_from_connect import protobuf_text
from isthmus.converters.registry.protobuf_options import ProtobufOptions
from isthmus.converters.registry.protobuf_to_connect import ProtobufReader
from tests.support.registry import ApicurioRegistry, Converters

Make = Callable[..., ProtobufConverter]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[ProtobufConverter] = []

    def converter(**options: str) -> ProtobufConverter:
        one = ProtobufConverter()
        settings = {name.replace("_", "."): value for name, value in options.items()}
        one.configure({"schema.registry.url": f"mock://{len(options)}", **settings}, is_key=False)
        made.append(one)
        return one

    yield converter
    for one in made:
        one.close()


_INNER = struct_schema(("x", INT64), name="shop.Inner", optional=True)
_EVERYTHING = struct_schema(
    ("int8", INT8),
    ("int16", INT16),
    ("int32", INT32),
    ("int64", INT64),
    ("float", FLOAT32),
    ("double", FLOAT64),
    ("boolean", BOOLEAN),
    ("string", STRING),
    ("bytes", BYTES),
    ("maybe", OPTIONAL_STRING),
    ("list", array_schema(STRING)),
    ("inners", array_schema(_INNER)),
    ("by_name", map_schema(STRING, INT32)),
    ("by_number", map_schema(INT32, _INNER)),
    ("date", DATE),
    ("time", TIME),
    ("timestamp", TIMESTAMP),
    ("decimal", decimal_schema(2)),
    ("inner", _INNER),
    name="shop.Everything",
)


def _values(read: Any) -> Any:
    """Return a struct as a dict: schemas read carry the numbers of fields, which ours have not."""
    if isinstance(read, Struct):
        return {name: _values(read[name]) for name in read}
    if isinstance(read, list):
        return [_values(item) for item in read]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(read, dict):
        return {key: _values(item) for key, item in read.items()}  # pyright: ignore[reportUnknownVariableType]
    return read


@pytest.mark.parametrize("nullable", ["optional_for_nullables", "wrapper_for_nullables"])
def test_every_type_comes_back_as_it_was(make: Make, nullable: str) -> None:
    converter = make(**{nullable: "true"})
    members: dict[str, Any] = {
        "int8": -128,
        "int16": 32767,
        "int32": -(2**31),
        "int64": 2**63 - 1,
        "float": 1.5,
        "double": 1e300,
        "boolean": True,
        "string": "grün 😀",
        "bytes": b"\x00\xff",
        "maybe": None,
        "list": ["a", "b"],
        "inners": [Struct(_INNER, x=1), Struct(_INNER, x=2)],
        "by_name": {"one": 1},
        "by_number": {7: Struct(_INNER, x=7)},
        "date": date(1969, 12, 31),
        "time": time(23, 59, 59, 999000),
        "timestamp": datetime(1969, 11, 14, 22, 13, 20, 5000, tzinfo=UTC),
        "decimal": Decimal("-123.45"),
        "inner": Struct(_INNER, x=-1),
    }
    value = Struct(_EVERYTHING, **members)

    data = converter.from_connect_batch("t", _EVERYTHING, [value, value])
    runs = converter.to_connect_batch("t", data)

    assert [_values(read) for run in runs for read in run.values] == [_values(value)] * 2
    schema = runs[0].schema
    assert schema is not None
    types = [(field.name, field.schema.type) for field in schema.fields]
    assert types == [(field.name, field.schema.type) for field in _EVERYTHING.fields]


def test_the_text_of_a_schema_is_proto3() -> None:
    colour = {
        "io.confluent.connect.protobuf.Enum": "Colour",
        "io.confluent.connect.protobuf.Enum.RED": "0",
    }
    schema = struct_schema(
        ("id", INT32),
        ("note", OPTIONAL_STRING),
        ("small", INT8),
        ("at", TIMESTAMP),
        ("inner", _INNER),
        ("by", map_schema(STRING, INT64)),
        ("colour", STRING.__class__(STRING.type, parameters=colour)),
        name="shop.Order",
    )

    text = protobuf_text(schema, ProtobufOptions(optional=True)).text

    assert text == (
        'syntax = "proto3";\npackage shop;\n\n'
        'import "confluent/meta.proto";\nimport "google/protobuf/timestamp.proto";\n\n'
        "message Order {\n"
        "  int32 id = 1;\n"
        "  optional string note = 2;\n"
        '  int32 small = 3 [(confluent.field_meta) = { params: [{ key: "connect.type", value:'
        ' "int8" }] }];\n'
        "  google.protobuf.Timestamp at = 4;\n"
        "  Inner inner = 5;\n"
        "  map<string, int64> by = 6;\n"
        "  Colour colour = 7;\n"
        "  message Inner {\n    int64 x = 1;\n  }\n"
        "  enum Colour {\n    RED = 0;\n  }\n"
        "}\n"
    )


def test_what_is_unset_is_null_only_where_protobuf_tells() -> None:
    text = (
        'syntax = "proto3"; message R { string plain = 1; optional string told = 2;'
        " repeated int32 list = 3; R2 inner = 4; } message R2 {}"
    )
    reader = _reader(text)

    read: Any = reader.read([b""], 0)[0]

    assert read.values == ["", None, [], None]


def _reader(text: str, options: ProtobufOptions | None = None, **references: str) -> ProtobufReader:
    others = {
        f"{name}.proto": StoredSchema("PROTOBUF", other, {}) for name, other in references.items()
    }
    file = compile_protobuf(StoredSchema("PROTOBUF", text, others))
    return ProtobufReader(file, file.message_at([0]), options or ProtobufOptions())


def test_a_oneof_is_a_struct_of_which_one_member_is_set(make: Make) -> None:
    reader = _reader(
        'syntax = "proto3"; message R { int32 id = 1; oneof kind { string a = 2; int64 b = 3; } }'
    )

    read: Any = reader.read([b"\x08\x01\x18\x07"], 0)[0]

    assert _values(read) == {"kind_0": {"a": None, "b": 7}, "id": 1}
    union = reader.schema.fields[0].schema
    assert union.name == "io.confluent.connect.protobuf.Union.kind"
    converter = make()
    data = converter.from_connect("t", reader.schema, read)
    assert data is not None
    assert data.endswith(b"\x08\x01\x18\x07")


def test_an_enum_is_a_string_also_where_its_number_is_unknown() -> None:
    reader = _reader('syntax = "proto3"; enum E { A = 0; B = 1; } message R { E e = 1; }')

    read: Any = reader.read([b"\x08\x01", b"\x08\x05"], 0)

    assert [one.values for one in read] == [["B"], ["UNKNOWN_ENUM_VALUE_E_5"]]


def test_the_message_may_be_any_of_the_schema(make: Make) -> None:
    converter = make()
    text = 'syntax = "proto3"; message A {} message B { message C { int32 x = 1; } }'
    schema_id = converter._registry.register("s", "PROTOBUF", text)
    head = b"\0" + schema_id.to_bytes(4, "big")

    runs = converter.to_connect_batch("t", [head + b"\x04\x02\x00\x08\x07", None, head + b"\0"])

    assert [run.schema and run.schema.name for run in runs] == ["C", None, "A"]
    assert runs[0].values[0].values == [7]
    with pytest.raises(DataError, match=r"no message at \[9\]"):
        converter.to_connect("t", head + b"\x02\x12")


def test_references_are_imported() -> None:
    place = 'syntax = "proto3"; package x; message Place { string city = 1; }'
    text = 'syntax = "proto3"; import "place.proto"; message R { x.Place to = 1; }'

    reader = _reader(text, ProtobufOptions(enhanced=True), place=place)

    assert reader.schema.fields[0].schema.name == "x.Place"
    assert _values(reader.read([b"\x0a\x06\x0a\x04Rome"], 0)[0]) == {"to": {"city": "Rome"}}


def test_a_descriptor_in_base64_is_a_schema_too() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="x.proto", syntax="proto3")
    message = file.message_type.add(name="R")
    field = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="id", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)

    reader = _reader(base64.b64encode(file.SerializeToString()).decode())

    assert _values(reader.read([b"\x08\x07"], 0)[0]) == {"id": 7}


def test_unsigned_integers_are_read_as_java_reads_them() -> None:
    reader = _reader('syntax = "proto3"; message R { uint32 a = 1; uint64 b = 2; }')

    read: Any = reader.read([b"\x08\xff\xff\xff\xff\x0f\x10" + b"\xff" * 9 + b"\x01"], 0)[0]

    assert read.values == [2**32 - 1, -1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("message {", "No Protobuf schema: the schema:1"),
        ('syntax = "proto3"; message R { R r = 1; }', "R holds itself"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told(text: str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        _reader(text)


def test_data_that_does_not_fit_is_an_error() -> None:
    reader = _reader('syntax = "proto3"; message R { string a = 1; }')

    with pytest.raises(DataError, match="does not fit its schema"):
        reader.read([b"\x0a\x07x"], 0)


def test_a_value_of_another_type_is_named(make: Make) -> None:
    schema = struct_schema(("id", INT32), name="R")

    with pytest.raises(DataError, match='field: "id"'):
        make().from_connect("t", schema, Struct.from_values(schema, ["7"]))


@pytest.mark.parametrize("kind", [ProtobufConverter, JsonSchemaConverter])
def test_a_real_registry_takes_the_schema_and_gives_it_back(
    registry: ApicurioRegistry,
    converters: Converters,
    topic: str,
    kind: type[ProtobufConverter] | type[JsonSchemaConverter],
) -> None:
    schema = struct_schema(
        ("small", INT8), ("price", decimal_schema(2)), ("at", TIMESTAMP), name="shop.Order"
    )
    moment = datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC)
    order = Struct(schema, small=7, price=Decimal("1.25"), at=moment)

    data = converters.make(kind, registry.url).from_connect(topic, schema, order)
    read: Any = converters.make(kind, registry.url).to_connect(topic, data).value

    assert _values(read) == _values(order)


def test_another_format_is_named(
    registry: ApicurioRegistry, converters: Converters, topic: str
) -> None:
    schema = struct_schema(("id", INT32), name="R")
    json = converters.make(JsonSchemaConverter, registry.url)
    data = json.from_connect(topic, schema, Struct(schema, id=1))

    with pytest.raises(DataError, match="the schema is JSON Schema; the converter is Protobuf"):
        converters.make(ProtobufConverter, registry.url).to_connect(
            topic, (data or b"")[:5] + b"\0"
        )


def test_what_protobuf_has_not_is_refused(make: Make) -> None:
    lists = struct_schema(("a", array_schema(array_schema(INT32))), name="R")

    with pytest.raises(DataError, match="no lists or maps of ARRAY: a"):
        make().from_connect("t", lists, Struct(lists, a=[[1]]))
    with pytest.raises(DataError, match="Protobuf has messages only"):
        make().from_connect("t", INT32, 1)
