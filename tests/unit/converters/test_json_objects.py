"""Objects that are read as rows are what they are when each is read by itself."""

import json
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isthmus.api.columnar import Maps
from isthmus.api.errors import DataError
from isthmus.converters import json_text
from isthmus.converters.json import JsonConverter
from isthmus.converters.json_objects import ObjectParser

#: What the parser has learned to read; after another batch it takes 17 to learn again.
USUAL = [b'{"a":1,"b":"x"}'] * 2
#: Whole numbers, fractions and texts, laid out in the usual way or not; not JSON some of them.
ODD = """
1.0 -0.0 -0 0e1 1e5 1E5 1e16 9223372036854775808 18446744073709551616 007 null true NaN
"\\u00e9" "\\/" "\\ud800" "\t" "\x7f" {} {"a":1,"a":2} {"b":[1.5,{"c":null}]} [] [-0.0]
1,2 1] [1
"""
VALUES = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False).map(repr),
    st.text(st.characters(exclude_categories=()), max_size=3).map(json.dumps),
    st.text(max_size=3).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(re.split("[ \n]+", ODD.strip())),
)
SHAPES = """
{"a":?,"b":?} {"a":?,"b":?} {"a":?} {"b":?,"a":1} {"a":?,\t"b":1} {"a":1,"b":2,"c":?} ?
{"a":?,"b":2,"a":3} {"a":?,"b":2}\t {"a":? ?} {"a":1,"b":?}3
"""


def filled(shape: str, value: str) -> bytes:
    return shape.replace("?", value).encode("utf-8", "surrogatepass")


OBJECTS = st.builds(filled, st.sampled_from(re.split("[ \n]+", SHAPES.strip())), VALUES)


def learned(*usual: bytes) -> ObjectParser:
    parser = ObjectParser()
    for _ in range(3):
        assert parser.parse_all(usual or USUAL) is not None
    return parser


def converter(schemas: str) -> JsonConverter:
    made = JsonConverter()
    made.configure({"schemas.enable": schemas}, is_key=False)
    return made


def read_one_by_one(made: JsonConverter, texts: Sequence[bytes]) -> object:
    try:
        return [repr(made.to_connect("t", text).value) for text in texts]
    except DataError as error:
        return str(error)


def read_at_once(made: JsonConverter, texts: Sequence[bytes]) -> object:
    try:
        return [repr(v) for run in made.to_connect_batch("t", texts) for v in list(run.values)]
    except DataError as error:
        return str(error)


@given(st.lists(OBJECTS, min_size=1))
@example([b'{"a":-0.0,"b":1}'])
@example([b'{"a":9223372036854775808,"b":1}'])
@example([b'{"a":1,"b":18446744073709551616}'])
def test_what_a_parser_has_learned_changes_nothing_of_what_is_read(texts: list[bytes]) -> None:
    made = converter("false")
    for _ in range(3):
        made.to_connect_batch("t", USUAL)

    at_once = read_at_once(made, texts)

    assert at_once == read_one_by_one(made, texts)


@given(st.lists(OBJECTS, min_size=1))
def test_payloads_beside_a_schema_are_read_as_by_one_who_has_learned_nothing(
    texts: list[bytes],
) -> None:
    fields = b'[{"type":"int64","field":"a"},{"type":"string","optional":true,"field":"b"}]'
    prefix = b'{"schema":{"type":"struct","fields":%b},"payload":' % fields
    made = converter("true")
    for _ in range(3):
        made.to_connect_batch("t", [b"%b%b}" % (prefix, text) for text in USUAL])
    messages = [b"%b%b}" % (prefix, text) for text in texts]

    at_once = read_at_once(made, messages)

    assert at_once == read_one_by_one(made, messages)


@pytest.fixture
def only_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the plain way fail from a call on."""

    def fail(texts: Sequence[bytes]) -> None:
        pytest.fail(f"parsed in the plain way: {texts!r}")

    return lambda: monkeypatch.setattr(json_text, "parse_all", fail)


def test_objects_that_are_alike_are_read_without_a_dict(only_rows: Callable[[], None]) -> None:
    parser = learned()
    only_rows()

    parsed = parser.parse_all([b'{"a":2,"b":"y"}', b'{"a":3,"b":""}'])

    assert parsed is not None
    assert isinstance(parsed.items, Maps)
    assert parsed.items.columns == [[2, 3], ["y", ""]]
    assert parsed.joined.startswith(b'{"a":2,"b":"y"},')


def test_members_of_several_types_are_read_without_a_dict(only_rows: Callable[[], None]) -> None:
    parser = learned(b'{"a":1,"b":null}', b'{"a":{"c":[]},"b":"x"}')
    only_rows()

    parsed = parser.parse_all([b'{"a":1.5,"b":[2]}', b'{"a":"","b":true}'])

    assert parsed is not None
    assert list(parsed.items) == [{"a": 1.5, "b": [2]}, {"a": "", "b": True}]


def test_objects_with_blanks_as_python_writes_them_are_read_without_a_dict(
    only_rows: Callable[[], None],
) -> None:
    parser = learned(json.dumps({"a": [1, {}], "b": "a, b: c"}).encode())
    only_rows()

    parsed = parser.parse_all([json.dumps({"a": [{"c": 2}], "b": ""}).encode()] * 3)

    assert parsed is not None
    assert list(parsed.items) == [{"a": [{"c": 2}], "b": ""}] * 3


def test_a_member_that_is_null_now_and_then_is_soon_no_surprise(
    only_rows: Callable[[], None],
) -> None:
    parser = learned()
    parser.parse_all([b'{"a":1,"b":null}'])
    for _ in range(17):
        parser.parse_all(USUAL)
    only_rows()

    assert parser.parse_all([b'{"a":1,"b":null}']) is not None


@pytest.mark.parametrize(
    "other",
    [b'{"b":1,"a":2}', b'{"a":1, "b":2}', b'{"a":1}', b'{"a":1,"b":2,"c":3}', b'{"a":"\\u00e9"}'],
)
def test_other_members_another_order_or_layout_are_parsed_in_the_plain_way(other: bytes) -> None:
    texts = [*USUAL, other]

    parsed = learned().parse_all(texts)

    plain = json_text.parse_all(texts)
    assert parsed is not None
    assert plain is not None
    assert list(map(str, parsed.items)) == list(map(str, plain.items))


def test_new_names_are_learned_once_they_keep_coming(only_rows: Callable[[], None]) -> None:
    parser = learned()
    others = [b'{"c":1}', b'{"c":2}']
    for _ in range(18):
        parser.parse_all(others)
    only_rows()

    parsed = parser.parse_all(others)

    assert parsed is not None
    assert list(parsed.items) == [{"c": 1}, {"c": 2}]


def test_one_odd_batch_makes_the_next_ones_plain_for_a_while_only(
    only_rows: Callable[[], None],
) -> None:
    parser = learned()
    parser.parse_all([b'{"a":1,"b":"\\u00e9"}'])
    for _ in range(17):
        parser.parse_all(USUAL)
    only_rows()

    assert parser.parse_all(USUAL) is not None


@pytest.mark.parametrize("name", ['"', "\\", "é", "\n", ""])
def test_any_name_can_be_a_member(name: str) -> None:
    texts = [json.dumps({name: number}, ensure_ascii=False).encode() for number in range(2)]
    parser = learned(*texts)

    parsed = parser.parse_all(texts)

    assert parsed is not None
    assert list(parsed.items) == [{name: 0}, {name: 1}]
