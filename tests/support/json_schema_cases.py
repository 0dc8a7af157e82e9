"""Connect data of every kind that JSON Schema has, for reading across languages."""

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

from isthmus.api.logical import decimal_schema
from isthmus.api.schema import (
    FLOAT64,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Field,
    Schema,
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.converters.registry.json_schema import JsonSchemaConverter
from tests.support import avro_cases


class Case(NamedTuple):
    """A value, its schema, and a setting of the converter."""

    schema: Schema
    value: Any
    setting: tuple[str, str] = ("json.fail.invalid.schema", "true")

    @contextmanager
    def converter(self) -> Generator[JsonSchemaConverter, None, None]:
        """Give a converter with this setting, for a registry of its own in memory."""
        made = JsonSchemaConverter()
        name, value = self.setting
        config = {"schema.registry.url": f"mock://{id(made)}", name: value}
        made.configure(config, is_key=False)
        yield made
        made.close()


_ONE_OF: Final = "io.confluent.connect.json.OneOf"
_POINT: Final = struct_schema(("x", INT64), ("y", INT64), name="shop.Point", optional=True)
_UNION: Final = Schema(
    Type.STRUCT,
    name=_ONE_OF,
    fields=tuple(
        Field(f"{_ONE_OF}.field.{index}", index, schema.as_optional())
        for index, schema in enumerate((STRING, FLOAT64, _POINT))
    ),
)
_ENUM: Final = Schema(
    Type.STRING,
    name="shop.Colour",
    parameters={
        "io.confluent.connect.json.Enum": "shop.Colour",
        "io.confluent.connect.json.Enum.RED": "RED",
        "io.confluent.connect.json.Enum.BLUE": "BLUE",
    },
)
_REQUIRED: Final = struct_schema(("id", INT32), ("note", OPTIONAL_STRING), name="shop.Line")
_DOCUMENTED: Final = Schema(
    Type.STRUCT,
    name="shop.Documented",
    version=3,
    doc='What "it" is, grün',
    parameters={"unit": "m²"},
    fields=(Field("it", 0, Schema(Type.INT32, default=7, doc="an id")),),
)


def _point() -> Struct:
    struct = Struct(_UNION)
    struct[f"{_ONE_OF}.field.2"] = Struct(_POINT, x=1, y=-(2**53))
    return struct


#: What it shows → schema, value, setting.
CASES: Final[dict[str, Case]] = {
    **{
        name: Case(schema, value)
        for name, (schema, value) in avro_cases.CASES.items()
        if name not in {"null", "an enum", "a union"}
    },
    "text with escapes": Case(STRING, 'a"b\\c\n\t\x01/'),
    "a float below one": Case(FLOAT64, 1e-7),
    "a whole double": Case(FLOAT64, 3.0),
    "a list in a list": Case(array_schema(array_schema(INT32)), [[1], [], [2, 3]]),
    "a map in a map": Case(map_schema(STRING, map_schema(STRING, INT64)), {"a": {"b": 2**62}}),
    "a map by a struct": Case(map_schema(_POINT, STRING), {Struct(_POINT, x=1, y=2): "here"}),
    "a decimal as a number": Case(
        decimal_schema(3), Decimal("12.345"), ("decimal.format", "NUMERIC")
    ),
    "members that are required": Case(
        _REQUIRED,
        Struct(_REQUIRED, id=1, note=None),
        ("use.optional.for.nonrequired", "true"),
    ),
    "documentation and a default": Case(_DOCUMENTED, Struct(_DOCUMENTED, it=-1)),
    "an enum": Case(_ENUM, "BLUE"),
    "one of several structs": Case(_UNION, _point()),
}
