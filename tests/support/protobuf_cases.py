"""Structs of every kind that Protobuf has, for reading across languages."""

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
    Schema,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct

_INNER: Final = struct_schema(("x", INT64), name="shop.Inner", optional=True)


def _of(schema: Schema, value: Any) -> tuple[Schema, Struct]:
    record = struct_schema(("it", schema), name="shop.Record")
    return record, Struct(record, it=value)


#: What it shows → a schema of one member `it`, and a struct of it.
CASES: Final[dict[str, tuple[Schema, Struct]]] = {
    "int8": _of(INT8, -128),
    "int16": _of(INT16, 32767),
    "int32 at its end": _of(INT32, -(2**31)),
    "int64 at its end": _of(INT64, 2**63 - 1),
    "float": _of(FLOAT32, 1.5),
    "double": _of(FLOAT64, 1e300),
    "boolean": _of(BOOLEAN, True),
    "text beyond the BMP": _of(STRING, "grün 😀"),
    "bytes": _of(BYTES, b"\x00\xff"),
    "an optional text": _of(OPTIONAL_STRING, "here"),
    "a list of numbers": _of(array_schema(INT32), [1, -1, 300]),
    "a list of texts": _of(array_schema(STRING), ["a", ""]),
    "a map by name": _of(map_schema(STRING, INT32), {"one": 1}),
    "a map by number": _of(map_schema(INT32, _INNER), {7: Struct(_INNER, x=7)}),
    "a date": _of(DATE, date(1969, 12, 31)),
    "a time": _of(TIME, time(23, 59, 59, 999000)),
    "a timestamp": _of(TIMESTAMP, datetime(1969, 11, 14, 22, 13, 20, 5000, tzinfo=UTC)),
    "a decimal": _of(decimal_schema(2), Decimal("-123.45")),
    "a message in a message": _of(_INNER, Struct(_INNER, x=-(2**40))),
}
