"""The frame of data with a schema id, and what other bytes are said to look like."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from isthmus.converters.registry.wire import (
    VarintError,
    describe,
    frame,
    read_zigzag,
    write_zigzag,
)


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"", "nothing at all (no bytes; a tombstone would be null)"),
        (b'{"a":1}', "JSON text"),
        (b'{"schema":null,"payload":1}', "JSON text with its schema (JsonConverter)"),
        (b"hello", "plain text"),
        (b"<a/>", "XML text"),
        (b"Obj\x01\x04", "an Avro data file"),
        (b"\x1f\x8b\x08", "gzip data"),
        (b"\x00\x00\x00\x00\x07\x02a", "data with schema id 7 of a registry"),
        (
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x07\x02a",
            "data with schema id 7 of a registry in 8 bytes, as of Apicurio 2.x",
        ),
        (b"\x00\xff\xfe\xfd\xfc\xfb", "binary data, beginning with 00 ff fe fd fc fb"),
    ],
)
def test_bytes_are_told_by_their_look(data: bytes, looks_like: str) -> None:
    assert describe(data) == looks_like


def test_a_frame_is_the_magic_byte_and_the_id() -> None:
    assert frame(258) == b"\x00\x00\x00\x01\x02"
    assert frame(258, 8) == b"\x00\x00\x00\x00\x00\x00\x00\x01\x02"


@given(integers(-(2**63), 2**63 - 1))
def test_integers_of_variable_length_come_back(value: int) -> None:
    data = write_zigzag(value)

    assert read_zigzag(b"x" + data + b"y", 1) == (value, 1 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 11])
def test_an_integer_without_end_is_an_error(data: bytes) -> None:
    with pytest.raises(VarintError):
        read_zigzag(data, 0)
