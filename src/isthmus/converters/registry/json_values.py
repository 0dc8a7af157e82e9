"""What JSON with a JSON Schema has in another form than the JSON of `JsonConverter`.

A union is the value of the member that is set. A map whose keys are no strings is an array of
objects with `key` and `value`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.schema import Schema, Type
from isthmus.api.struct import Struct
from isthmus.converters.json_read import Reader, node_type
from isthmus.converters.json_write import Writer, WriterOptions, writer
from isthmus.converters.registry import json_options as names


def is_union(schema: Schema) -> bool:
    """Tell whether a struct stands for one of several schemas: it has one member for each."""
    return schema.name == names.ONE_OF or names.GENERALIZED_UNION in schema.parameters


def _has_entries(schema: Schema) -> bool:
    key = schema.key_schema
    return (
        schema.type is Type.MAP
        and key is not None
        and (key.type is not Type.STRING or key.optional)
    )


def write_special(schema: Schema, options: WriterOptions) -> Writer | None:
    """Return the writer of a union or a map with entries, else None."""
    if is_union(schema):
        return _union_writer(schema, options)
    return _entries_writer(schema, options) if _has_entries(schema) else None


def _union_writer(schema: Schema, options: WriterOptions) -> Writer:
    writers = [writer(field.schema, options) for field in schema.fields]

    def write(value: Any) -> Any:
        if not isinstance(value, Struct):
            raise DataError(f"Invalid type for STRUCT: class {java_class(value)}")
        for member, write_member in zip(value.values, writers, strict=True):
            if member is not None:
                return write_member(member)
        raise DataError(f"no member of the union is set in {value}")

    return write


def _entries_writer(schema: Schema, options: WriterOptions) -> Writer:
    write_key = writer(schema.key_schema, options)
    write_value = writer(schema.value_schema, options)

    def write(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, Mapping):
            raise DataError(f"Invalid type for MAP: class {java_class(value)}")
        members = cast("Mapping[Any, Any]", value).items()
        return [{names.KEY: write_key(k), names.VALUE: write_value(v)} for k, v in members]

    return write


def read_special(schema: Schema, nested: Callable[[Schema | None], Reader]) -> Reader | None:
    """Return the reader of a union or a map with entries, else None."""
    if is_union(schema):
        return _union_reader(schema, nested)
    return _entries_reader(schema, nested) if _has_entries(schema) else None


def _union_reader(schema: Schema, nested: Callable[[Schema | None], Reader]) -> Reader:
    readers = [nested(field.schema) for field in schema.fields]
    schemas = [field.schema for field in schema.fields]
    count = len(readers)

    def read(parsed: Any) -> Struct:
        fits = [_fit(member, parsed) for member in schemas]
        best = max(range(count), key=fits.__getitem__)
        if not fits[best]:
            raise DataError(f"{node_type(parsed)} is none of what the union may be")
        values: list[Any] = [None] * count
        values[best] = readers[best](parsed)
        return Struct.from_values(schema, values)

    return read


def _fit(schema: Schema, parsed: Any) -> int:
    """Return how well JSON fits a schema, 0 if not at all: of structs, the members they share."""
    if node_type(parsed) not in _NODES[schema.type]:
        return 0
    if schema.type is not Type.STRUCT:
        whole = schema.type not in {Type.FLOAT32, Type.FLOAT64}
        return 2 if whole == isinstance(parsed, int) or not isinstance(parsed, int | float) else 1
    members = cast("dict[str, Any]", parsed)
    known = sum(field.name in members for field in schema.fields)
    return 1 + 2 * known - sum(schema.field(name) is None for name in members) if known else 1


_INTEGERS: Final = frozenset({"NUMBER"})
_NODES: Final = {
    Type.INT8: _INTEGERS,
    Type.INT16: _INTEGERS,
    Type.INT32: _INTEGERS,
    Type.INT64: _INTEGERS,
    Type.FLOAT32: _INTEGERS,
    Type.FLOAT64: _INTEGERS,
    Type.BOOLEAN: frozenset({"BOOLEAN"}),
    Type.STRING: frozenset({"STRING"}),
    Type.BYTES: frozenset({"STRING", "NUMBER"}),
    Type.ARRAY: frozenset({"ARRAY"}),
    Type.MAP: frozenset({"OBJECT", "ARRAY"}),
    Type.STRUCT: frozenset({"OBJECT"}),
}


def _entries_reader(schema: Schema, nested: Callable[[Schema | None], Reader]) -> Reader:
    read_key, read_value = nested(schema.key_schema), nested(schema.value_schema)

    def read(parsed: Any) -> dict[Any, Any]:
        if not isinstance(parsed, list):
            raise DataError(f"a map of this schema is an array, found {node_type(parsed)}")
        made: dict[Any, Any] = {}
        for entry in cast("list[Any]", parsed):
            if not isinstance(entry, dict):
                raise DataError(f"an entry of a map is an object, found {node_type(entry)}")
            members = cast("dict[str, Any]", entry)
            made[read_key(members.get(names.KEY))] = read_value(members.get(names.VALUE))
        return made

    return read
