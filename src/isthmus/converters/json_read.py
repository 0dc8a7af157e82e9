"""Parsed JSON as Connect data: for each schema a function, made once, that reads its values.

Readers are as lenient as Java's, who asks Jackson for "this node as an int": what is of another
type is 0, 0.0, false or null, and integers lose their upper bits. A missing or null value is the
schema's default if it has one and `replace.null.with.default` says so.

Fractions may be `float` or, where no digit may get lost, `Decimal`. A reader that would need the
digits raises `DigitsNeeded`; the caller then parses the text again, exactly.
"""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

from isthmus.api.columnar import Maps, Structs, Whole
from isthmus.api.errors import DataError
from isthmus.api.java_text import to_float32
from isthmus.api.logical import (
    DATE_NAME,
    DECIMAL_NAME,
    LOGICAL_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    date_from_days,
    decimal_from_bytes,
    time_from_ms,
    timestamp_from_ms,
)
from isthmus.api.schema import Field, Schema, Type
from isthmus.api.struct import Struct
from isthmus.converters.json_text import wrapped

Reader: TypeAlias = Callable[[Any], Any]
#: Parsed payloads → a struct of each; None if they must be read one by one.
RowsReader: TypeAlias = Callable[[Sequence[Any]], Structs | None]
#: A schema, and what makes readers of those within it → its reader, None for the usual one.
Special: TypeAlias = Callable[[Schema, Callable[[Schema | None], Reader]], Reader | None]

_BITS: Final = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
_BASE64: Final = re.compile(
    r"(?:[\x00-\x20]*[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==))*[\x00-\x20]*"
)
_BASE64_PART: Final = re.compile(r"[^=]+=*")
_BASE64_BLANKS: Final = dict.fromkeys(range(0x21))
#: Java's `BigDecimal.longValue` gives up here, where all bits of a long would be 0 anyway.
_ALL_ZERO_BITS: Final = 64


class DigitsNeeded(Exception):  # noqa: N818 - not an error: it asks for another kind of parsing
    """A float stands where the digits of the text decide."""


@dataclass(frozen=True, slots=True)
class _Options:
    replace_null: bool
    special: Special | None

    def nested(self, schema: Schema | None) -> Reader:
        """Return the reader of a schema within another."""
        return _reader(schema, self)


def reader(schema: Schema | None, *, replace_null: bool, special: Special | None = None) -> Reader:
    """Return the function that turns parsed JSON into values of this schema.

    `special` may give another reader for some schemas, within others too; null never reaches it.

    The function raises `DataError` for what cannot be a value of the schema, and `DigitsNeeded`.
    """
    return _reader(schema, _Options(replace_null, special))


def _reader(schema: Schema | None, options: _Options) -> Reader:
    if schema is None:
        return schemaless
    read = _non_null_reader(schema, options)
    if schema.default is not None and options.replace_null:
        default = schema.default
        return lambda parsed: default if parsed is None else read(parsed)
    if schema.optional:
        return lambda parsed: None if parsed is None else read(parsed)
    type_name = schema.type.name

    def read_required(parsed: Any) -> Any:
        if parsed is None:
            raise DataError(f"Invalid null value for required {type_name} field")
        return read(parsed)

    return read_required


def schemaless(parsed: Any) -> Any:
    """Return the value without a schema: fractions as floats, integers of 64 bits."""
    if isinstance(parsed, Decimal):
        return float(parsed)
    if isinstance(parsed, dict):
        members = cast("dict[str, Any]", parsed)
        return {key: schemaless(value) for key, value in members.items()}
    if isinstance(parsed, list):
        return [schemaless(item) for item in cast("list[Any]", parsed)]
    is_integer = isinstance(parsed, int) and not isinstance(parsed, bool)
    return wrapped(parsed, 64) if is_integer else parsed


def node_type(parsed: object) -> str:
    """Return what Jackson calls the type of a JSON value."""
    if parsed is None:
        return "NULL"
    if isinstance(parsed, bool):
        return "BOOLEAN"
    if isinstance(parsed, str):
        return "STRING"
    if isinstance(parsed, dict):
        return "OBJECT"
    return "ARRAY" if isinstance(parsed, list) else "NUMBER"


def _non_null_reader(schema: Schema, options: _Options) -> Reader:
    special = options.special(schema, options.nested) if options.special else None
    if special is not None:
        return special
    logical = _LOGICAL_READERS.get(schema.name or "")
    if logical is not None:
        return logical(schema)
    match schema.type:
        case Type.INT8 | Type.INT16 | Type.INT32 | Type.INT64:
            return _integer_reader(_BITS[schema.type])
        case Type.ARRAY:
            return _array_reader(schema, options)
        case Type.MAP:
            return _map_reader(schema, options)
        case Type.STRUCT:
            return _struct_reader(schema, options)
        case _:
            return _SIMPLE_READERS[schema.type]


def _integer_reader(bits: int) -> Reader:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def read(parsed: Any) -> int:
        if type(parsed) is int:
            return parsed if low <= parsed <= high else wrapped(parsed, bits)
        if isinstance(parsed, float):
            if parsed.is_integer():  # the text may be 0.99999999999999999999
                raise DigitsNeeded
            return wrapped(int(parsed), bits)
        if isinstance(parsed, Decimal):
            too_large = int(parsed.as_tuple().exponent) >= _ALL_ZERO_BITS
            return 0 if too_large else wrapped(int(parsed), bits)
        return 0

    return read


def _read_float64(parsed: Any) -> float:
    is_number = isinstance(parsed, int | float | Decimal) and not isinstance(parsed, bool)
    return float(parsed) if is_number else 0.0


def _read_bytes(parsed: Any) -> bytes | None:
    return _base64_decoded(parsed) if isinstance(parsed, str) else None


def _base64_decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        # Jackson also takes blanks between groups of four, and several padded texts in a row.
        if not _BASE64.fullmatch(text):
            raise DataError("Invalid bytes field") from error
        parts = _BASE64_PART.findall(text.translate(_BASE64_BLANKS))
        return b"".join(map(binascii.a2b_base64, parts))


_SIMPLE_READERS: Final[Mapping[Type, Reader]] = {
    Type.FLOAT32: lambda parsed: to_float32(_read_float64(parsed)),
    Type.FLOAT64: _read_float64,
    Type.BOOLEAN: lambda parsed: parsed is True,
    Type.STRING: lambda parsed: parsed if isinstance(parsed, str) else None,
    Type.BYTES: _read_bytes,
}


def _array_reader(schema: Schema, options: _Options) -> Reader:
    read_item = _reader(schema.value_schema, options)

    def read(parsed: Any) -> list[Any]:
        if isinstance(parsed, dict):
            parsed = list(cast("dict[str, Any]", parsed).values())
        if not isinstance(parsed, list):
            return []
        return [read_item(item) for item in cast("list[Any]", parsed)]

    return read


def _map_reader(schema: Schema, options: _Options) -> Reader:
    key_schema = cast("Schema", schema.key_schema)
    read_key = _reader(key_schema, options)
    read_value = _reader(schema.value_schema, options)

    def read_object(parsed: Any) -> dict[Any, Any]:
        if not isinstance(parsed, dict):
            raise DataError(
                "Maps with string fields should be encoded as JSON objects, but found"
                f" {node_type(parsed)}"
            )
        members = cast("dict[str, Any]", parsed)
        return {key: read_value(value) for key, value in members.items()}

    def read_pairs(parsed: Any) -> dict[Any, Any]:
        if not isinstance(parsed, list):
            raise DataError(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found"
                f" {node_type(parsed)}"
            )
        pairs = map(_checked_pair, cast("list[Any]", parsed))
        return {read_key(key): read_value(value) for key, value in pairs}

    return read_object if key_schema.type is Type.STRING else read_pairs


def _checked_pair(entry: Any) -> list[Any]:
    if not isinstance(entry, list):
        raise DataError(f"Found invalid map entry instead of array tuple: {node_type(entry)}")
    pair = cast("list[Any]", entry)
    if len(pair) != 2:
        raise DataError(f"Found invalid map entry, expected length 2 but found :{len(pair)}")
    return pair


def _struct_reader(schema: Schema, options: _Options) -> Reader:
    members = [(f.name, _field_reader(f, options)) for f in schema.fields]
    from_values = Struct.from_values

    def read(parsed: Any) -> Struct:
        if not isinstance(parsed, dict):
            raise DataError(
                f"Structs should be encoded as JSON objects, but found {node_type(parsed)}"
            )
        get = cast("dict[str, Any]", parsed).get
        return from_values(schema, [read_member(get(name)) for name, read_member in members])

    return read


def rows_reader(schema: Schema | None, *, replace_null: bool) -> RowsReader | None:
    """Return the function that reads many flat objects, column by column.

    It takes objects which have just the schema's members, in its order, as those that write schemas
    lay them out, and in which each value is of the JSON type that its schema asks for. None for a
    schema whose members can be anything else than integers, strings and booleans.
    """
    if schema is None or schema.type is not Type.STRUCT or not schema.fields:
        return None
    fields = schema.fields
    if any(f.schema.name in LOGICAL_NAMES or f.schema.type not in _PLAIN for f in fields):
        return None
    names = tuple(f.name for f in fields)
    checks = [_column_check(f.schema, replace_null=replace_null) for f in fields]

    def read(payloads: Sequence[Any]) -> Structs | None:
        maps = Maps.of(payloads)
        if maps is None or maps.names != names:
            return None
        found = maps.columns
        if not all(is_done(column) for is_done, column in zip(checks, found, strict=True)):
            return None
        columns = [
            column if field.schema.optional else Whole(column)
            for field, column in zip(fields, found, strict=True)
        ]
        return Structs(schema, columns)

    return read


def _column_check(schema: Schema, *, replace_null: bool) -> Callable[[Sequence[Any]], bool]:
    """Return what tells whether all values of a column are what the reader would make of them."""
    plain = _PLAIN[schema.type]
    as_they_are = [{plain}]
    if schema.optional and not (replace_null and schema.default is not None):
        as_they_are += [{plain, type(None)}, {type(None)}]
    bits = _BITS.get(schema.type)
    half = None if bits is None else 1 << (bits - 1)

    def is_done(column: Sequence[Any]) -> bool:
        kinds = set(map(type, column))
        if kinds not in as_they_are:
            return False
        if half is None or int not in kinds:
            return True
        numbers = [n for n in column if n is not None] if len(kinds) > 1 else column
        return -half <= min(numbers) and max(numbers) < half

    return is_done


#: The types whose values JSON has as they are.
_PLAIN: Final[Mapping[Type, type]] = {
    **dict.fromkeys(_BITS, int),
    Type.STRING: str,
    Type.BOOLEAN: bool,
}


def _field_reader(field: Field, options: _Options) -> Reader:
    read = _reader(field.schema, options)
    if field.schema.optional or field.schema.type not in {Type.STRING, Type.BYTES}:
        return read

    def read_checked(parsed: Any) -> Any:
        value = read(parsed)
        if value is None:  # text of another type; a struct, unlike a list, does not take it
            raise DataError(
                f'Invalid value: null used for required field: "{field.name}", schema type:'
                f" {field.schema.type.name}"
            )
        return value

    return read_checked


def _decimal_reader(schema: Schema) -> Reader:
    def read(parsed: Any) -> Decimal:
        if isinstance(parsed, str):
            try:
                return decimal_from_bytes(schema, _base64_decoded(parsed))
            except DataError as error:
                raise DataError("Invalid bytes for Decimal field") from error
        if isinstance(parsed, float):
            raise DigitsNeeded
        if isinstance(parsed, int | Decimal) and not isinstance(parsed, bool):
            return Decimal(parsed)
        raise DataError(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but"
            f" was {node_type(parsed)}"
        )

    return read


def _moment_reader(name: str, expected: str, bits: int, make: Callable[[int], Any]) -> Reader:
    def read(parsed: Any) -> Any:
        if type(parsed) is not int or (bits == 32 and wrapped(parsed, 32) != parsed):
            raise DataError(
                f"Invalid type for {name}, underlying representation should be {expected} but was"
                f" {node_type(parsed)}"
            )
        return make(wrapped(parsed, bits))

    return read


_LOGICAL_READERS: Final[Mapping[str, Callable[[Schema], Reader]]] = {
    DECIMAL_NAME: _decimal_reader,
    DATE_NAME: lambda _: _moment_reader("Date", "integer", 32, date_from_days),
    TIME_NAME: lambda _: _moment_reader("Time", "integer", 32, time_from_ms),
    TIMESTAMP_NAME: lambda _: _moment_reader("Timestamp", "integral", 64, timestamp_from_ms),
}
