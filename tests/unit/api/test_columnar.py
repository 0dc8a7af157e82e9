"""Columns of members are the structs or dicts that they are made of."""

import pytest

from isthmus.api.columnar import Maps, Structs
from isthmus.api.schema import INT32, STRING, struct_schema
from isthmus.api.struct import Struct

PAIR = struct_schema(("key", STRING), ("n", INT32))
SAME_PAIR = struct_schema(("key", STRING), ("n", INT32))


def test_a_column_of_structs_is_a_list_of_them() -> None:
    column = Structs(PAIR, [["a", "b", "c"], [1, 2, 3]])

    assert list(column) == [Struct(PAIR, key=key, n=n) for key, n in (("a", 1), ("b", 2), ("c", 3))]
    assert column == list(column)
    assert column[1] == column[-2] == Struct(PAIR, key="b", n=2)
    assert column[1:] == [column[1], column[2]]
    assert column != column[1:]


def test_what_is_set_in_a_struct_of_a_column_is_in_the_column() -> None:
    column = Structs(PAIR, [["a"], [1]])

    column[0]["n"] = 2

    assert column[0]["n"] == 2
    assert column[:1].columns == [("a",), (2,)]


@pytest.mark.parametrize(
    ("values", "is_column"),
    [
        ([], True),
        ([Struct(PAIR, key="a", n=1), Struct(SAME_PAIR, key="b", n=2)], True),
        ([Struct(PAIR, key="a", n=1), None], False),
        ([Struct(struct_schema(("key", STRING)), key="a")], False),
        (["text"], False),
    ],
)
def test_structs_of_one_schema_become_a_column(values: list[object], is_column: bool) -> None:
    column = Structs.of(PAIR, values)

    assert column == (values if is_column else None)


def test_structs_without_fields_are_as_many_as_they_were() -> None:
    empty = struct_schema()

    assert Structs.of_length(empty, [], 2) == [Struct(empty), Struct(empty)]


def test_a_part_of_columns_is_columns_still() -> None:
    part = Maps(("a", "b"), [[1, 2, 3], "xyz"])[1:]

    assert isinstance(part, Maps)
    assert part.are_untouched
    assert part == [{"a": 2, "b": "y"}, {"a": 3, "b": "z"}]


def test_a_map_that_was_handed_out_counts_as_it_is_then() -> None:
    maps = Maps(("a",), [[1, 2]])

    maps[0]["b"] = 3

    assert not maps.are_untouched
    assert list(maps) == [{"a": 1, "b": 3}, {"a": 2}]
    assert Maps.of(maps) is None


@pytest.mark.parametrize(
    "values",
    [
        [],
        [{}],
        [{"a": 1}, {"b": 1}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [{"a": 1}, None],
        [{1: "a"}, {1: "b"}],
        [{1: "a"}, {True: "b"}],
    ],
)
def test_maps_that_do_not_look_alike_are_no_columns(values: list[object]) -> None:
    assert Maps.of(values) is None


def test_maps_that_look_alike_become_columns() -> None:
    maps = Maps.of([{"a": 1, "b": None}, {"a": [2], "b": "x"}])

    assert maps is not None
    assert maps.names == ("a", "b")
    assert len(maps) == len(maps[:2]) == 2
    assert maps.are_untouched
    assert list(maps.columns) == [[1, [2]], [None, "x"]]
