"""Structs are written as Avro by the batch; the bytes are those that one by one gives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.api.logical import DATE
from isthmus.api.schema import BOOLEAN, FLOAT64, INT8, INT32, INT64, STRING, Schema, struct_schema
from isthmus.api.struct import Struct
from isthmus.converters.registry.avro_from_connect import avro_text
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_rows import rows_writer
from isthmus.converters.registry.avro_schema import AvroType, parse_avro
from isthmus.converters.registry.avro_write import AvroWriting
from isthmus.converters.registry.client import StoredSchema

OPTIONS = AvroOptions()
WRITING = AvroWriting(OPTIONS, strict=False)
FRAME = b"\0\0\0\0\1"
INTEGERS = st.one_of(
    st.integers(-128, 127), st.integers(-(2**63), 2**63 - 1), st.sampled_from([511, 512, 2**63])
)
VALUES: dict[Schema, st.SearchStrategy[Any]] = {
    STRING: st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=3), st.just("x" * 600)
    ),
    INT8: INTEGERS,
    INT32: INTEGERS,
    INT64: INTEGERS,
    BOOLEAN: st.booleans(),
    FLOAT64: st.floats(),
    DATE: st.dates(date(1900, 1, 1)),
}


@st.composite
def members(draw: st.DrawFn) -> tuple[Schema, st.SearchStrategy[Any]]:
    schema = draw(st.sampled_from(list(VALUES)))
    values = VALUES[schema]
    if draw(st.booleans()):
        return replace(schema, optional=True), st.one_of(st.none(), values)
    odd = st.sampled_from([None, "1", 1, True])
    return schema, st.one_of(values, odd) if draw(st.integers(0, 9)) == 0 else values


@st.composite
def batches(draw: st.DrawFn) -> tuple[Schema, list[Struct]]:
    made = draw(st.lists(members(), min_size=1, max_size=4))
    schema = struct_schema(*((f"f{n}", member) for n, (member, _) in enumerate(made)), name="R")
    rows = draw(st.lists(st.tuples(*[values for _, values in made]), max_size=5))
    return schema, [Struct.from_values(schema, list(row)) for row in rows]


def avro_of(schema: Schema) -> AvroType:
    return parse_avro(StoredSchema("AVRO", avro_text(schema, OPTIONS).text, {}))


def outcome(write: Callable[[], list[bytes]]) -> list[bytes] | None:
    try:
        return write()
    except DataError:
        return None


def one_by_one(schema: Schema, avro: AvroType, values: list[Struct]) -> list[bytes] | None:
    write = WRITING.writer(schema, avro)
    return outcome(lambda: [FRAME + write(value) for value in values])


@given(batches())
def test_a_batch_of_structs_is_written_as_its_values_one_by_one(
    batch: tuple[Schema, list[Struct]],
) -> None:
    schema, values = batch
    avro = avro_of(schema)
    write_rows = rows_writer(WRITING, schema, avro)
    assert write_rows is not None

    assert write_rows(FRAME, values) == one_by_one(schema, avro, values)


def test_fields_that_the_data_does_not_have_get_their_default() -> None:
    schema = struct_schema(("b", STRING), ("a", INT32), name="R")
    text = """{"type": "record", "name": "R", "fields": [
        {"name": "more", "type": "string", "default": "d"},
        {"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}"""
    avro = parse_avro(StoredSchema("AVRO", text, {}))
    values = [Struct(schema, a=n, b=str(n)) for n in range(3)]
    write_rows = rows_writer(WRITING, schema, avro)
    assert write_rows is not None

    assert write_rows(FRAME, values) == one_by_one(schema, avro, values)


def test_what_is_no_struct_of_the_schema_is_left_to_the_other_way() -> None:
    schema, other = (struct_schema((name, INT32), name="R") for name in "ab")
    write_rows = rows_writer(WRITING, schema, avro_of(schema))
    assert write_rows is not None

    assert write_rows(FRAME, [Struct(other, b=1)]) is None
    assert write_rows(FRAME, ["text"]) is None
