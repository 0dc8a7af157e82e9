from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import ConfigError
from isthmus.api.schema import OPTIONAL_STRING, STRING
from isthmus.converters.string import StringConverter


def converter(encoding: str | None = None) -> StringConverter:
    made = StringConverter()
    made.configure({} if encoding is None else {"converter.encoding": encoding}, is_key=False)
    return made


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        ("", b""),
        ("hé €😀", "hé €😀".encode()),
        ("half \ud83d", b"half ?"),
        (b"\xff raw", b"\xff raw"),
        (True, b"true"),
        (-5, b"-5"),
        (0.0, b"0.0"),
        (-0.0, b"-0.0"),
        (0.001, b"0.001"),
        (0.0001, b"1.0E-4"),
        (9999999.0, b"9999999.0"),
        (12345678.5, b"1.23456785E7"),
        (1e23, b"1.0E23"),
        (float("nan"), b"NaN"),
        (float("-inf"), b"-Infinity"),
        (Decimal("1E+3"), b"1E+3"),
        ({"a": [1, None], 2: {}}, b"{a=[1, null], 2={}}"),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), b"Tue Nov 14 22:13:20 UTC 2023"),
        (date(2023, 11, 14), b"Tue Nov 14 00:00:00 UTC 2023"),
        (time(22, 13, 20), b"Thu Jan 01 22:13:20 UTC 1970"),
    ],
)
def test_a_value_is_written_as_the_text_that_java_prints(value: Any, data: bytes | None) -> None:
    assert converter().from_connect("t", None, value) == data


def test_text_is_read_as_an_optional_string() -> None:
    assert converter().to_connect("t", "hé😀".encode()) == (OPTIONAL_STRING, "hé😀")
    assert converter().to_connect("t", None) == (OPTIONAL_STRING, None)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff", "\ufffd"),
        (b"a\xf0\x9f\x98", "a\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xc0\xafb", "\ufffd\ufffdb"),
    ],
)
def test_malformed_text_is_read_with_the_replacement_character(data: bytes, text: str) -> None:
    assert converter().to_connect("t", data).value == text


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("ISO-8859-1", b"h\xe9?"),
        ("US-ASCII", b"h??"),
        ("windows-1252", b"h\xe9\x80"),
        ("UTF-16", b"\xfe\xff\x00h\x00\xe9\x20\xac"),
        ("UTF-16LE", b"h\x00\xe9\x00\xac\x20"),
    ],
)
def test_other_encodings_have_javas_names_and_bytes(encoding: str, data: bytes) -> None:
    assert converter(encoding).from_connect("t", STRING, "hé€") == data
    assert converter(encoding).to_connect("t", data).value == data.decode(
        "utf-16" if encoding == "UTF-16" else encoding, "replace"
    )


def test_utf_16_without_a_mark_is_big_endian() -> None:
    assert converter("UTF-16").to_connect("t", b"\x00h").value == "h"
    assert converter("UTF-16").to_connect("t", b"\xff\xfeh\x00").value == "h"


@pytest.mark.parametrize("encoding", ["nope", "rot13", "hex"])
def test_an_encoding_that_does_not_exist_is_refused_at_once(encoding: str) -> None:
    with pytest.raises(ConfigError, match=f"Invalid value {encoding} for configuration"):
        converter(encoding)


ENCODINGS = st.sampled_from(["UTF-8", "ISO-8859-1", "UTF-16"])


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.binary())), ENCODINGS)
def test_a_batch_is_written_as_its_values_one_by_one(values: list[Any], encoding: str) -> None:
    made = converter(encoding)

    assert made.from_connect_batch("t", None, values) == [
        made.from_connect("t", None, value) for value in values
    ]


@given(st.lists(st.one_of(st.none(), st.binary())), ENCODINGS)
def test_a_batch_is_read_as_its_bytes_one_by_one(data: list[bytes | None], encoding: str) -> None:
    made = converter(encoding)

    [run] = made.to_connect_batch("t", data)

    assert run.schema == OPTIONAL_STRING
    assert run.values == [made.to_connect("t", item).value for item in data]


def test_headers_are_converted_as_values_are() -> None:
    made = StringConverter()
    made.configure({})

    assert made.from_connect_header("t", "k", None, 1.0) == b"1.0"
    assert made.to_connect_header("t", "k", b"x") == (OPTIONAL_STRING, "x")
