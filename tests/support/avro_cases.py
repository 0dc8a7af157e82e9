"""Connect data of every kind that Avro has, for reading across languages."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

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
    Field,
    Schema,
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct

_INNER: Final = struct_schema(("x", INT64), name="shop.Inner", optional=True)
_OUTER: Final = struct_schema(
    ("inner", _INNER),
    ("none", _INNER),
    ("note", Schema(Type.STRING, optional=True, default="said nothing")),
    name="shop.Outer",
    version=2,
    doc="What is around it",
)
_ENUM: Final = Schema(
    Type.STRING,
    parameters={
        "io.confluent.connect.avro.Enum": "shop.Colour",
        "io.confluent.connect.avro.Enum.RED": "RED",
        "io.confluent.connect.avro.Enum.BLUE": "BLUE",
    },
)
_UNION: Final = Schema(
    Type.STRUCT,
    optional=True,
    name="io.confluent.connect.avro.Union",
    fields=tuple(
        Field(name, index, schema.as_optional())
        for index, (name, schema) in enumerate((("int", INT32), ("string", STRING)))
    ),
)


def _outer() -> Struct:
    struct = Struct(_OUTER)
    struct["inner"] = Struct(_INNER, x=-(2**40))
    return struct


def _union() -> Struct:
    struct = Struct(_UNION)
    struct["string"] = "text"
    return struct


#: What it shows → its schema and a value.
CASES: Final[dict[str, tuple[Schema, Any]]] = {
    "int8": (INT8, -128),
    "int16": (INT16, 32767),
    "int32 at its end": (INT32, -(2**31)),
    "int64 at its end": (INT64, 2**63 - 1),
    "float": (FLOAT32, 1.5),
    "double": (FLOAT64, 1e300),
    "boolean": (BOOLEAN, True),
    "text beyond the BMP": (STRING, "grün 😀"),
    "bytes": (BYTES, b"\x00\x7f"),
    "null": (_UNION, None),
    "an optional text": (OPTIONAL_STRING, "here"),
    "a list with null": (array_schema(OPTIONAL_STRING), ["a", None]),
    "an empty list": (array_schema(INT32), []),
    "a map by name": (map_schema(STRING, INT32), {"one": 1}),
    "a map by number": (map_schema(INT32, STRING), {7: "seven"}),
    "a date": (DATE, date(1969, 12, 31)),
    "a time": (TIME, time(23, 59, 59, 999000)),
    "a timestamp": (TIMESTAMP, datetime(1969, 11, 14, 22, 13, 20, 5000, tzinfo=UTC)),
    "a decimal": (decimal_schema(2), Decimal("-123.45")),
    "a record in a record": (_OUTER, _outer()),
    "an enum": (_ENUM, "BLUE"),
    "a union": (_UNION, _union()),
}
