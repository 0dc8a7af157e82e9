"""Times in the forms that TimestampConverter knows, from and to milliseconds since 1970.

    string        a text in a pattern
    unix          a number of seconds, milli-, micro- or nanoseconds since 1970
    Date          a day
    Time          a time of day, which is one of the first of January 1970
    Timestamp     a moment

What is finer than a millisecond is cut off, towards 1970.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Final, TypeAlias

from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.logical import (
    date_from_days,
    date_to_days,
    time_from_ms,
    time_to_ms,
    timestamp_from_ms,
    timestamp_to_ms,
)
from isthmus.transforms.date_parser import UnreadableFieldError, date_parser
from isthmus.transforms.date_pattern import date_formatter

ToRaw: TypeAlias = Callable[[Any], int]
FromRaw: TypeAlias = Callable[[int], Any]

_MS_PER_DAY: Final = 86_400_000
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
_MS_PER_UNIT: Final[Mapping[str, int]] = {"seconds": 1000, "milliseconds": 1}
_UNITS_PER_MS: Final[Mapping[str, int]] = {"microseconds": 1000, "nanoseconds": 1_000_000}


def readers(pattern: str, precision: str) -> Mapping[str, ToRaw]:
    """Return how times of each form are read.

    Raises:
        PatternError: The pattern of texts cannot be used.
    """
    return {
        "string": _text_reader(pattern),
        "unix": _unix_reader(precision),
        "Date": _date_reader("Date"),
        "Time": _date_reader("Time"),
        "Timestamp": _date_reader("Timestamp"),
    }


def writer(form: str, pattern: str, precision: str) -> FromRaw:
    """Return how times are written in a form.

    Raises:
        PatternError: The pattern of texts cannot be used.
    """
    match form:
        case "string":
            write = date_formatter(pattern)
            return lambda ms: write(timestamp_from_ms(ms))
        case "unix":
            return _unix_writer(precision)
        case "Date":
            return lambda ms: date_from_days(ms // _MS_PER_DAY)
        case "Time":
            return lambda ms: time_from_ms(ms % _MS_PER_DAY)
        case _:
            return timestamp_from_ms


def _text_reader(pattern: str) -> ToRaw:
    if not pattern.strip():
        return _refuse_text
    try:
        parse = date_parser(pattern)
    except UnreadableFieldError as error:
        letter = str(error)

        def refuse(value: object) -> int:
            raise DataError(
                f"Could not parse timestamp: value ({value}) cannot be read by pattern"
                f" ({pattern}), since {letter} in it can only be written"
            )

        return refuse

    def read(value: Any) -> int:
        if not isinstance(value, str):
            raise DataError(
                f"Expected string timestamp to be a String, but found class {java_class(value)}"
            )
        ms = parse(value)
        if ms is None:
            raise DataError(
                f"Could not parse timestamp: value ({value}) does not match pattern ({pattern})"
            )
        return ms

    return read


def _refuse_text(value: object) -> int:
    raise DataError(
        f"Could not parse timestamp: value ({value}) is text, and there is no format to read it by"
    )


def _unix_reader(precision: str) -> ToRaw:
    ms_per_unit = _MS_PER_UNIT.get(precision)
    units_per_ms = _UNITS_PER_MS.get(precision, 1)

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise DataError(
                f"Expected Unix timestamp to be a Long, but found class {java_class(value)}"
            )
        if ms_per_unit is not None:
            return _as_long(value * ms_per_unit)
        return _towards_zero(value, units_per_ms)

    return read


def _unix_writer(precision: str) -> FromRaw:
    units_per_ms = _UNITS_PER_MS.get(precision)
    if units_per_ms is not None:
        return lambda ms: _as_long(ms * units_per_ms)
    ms_per_unit = _MS_PER_UNIT[precision]
    return lambda ms: _towards_zero(ms, ms_per_unit)


def _towards_zero(number: int, divisor: int) -> int:
    return number // divisor if number >= 0 else -(-number // divisor)


def _as_long(number: int) -> int:
    """Return the number, or the largest or smallest that 64 bits hold. Java: TimeUnit."""
    return min(max(number, _LONG_MIN), _LONG_MAX)


def _date_reader(form: str) -> ToRaw:
    def read(value: Any) -> int:
        match value:
            case datetime():
                return timestamp_to_ms(value)
            case date():
                return date_to_days(value) * _MS_PER_DAY
            case time():
                return time_to_ms(value)
            case _:
                raise DataError(
                    f"Expected {form} to be a java.util.Date, but found class {java_class(value)}"
                )

    return read
