"""Structs as Avro's bytes, column by column: strings and integers of a batch are written at once.

What else a struct has is written value by value, and so is the whole batch if something in it is
not as it should be: that way's errors name the field.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import add
from typing import Any, Final

from isthmus.api.columnar import Structs
from isthmus.api.errors import DataError
from isthmus.api.schema import Field, Schema, Type
from isthmus.converters.registry.avro_schema import AvroType
from isthmus.converters.registry.avro_write import AvroWriting, Write
from isthmus.converters.registry.wire import write_zigzag

#: The values of a column → their bytes; None if one is of another type.
_WriteColumn = Callable[[Sequence[Any]], list[bytes] | None]

_STRINGS: Final = {str}
_INTEGERS: Final = {int}
_BITS: Final = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
#: Lengths and small numbers, ready to be looked up.
_SMALL: Final = [write_zigzag(number) for number in range(512)]


def rows_writer(
    writing: AvroWriting, schema: Schema, avro: AvroType
) -> Callable[[bytes, Sequence[Any]], list[bytes] | None] | None:
    """Return what writes many structs, each behind the bytes of the first argument.

    None for what is no struct, or is not written as a record. The function returns None for a batch
    with something in it that it does not know.
    """
    if schema.type is not Type.STRUCT or avro.kind != "record" or not schema.fields:
        return None
    columns = [
        (0 if of is None else of.index, _column_writer(of, field.type, write))
        for field, (of, write) in zip(avro.fields, writing.members(schema, avro), strict=True)
    ]

    def write_rows(before: bytes, values: Sequence[Any]) -> list[bytes] | None:
        structs = Structs.of(schema, values)
        if structs is None:
            return None
        found = structs.columns if len(structs) else None
        parts: list[list[bytes]] = []
        for place, write in columns:
            written = write(found[place]) if found else []
            if written is None:
                return None
            parts.append(written)
        return list(map(b"".join, zip(repeat(before), *parts, strict=False)))

    return write_rows


def _column_writer(of: Field | None, avro: AvroType, write: Write) -> _WriteColumn:
    def write_each(column: Sequence[Any]) -> list[bytes] | None:
        try:
            return list(map(write, column))
        except DataError:
            return None

    if of is None:
        return write_each
    index, branch = _only_branch(avro)
    write_plain = _plain_writer(of.schema, branch)
    if write_plain is None:
        return write_each

    def write_column(column: Sequence[Any]) -> list[bytes] | None:
        if None in column:
            return write_each(column)
        written = write_plain(column)
        return list(map(add, repeat(index), written)) if index and written else written

    return write_column


def _only_branch(avro: AvroType) -> tuple[bytes, AvroType]:
    """Return the number and type of a union's one branch beside null; else the type itself."""
    numbered = [(i, one) for i, one in enumerate(avro.branches) if one.kind != "null"]
    if avro.kind != "union" or len(numbered) != 1:
        return b"", avro
    [(number, branch)] = numbered
    return write_zigzag(number), branch


def _plain_writer(schema: Schema, avro: AvroType) -> _WriteColumn | None:
    if schema.name is not None or schema.default is not None:
        return None
    if schema.type is Type.STRING and avro.kind == "string":
        return _write_strings
    if schema.type in _BITS and avro.kind in {"int", "long"}:
        return _integers_writer(_BITS[schema.type])
    return None


def _write_strings(column: Sequence[Any]) -> list[bytes] | None:
    if set(map(type, column)) != _STRINGS:
        return None
    encoded = [text.encode("utf-8", "replace") for text in column]
    return list(map(add, map(_written, map(len, encoded)), encoded))


def _integers_writer(bits: int) -> _WriteColumn:
    half = 1 << (bits - 1)

    def write_integers(column: Sequence[Any]) -> list[bytes] | None:
        if set(map(type, column)) != _INTEGERS or min(column) < -half or max(column) >= half:
            return None
        return list(map(_written, column))

    return write_integers


def _written(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < 512 else write_zigzag(number)
