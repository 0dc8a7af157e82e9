"""Flat structs are written and read by the batch; what comes out is what one by one gives."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.api.logical import decimal_schema
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.converters.json import JsonConverter
from isthmus.converters.json_schema import schema_to_json
from isthmus.converters.json_write import WriterOptions
from tests.support.converter_batches import assert_batch_reads_alike

#: Names that look like what stands between two objects.
NAMES = ("a", "b", "", ",", ":", "}", "{", "},{", '"', "},{:", "é", "\n", "\\")
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=4),
    st.sampled_from(["},{", '"},{"', '},{"a":', ",", "\x7f\x80", "\u2028", "😀"]),
)
INTEGERS = st.one_of(
    st.integers(-128, 127), st.sampled_from([128, -129, 2**31, 2**63 - 1, 2**63, 2**70])
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, 128, 2**31, 2**63, "x", 1.5, True]), st.just({}), st.just([])
)
VALUES: dict[Schema, st.SearchStrategy[Any]] = {
    STRING: TEXT,
    INT8: INTEGERS,
    INT32: INTEGERS,
    INT64: INTEGERS,
    BOOLEAN: st.booleans(),
    FLOAT32: st.floats(width=32),
    FLOAT64: st.floats(),
    BYTES: st.binary(max_size=4),
    decimal_schema(2): st.integers(-999, 999).map(lambda unscaled: Decimal(unscaled).scaleb(-2)),
}


@st.composite
def members(draw: st.DrawFn) -> tuple[Schema, st.SearchStrategy[Any]]:
    schema = draw(st.sampled_from(list(VALUES)))
    values = VALUES[schema]
    if draw(st.booleans()):
        default = "d" if schema is STRING and draw(st.booleans()) else None
        return replace(schema, optional=True, default=default), st.one_of(st.none(), values)
    return schema, values


@st.composite
def batches(draw: st.DrawFn) -> tuple[Schema, list[Struct]]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    made = [draw(members()) for _ in names]
    schema = struct_schema(*zip(names, [member for member, _ in made], strict=True))
    rows = draw(st.lists(st.tuples(*[values for _, values in made]), max_size=5))
    return schema, [Struct.from_values(schema, list(row)) for row in rows]


def converter(**options: str) -> JsonConverter:
    made = JsonConverter()
    made.configure({key.replace("_", "."): value for key, value in options.items()}, is_key=False)
    return made


def outcome(write: Callable[[], list[bytes | None]]) -> list[bytes | None] | None:
    """Return what was written, None if a value was refused."""
    try:
        return write()
    except DataError:
        return None


@pytest.mark.parametrize(
    "options", [{}, {"schemas_enable": "false"}, {"replace_null_with_default": "false"}]
)
@given(batches())
def test_a_batch_of_flat_structs_is_written_as_its_values_one_by_one(
    options: dict[str, str], batch: tuple[Schema, list[Struct]]
) -> None:
    schema, values = batch
    made = converter(**options)

    at_once = outcome(lambda: list(made.from_connect_batch("t", schema, values)))

    assert at_once == outcome(lambda: [made.from_connect("t", schema, v) for v in values])


@st.composite
def messages(draw: st.DrawFn) -> list[bytes]:
    """Return messages with one schema, whose payloads mostly fit it."""
    schema, structs = draw(batches())
    made = converter()
    payloads: list[Any] = []
    for struct in structs:
        try:
            written = made.from_connect("t", schema, struct)
        except DataError:
            continue
        assert written is not None
        payloads.append(json.loads(written)["payload"])
    for payload in payloads:
        if draw(st.integers(0, 5)) == 0:
            key = draw(st.sampled_from(NAMES))
            payload[key] = draw(ODD)
    described = schema_to_json(schema, WriterOptions(replace_null=True, numeric_decimals=False))
    prefix = b'{"schema":' + json.dumps(described).encode() + b',"payload":'
    return [prefix + json.dumps(payload).encode() + b"}" for payload in payloads]


@pytest.mark.parametrize("options", [{}, {"replace_null_with_default": "false"}])
@given(messages())
def test_a_batch_of_flat_objects_is_read_as_its_messages_one_by_one(
    options: dict[str, str], data: list[bytes]
) -> None:
    assert_batch_reads_alike(converter(**options), data)


def test_an_equal_schema_of_another_origin_is_as_good() -> None:
    one, other = struct_schema(("a", STRING)), struct_schema(("a", STRING))
    values = [Struct(one, a="x"), Struct(other, a="y")]

    written = converter(schemas_enable="false").from_connect_batch("t", one, values)

    assert written == [b'{"a":"x"}', b'{"a":"y"}']


def test_keys_that_look_like_the_text_between_two_objects_cut_nothing() -> None:
    schema = struct_schema((",", STRING), (":", STRING))
    values = [Struct.from_values(schema, ["},{", "x"]) for _ in range(2)]

    written = converter(schemas_enable="false").from_connect_batch("t", schema, values)

    assert written == [b'{",":"},{",":":"x"}'] * 2


@pytest.mark.parametrize("wrong", ["1", True, None])
def test_a_value_of_another_type_is_refused_wherever_it_stands(wrong: object) -> None:
    schema = struct_schema(("n", INT32), ("s", OPTIONAL_STRING))
    values = [Struct.from_values(schema, [n, "s"]) for n in (1, wrong)]

    with pytest.raises(DataError):
        converter().from_connect_batch("t", schema, values)
