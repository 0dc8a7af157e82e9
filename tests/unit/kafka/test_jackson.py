import contextlib
import json
import math
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kafka.jackson import jackson_dumps, jackson_loads

LONGS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | LONGS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None]}, '{"b":1,"a":[true,null]}'),
        ("é€", '"é€"'),
        ("\x7f\u2028", '"\x7f\u2028"'),
        ("😀", '"\\uD83D\\uDE00"'),
        ("\ud83d", '"\\uD83D"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
        ("\x00\x0b\x1f", '"\\u0000\\u000B\\u001F"'),
        ({"😀": "\x1f"}, '{"\\uD83D\\uDE00":"\\u001F"}'),
        (b"\x01\x02", '"AQI="'),
        ((1, 2), "[1,2]"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_text_is_escaped_as_jackson_escapes_it(value: Any, expected: str) -> None:
    assert jackson_dumps(value) == expected.encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (1e-3, "0.001"),
        (1e-5, "1.0E-5"),
        (123456789.0, "1.23456789E8"),
        (1e16, "1.0E16"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (math.nan, '"NaN"'),
        (math.inf, '"Infinity"'),
        (-math.inf, '"-Infinity"'),
    ],
)
def test_a_float_has_javas_digits_and_layout(value: float, expected: str) -> None:
    assert jackson_dumps({"f": value}) == f'{{"f":{expected}}}'.encode()


@given(VALUES)
def test_what_is_written_reads_as_the_same_value(value: Any) -> None:
    written = jackson_dumps(value)

    assert json.loads(written) == value
    assert jackson_loads(written) == value


@given(st.dictionaries(st.text(string.printable), LONGS | st.text(string.printable)))
def test_the_fast_way_and_the_slow_way_write_the_same(value: dict[str, Any]) -> None:
    # A float sends the whole value on the slow way.
    slow = jackson_dumps([value, 0.5])

    assert slow == b"[" + jackson_dumps(value) + b",0.5]"


@pytest.mark.parametrize("value", [object(), {1: "a"}, [{"a": {2}}]])
def test_what_json_has_no_type_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        jackson_dumps(value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b" \n", None),
        (b'{"a":1} trailing', {"a": 1}),
        (b'\t{"a":"\\uD83D"}', {"a": "\ud83d"}),
        (b"1e400", math.inf),
    ],
)
def test_reading_is_as_tolerant_as_jackson(data: bytes, expected: Any) -> None:
    assert jackson_loads(data) == expected


@pytest.mark.parametrize("data", [b"x", b"{", b"NaN", b"{'a':1}", b"\xff", b"[" * 100_000, b'"\n"'])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        jackson_loads(data)


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        jackson_loads(data)
