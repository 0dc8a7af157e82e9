"""Projections do what Apache's SchemaProjector does; the expected values were seen there."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from isthmus.api.errors import SchemaProjectionError
from isthmus.api.logical import DATE, TIMESTAMP, decimal_schema
from isthmus.api.projection import projection
from isthmus.api.schema import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Schema,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct, with_default

NAMED = replace(INT32, name="n.m")
SOURCE = struct_schema(
    ("a", INT32), ("o", OPTIONAL_STRING), ("d", with_default(INT32, 7)), name="s"
)


def struct(*members: tuple[str, Schema]) -> Schema:
    return struct_schema(*members, name="s")


@pytest.mark.parametrize(
    ("source", "value", "target", "expected"),
    [
        (INT32, 5, INT64, 5),
        (INT32, 5, FLOAT64, 5.0),
        (INT8, 5, FLOAT32, 5.0),
        (FLOAT32, 1.100000023841858, FLOAT64, 1.100000023841858),
        (INT64, 9007199254740993, FLOAT64, 9007199254740992.0),
        (INT64, 16777217, FLOAT32, 16777216.0),
        (OPTIONAL_INT32, None, with_default(INT32, 9), 9),
        (OPTIONAL_INT32, 4, with_default(INT32, 9), 4),
        (INT32, 5, OPTIONAL_INT32, 5),
        (OPTIONAL_INT32, None, OPTIONAL_INT64, None),
        (OPTIONAL_INT32, None, with_default(OPTIONAL_INT64, 9), None),
        (replace(INT32, version=2, doc="x"), 5, INT32, 5),
        (array_schema(INT32), [1, 2], array_schema(INT64), [1, 2]),
        (map_schema(STRING, INT32), {"a": 1}, map_schema(STRING, FLOAT32), {"a": 1.0}),
        (decimal_schema(2), Decimal("1.23"), decimal_schema(2), Decimal("1.23")),
    ],
)
def test_values_grow_into_wider_types(
    source: Schema, value: Any, target: Schema, expected: Any
) -> None:
    made = projection(source, target)(value)

    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("source", "target", "error"),
    [
        (INT64, INT32, "Schema type mismatch. source type: INT64 and target type: INT32"),
        (FLOAT64, FLOAT32, "Schema type mismatch. source type: FLOAT64 and target type: FLOAT32"),
        (STRING, INT32, "Schema type mismatch. source type: STRING and target type: INT32"),
        (BOOLEAN, INT8, "Schema type mismatch. source type: BOOLEAN and target type: INT8"),
        (SOURCE, INT32, "Schema type mismatch. source type: STRUCT and target type: INT32"),
        (array_schema(INT32), array_schema(STRING), "source type: INT32 and target type: STRING"),
        (NAMED, INT32, "Schema name mismatch. source name: n.m and target name: None"),
        (DATE, TIMESTAMP, "Schema name mismatch. source name: org.apache.kafka.connect.data.Date"),
        (decimal_schema(2), decimal_schema(3), "Schema parameters not equal. source parameters: {"),
        (OPTIONAL_INT32, INT32, "Writer schema is optional, however, target schema does not"),
        (SOURCE, struct(("a", STRING)), "Error projecting a: Schema type mismatch."),
        (
            SOURCE,
            struct(("new", INT32)),
            "Required field `new` is missing from source schema: Schema{s:STRUCT}",
        ),
    ],
)
def test_schemas_that_do_not_fit_are_refused_at_once(
    source: Schema, target: Schema, error: str
) -> None:
    with pytest.raises(SchemaProjectionError) as raised:
        projection(source, target)

    assert error in str(raised.value)


def test_members_are_left_out_widened_and_filled_in() -> None:
    target = struct(
        ("new", with_default(INT32, 3)), ("a", INT64), ("none", OPTIONAL_INT32), ("d", INT32)
    )

    made = projection(SOURCE, target)(Struct(SOURCE, a=1, o="left out"))

    assert made.schema is target
    assert made.values == [3, 1, None, 7]
