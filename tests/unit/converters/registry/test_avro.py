"""Avro and Connect: each becomes the other, in schemas and in values."""

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import fastavro
import pytest

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
    Schema,
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.converters.registry.avro_from_connect import avro_text
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import parse_avro
from isthmus.converters.registry.avro_to_connect import AvroReader
from isthmus.converters.registry.avro_write import AvroWriting
from isthmus.converters.registry.client import StoredSchema

_PLAIN = AvroOptions()
_ENHANCED = AvroOptions(enhanced=True)


def _described(schema: Schema, options: AvroOptions = _PLAIN) -> Any:
    return json.loads(avro_text(schema, options).text)


def _parsed(avro: object) -> Any:
    return parse_avro(StoredSchema("AVRO", json.dumps(avro), {}))


def _reader(avro: object, options: AvroOptions = _PLAIN) -> AvroReader:
    return AvroReader(_parsed(avro), options)


def _written(schema: Schema, value: Any, options: AvroOptions = _PLAIN) -> bytes:
    avro = _parsed(_described(schema, options))
    return AvroWriting(options, strict=False).writer(schema, avro)(value)


def _there_and_back(schema: Schema, value: Any, options: AvroOptions = _PLAIN) -> Any:
    reader = _reader(_described(schema, options), options)
    assert reader.schema == schema
    return reader.read([_written(schema, value, options)], 0)[0]


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
    ("list", array_schema(OPTIONAL_STRING)),
    ("by name", map_schema(STRING, INT32)),
    ("by number", map_schema(INT32, STRING)),
    ("date", DATE),
    ("time", TIME),
    ("timestamp", TIMESTAMP),
    ("decimal", decimal_schema(2)),
    ("inner", struct_schema(("x", INT64), name="shop.Inner", optional=True)),
    name="shop.Everything",
    version=3,
)
_SCRUBBED = AvroOptions(scrub_names=True)


def _everything() -> dict[str, Any]:
    inner_schema = _EVERYTHING.fields[-1].schema
    return {
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
        "list": ["a", None],
        "by_name": {"one": 1},
        "by_number": {7: "seven"},
        "date": date(1969, 12, 31),
        "time": time(23, 59, 59, 999000),
        "timestamp": datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC),
        "decimal": Decimal("-123.45"),
        "inner": Struct(inner_schema, x=-1),
    }


def test_every_type_comes_back_as_it_was() -> None:
    members = [(f.name.replace(" ", "_"), f.schema) for f in _EVERYTHING.fields]
    schema = struct_schema(*members, name="shop.Everything", version=3)
    value = Struct(schema, **_everything())

    assert _there_and_back(schema, value) == value


def test_fastavro_reads_what_is_written() -> None:
    members = [(f.name.replace(" ", "_"), f.schema) for f in _EVERYTHING.fields]
    schema = struct_schema(*members, name="shop.Everything", version=3)
    data = _written(schema, Struct(schema, **_everything()))

    read: Any = fastavro.schemaless_reader(io.BytesIO(data), _described(schema), None)

    expected = _everything()
    expected["inner"] = {"x": -1}
    expected["by_number"] = [{"key": 7, "value": "seven"}]
    assert read == expected


def test_small_integers_and_versions_are_noted_as_properties() -> None:
    assert _described(INT8) == {"type": "int", "connect.type": "int8"}
    assert _described(struct_schema(name="a.B", version=2)) == {
        "type": "record",
        "name": "B",
        "namespace": "a",
        "fields": [],
        "connect.version": 2,
        "connect.name": "a.B",
    }


def test_logical_types_are_avros_and_connects() -> None:
    assert _described(TIMESTAMP) == {
        "type": "long",
        "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp",
        "logicalType": "timestamp-millis",
    }
    assert _described(decimal_schema(3)) == {
        "type": "bytes",
        "scale": 3,
        "precision": 64,
        "connect.version": 1,
        "connect.parameters": {"scale": "3"},
        "connect.name": "org.apache.kafka.connect.data.Decimal",
        "logicalType": "decimal",
    }


def test_without_meta_data_only_avros_own_is_written() -> None:
    options = AvroOptions(meta_data=False)

    assert _described(INT8, options) == "int"
    assert _described(DATE, options) == {"type": "int", "logicalType": "date"}


def test_optional_is_a_union_with_null_and_a_default_comes_first() -> None:
    schema = struct_schema(
        ("a", OPTIONAL_STRING),
        ("b", Schema(Type.STRING, optional=True, default="x")),
        ("c", Schema(Type.INT32, default=5)),
        name="R",
    )

    fields = _described(schema)["fields"]

    assert fields[0] == {"name": "a", "type": ["null", "string"], "default": None}
    assert fields[1]["type"] == [{"type": "string", "connect.default": "x"}, "null"]
    assert fields[1]["default"] == "x"
    assert fields[2] == {
        "name": "c",
        "type": {"type": "int", "connect.default": 5},
        "default": 5,
    }


def test_null_becomes_the_default_unless_that_is_for_others_only() -> None:
    schema = struct_schema(("b", Schema(Type.STRING, optional=True, default="x")), name="R")
    ignoring = AvroOptions(ignore_defaults=True)

    assert _written(schema, Struct(schema)) == b"\x00\x02x"
    assert _written(schema, Struct(schema), ignoring) == b"\x02"


def test_a_struct_without_a_name_gets_connects_default() -> None:
    inner = struct_schema(("x", INT32))
    schema = struct_schema(("inner", inner), ("other", struct_schema(("y", INT32))))

    described = _described(schema)

    assert (described["namespace"], described["name"]) == (
        "io.confluent.connect.avro",
        "ConnectDefault",
    )
    assert [f["type"]["name"] for f in described["fields"]] == [
        "ConnectDefault2",
        "ConnectDefault3",
    ]
    assert _reader(described).schema.name is None


def test_a_record_is_described_once_and_named_where_it_comes_again() -> None:
    inner = struct_schema(("x", INT32), name="a.Inner")
    schema = struct_schema(("before", inner.as_optional()), ("after", inner), name="a.Outer")

    fields = _described(schema)["fields"]

    assert fields[0]["type"][1]["fields"] == [{"name": "x", "type": "int"}]
    assert fields[1]["type"] == "Inner"


def test_two_records_of_one_name_are_refused() -> None:
    one, two = (struct_schema(("x", t), name="a.X") for t in (INT32, STRING))

    with pytest.raises(DataError, match=r"Can't redefine: a\.X"):
        _described(struct_schema(("one", one), ("two", two), name="a.Y"))


def test_names_that_avro_does_not_allow_are_refused_or_scrubbed() -> None:
    schema = struct_schema(("1st name", STRING), name="my-db.Table$1")

    with pytest.raises(DataError, match=r"scrub\.invalid\.names"):
        _described(schema)
    described = _described(schema, _SCRUBBED)
    assert (described["namespace"], described["name"]) == ("my_db", "Table_1")
    assert described["fields"][0]["name"] == "_1st_name"
    assert _written(schema, Struct(schema, **{"1st name": "x"}), _SCRUBBED) == b"\x02x"


_COLOUR = {"type": "enum", "name": "Colour", "namespace": "a", "symbols": ["RED", "BLUE"]}


def test_an_enum_is_a_string_and_with_enhanced_support_an_enum_again() -> None:
    reader = _reader(_COLOUR, _ENHANCED)

    assert reader.read([b"\x02"], 0) == ["BLUE"]
    assert reader.schema.parameters["io.confluent.connect.avro.Enum"] == "a.Colour"
    assert _described(reader.schema)["type"] == "string"
    again = _described(reader.schema, _ENHANCED)
    assert (again["type"], again["symbols"]) == ("enum", ["RED", "BLUE"])
    assert _written(reader.schema, "BLUE", _ENHANCED) == b"\x02"


def test_a_symbol_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DataError, match=r"a\.Colour has no symbol number 7"):
        _reader(_COLOUR).read([b"\x0e"], 0)


_UNION = [
    "null",
    "int",
    "long",
    "string",
    {"type": "record", "name": "R", "namespace": "a.b", "fields": [{"name": "x", "type": "int"}]},
]


@pytest.mark.parametrize(
    ("data", "member", "value"), [(b"\x02\x0e", "int", 7), (b"\x04\x0e", "long", 7)]
)
def test_a_union_is_a_struct_with_one_member_for_each_branch(
    data: bytes, member: str, value: int
) -> None:
    reader = _reader(_UNION)

    read: Any = reader.read([data], 0)[0]

    assert reader.schema.name == "io.confluent.connect.avro.Union"
    assert list(read) == ["int", "long", "string", "R"]
    assert {name: read[name] for name in read if read[name] is not None} == {member: value}


def test_a_union_is_written_as_the_branch_that_is_set() -> None:
    reader = _reader(_UNION)
    read: Any = reader.read([b"\x04\x0e"], 0)[0]

    again = AvroWriting(_PLAIN, strict=True).writer(reader.schema, _parsed(_UNION))(read)

    assert again == b"\x04\x0e"
    assert reader.read([b"\x00"], 0) == [None]


@pytest.mark.parametrize(
    ("options", "name", "last"),
    [
        (AvroOptions(enhanced=True), "io.confluent.connect.avro.Union", "a.b.R"),
        (AvroOptions(generalized=True), "connect_union", "connect_union_field_3"),
    ],
)
def test_members_of_unions_are_called_as_the_options_say(
    options: AvroOptions, name: str, last: str
) -> None:
    schema = _reader(_UNION, options).schema

    assert (schema.name, schema.fields[-1].name) == (name, last)


def test_a_fixed_is_bytes_of_that_size() -> None:
    fixed = {"type": "fixed", "name": "Hash", "size": 3}
    reader = _reader(fixed)

    assert reader.read([b"abc"], 0) == [b"abc"]
    assert reader.schema.parameters == {"connect.fixed.size": "3"}
    assert _described(reader.schema)["size"] == 3
    with pytest.raises(DataError, match="is of 3 bytes, not 2"):
        _written(reader.schema, b"ab")


def test_schemas_of_others_are_read_with_their_defaults_and_docs() -> None:
    avro = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "a", "type": ["string", "null"], "default": "x", "doc": "what it is"},
            {"name": "b", "type": "bytes", "default": "\u00ff"},
            {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        ],
    }
    schema = _reader(avro).schema

    assert schema.fields[0].schema == Schema(
        Type.STRING, optional=True, default="x", doc="what it is"
    )
    assert schema.fields[1].schema.default == b"\xff"
    assert schema.fields[2].schema == INT64
    assert _reader(avro, AvroOptions(discard=True)).schema.fields[0].schema == OPTIONAL_STRING


def test_a_record_that_holds_itself_is_refused() -> None:
    fields = [{"name": "next", "type": ["null", "Node"]}]

    with pytest.raises(DataError, match="Node holds itself"):
        _reader({"type": "record", "name": "Node", "fields": fields})


def test_one_malformed_record_does_not_spoil_others() -> None:
    reader = _reader("string")

    with pytest.raises(DataError, match="does not fit its schema"):
        reader.read([b"\x02a", b"\x08b"], 0)
    assert reader.read([b"\x02a", b"\x02b and more, which Java ignores"], 0) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("7", 'type INT32: class java.lang.String, field: "id"'),
        (2**31, 'type INT32: class java.lang.Long, field: "id"'),
        (None, 'null used for required field, schema type: INT32, field: "id"'),
    ],
)
def test_a_value_of_another_type_is_named(value: object, error: str) -> None:
    schema = struct_schema(("id", INT32), name="R")

    with pytest.raises(DataError, match=error):
        _written(schema, Struct.from_values(schema, [value]))


def test_a_namespace_is_told_where_it_changes() -> None:
    bare = struct_schema(("x", INT32), name="Bare")
    near = struct_schema(("x", INT32), name="a.Near")
    far = struct_schema(("near", near), name="b.Far")
    schema = struct_schema(("bare", bare), ("near", near), ("far", far), name="a.Outer")

    described = _described(schema)
    types = [field["type"] for field in described["fields"]]

    assert described["namespace"] == "a"
    assert [one.get("namespace") for one in types] == ["", None, "b"]
    assert types[2]["fields"][0]["type"] == "a.Near"
