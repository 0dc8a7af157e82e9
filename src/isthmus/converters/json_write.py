"""Connect data as what `json_text.write` takes: for each schema a function, made once.

Java decides how numbers look: doubles as `Double.toString` has them, singles by their own digits,
NaN and the infinities as strings. Bytes are Base64. A map is an object if its keys are strings,
else an array of pairs.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

from isthmus.api.columnar import Column
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class, java_double, java_float
from isthmus.api.logical import (
    DATE_NAME,
    DECIMAL_NAME,
    LOGICAL_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    date_to_days,
    decimal_to_bytes,
    time_to_ms,
    timestamp_to_ms,
)
from isthmus.api.schema import Schema, Type
from isthmus.api.struct import Struct
from isthmus.converters.json_text import Literal

Writer: TypeAlias = Callable[[Any], Any]
#: Columns of members → the same as JSON.
ColumnsWriter: TypeAlias = Callable[[Sequence[Column]], list[Column]]

_BITS: Final = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
#: Types of which orjson's text is Jackson's text.
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_NO_ARRAYS: Final = (str, bytes, bytearray, Mapping)
_BYTES: Final = bytes | bytearray | memoryview


class WriterOptions:
    """What the converter's options say about writing."""

    __slots__ = ("numeric_decimals", "replace_null", "special")

    def __init__(
        self, *, replace_null: bool, numeric_decimals: bool, special: "Special | None" = None
    ) -> None:
        """Take the options.

        `special` may give another writer for some schemas, within others too; null never reaches
        it.
        """
        self.replace_null = replace_null
        self.numeric_decimals = numeric_decimals
        self.special = special


#: A schema and the options → its writer, None for the usual one.
Special: TypeAlias = Callable[[Schema, WriterOptions], Writer | None]


def writer(schema: Schema | None, options: WriterOptions) -> Writer:
    """Return the function that turns values of this schema into JSON to be written.

    The function raises `DataError` for a value that does not fit the schema.
    """
    if schema is None:
        return schemaless
    write = _non_null_writer(schema, options)
    if schema.default is not None and options.replace_null:
        default = write(schema.default)
        return lambda value: default if value is None else write(value)
    if schema.optional:
        return lambda value: None if value is None else write(value)

    def write_required(value: Any) -> Any:
        if value is None:
            raise DataError(
                "Conversion error: null value for field that is required and has no default value"
            )
        return write(value)

    return write_required


def schemaless(value: Any) -> Any:
    """Return a value without a schema as JSON; what can be written as it is, is not copied."""
    write = _BY_TYPE.get(value.__class__)
    if write is not None:
        return write(value)
    if isinstance(value, Mapping):
        return _schemaless_map(dict(cast("Mapping[Any, Any]", value)))
    if isinstance(value, list | tuple):
        return _schemaless_list(list(cast("Iterable[Any]", value)))
    if isinstance(value, Struct):
        raise DataError("Mismatching schema.")
    raise DataError(
        f"Java class class {java_class(value)} does not have corresponding schema type."
    )


def _schemaless_map(value: dict[Any, Any]) -> Any:
    changed: dict[Any, Any] = {}
    for key, member in value.items():
        if key.__class__ is not str:
            return [[schemaless(key), schemaless(member)] for key, member in value.items()]
        if member.__class__ not in _PLAIN:
            written = schemaless(member)
            if written is not member:
                changed[key] = written
    return {**value, **changed} if changed else value


def _schemaless_list(value: list[Any]) -> list[Any]:
    is_plain = _PLAIN.issuperset(map(type, value))
    return value if is_plain else [schemaless(item) for item in value]


def _as_it_is(value: Any) -> Any:
    return value


def _non_null_writer(schema: Schema, options: WriterOptions) -> Writer:
    special = options.special(schema, options) if options.special else None
    if special is not None:
        return special
    if schema.name == DECIMAL_NAME:
        return _decimal_writer(schema, options)
    if schema.name is not None and schema.name in _MOMENTS:
        return _MOMENTS[schema.name]
    match schema.type:
        case Type.INT8 | Type.INT16 | Type.INT32 | Type.INT64:
            return _integer_writer(schema.type)
        case Type.ARRAY:
            return _array_writer(schema, options)
        case Type.MAP:
            return _map_writer(schema, options)
        case Type.STRUCT:
            return _struct_writer(schema, options)
        case _:
            return _SIMPLE_WRITERS[schema.type]


def _invalid(type: Type, value: Any) -> DataError:
    return DataError(f"Invalid type for {type.name}: class {java_class(value)}")


def _integer_writer(kind: Type) -> Writer:
    low, high = -(1 << (_BITS[kind] - 1)), (1 << (_BITS[kind] - 1)) - 1

    def write(value: Any) -> int:
        if type(value) is not int:
            raise _invalid(kind, value)
        if not low <= value <= high:
            raise DataError(f"Invalid value for {kind.name}: {value} is out of range")
        return value

    return write


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _float64(value: float) -> Any:
    # Between these limits orjson, too, writes all digits and no exponent.
    if 1e-3 <= abs(value) < 1e7 or value == 0:
        return value
    text = java_double(value)
    return Literal(text) if math.isfinite(value) else text


def _write_float64(value: Any) -> Any:
    if not _is_number(value):
        raise _invalid(Type.FLOAT64, value)
    return _float64(float(value))


def _write_float32(value: Any) -> Any:
    if not _is_number(value):
        raise _invalid(Type.FLOAT32, value)
    text = java_float(float(value))
    return Literal(text) if text[-1].isdigit() else text


def _write_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _invalid(Type.BOOLEAN, value)
    return value


def _write_string(value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(Type.STRING, value)
    return value


def _write_bytes(value: Any) -> str:
    if not isinstance(value, _BYTES):
        raise DataError(f"Invalid type for bytes type: class {java_class(value)}")
    return _base64(value)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return b64encode(value).decode("ascii")


_SIMPLE_WRITERS: Final[Mapping[Type, Writer]] = {
    Type.FLOAT32: _write_float32,
    Type.FLOAT64: _write_float64,
    Type.BOOLEAN: _write_boolean,
    Type.STRING: _write_string,
    Type.BYTES: _write_bytes,
}


#: How the usual types are written when there is no schema; subclasses take the long way.
_BY_TYPE: Final[Mapping[type, Writer]] = {
    **dict.fromkeys(_PLAIN, _as_it_is),
    float: _float64,
    dict: _schemaless_map,
    list: _schemaless_list,
    bytes: _base64,
    bytearray: _base64,
    memoryview: _base64,
}


def _array_writer(schema: Schema, options: WriterOptions) -> Writer:
    write_item = writer(schema.value_schema, options)

    def write(value: Any) -> list[Any]:
        if not isinstance(value, Collection) or isinstance(value, _NO_ARRAYS):
            raise _invalid(Type.ARRAY, cast("object", value))
        return [write_item(item) for item in cast("Collection[Any]", value)]

    return write


def _map_writer(schema: Schema, options: WriterOptions) -> Writer:
    key_schema = cast("Schema", schema.key_schema)
    write_key = writer(key_schema, options)
    write_member = writer(schema.value_schema, options)
    is_object = key_schema.type is Type.STRING

    def write(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _invalid(Type.MAP, value)
        members = cast("Mapping[Any, Any]", value).items()
        if is_object:
            return {write_key(key): write_member(member) for key, member in members}
        return [[write_key(key), write_member(member)] for key, member in members]

    return write


def _struct_writer(schema: Schema, options: WriterOptions) -> Writer:
    members = [(f.name, writer(f.schema, options)) for f in schema.fields]

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, Struct):
            raise _invalid(Type.STRUCT, value)
        if value.schema is not schema and value.schema != schema:
            raise DataError("Mismatching schema.")
        return {
            name: write_member(member)
            for (name, write_member), member in zip(members, value.values, strict=True)
        }

    return write


def columns_writer(schema: Schema, options: WriterOptions) -> ColumnsWriter | None:
    """Return the function that turns the members of many structs into those of JSON objects.

    None for a schema with members that are objects or arrays, and for what is no struct. A column
    of values that are their own JSON is looked at once, and not value by value.
    """
    if schema.type is not Type.STRUCT or not schema.fields or options.special is not None:
        return None
    if schema.fields[0].name.startswith(_AFTER_STRINGS):
        return None
    if not all(field.schema.type.is_primitive for field in schema.fields):
        return None
    writers = [_column_writer(field.schema, options) for field in schema.fields]
    return lambda columns: [write(c) for write, c in zip(writers, columns, strict=True)]


def _column_writer(schema: Schema, options: WriterOptions) -> Callable[[Column], Column]:
    write = writer(schema, options)
    plain = _PLAIN_CLASSES.get(schema.type)
    if plain is None or schema.name in LOGICAL_NAMES:
        return lambda column: [write(value) for value in column]
    as_they_are = {frozenset({plain})}
    if schema.optional and not (options.replace_null and schema.default is not None):
        as_they_are.add(frozenset({plain, type(None)}))
    bits = _BITS.get(schema.type)

    def write_column(column: Column) -> Column:
        kinds = frozenset(map(type, column))
        if kinds in as_they_are and (bits is None or _fits(column, bits)):
            return column
        return [write(value) for value in column]

    return write_column


def _fits(column: Sequence[int | None], bits: int) -> bool:
    numbers = [number for number in column if number is not None] if None in column else column
    half = 1 << (bits - 1)
    return -half <= min(cast("Sequence[int]", numbers)) and (
        max(cast("Sequence[int]", numbers)) < half
    )


#: What follows a string in an object. A first key that begins so could be taken for it, behind a
#: string that ends in `},{`: see json_columns.
_AFTER_STRINGS: Final = (",", "}")
_PLAIN_CLASSES: Final[Mapping[Type, type]] = {
    **dict.fromkeys(_BITS, int),
    Type.STRING: str,
    Type.BOOLEAN: bool,
}


def _decimal_writer(schema: Schema, options: WriterOptions) -> Writer:
    def write_text(value: Any) -> str:
        return _base64(decimal_to_bytes(schema, value))

    def write_number(value: Any) -> Literal:
        if not isinstance(value, Decimal) or not value.is_finite():
            decimal_to_bytes(schema, value)  # raises the error that both forms share
        return Literal(str(value))

    return write_number if options.numeric_decimals else write_text


_MOMENTS: Final[Mapping[str, Writer]] = {
    DATE_NAME: date_to_days,
    TIME_NAME: time_to_ms,
    TIMESTAMP_NAME: timestamp_to_ms,
}
