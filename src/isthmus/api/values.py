"""Text as typed values, and back: what headers without a schema of their own hold. Java: Values.

`parse_string` finds the narrowest type that a text can be: `1` is an INT8, `1.5` a FLOAT32,
`2019-08-23` a Date, `[1,300]` an array of INT16, and whatever is nothing else a STRING. Text within
an array or map must be quoted. Java takes `1,2` for the number 1 and forgets the rest; here a text
is a value only as a whole, and a string otherwise.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from isthmus.api.converter import SchemaAndValue
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class, java_text, to_float32
from isthmus.api.logical import (
    DATE,
    LOGICAL_NAMES,
    TIME,
    TIMESTAMP,
    date_from_days,
    date_to_days,
    decimal_schema,
    time_from_ms,
    time_to_ms,
    timestamp_to_ms,
)
from isthmus.api.schema import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    Schema,
    Type,
)
from isthmus.api.struct import Struct

_DELIMITERS: Final = frozenset(':,{}[]"')
#: A delimiter, or what stands between two of them. A backslash takes the next character along.
_TOKEN: Final = re.compile(r'[:,{}\[\]"]|(?:\\.|[^:,{}\[\]"\\])+\\?|\\', re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,10}))?")
_TEMPORAL: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d{2}-\d{2})(?:T(?=.)|$))?(?:(?P<time>\d{2}:\d{2}:\d{2}\.\d{3})Z)?",
    re.ASCII,
)
#: What Java's `trim` cuts off.
_BLANK: Final = "".join(map(chr, range(33)))
_INTEGERS: Final = ((8, INT8), (16, INT16), (32, INT32), (64, INT64))
_MOST_DIGITS_OF_LONG: Final = 19
#: Each of these numbers fits into the next; a Decimal or a Date is none of them.
_WIDENING: Final = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64)


class _NotAValueError(Exception):
    """The text is no array, map, number or the like, so it is a string."""


def parse_string(text: str | None) -> SchemaAndValue:
    """Return the value that a text says, and its schema; both None for None and for `null`."""
    if text is None:
        return SchemaAndValue(None, None)
    parser = _Parser(_TOKEN.findall(text))
    try:
        parsed = parser.value(is_within=False)
    except (_NotAValueError, RecursionError):
        return SchemaAndValue(STRING, text)
    return parsed if parser.is_at_end() else SchemaAndValue(STRING, text)


class _Parser:
    """Reads values from tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def is_at_end(self) -> bool:
        return not any(token.strip(_BLANK) for token in self._tokens[self._at :])

    def value(self, *, is_within: bool) -> SchemaAndValue:
        """Return the next value; within an array or map, a quoted one is a string.

        Raises:
            _NotAValueError: What comes next is none.
        """
        self._skip_blanks()
        token = self._next()
        match token.strip(_BLANK):
            case "null":
                return SchemaAndValue(None, None)
            case "true" | "false" as word:
                return SchemaAndValue(BOOLEAN, word == "true")
            case "[":
                return self._array()
            case "{":
                return self._map()
            case '"' if is_within:
                return self._quoted()
            case word if word and word not in _DELIMITERS:
                return self._temporal(word) or _number(word)
            case _:
                raise _NotAValueError

    def _array(self) -> SchemaAndValue:
        items: list[SchemaAndValue] = []
        while not self._can_take("]"):
            items.append(self.value(is_within=True))
            if not self._can_take(","):
                if not self._can_take("]"):
                    raise _NotAValueError
                break
        schema, values = _aligned(items)
        return SchemaAndValue(Schema(Type.ARRAY, value_schema=schema), values)

    def _map(self) -> SchemaAndValue:
        keys: list[SchemaAndValue] = []
        members: list[SchemaAndValue] = []
        while not self._can_take("}"):
            keys.append(self.value(is_within=True))
            if keys[-1].value is None or not self._can_take(":"):
                raise _NotAValueError
            members.append(self.value(is_within=True))
            self._can_take(",")
        key_schema, key_values = _aligned(keys)
        value_schema, values = _aligned(members) if key_schema else (None, _values(members))
        if not _are_dict_keys(key_values):
            raise _NotAValueError
        schema = Schema(Type.MAP, key_schema=key_schema, value_schema=value_schema)
        return SchemaAndValue(schema, dict(zip(key_values, values, strict=True)))

    def _quoted(self) -> SchemaAndValue:
        start = self._at
        while self._next() != '"':
            pass
        content = "".join(self._tokens[start : self._at - 1])
        temporal = _temporal(content) if content[:1].isdigit() else None
        return temporal or SchemaAndValue(STRING, content)

    def _temporal(self, word: str) -> SchemaAndValue | None:
        if not word[0].isdigit():
            return None
        # Colons are delimiters, so a time is five tokens: hours, colon, minutes, colon, seconds.
        following = "".join(self._tokens[self._at : self._at + 4])
        temporal = _temporal((word + following).strip(_BLANK))
        if temporal is not None and following.strip(_BLANK):
            self._at += 4
            return temporal
        return _temporal(word)

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _NotAValueError
        self._at += 1
        return self._tokens[self._at - 1]

    def _can_take(self, delimiter: str) -> bool:
        self._skip_blanks()
        if self._at >= len(self._tokens):
            raise _NotAValueError
        is_next = self._tokens[self._at] == delimiter
        self._at += is_next
        return is_next

    def _skip_blanks(self) -> None:
        while self._at < len(self._tokens) and not self._tokens[self._at].strip(_BLANK):
            self._at += 1


def _number(word: str) -> SchemaAndValue:
    number = _NUMBER.fullmatch(word)
    if number is None or word[0] == "." or abs(int(number[1] or 0)) >= 1 << 31:
        raise _NotAValueError
    value = Decimal(word)
    if not value or (
        value.adjusted() < _MOST_DIGITS_OF_LONG and value == value.to_integral_value()
    ):
        for bits, schema in _INTEGERS:
            if -(1 << (bits - 1)) <= value < 1 << (bits - 1):
                return SchemaAndValue(schema, int(value))
    scale = -int(value.as_tuple().exponent)
    if scale != 0:
        single, double = to_float32(float(value)), float(value)
        for schema, narrowed in ((FLOAT32, single), (FLOAT64, double)):
            if abs(narrowed) != float("inf"):
                return SchemaAndValue(schema, narrowed)
    return SchemaAndValue(decimal_schema(scale), value)


def _temporal(text: str) -> SchemaAndValue | None:
    """Return the date, time or timestamp; months and days beyond the end run over, as in Java."""
    found = _TEMPORAL.fullmatch(text)
    if found is None or not text:
        return None
    try:
        if found["time"] is None:
            return SchemaAndValue(DATE, _midnight(found["date"]).date())
        ms = _milliseconds(found["time"])
        if found["date"] is None:
            return SchemaAndValue(TIME, time_from_ms(ms))
        moment = _midnight(found["date"]) + timedelta(milliseconds=ms)
        return SchemaAndValue(TIMESTAMP, moment)
    except (ValueError, OverflowError, DataError):
        return None


def _midnight(text: str) -> datetime:
    year, month, day = map(int, text.split("-"))
    years, month = divmod(month - 1, 12)
    return datetime(year + years, month + 1, 1, tzinfo=UTC) + timedelta(days=day - 1)


def _milliseconds(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", ""))


def _aligned(items: Sequence[SchemaAndValue]) -> tuple[Schema | None, list[Any]]:
    """Return the schema that all items have or can be widened to, and their values in it.

    Raises:
        _NotAValueError: They have one, but some are null.
    """
    schema: Schema | None = None
    for item in items:
        if item.schema is None:
            continue
        schema = item.schema if schema is None else _common(schema, item.schema)
        if schema is None:
            return None, _values(items)
    values = _values(items)
    if schema is None:
        return None, values
    if any(value is None for value in values):
        raise _NotAValueError
    is_fraction = schema.type in {Type.FLOAT32, Type.FLOAT64}
    return schema, list(map(float, values)) if is_fraction else values


def _values(items: Iterable[SchemaAndValue]) -> list[Any]:
    return [item.value for item in items]


def _are_dict_keys(keys: Sequence[Any]) -> bool:
    """Return whether a dict can have these keys: no lists, and not both 1 and true."""
    if any(isinstance(key, list | dict) for key in keys):
        return False
    return len(set(keys)) == len({(isinstance(key, bool), key) for key in keys})


def _common(one: Schema, other: Schema) -> Schema | None:
    if one.type is other.type and one.name == other.name:
        return other
    is_numeric = one.type in _WIDENING and other.type in _WIDENING
    if not is_numeric or one.name in LOGICAL_NAMES or other.name in LOGICAL_NAMES:
        return None
    return max(one, other, key=lambda schema: _WIDENING.index(schema.type))


def convert_to_string(schema: Schema | None, value: Any) -> str | None:
    """Return the text that `parse_string` reads as this value; None for None.

    Bytes are Base64, and strings within an array or map are quoted. Java: Values.convertToString.
    """
    if value is None or isinstance(value, str):
        return value
    return _text(value, schema)


def _text(value: Any, schema: Schema | None) -> str:
    for base, text in _TEXTS.items():
        if isinstance(value, base):
            return text(value, schema)
    raise DataError(
        f"Failed to serialize unexpected value type {java_class(value)}: {java_text(value)}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _base64(value: Any, schema: Schema | None) -> str:
    return b64encode(value).decode("ascii")


def _list_text(value: Sequence[Any], schema: Schema | None) -> str:
    items = None if schema is None else schema.value_schema
    return f"[{','.join(_inner(item, items) for item in value)}]"


def _map_text(value: Mapping[Any, Any], schema: Schema | None) -> str:
    keys, values = (None, None) if schema is None else (schema.key_schema, schema.value_schema)
    shown = [f"{_inner(key, keys)}:{_inner(item, values)}" for key, item in value.items()]
    return f"{{{','.join(shown)}}}"


def _struct_text(value: Struct, schema: Schema | None) -> str:
    members = zip(value.schema.fields, value.values, strict=True)
    shown = [f"{_quoted(field.name)}:{_inner(item, field.schema)}" for field, item in members]
    return f"{{{','.join(shown)}}}"


def _inner(value: Any, schema: Schema | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    text = _text(value, schema)
    return _quoted(text) if isinstance(value, bytes | bytearray | memoryview) else text


def _datetime_text(value: datetime, schema: Schema | None) -> str:
    days, ms = divmod(timestamp_to_ms(value), 86_400_000)
    return f"{_date_text(days)}T{_time_text(ms)}"


def _date_text(days: int) -> str:
    return date_from_days(days).isoformat()


def _time_text(ms: int) -> str:
    return time_from_ms(ms).isoformat("milliseconds") + "Z"


_TEXTS: Final[Mapping[Any, Callable[[Any, Schema | None], str]]] = {
    (bytes, bytearray, memoryview): _base64,
    Struct: _struct_text,
    Mapping: _map_text,
    (list, tuple): _list_text,
    datetime: _datetime_text,
    date: lambda value, _: _date_text(date_to_days(value)),
    time: lambda value, _: _time_text(time_to_ms(value)),
    (type(None), bool, int, float, Decimal): java_text,
}
