import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.columnar import Maps
from isthmus.api.converter import Run
from isthmus.api.errors import ConfigError, ConnectError, DataError
from isthmus.api.logical import DATE, TIME, TIMESTAMP, decimal_schema
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
    Type,
    array_schema,
    map_schema,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.converters.json import JsonConverter
from tests.support.converter_batches import assert_batch_reads_alike
from tests.support.java_notation import quoted, shown_schema, shown_value

GOLDEN = Path(__file__).parents[2] / "golden" / "json_converter"
WITH_SCHEMAS = "with_schemas.jsonl"
WITHOUT_SCHEMAS = "without_schemas.jsonl"


def converter(**options: str) -> JsonConverter:
    made = JsonConverter()
    made.configure({key.replace("_", "."): value for key, value in options.items()}, is_key=False)
    return made


def schemaless(**options: str) -> JsonConverter:
    return converter(schemas_enable="false", **options)


def cases(file: str) -> list[Any]:
    lines = (GOLDEN / file).read_text().splitlines()
    return [pytest.param(json.loads(line), id=f"line {n}") for n, line in enumerate(lines, 1)]


def data_of(case: dict[str, str]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def attempt(action: Callable[[], str]) -> str:
    try:
        return action()
    except ConnectError as error:
        name = type(error).__name__.replace("Error", "Exception")
        return f"ERR {name}: {error}".rstrip()


def shown_read(made: JsonConverter, data: bytes) -> str:
    def read() -> str:
        schema, value = made.to_connect("t", data)
        return f"{shown_schema(schema)} => {shown_value(value, schema)}"

    return attempt(read)


def shown_written(reading: JsonConverter, data: bytes) -> str:
    def write() -> str:
        schema, value = reading.to_connect("t", data)
        written = reading.from_connect("t", schema, value)
        try:
            payload = schemaless().from_connect("t", schema, value)
        except ConnectError:
            payload = None
        return " => ".join("null" if w is None else quoted(w.decode()) for w in (written, payload))

    return attempt(write)


@pytest.mark.parametrize("case", cases(WITHOUT_SCHEMAS))
def test_json_without_schemas_is_read_as_apache_reads_it(case: dict[str, str]) -> None:
    assert shown_read(schemaless(), data_of(case)) == case["read"]


@pytest.mark.parametrize("case", cases(WITH_SCHEMAS))
def test_json_with_schemas_is_read_as_apache_reads_it(case: dict[str, str]) -> None:
    data = data_of(case)

    assert shown_read(converter(), data) == case["read"]
    without_defaults = case.get("read_nulls", case["read"])
    assert shown_read(converter(replace_null_with_default="false"), data) == without_defaults


@pytest.mark.parametrize("case", [c for c in cases(WITH_SCHEMAS) if "written" in c.values[0]])
def test_values_are_written_as_apache_writes_them(case: dict[str, str]) -> None:
    data = data_of(case)

    assert shown_written(converter(), data) == case["written"]
    numeric = case.get("written_numeric", case["written"])
    assert shown_written(converter(decimal_format="numeric"), data) == numeric


@pytest.mark.parametrize("file", [WITH_SCHEMAS, WITHOUT_SCHEMAS])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_batch_is_read_as_its_messages_one_by_one_for_each_golden_case(
    file: str, count: int
) -> None:
    made = converter() if file == WITH_SCHEMAS else schemaless()

    for case in cases(file):
        assert_batch_reads_alike(made, [data_of(case.values[0])] * count)


# Texts that are valid only together, or that orjson and Jackson read differently.
PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"\0", b"-", b".", b"e"),
        *(b"0", b"1", b"9" * 18, b"9" * 19, b"-0", b"-0.0", b"0.0", b"1e400", b"007"),
        *(b"null", b"true", b"NaN", b'"a"', b'"a":', b'{"a":1}', b"[1", b"2]", b"1,2", b"\xff"),
        *(b"\\ud83d", b'"\\ud83d"', b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b',"b":'),
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map(b"".join)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=())),
        st.sampled_from(["1" * 25, "-0.0", ",", '"', '","']),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
JSON_TEXTS = JSON_VALUES.map(lambda value: json.dumps(value).encode())
MESSAGES = st.one_of(st.none(), TEXTS, JSON_TEXTS)


@given(st.lists(MESSAGES, max_size=6))
def test_a_batch_without_schemas_is_read_as_its_messages_one_by_one(
    data: list[bytes | None],
) -> None:
    assert_batch_reads_alike(schemaless(), data)


NAMES = st.lists(st.text(max_size=2), min_size=1, max_size=3, unique=True)
ODD_NUMBERS = st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, -0.0])


@st.composite
def objects_alike(draw: st.DrawFn) -> list[bytes]:
    names = draw(NAMES)
    rows = draw(st.lists(st.tuples(*[JSON_VALUES | ODD_NUMBERS for _ in names]), max_size=4))
    return [json.dumps(dict(zip(names, row, strict=True))).encode() for row in rows]


@given(objects_alike())
def test_a_batch_of_objects_that_look_alike_is_read_as_its_messages_one_by_one(
    data: list[bytes],
) -> None:
    assert_batch_reads_alike(schemaless(), data)


def test_objects_that_look_alike_are_read_as_columns() -> None:
    (run,) = schemaless().to_connect_batch("t", [b'{"a":1,"b":"x"}', b'{"a":null,"b":true}'])

    assert isinstance(run.values, Maps)
    assert run.values.are_untouched


@pytest.mark.parametrize(
    "data",
    [
        [b"1,2", b"[3", b"4]"],
        [b'{"a":1},{"b":2}', b'{"x":[{}', b'{"y":1}]}'],
        [b'"a', b'b"', b"1,2"],
        [b"1", b"", b"2,3"],
        [b"[", b"]", b"1,1,1"],
        [b"1 ", b"\n2", b"\t3\r"],
        [b"123456789", b"0123456789", b"12345678901"],
        [b"-", b"0.0"],
    ],
)
def test_messages_that_are_json_only_together_are_not_taken_for_json(data: list[bytes]) -> None:
    assert_batch_reads_alike(schemaless(), list(data))


SCHEMA_TEXTS = st.sampled_from(
    [
        b"null",
        b'{"type":"string","optional":false}',
        b'{"type":"string","optional":true,"default":"d"}',
        b'{"type":"int32"}',
        b'{"type":"double","optional":true,"default":-0.0}',
        b'{"type":"int64","default":12345678901234567890}',
        b'{"type":"string","doc":",\\"payload\\":"}',
        b'{"type":"nope"}',
        b'{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"1"}}',
        b'{"type":"struct","fields":[{"type":"int8","field":"a"},'
        b'{"type":"string","optional":true,"field":"b"}]}',
        b'{"type":"array","items":{"type":"float"}}',
    ]
)
PAYLOADS = st.one_of(
    TEXTS,
    JSON_TEXTS,
    st.sampled_from([b'"x"', b"1", b"1.5", b"2.0", b'{"a":1,"b":"x"}', b"[1.5,2]", b'"AQ=="']),
)


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    form = draw(
        st.sampled_from(
            [
                b'{"schema":%b,"payload":%b}',
                b'{"schema":%b,"payload":%b}',
                b'{"schema":%b,"payload":%b} ',
                b'{"schema": %b, "payload": %b}',
                b'{"schema":%b,"payload":%b,"more":1}',
                b'{"schema":%b,"payload":%b',
            ]
        )
    )
    return form % (draw(SCHEMA_TEXTS), draw(PAYLOADS))


@given(st.lists(st.one_of(st.none(), envelopes(), TEXTS), max_size=5))
def test_a_batch_with_schemas_is_read_as_its_messages_one_by_one(data: list[bytes | None]) -> None:
    assert_batch_reads_alike(converter(), data)


@given(SCHEMA_TEXTS, st.lists(PAYLOADS, min_size=1, max_size=5))
def test_a_batch_of_one_schema_is_read_as_its_messages_one_by_one(
    schema: bytes, payloads: list[bytes]
) -> None:
    made = converter()

    for _ in range(2):  # the second time, the converter knows what messages begin with
        assert_batch_reads_alike(
            made, [b'{"schema":%b,"payload":%b}' % (schema, payload) for payload in payloads]
        )


STRINGS = st.lists(st.one_of(st.text(st.characters(exclude_categories=())), st.just(",")))


@given(STRINGS, st.booleans())
def test_a_batch_of_strings_is_written_as_its_values_one_by_one(
    values: list[str], enabled: bool
) -> None:
    made = converter() if enabled else schemaless()

    assert made.from_connect_batch("t", STRING, values) == [
        made.from_connect("t", STRING, value) for value in values
    ]


@given(st.lists(JSON_VALUES.filter(lambda value: _fits(value))))
def test_what_is_written_without_a_schema_is_read_back(values: list[Any]) -> None:
    made = schemaless()

    written = made.from_connect_batch("t", None, values)

    assert [made.to_connect("t", data).value for data in written] == values


def _fits(value: Any) -> bool:
    """Whether no integer is beyond 64 bits and no zero is negative: JSON keeps neither."""
    if isinstance(value, list | dict):
        items: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]
        return all(map(_fits, items))
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not (isinstance(value, float) and str(value) == "-0.0")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e20, "1.0E20"),
        (-12345678.9, "-1.23456789E7"),
        (0.0001, "1.0E-4"),
        (-0.5, "-0.5"),
        (-0.0, "-0.0"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        (b"\x01\x02\xff", '"AQL/"'),
        ({1: "x"}, '[[1,"x"]]'),
        ({"a": 1.5e300, "b": [1e-9, None]}, '{"a":1.5E300,"b":[1.0E-9,null]}'),
        ('hé /"\\\b\x0b\x1f\x7f', '"hé /\\"\\\\\\b\\u000B\\u001F\x7f"'),
        ("\\u001f", '"\\\\u001f"'),
        ("😀\U0010ffff", '"\\uD83D\\uDE00\\uDBFF\\uDFFF"'),
        ("half \ud83d", '"half \\uD83D"'),
        ({"half \ud83d": [1e20, True]}, '{"half \\uD83D":[1.0E20,true]}'),
    ],
)
def test_a_value_without_a_schema_is_written_as_jackson_does(value: object, text: str) -> None:
    assert schemaless().from_connect("t", None, value) == text.encode()
    assert converter().from_connect("t", None, value) == (
        b'{"schema":null,"payload":' + text.encode() + b"}"
    )


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (FLOAT32, 1.100000023841858, "1.1"),
        (FLOAT32, float("inf"), '"Infinity"'),
        (FLOAT64, 1, "1.0"),
        (INT64, -(2**63), "-9223372036854775808"),
        (BOOLEAN, True, "true"),
        (BYTES, b"", '""'),
        (array_schema(INT8), (1, 2), "[1,2]"),
        (map_schema(STRING, FLOAT64), {"a": 1e9}, '{"a":1.0E9}'),
        (map_schema(INT32, STRING), {1: "x"}, '[[1,"x"]]'),
        (decimal_schema(2), Decimal("1.50"), '"AJY="'),
        (decimal_schema(0), Decimal(-128), '"gA=="'),
        (DATE, date(2023, 11, 14), "19675"),
        (TIME, time(0, 0, 1, 2999), "1002"),
        (
            TIMESTAMP,
            datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC).replace(tzinfo=None),
            "-1",
        ),
        (TIMESTAMP, datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC), "1700000000123"),
        (OPTIONAL_STRING, None, "null"),
        (Schema(Type.STRING, default="d"), None, '"d"'),
    ],
)
def test_a_value_with_a_schema_is_written_by_it(schema: Schema, value: object, text: str) -> None:
    assert schemaless().from_connect("t", schema, value) == text.encode()


def test_the_schema_is_written_in_javas_order() -> None:
    text = Schema(Type.STRING, True, "n", 2, "d", {"p": "q"}, default="x")
    schema = struct_schema(("f", text), ("m", map_schema(STRING, array_schema(INT8))))

    written = converter().from_connect("t", schema, Struct(schema, m={"k": [1]}))

    assert written == (
        b'{"schema":{"type":"struct","fields":[{"type":"string","optional":true,"name":"n",'
        b'"version":2,"doc":"d","parameters":{"p":"q"},"default":"x","field":"f"},{"type":"map",'
        b'"keys":{"type":"string","optional":false},"values":{"type":"array","items":'
        b'{"type":"int8","optional":false},"optional":false},"optional":false,"field":"m"}],'
        b'"optional":false},"payload":{"f":"x","m":{"k":[1]}}}'
    )


@pytest.mark.parametrize("made", [converter(), schemaless()], ids=["with", "without"])
def test_nothing_is_written_for_null_without_a_schema(made: JsonConverter) -> None:
    assert made.from_connect("t", None, None) is None
    assert made.from_connect_batch("t", None, [None, 1])[0] is None
    assert made.to_connect("t", None) == (None, None)


ONE = struct_schema(("a", INT8))


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (INT32, "x", "Invalid type for INT32: class java.lang.String"),
        (INT32, True, "Invalid type for INT32: class java.lang.Boolean"),
        (INT8, 300, "Invalid value for INT8: 300 is out of range"),
        (STRING, 1, "Invalid type for STRING: class java.lang.Long"),
        (BOOLEAN, 1, "Invalid type for BOOLEAN: class java.lang.Long"),
        (FLOAT64, "1", "Invalid type for FLOAT64: class java.lang.String"),
        (
            FLOAT32,
            None,
            "Conversion error: null value for field that is required and has no default value",
        ),
        (BYTES, "x", "Invalid type for bytes type: class java.lang.String"),
        (array_schema(INT8), "x", "Invalid type for ARRAY: class java.lang.String"),
        (map_schema(STRING, INT8), [1], "Invalid type for MAP: class java.util.ArrayList"),
        (ONE, {"a": 1}, "Invalid type for STRUCT: class java.util.HashMap"),
        (ONE, Struct(struct_schema(("b", INT8)), b=1), "Mismatching schema."),
        (None, Struct(ONE, a=1), "Mismatching schema."),
        (
            None,
            Decimal(1),
            "Java class class java.math.BigDecimal does not have corresponding schema type.",
        ),
        (
            None,
            {"a": date(2020, 1, 1)},
            "Java class class java.util.Date does not have corresponding schema type.",
        ),
        (DATE, "x", "Invalid type for Date, expected Date but was class java.lang.String"),
        (
            DATE,
            datetime(2020, 1, 1, 1, tzinfo=UTC),
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ),
        (
            decimal_schema(2),
            Decimal("1.5"),
            "Decimal value has mismatching scale for given Decimal schema. Schema has"
            " scale 2, value has scale 1.",
        ),
        (
            None,
            2**64,
            "Converting Kafka Connect data to byte[] failed due to serialization error: ",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_javas_words(
    schema: Schema | None, value: object, text: str
) -> None:
    for made in (converter(), schemaless()):
        with pytest.raises(DataError) as caught:
            made.from_connect("t", schema, value)
        assert str(caught.value) == text
        with pytest.raises(DataError):
            made.from_connect_batch("t", schema, [value])


def test_null_messages_and_other_schemas_begin_runs_of_their_own() -> None:
    text = b'{"schema":{"type":"string"},"payload":"%b"}'
    number = b'{"schema":{"type":"int32"},"payload":%d}'

    runs = converter().to_connect_batch(
        "t", [text % b"a", text % b"b", None, None, number % 1, text % b"c"]
    )

    assert runs == [
        Run(STRING, ["a", "b"]),
        Run(None, [None, None]),
        Run(INT32, [1]),
        Run(STRING, ["c"]),
    ]


def test_a_schema_in_the_options_reads_messages_without_an_envelope() -> None:
    content = '{"type":"struct","fields":[{"type":"int32","optional":true,"field":"a"}]}'
    made = converter(schema_content=content)
    schema = struct_schema(("a", INT32.as_optional()))

    assert made.to_connect("t", b'{"a":5}') == (schema, Struct(schema, a=5))
    assert made.to_connect_batch("t", [b'{"a":1}', b"{}"]) == [
        Run(schema, [Struct(schema, a=1), Struct(schema)])
    ]
    assert made.to_connect("t", b'{"schema":null,"payload":1}').value == Struct(schema)


def test_schemas_beyond_the_cache_are_still_read_and_written() -> None:
    made = converter(schemas_cache_size="0")

    for kind, value in (("int8", 1), ("int16", 2), ("int8", 3)):
        data = b'{"schema":{"type":"%b","optional":false},"payload":%d}' % (kind.encode(), value)
        assert made.from_connect("t", *made.to_connect("t", data)) == data


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"decimal.format": "x"},
            "Invalid value x for configuration decimal.format: String must be one of (case"
            " insensitive): NUMERIC, BASE64",
        ),
        (
            {"schemas.enable": "maybe"},
            "Invalid value maybe for configuration schemas.enable: Expected value to be either true"
            " or false",
        ),
        (
            {"schema.content": "{"},
            "Invalid value { for configuration schema.content: Expected JSON: Expecting property"
            " name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JsonConverter().configure(options, is_key=True)

    assert str(caught.value) == text


def test_headers_are_converted_as_values_are() -> None:
    made = JsonConverter()
    made.configure({"schemas.enable": "false"})

    assert made.from_connect_header("t", "k", INT32, 1) == b"1"
    assert made.to_connect_header("t", "k", b"1") == (None, 1)


@pytest.mark.parametrize("kind", ["double", "int64"])
@pytest.mark.parametrize("payload", ["2.0e-99999999999999999999", "7e99999999999999999999"])
def test_numbers_beyond_any_exponent_are_refused_or_read_at_once(kind: str, payload: str) -> None:
    data = f'{{"schema":{{"type":"{kind}"}},"payload":{payload}}}'.encode()

    assert_batch_reads_alike(converter(), [data])
    if payload[0] == "7":
        with pytest.raises(DataError, match="due to serialization error"):
            converter().to_connect("t", data)


def test_numbers_beyond_pythons_dates_are_refused() -> None:
    data = orjson.dumps(
        {
            "schema": {"type": "int64", "name": "org.apache.kafka.connect.data.Timestamp"},
            "payload": 2**62,
        }
    )

    with pytest.raises(DataError, match="outside of the years 1 to 9999"):
        converter().to_connect("t", data)
