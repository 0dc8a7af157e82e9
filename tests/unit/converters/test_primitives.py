"""The converters of numbers, booleans and bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.converter import Run
from isthmus.api.errors import DataError
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    OPTIONAL_BOOLEAN,
    OPTIONAL_BYTES,
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    STRING,
    Schema,
)
from isthmus.converters.boolean import BooleanConverter
from isthmus.converters.byte_array import ByteArrayConverter
from isthmus.converters.numbers import (
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    ShortConverter,
)

VALUES = [
    (ShortConverter, OPTIONAL_INT16, -2, b"\xff\xfe"),
    (IntegerConverter, OPTIONAL_INT32, 5, b"\0\0\0\x05"),
    (LongConverter, OPTIONAL_INT64, -(2**63), b"\x80" + b"\0" * 7),
    (FloatConverter, OPTIONAL_FLOAT32, 1.5, b"\x3f\xc0\0\0"),
    (DoubleConverter, OPTIONAL_FLOAT64, 1.1, b"\x3f\xf1\x99\x99\x99\x99\x99\x9a"),
    (BooleanConverter, OPTIONAL_BOOLEAN, True, b"\x01"),
    (BooleanConverter, OPTIONAL_BOOLEAN, False, b"\0"),
    (ByteArrayConverter, OPTIONAL_BYTES, b"\xff\0", b"\xff\0"),
]


@pytest.mark.parametrize(("kind", "schema", "value", "data"), VALUES)
def test_values_are_written_and_read_as_kafkas_serializers_do(
    kind: type[Any], schema: Schema, value: object, data: bytes
) -> None:
    made = kind()
    made.configure({}, is_key=False)

    assert made.from_connect("t", None, value) == data
    assert made.to_connect("t", data) == (schema, value)
    assert made.from_connect("t", None, None) is None
    assert made.to_connect("t", None) == (schema, None)
    assert made.from_connect_header("t", "k", None, value) == data
    assert made.to_connect_header("t", "k", data) == (schema, value)


@pytest.mark.parametrize(("kind", "schema", "value", "data"), VALUES)
def test_a_batch_is_converted_as_its_records_one_by_one(
    kind: type[Any], schema: Schema, value: object, data: bytes
) -> None:
    made = kind()

    for nulls in ([], [None]):
        assert made.from_connect_batch("t", None, [value, value, *nulls]) == [data, data, *nulls]
        assert made.to_connect_batch("t", [data, data, *nulls]) == [
            Run(schema, [value, value, *nulls])
        ]


@pytest.mark.parametrize(
    ("kind", "schema", "value", "text"),
    [
        (
            IntegerConverter,
            None,
            "x",
            "Failed to serialize to integer (was class java.lang.String): ",
        ),
        (
            ShortConverter,
            None,
            True,
            "Failed to serialize to short (was class java.lang.Boolean): ",
        ),
        (LongConverter, None, 1.5, "Failed to serialize to long (was class java.lang.Double): "),
        (ShortConverter, None, 40000, "Failed to serialize to short: 40000 is out of range"),
        (FloatConverter, None, 1e39, "Failed to serialize to float: 1e+39 is out of range"),
        (BooleanConverter, STRING, True, "Invalid schema type for BooleanConverter: STRING"),
        (
            BooleanConverter,
            BOOLEAN,
            "x",
            "BooleanConverter is not compatible with objects of type class java.lang.String",
        ),
        (ByteArrayConverter, STRING, b"", "Invalid schema type for ByteArrayConverter: STRING"),
        (
            ByteArrayConverter,
            BYTES,
            "x",
            "ByteArrayConverter is not compatible with objects of type class java.lang.String",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_in_javas_words(
    kind: type[Any], schema: Schema | None, value: object, text: str
) -> None:
    for write in (
        lambda: kind().from_connect("t", schema, value),
        lambda: kind().from_connect_batch("t", schema, [value]),
    ):
        with pytest.raises(DataError) as caught:
            write()
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (IntegerConverter, b"123", "Failed to deserialize integer: "),
        (DoubleConverter, b"", "Failed to deserialize double: "),
        (BooleanConverter, b"\x02", "Failed to deserialize boolean: "),
        (BooleanConverter, b"\0\0", "Failed to deserialize boolean: "),
    ],
)
def test_bytes_of_another_form_are_refused_in_javas_words(
    kind: type[Any], data: bytes, text: str
) -> None:
    for read in (
        lambda: kind().to_connect("t", data),
        lambda: kind().to_connect_batch("t", [data, data]),
    ):
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value) == text


def test_other_buffers_are_written_as_bytes() -> None:
    made = ByteArrayConverter()

    assert made.from_connect_batch("t", None, [bytearray(b"a"), memoryview(b"b")]) == [b"a", b"b"]


@given(st.lists(st.one_of(st.none(), st.binary(max_size=9))))
def test_a_batch_of_longs_fails_or_reads_as_its_records_do(data: list[bytes | None]) -> None:
    made = LongConverter()

    if all(item is None or len(item) == 8 for item in data):
        [run] = made.to_connect_batch("t", data)
        assert run.values == [made.to_connect("t", item).value for item in data]
    else:
        with pytest.raises(DataError):
            made.to_connect_batch("t", data)
