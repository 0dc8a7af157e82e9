"""JSON Schema and Connect: each becomes the other, in schemas and in values."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

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
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.json_from_connect import json_schema_text
from isthmus.converters.registry.json_options import JsonSchemaOptions
from isthmus.converters.registry.json_schema import JsonSchemaConverter
from isthmus.converters.registry.json_to_connect import connect_schema

_PLAIN = JsonSchemaOptions()


def _described(schema: Schema, options: JsonSchemaOptions = _PLAIN) -> Any:
    return json.loads(json_schema_text(schema, options).text)


def _connect(
    described: object, options: JsonSchemaOptions = _PLAIN, **references: object
) -> Schema:
    others = {
        f"{name}.json": StoredSchema("JSON", json.dumps(text), {})
        for name, text in references.items()
    }
    return connect_schema(StoredSchema("JSON", json.dumps(described), others), options)


@pytest.fixture
def converter() -> Iterator[JsonSchemaConverter]:
    made = JsonSchemaConverter()
    made.configure({"schema.registry.url": "mock://json"}, is_key=False)
    yield made
    made.close()


@pytest.fixture
def strict() -> Iterator[JsonSchemaConverter]:
    made = JsonSchemaConverter()
    made.configure(
        {"schema.registry.url": "mock://strict", "json.fail.invalid.schema": "true"}, is_key=False
    )
    yield made
    made.close()


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
    ("by_name", map_schema(STRING, INT32)),
    ("by_number", map_schema(INT32, STRING)),
    ("date", DATE),
    ("time", TIME),
    ("timestamp", TIMESTAMP),
    ("decimal", decimal_schema(2)),
    ("inner", struct_schema(("x", INT64), name="shop.Inner", optional=True)),
    name="shop.Everything",
    version=3,
)


def test_every_type_comes_back_as_it_was(strict: JsonSchemaConverter) -> None:
    value = Struct(
        _EVERYTHING,
        int8=-128,
        int16=32767,
        int32=-(2**31),
        int64=2**63 - 1,
        float=1.5,
        double=1e300,
        boolean=True,
        string="grün 😀",
        bytes=b"\x00\xff",
        maybe=None,
        list=["a", None],
        by_name={"one": 1},
        by_number={7: "seven"},
        date=date(1969, 12, 31),
        time=time(23, 59, 59, 999000),
        timestamp=datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC),
        decimal=Decimal("-123.45"),
        inner=Struct(_EVERYTHING.fields[-1].schema, x=-1),
    )

    data = strict.from_connect_batch("t", _EVERYTHING, [value, value])
    runs = strict.to_connect_batch("t", data)

    assert [(run.schema, list(run.values)) for run in runs] == [(_EVERYTHING, [value, value])]


def test_data_is_json_behind_magic_byte_and_id(converter: JsonSchemaConverter) -> None:
    schema = struct_schema(("a", INT32), ("by", map_schema(INT32, STRING)), name="R")

    data = converter.from_connect("t", schema, Struct(schema, a=1, by={2: "x"}))

    assert data == b'\0\0\0\0\1{"a":1,"by":[{"key":2,"value":"x"}]}'


def test_connects_types_are_noted_as_properties() -> None:
    schema = struct_schema(("id", INT32), ("note", OPTIONAL_STRING), ("at", DATE), name="shop.R")

    assert _described(schema) == {
        "type": "object",
        "title": "shop.R",
        "properties": {
            "id": {"type": "integer", "connect.index": 0, "connect.type": "int32"},
            "note": {"connect.index": 1, "oneOf": [{"type": "null"}, {"type": "string"}]},
            "at": {
                "type": "integer",
                "title": "org.apache.kafka.connect.data.Date",
                "connect.index": 2,
                "connect.type": "int32",
                "connect.version": 1,
            },
        },
    }


def test_members_that_are_not_named_may_be_forbidden_and_others_required() -> None:
    schema = struct_schema(("id", INT32), ("note", OPTIONAL_STRING), name="R")
    options = JsonSchemaOptions(additional_properties=False, optional_if_not_required=True)

    described = _described(schema, options)

    assert (described["additionalProperties"], described["required"]) == (False, ["id"])
    assert _connect(described, options) == schema


def test_a_schema_of_others_becomes_what_connect_has() -> None:
    described = {
        "title": "Order",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "price": {"type": "number", "description": "in euros"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "extra": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "note": {"type": ["string", "null"]},
        },
    }

    schema = _connect(described)

    assert schema == struct_schema(
        ("id", INT64),
        ("price", Schema(Type.FLOAT64, doc="in euros")),
        ("tags", array_schema(STRING)),
        ("extra", map_schema(STRING, BOOLEAN)),
        ("note", OPTIONAL_STRING),
        name="Order",
    )


def test_members_stand_in_the_order_of_their_index() -> None:
    properties = {
        "b": {"type": "string", "connect.index": 1},
        "a": {"type": "string", "connect.index": 0},
    }

    schema = _connect({"type": "object", "properties": properties})

    assert [field.name for field in schema.fields] == ["a", "b"]


def test_references_within_a_schema_and_to_others_are_followed() -> None:
    described = {
        "type": "object",
        "properties": {"to": {"$ref": "place.json"}, "by": {"$ref": "#/$defs/name"}},
        "$defs": {"name": {"type": "string"}},
    }
    place = {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/c"}},
        "$defs": {"c": {"type": "string"}},
    }

    schema = _connect(described, place=place)

    assert schema == struct_schema(("to", struct_schema(("city", STRING))), ("by", STRING))


def test_a_schema_that_refers_to_itself_is_refused() -> None:
    described = {"type": "object", "properties": {"next": {"$ref": "#"}}}

    with pytest.raises(DataError, match="refers to itself"):
        _connect({"$ref": "#/$defs/node", "$defs": {"node": described}})


def test_one_of_several_is_a_struct_with_one_member_for_each(
    converter: JsonSchemaConverter,
) -> None:
    one = {"type": "object", "properties": {"x": {"type": "integer"}}}
    two = {"type": "object", "properties": {"y": {"type": "integer"}}}
    schema = _connect({"oneOf": [{"type": "null"}, {"type": "string"}, one, two]})

    assert schema.name == "io.confluent.connect.json.OneOf"
    assert [field.name for field in schema.fields] == [
        f"io.confluent.connect.json.OneOf.field.{i}" for i in range(3)
    ]
    third = schema.fields[2].schema
    value = Struct(schema)
    value["io.confluent.connect.json.OneOf.field.2"] = Struct(third, y=7)
    data = converter.from_connect("t", schema, value)
    assert data is not None
    assert data[5:] == b'{"y":7}'
    read = converter.to_connect("t", data).value
    assert read.values[:2] == [None, None]
    assert read.values[2].values == [7]


def test_an_enum_is_a_string_that_knows_its_symbols() -> None:
    schema = _connect({"type": "string", "title": "Colour", "enum": ["RED", "BLUE"]})

    assert schema.parameters["io.confluent.connect.json.Enum.RED"] == "RED"
    assert _described(schema)["enum"] == ["RED", "BLUE"]


def test_all_of_joins_members() -> None:
    one = {"type": "object", "title": "R", "properties": {"x": {"type": "integer"}}}
    two = {"type": "object", "properties": {"y": {"type": "string"}}}

    assert _connect({"allOf": [one, two]}) == struct_schema(("x", INT64), ("y", STRING), name="R")


def test_data_that_is_not_valid_is_refused_if_so_asked(strict: JsonSchemaConverter) -> None:
    schema = struct_schema(("id", INT32), name="R")
    data = strict.from_connect("t", schema, Struct(schema, id=1))
    assert data is not None

    with pytest.raises(DataError, match='not valid by its JSON Schema at /id: "one" is not of'):
        strict.to_connect("t", data[:5] + b'{"id":"one"}')


def test_what_is_no_json_is_told_by_its_look(converter: JsonSchemaConverter) -> None:
    data = converter.from_connect("t", INT32, 1)
    assert data is not None

    with pytest.raises(DataError, match="expected JSON behind the schema id, found plain text"):
        converter.to_connect("t", data[:5] + b"hello")
    with pytest.raises(DataError, match="looks like JSON text; the converter is JSON Schema"):
        converter.to_connect("t", b'{"id":1}')


def test_decimals_may_be_numbers() -> None:
    made = JsonSchemaConverter()
    config = {"schema.registry.url": "mock://numeric", "decimal.format": "NUMERIC"}
    made.configure(config, is_key=False)
    schema = decimal_schema(3)

    data = made.from_connect("t", schema, Decimal("12.340"))

    assert data == b"\0\0\0\0\x0112.340"
    assert made.to_connect("t", data) == (schema, Decimal("12.340"))
    made.close()


@pytest.mark.parametrize("place", ["http", "file"])
def test_a_reference_outside_the_registry_is_refused_and_never_looked_up(
    place: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(0.2)
        file = tmp_path / "any.json"
        file.write_text('{"type": "string"}')
        url = f"http://127.0.0.1:{host.getsockname()[1]}/" if place == "http" else file.as_uri()
        described = {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "not": {"$ref": url},
        }
        made = JsonSchemaConverter()
        made.configure(
            {"schema.registry.url": "mock://json", "json.fail.invalid.schema": "true"},
            is_key=False,
        )

        with pytest.raises(DataError, match=r"No JSON Schema: .* is not present in a registry"):
            made.make_reader(StoredSchema("JSON", json.dumps(described), {}), b"")

        with pytest.raises(TimeoutError):  # else the schema's author chooses whom a worker asks
            host.accept()
        made.close()
