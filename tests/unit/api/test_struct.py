"""Values are checked against their schemas, and errors name the place."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from isthmus.api.errors import DataError, SchemaBuilderError
from isthmus.api.logical import DATE, TIME, TIMESTAMP, decimal_schema
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    Schema,
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct, validate, with_default

PAIR = struct_schema(("key", STRING), ("n", INT32))
SAME_PAIR = struct_schema(("key", STRING), ("n", INT32))
ITEM = struct_schema(("price", FLOAT64), ("note", OPTIONAL_STRING))
ORDER = struct_schema(
    ("id", INT64),
    ("items", array_schema(ITEM)),
    ("labels", map_schema(STRING, INT32)),
    ("count", with_default(INT32, 7)),
)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INT8, -128),
        (INT8, 127),
        (INT64, 2**63 - 1),
        (FLOAT64, 1.5),
        (FLOAT64, 1),
        (BOOLEAN, True),
        (STRING, ""),
        (BYTES, b""),
        (BYTES, bytearray(b"x")),
        (OPTIONAL_INT32, None),
        (array_schema(INT32), [1, 2]),
        (array_schema(OPTIONAL_INT32), (1, None)),
        (map_schema(INT32, STRING), {1: "a"}),
        (DATE, date(2026, 1, 1)),
        (TIME, time(1, 2)),
        (TIMESTAMP, datetime(2026, 1, 1, tzinfo=UTC)),
        (decimal_schema(2), Decimal("1.25")),
        (ITEM, Struct(ITEM, price=1.0)),
    ],
)
def test_what_a_schema_says_is_taken(schema: Schema, value: Any) -> None:
    validate(schema, value, "f")


@pytest.mark.parametrize(
    ("schema", "value", "error"),
    [
        (INT32, None, 'null used for required field: "f", schema type: INT32'),
        (INT8, 128, 'type INT8: expected at most 8 bits for field: "f"'),
        (INT64, -(2**63) - 1, 'type INT64: expected at most 64 bits for field: "f"'),
        (INT32, "1", 'type INT32: expected int, found str for field: "f"'),
        (INT32, True, 'type INT32: expected int, found bool for field: "f"'),
        (FLOAT64, False, "type FLOAT64: expected float or int, found bool"),
        (BOOLEAN, 1, "type BOOLEAN: expected bool, found int"),
        (STRING, b"x", "type STRING: expected str, found bytes"),
        (DATE, 5, '"org.apache.kafka.connect.data.Date" with type INT32: expected date, found int'),
        (decimal_schema(2), 1.5, "with type BYTES: expected Decimal, found float"),
        (array_schema(INT32), [1, "x"], 'found str for field: "f[1]"'),
        (array_schema(INT32), [1, None], 'required field: "f[1]"'),
        (array_schema(INT32), "12", "type ARRAY: expected list or tuple, found str"),
        (map_schema(STRING, INT32), {1: 1}, 'type STRING: expected str, found int for field: "f.k'),
        (map_schema(STRING, INT32), {"a": "b"}, 'found str for field: "f["a"]"'),
        (ITEM, {}, "type STRUCT: expected Struct, found dict"),
        (ITEM, Struct(ORDER), 'Struct schemas do not match for field: "f"'),
        (ITEM, Struct(ITEM), 'null used for required field: "f.price", schema type: FLOAT64'),
    ],
)
def test_what_a_schema_does_not_say_is_refused(schema: Schema, value: Any, error: str) -> None:
    with pytest.raises(DataError) as raised:
        validate(schema, value, "f")

    assert error in str(raised.value)


def test_the_place_is_named_through_all_levels() -> None:
    wrong = Struct.from_values(ITEM, [1.0, 5])
    order = Struct.from_values(ORDER, [1, [Struct(ITEM, price=1.0), wrong], {}, None])

    with pytest.raises(DataError, match=r'found int for field: "items\[1\].note"'):
        order.validate()


def test_a_whole_value_has_no_name() -> None:
    with pytest.raises(DataError, match=r"^Invalid value: null used for required value, schema"):
        validate(INT32, None)


def test_the_value_itself_is_not_in_the_error() -> None:
    with pytest.raises(DataError) as raised:
        validate(INT32, "a password")

    assert "password" not in str(raised.value)


def test_members_are_checked_when_they_are_set() -> None:
    order = Struct(ORDER)
    with pytest.raises(DataError, match='found str for field: "id"'):
        order["id"] = "1"
    with pytest.raises(DataError, match="nothing is not a valid field name"):
        order["nothing"] = 1
    with pytest.raises(DataError, match=r'found int for field: "labels\["a"\]\["b"\]|found str'):
        order["labels"] = {"a": "b"}


def test_a_default_stands_in_for_a_required_member() -> None:
    order = Struct(ORDER, id=1, items=[], labels={})

    order.validate()

    assert order["count"] == 7
    assert order.get_without_default("count") is None


def test_a_struct_needs_the_schema_of_one() -> None:
    with pytest.raises(DataError, match="Not a struct schema: INT32"):
        Struct(INT32)


def test_a_default_must_be_what_its_schema_says() -> None:
    with pytest.raises(SchemaBuilderError, match=r"Invalid default value: .*expected int"):
        with_default(INT32, "x")
    with pytest.raises(SchemaBuilderError, match="Invalid default value"):
        with_default(array_schema(INT32), ["x"])


def test_parameters_are_added_and_make_another_schema() -> None:
    units = INT32.with_parameters(unit="ms").with_parameters(of="delay")

    assert dict(units.parameters) == {"unit": "ms", "of": "delay"}
    assert units != INT32
    assert units.type is Type.INT32


def test_names_of_members_are_unique() -> None:
    with pytest.raises(SchemaBuilderError, match="field name duplication"):
        struct_schema(("a", INT32), ("a", INT64))


def test_a_struct_can_be_the_key_of_a_map() -> None:
    place = struct_schema(("x", INT32), ("y", INT32))
    value = {Struct(place, x=1, y=2): "here"}

    validate(map_schema(place, STRING), value)

    assert value[Struct(place, x=1, y=2)] == "here"


@pytest.mark.parametrize(
    "keys",
    [array_schema(INT32), map_schema(STRING, INT32), struct_schema(("it", array_schema(INT32)))],
)
def test_keys_that_no_dict_can_have_are_refused(keys: Schema) -> None:
    with pytest.raises(SchemaBuilderError, match=r"cannot have keys that are or hold (ARRAY|MAP)"):
        map_schema(keys, STRING)


def test_a_struct_becomes_a_dict_with_its_defaults() -> None:
    schema = struct_schema(("id", INT32), ("state", with_default(STRING, "new")))

    assert dict(Struct(schema, id=1).items()) == {"id": 1, "state": "new"}
