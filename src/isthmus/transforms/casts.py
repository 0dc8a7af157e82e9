"""Casts between primitive types as Java does them.

Numbers narrow by dropping bits, fractions are cut off, and floats that are too large become the
largest integer: of 64 bits for INT64, of 32 bits for the smaller ones, which then drop bits.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from isthmus.api.errors import DataError
from isthmus.api.java_numbers import parse_double, parse_integer
from isthmus.api.java_text import java_class, java_float, java_text, to_float32
from isthmus.api.logical import (
    DATE_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    date_from_days,
    date_to_days,
    time_from_ms,
    time_to_ms,
    timestamp_to_ms,
)
from isthmus.api.schema import Schema, Type
from isthmus.api.struct import Struct

CastOne: TypeAlias = Callable[[Any], Any]

INTEGER_BITS: Final[Mapping[Type, int]] = {
    Type.INT8: 8,
    Type.INT16: 16,
    Type.INT32: 32,
    Type.INT64: 64,
}
#: What can be cast to.
OUTPUTS: Final = (
    *INTEGER_BITS,
    Type.FLOAT32,
    Type.FLOAT64,
    Type.BOOLEAN,
    Type.STRING,
)
_INPUTS: Final = (*OUTPUTS, Type.BYTES)
_ENCODED: Final[Mapping[str, CastOne]] = {
    DATE_NAME: date_to_days,
    TIME_NAME: time_to_ms,
    TIMESTAMP_NAME: timestamp_to_ms,
}
#: The types of values without a schema; a date, time or Decimal has none. Java: schemaType.
_TYPES: Final[Mapping[type, Type]] = {
    bool: Type.BOOLEAN,
    int: Type.INT64,
    float: Type.FLOAT64,
    str: Type.STRING,
    bytes: Type.BYTES,
    list: Type.ARRAY,
    dict: Type.MAP,
    Struct: Type.STRUCT,
}
_MS_PER_DAY: Final = 86_400_000


class Caster(dict[type, CastOne]):
    """Casts values of one schema, or of none, to one type: how, by the class of the value.

    Raises:
        DataError: Values of the schema cannot be cast.
    """

    def __init__(self, target: Type, schema: Schema | None) -> None:
        if schema is not None:
            _require_input(schema.type)
        self._target = target
        self._schema = schema
        super().__init__({type(None): lambda value: value})

    def column(self, values: Sequence[Any]) -> list[Any]:
        """Return each value as the type; null stays null.

        Raises:
            DataError: One cannot be cast.
        """
        kinds = set(map(type, values))
        if len(kinds) == 1:
            return list(map(self[kinds.pop()], values))
        return [self[type(value)](value) for value in values]

    def __missing__(self, found: type) -> CastOne:
        cast = self[found] = self._cast_from(found)
        return cast

    def _cast_from(self, found: type) -> CastOne:
        if self._schema is None:
            type_ = _TYPES.get(found)
            if type_ is None:
                return _refuse_class
            if type_ not in _INPUTS:
                return partial(_refuse_type, type_)
        if self._target is Type.STRING:
            return _to_string(found, self._schema)
        encode = None if self._schema is None else _ENCODED.get(self._schema.name or "")
        cast = _from_number(int if encode else found, self._target, self._schema)
        return cast if encode is None else lambda value: cast(encode(value))


def type_of(value: object) -> Type | None:
    """Return the type of a value without a schema; logical types have none there, as in Java."""
    return _TYPES.get(type(value))


def names(types: Iterable[Type]) -> str:
    """Return types as Java prints a set of them."""
    return f"[{', '.join(type_.name for type_ in types)}]"


def wrapped(number: int, bits: int) -> int:
    """Return the lowest bits of a number, as a number with a sign."""
    half = 1 << (bits - 1)
    return (number + half & (half << 1) - 1) - half


def _require_input(type_: Type) -> None:
    if type_ not in _INPUTS:
        raise DataError(
            f"Cast transformation does not support casting from {type_.name}; supported types are"
            f" {names(_INPUTS)}"
        )


def _refuse_type(type_: Type, _: object) -> Any:
    _require_input(type_)


def _refuse_class(value: object) -> Any:
    raise DataError(
        f"Cast transformation was passed a value of type class {java_class(value)} which is not"
        " supported by Connect's data API"
    )


def _unexpected(value: object) -> Any:
    raise DataError(f"Unexpected type in Cast transformation: class {java_class(value)}")


def _from_number(found: type, target: Type, schema: Schema | None) -> CastOne:
    """Return how numbers, booleans and texts of a Python class become `target`."""
    bits = INTEGER_BITS.get(target)
    if bits is not None:
        most = (1 << (bits - 1)) - 1
        least = ~most
        casts: Mapping[type, CastOne] = {
            bool: int,
            int: lambda value: value if least <= value <= most else wrapped(value, bits),
            float: lambda value: (
                int(value)
                if least <= value <= most
                else wrapped(_cut_off(value, max(bits, 32)), bits)
            ),
            Decimal: lambda value: wrapped(_integral(value), bits),
            str: lambda value: _parsed(value, parse_integer(value, bits)),
        }
    elif target is Type.BOOLEAN:
        casts = {
            bool: bool,
            int: bool,
            float: lambda value: _cut_off(value, 64) != 0,
            Decimal: lambda value: wrapped(_integral(value), 64) != 0,
            str: lambda value: value.lower() == "true",
        }
    else:
        # Without a schema only a double can stand for a single: the one with the same text.
        single: CastOne = to_float32 if schema else lambda value: float(java_float(value))
        rounded = single if target is Type.FLOAT32 else float
        casts = {
            bool: float,
            int: float if target is Type.FLOAT64 else lambda value: rounded(_sticky(value)),
            float: rounded,
            Decimal: rounded if target is Type.FLOAT64 else lambda value: rounded(float(value)),
            str: lambda value: rounded(_parsed(value, parse_double(value))),
        }
    return casts.get(found, _unexpected)


def _parsed(text: str, number: Any) -> Any:
    if number is None:
        raise DataError(f"Value ({text}) was out of range for requested data type")
    return number


def _cut_off(value: float, bits: int) -> int:
    """Return the number without its fraction; the smallest or largest where there is none."""
    if math.isnan(value):
        return 0
    most = 1 << (bits - 1)
    return int(value) if -most <= value < most else (most - 1 if value > 0 else -most)


def _integral(value: Decimal) -> int:
    """Return the number without its fraction, as far as its lowest 64 bits go."""
    exponent = value.as_tuple().exponent
    # Ten to the power of 64 and more has 64 zeros at the end in binary, too.
    return 0 if not isinstance(exponent, int) or exponent >= 64 else int(value)


def _sticky(value: int) -> int:
    """Return an integer that a double holds exactly, and that is rounded to the same single.

    To round twice, to a double and then to a single, can end one off: so bits that a double has no
    place for are not rounded away, but leave a one behind if there was any.
    """
    lost = abs(value).bit_length() - 53
    if lost <= 0:
        return value
    kept = abs(value) >> lost
    kept |= (kept << lost) != abs(value)
    return (kept if value > 0 else -kept) << lost


def _to_string(found: type, schema: Schema | None) -> CastOne:
    if found is str:
        return lambda value: value
    if found is int:
        return str
    if found is bytes:
        return lambda value: b64encode(value).decode("ascii")
    if found in (datetime, date, time):
        return _date_text
    return lambda value: java_text(value, schema)


def _date_text(value: Any) -> str:
    """Return the text in the format that Java chooses by how many milliseconds a date is."""
    ms = _milliseconds(value)
    if ms < _MS_PER_DAY:
        return f"{time_from_ms(ms % _MS_PER_DAY).isoformat('milliseconds')}Z"
    day = date_from_days(ms // _MS_PER_DAY).isoformat()
    if ms % _MS_PER_DAY == 0:
        return day
    return f"{day}T{time_from_ms(ms % _MS_PER_DAY).isoformat('milliseconds')}Z"


def _milliseconds(value: Any) -> int:
    if isinstance(value, datetime):
        return timestamp_to_ms(value)
    return date_to_days(value) * _MS_PER_DAY if isinstance(value, date) else time_to_ms(value)
