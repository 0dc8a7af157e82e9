"""Logical types: primitives that stand for something else, and Python's classes for that.

    Decimal      BYTES    `decimal.Decimal`      the unscaled integer; the scale is in the schema
    Date         INT32    `datetime.date`        days since 1970-01-01
    Time         INT32    `datetime.time`        milliseconds since midnight
    Timestamp    INT64    `datetime.datetime`    milliseconds since 1970-01-01T00:00Z

Plugins see Python's values; the primitives exist only in bytes. Timestamps are read as aware
datetimes in UTC, and a naive one is taken for UTC when written. What is finer than a millisecond
is cut off.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)

LOGICAL_NAMES: Final = frozenset({DECIMAL_NAME, DATE_NAME, TIME_NAME, TIMESTAMP_NAME})
SCALE: Final = "scale"

DATE: Final = Schema(Type.INT32, name=DATE_NAME, version=1)
TIME: Final = Schema(Type.INT32, name=TIME_NAME, version=1)
TIMESTAMP: Final = Schema(Type.INT64, name=TIMESTAMP_NAME, version=1)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MILLISECOND: Final = timedelta(milliseconds=1)
_MS_PER_DAY: Final = 86_400_000


def decimal_schema(scale: int, *, optional: bool = False) -> Schema:
    """Return the schema of decimals with `scale` digits behind the point. Java: Decimal.schema."""
    return Schema(Type.BYTES, optional, DECIMAL_NAME, 1, parameters={SCALE: str(scale)})


def decimal_scale(schema: Schema) -> int:
    """Return the number of digits behind the point.

    Raises:
        DataError: The schema has no scale, or none that is a number.
    """
    text = schema.parameters.get(SCALE)
    if text is None:
        raise DataError("Invalid Decimal schema: scale parameter not found.")
    try:
        return int(text)
    except ValueError:
        raise DataError("Invalid scale parameter found in Decimal schema: ") from None


def decimal_to_bytes(schema: Schema, value: Any) -> bytes:
    """Return the unscaled integer, big-endian two's complement in as few bytes as possible.

    Raises:
        DataError: The value is no decimal of the schema's scale.
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _wrong_type("Decimal", "BigDecimal", value)
    sign, digits, exponent = value.as_tuple()
    scale = decimal_scale(schema)
    if -int(exponent) != scale:
        raise DataError(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale"
            f" {scale}, value has scale {-int(exponent)}."
        )
    unscaled = int(Decimal((sign, digits, 0)))
    bits = (unscaled if unscaled >= 0 else ~unscaled).bit_length()
    return unscaled.to_bytes(bits // 8 + 1, "big", signed=True)


def decimal_from_bytes(schema: Schema, data: bytes) -> Decimal:
    """Return the decimal of the schema's scale.

    Raises:
        DataError: There are no bytes, or the schema has no scale.
    """
    if not data:
        raise DataError("Zero length BigInteger")
    sign, digits, _ = Decimal(int.from_bytes(data, "big", signed=True)).as_tuple()
    return Decimal((sign, digits, -decimal_scale(schema)))


def date_to_days(value: Any) -> int:
    """Return the days since 1970-01-01; a datetime must be of midnight.

    Raises:
        DataError: The value is no date.
    """
    if isinstance(value, datetime):
        if value.time() != time.min:
            raise DataError(
                "Kafka Connect Date type should not have any time fields set to non-zero values."
            )
    elif not isinstance(value, date):
        raise _wrong_type("Date", "Date", value)
    return value.toordinal() - _EPOCH_DAY


def date_from_days(days: int) -> date:
    """Return the date so many days after 1970-01-01.

    Raises:
        DataError: Python has no such date.
    """
    try:
        return date.fromordinal(days + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise _out_of_range("Date", days) from None


def time_to_ms(value: Any) -> int:
    """Return the milliseconds since midnight.

    Raises:
        DataError: The value is no time.
    """
    if not isinstance(value, time):
        raise _wrong_type("Time", "Date", value)
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1000 + value.microsecond // 1000


def time_from_ms(ms: int) -> time:
    """Return the time of day so many milliseconds after midnight.

    Raises:
        DataError: A day is shorter than that.
    """
    if not 0 <= ms < _MS_PER_DAY:
        raise DataError(
            "Time values must use number of milliseconds greater than 0 and less than 86400000"
        )
    seconds, ms = divmod(ms, 1000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, ms * 1000)


def timestamp_to_ms(value: Any) -> int:
    """Return the milliseconds since 1970; a naive datetime is taken for UTC.

    Raises:
        DataError: The value is no datetime.
    """
    if not isinstance(value, datetime):
        raise _wrong_type("Timestamp", "Date", value)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def timestamp_from_ms(ms: int) -> datetime:
    """Return the datetime, in UTC, so many milliseconds after 1970.

    Raises:
        DataError: Python has no such datetime.
    """
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise _out_of_range("Timestamp", ms) from None


def _wrong_type(name: str, expected: str, value: object) -> DataError:
    return DataError(
        f"Invalid type for {name}, expected {expected} but was class {java_class(value)}"
    )


def _out_of_range(name: str, value: int) -> DataError:
    return DataError(f"{name} {value} is outside of the years 1 to 9999 that Python's dates have")
