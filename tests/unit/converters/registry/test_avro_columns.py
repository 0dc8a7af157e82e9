"""Avro's records are read by columns as fastavro reads them one by one."""

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.converters.registry.avro_columns import columns_reader
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import parse_avro
from isthmus.converters.registry.avro_to_connect import AvroReader
from isthmus.converters.registry.client import StoredSchema
from tests.support.java_notation import shown_value

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-200, 200)),
    "bytes": st.one_of(st.binary(max_size=3), st.just(b"x" * 200)),
    "string": st.one_of(st.text(max_size=3), st.just("é" * 100)),
    "boolean": st.booleans(),
    "float": st.floats(width=32),
    "double": st.floats(),
}
KINDS = st.sampled_from(list(VALUES))


@st.composite
def records(draw: st.DrawFn) -> tuple[dict[str, Any], list[bytes]]:
    members: list[tuple[Any, st.SearchStrategy[Any]]] = []
    for kind in draw(st.lists(KINDS, min_size=1, max_size=4)):
        shape = draw(st.sampled_from([kind, ["null", kind], [kind, "null"]]))
        values = VALUES[kind]
        members.append((shape, values if shape == kind else st.one_of(st.none(), values)))
    fields = [{"name": f"f{n}", "type": shape} for n, (shape, _) in enumerate(members)]
    schema = {"type": "record", "name": "R", "fields": fields}
    rows = draw(st.lists(st.tuples(*[values for _, values in members]), max_size=4))
    return schema, [_written(schema, dict(zip(_names(schema), row, strict=True))) for row in rows]


def _names(schema: dict[str, Any]) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def _written(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), record)
    return stream.getvalue()


def _reader(schema: dict[str, Any], *, plain: bool = False) -> AvroReader:
    stored = StoredSchema("AVRO", json.dumps(schema), {})
    reader = AvroReader(parse_avro(stored), AvroOptions())
    if plain:
        reader._read_columns = None
    return reader


def _read(reader: AvroReader, data: list[bytes], start: int) -> list[str] | str:
    try:
        return [shown_value(value, reader.schema) for value in reader.read(data, start)]
    except DataError as error:
        return str(error)


@given(records(), st.integers(0, 5))
def test_columns_are_read_as_records(made: tuple[dict[str, Any], list[bytes]], start: int) -> None:
    schema, data = made
    framed = [b"#" * start + one for one in data]

    assert columns_reader(schema) is not None
    assert _read(_reader(schema), framed, start) == _read(
        _reader(schema, plain=True), framed, start
    )


@given(records(), st.data())
def test_broken_data_is_read_or_refused_as_before(
    made: tuple[dict[str, Any], list[bytes]], choices: st.DataObject
) -> None:
    schema, data = made
    broken = [
        choices.draw(
            st.one_of(
                st.just(one),
                st.just(one + b"\0"),
                st.integers(0, len(one)).map(lambda end, one=one: one[:end]),
                st.binary(max_size=12),
            )
        )
        for one in data
    ]
    reader, plain = _reader(schema), _reader(schema, plain=True)

    # One by one: fastavro reads the records of a batch as one text, in which two wrongs may hide.
    one_by_one = [_read(plain, [one], 0) for one in broken]
    assert [_read(reader, [one], 0) for one in broken] == one_by_one
    refused = [one for one in one_by_one if isinstance(one, str)]
    together = _read(reader, broken, 0)
    assert together == (refused[0] if refused else [value for one in one_by_one for value in one])


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "array", "items": "int"},
        ["null", "int", "string"],
        ["null"],
        ["int", "string"],
        {"type": "record", "name": "S", "fields": []},
    ],
)
def test_what_is_not_flat_is_left_to_fastavro(kind: object) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind}]}

    assert columns_reader(schema) is None
    assert columns_reader("int") is None


@pytest.mark.parametrize("kind", ["string", {"type": "array", "items": "int"}])
def test_a_record_that_is_too_long_does_not_make_up_for_one_that_is_too_short(kind: object) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind}]}

    read = _read(_reader(schema, plain=True), [b"\x04", b"\x02\x02\x00\x00"], 0)

    assert isinstance(read, str), read
    assert "does not fit its schema" in read
