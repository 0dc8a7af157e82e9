import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.kafka.offset_codec import decode_key, decode_value, encode_key, encode_value

FLAT = st.dictionaries(
    st.text(),
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    max_size=4,
)


@pytest.mark.parametrize(
    ("partition", "expected"),
    [
        ({"filename": "/a/b"}, '["foo",{"filename":"/a/b"}]'),
        (None, '["foo",null]'),
        ({}, '["foo",{}]'),
        ({"b": 1, "a": 2}, '["foo",{"b":1,"a":2}]'),
        ({"a": 1.0}, '["foo",{"a":1.0}]'),
        ({"a": "😀"}, '["foo",{"a":"\\uD83D\\uDE00"}]'),
    ],
)
def test_a_key_has_the_bytes_that_java_writes(partition: Any, expected: str) -> None:
    assert encode_key("foo", partition) == expected.encode()


def test_a_value_has_the_bytes_that_java_writes() -> None:
    offset = {"position": 42, "f": 1.5, "b": b"\x01\x02", "n": None}

    assert encode_value(offset) == b'{"position":42,"f":1.5,"b":"AQI=","n":null}'
    assert encode_value(None) is None


def test_integers_stay_integers_floats_floats_and_bytes_become_text() -> None:
    read = decode_value(encode_value({"i": 5, "f": 1.0, "b": b"\x01\x02"}))

    assert read == {"i": 5, "f": 1.0, "b": "AQI="}
    assert read is not None
    assert isinstance(read["i"], int)
    assert isinstance(read["f"], float)


@given(st.text(), st.none() | FLAT)
def test_a_key_reads_as_what_was_written(connector: str, partition: dict[str, Any] | None) -> None:
    assert decode_key(encode_key(connector, partition)) == (connector, partition)


@given(st.none() | FLAT)
def test_an_offset_reads_as_what_was_written(offset: dict[str, Any] | None) -> None:
    assert decode_value(encode_value(offset)) == offset


@given(st.text(), FLAT)
def test_a_key_that_was_read_is_written_with_the_same_bytes(
    connector: str, partition: dict[str, Any]
) -> None:
    key = encode_key(connector, partition)

    assert encode_key(*decode_key(key)) == key


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["a"], "Offsets must be specified as a Map"),
        ({1: "a"}, "Offsets may only use String keys"),
        (
            {"a": [1]},
            "Offsets may only contain primitive types as values, but field a contains ARRAY",
        ),
        (
            {"a": {"b": 1}},
            "Offsets may only contain primitive types as values, but field a contains MAP",
        ),
        (
            {"a": object()},
            "Offsets may only contain primitive types as values, but field a contains null",
        ),
        ({"a": 2**63}, f"Offset field a is {2**63}, expected at most 64 bits"),
    ],
)
def test_only_flat_maps_of_primitives_are_taken(fields: Any, message: str) -> None:
    for encode in (lambda: encode_key("c", fields), lambda: encode_value(fields)):
        with pytest.raises(DataError) as raised:
            encode()
        assert str(raised.value) == message


@pytest.mark.parametrize(
    "key", [b"", b"x", b"{}", b"[]", b'["c"]', b'["c",{},1]', b"[1,{}]", b'["c",[]]', b"\xff"]
)
def test_what_is_no_key_is_a_data_error(key: bytes) -> None:
    with pytest.raises(DataError):
        decode_key(key)


@pytest.mark.parametrize("value", [b"x", b"[]", b"1", b"\xff"])
def test_what_is_no_offset_is_a_data_error(value: bytes) -> None:
    with pytest.raises(DataError):
        decode_value(value)


@pytest.mark.parametrize("value", [None, b"", b"null"])
def test_no_value_is_no_offset(value: bytes | None) -> None:
    assert decode_value(value) is None


@given(st.binary(max_size=40))
def test_any_bytes_give_an_offset_or_a_data_error(data: bytes) -> None:
    for decode in (decode_key, decode_value):
        with contextlib.suppress(DataError):
            decode(data)
