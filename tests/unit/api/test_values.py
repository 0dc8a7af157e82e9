import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.api.logical import DATE, TIME, TIMESTAMP
from isthmus.api.schema import (
    FLOAT32,
    INT8,
    INT16,
    OPTIONAL_STRING,
    STRING,
    Schema,
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.api.values import convert_to_string, parse_string
from tests.support.java_notation import quoted, shown_schema

GOLDEN = Path(__file__).parents[2] / "golden" / "simple_header_converter.jsonl"
CASES = [
    pytest.param(json.loads(line), id=f"line {n}")
    for n, line in enumerate(GOLDEN.read_text().splitlines(), 1)
]


@pytest.mark.parametrize("case", CASES)
def test_text_is_parsed_and_written_as_apache_does(case: dict[str, str]) -> None:
    schema, value = parse_string(case["text"])
    text = convert_to_string(schema, value)

    assert shown_schema(schema) == case["schema"]
    assert ("null" if text is None else quoted(text)) == case["written"]


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        (" 12 ", INT8, 12),
        ("1.5", FLOAT32, 1.5),
        ("2019-08-23", DATE, date(2019, 8, 23)),
        ("2019-13-45", DATE, date(2020, 2, 14)),
        ("14:34:54.346Z", TIME, time(14, 34, 54, 346_000)),
        ("2019-08-23T14:34:54.346Z", TIMESTAMP, datetime(2019, 8, 23, 14, 34, 54, 346_000, UTC)),
        ("[1,300]", array_schema(INT16), [1, 300]),
        ('{"a":1,"b":2.5}', map_schema(STRING, FLOAT32), {"a": 1.0, "b": 2.5}),
        ('[1,"a"]', Schema(Type.ARRAY), [1, "a"]),
        ('"a"', STRING, '"a"'),
    ],
)
def test_text_becomes_the_narrowest_value(text: str, schema: Schema, value: object) -> None:
    assert parse_string(text) == (schema, value)


@pytest.mark.parametrize("text", ["1,2", "14:34", "[1]x", '{"a":1}, 2', "1:2:3", " [1", "[1]]"])
def test_text_that_is_a_value_only_in_part_stays_a_string(text: str) -> None:
    """Java drops the rest: a header `14:34` leaves a transformation as `14`."""
    assert parse_string(text) == (STRING, text)


@pytest.mark.parametrize(
    "text",
    [
        "25:99:99.999Z",
        "0000-01-01",
        "9999-12-99",
        "{[1]:2}",
        '{1:"a",true:"b"}',
        "1e99999999999",
        "[" * 2000 + "]" * 2000,
    ],
)
def test_what_python_has_no_value_for_stays_a_string(text: str) -> None:
    assert parse_string(text) == (STRING, text)


@given(st.text('[]{},:"\\ 0123456789.-+eTZtrunlfas\t'))
def test_no_text_is_refused(text: str) -> None:
    schema, value = parse_string(text)

    assert (schema is None) == (value is None) == (text.strip("\t ") == "null")


SCALARS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(exclude_characters='\\"', exclude_categories=["Cs"])).filter(
        lambda text: not text[:1].isdigit()
    ),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)).map(lambda d: d.replace(microsecond=0)),
)
# Of one type each: Python's dicts take 1 and true for the same key, and so do comparisons.
VALUES = st.one_of(
    st.lists(SCALARS, max_size=4).filter(lambda values: len({type(v) for v in values}) <= 1),
    st.dictionaries(st.from_regex(r"[a-z]*", fullmatch=True), st.booleans(), max_size=4),
)


@given(VALUES)
def test_what_was_written_is_parsed_back(value: Any) -> None:
    assert parse_string(convert_to_string(None, value)).value == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ('plain "q"', 'plain "q"'),
        (b"\x01\x02", "AQI="),
        ([b"\x01\x02", "a"], '["AQI=","a"]'),
        ([1, None, "a\\b"], '[1,null,"a\\\\b"]'),
        ({"k": 1e20}, '{"k":1.0E20}'),
        (Decimal("1E+3"), "1E+3"),
        (float("nan"), "NaN"),
        (True, "true"),
        (date(1970, 1, 1), "1970-01-01"),
        (time(0, 0, 1), "00:00:01.000Z"),
        (datetime(1970, 1, 2, tzinfo=UTC), "1970-01-02T00:00:00.000Z"),
    ],
)
def test_a_value_is_written_as_text(value: object, text: str | None) -> None:
    assert convert_to_string(None, value) == text


def test_a_struct_is_written_with_all_fields_and_singles_by_their_own_digits() -> None:
    schema = struct_schema(("a", FLOAT32), ("b", OPTIONAL_STRING))

    text = convert_to_string(schema, Struct(schema, a=1.100000023841858))

    assert text == '{"a":1.1,"b":null}'


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(DataError, match="unexpected value type builtins"):
        convert_to_string(None, {1})
