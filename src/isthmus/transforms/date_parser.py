"""Reads dates by a pattern, as leniently as Java's SimpleDateFormat.

Numbers may be longer than their field, unless another number follows at once; what is out of range
runs over (the 32nd of January is the 1st of February), and text behind the date is ignored. Fields
of weeks (`Y`, `w`, `W`, `F`) can be written but not read. Dates before October 1582 are Julian.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

from isthmus.transforms.date_pattern import DAYS, MONTHS, DateField, Part, parse_pattern

_MS_PER_DAY: Final = 86_400_000
_UNREADABLE: Final = frozenset("YwWF")
#: A day of the week says nothing beside a day of a month or year, and too much without one.
_DAYS_OF_WEEKS: Final = frozenset("Eu")
_DAYS_OF_DATES: Final = frozenset("dD")
_NUMERIC: Final = frozenset("yMLdDHkKhmsSu")
_NUMBER: Final = re.compile(r"-?\d+")
_OFFSET: Final = re.compile(r"(?P<hours>\d\d)(?P<minutes>\d\d)")
_OFFSET_WITH_COLON: Final = re.compile(r"(?P<hours>\d\d?):(?P<minutes>\d\d)")
_HOURS_ALONE: Final = re.compile(r"(?P<hours>\d\d)(?P<minutes>)")
_ISO_OFFSET_WITH_COLON: Final = re.compile(r"(?P<hours>\d\d):(?P<minutes>\d\d)")
_CENTURY_STARTS_BEFORE: Final = 80
_FIRST_GREGORIAN_DAY: Final = -141_427
_DAY_BEFORE_2001: Final = 730_485
#: The days from the first of January of the year 1, Julian and Gregorian, to that of 1970.
_JULIAN_EPOCH_DAY: Final = 719_165
_EPOCH_DAY: Final = 719_163


class _MismatchError(Exception):
    """The text is not what the pattern says."""


@dataclass(slots=True)
class _Found:
    """The fields that were read, by letter, in their order; the last of two that exclude wins."""

    values: dict[str, int] = field(default_factory=dict[str, int])
    offset_minutes: int = 0

    def set(self, letter: str, value: int) -> None:
        self.values.pop(letter, None)
        self.values[letter] = value

    def is_last(self, letter: str, *others: str) -> bool:
        """Return whether a field was read, and after all these others."""
        order = list(self.values)
        if letter not in order:
            return False
        return all(
            other not in order or order.index(other) < order.index(letter) for other in others
        )


def date_parser(pattern: str) -> Callable[[str], int | None]:
    """Return how a text is read as milliseconds since 1970; None if it does not match.

    Raises:
        PatternError: The pattern cannot be used.
        UnreadableFieldError: It has fields that can be formatted but not read.
    """
    parts = parse_pattern(pattern)
    letters = [part.letter for part in parts if isinstance(part, DateField)]
    has_day = not _DAYS_OF_DATES.isdisjoint(letters)
    for letter in letters:
        if letter in _UNREADABLE or (letter in _DAYS_OF_WEEKS and not has_day):
            raise UnreadableFieldError(letter)

    def parse(text: str) -> int | None:
        found = _Found()
        try:
            _read_all(parts, text, found)
            return _milliseconds(found)
        except _MismatchError:
            return None

    return parse


class UnreadableFieldError(ValueError):
    """A pattern has a field of weeks, which cannot be read; the text is its letter."""


def _read_all(parts: Sequence[Part], text: str, found: _Found) -> None:
    at = 0
    for index, part in enumerate(parts):
        if isinstance(part, str):
            if not text.startswith(part, at):
                raise _MismatchError
            at += len(part)
        else:
            following = parts[index + 1] if index + 1 < len(parts) else None
            at = _read(part, text, at, following, found)


def _read(part: DateField, text: str, start: int, following: Part | None, found: _Found) -> int:
    """Read one field from a place on; return where it ends."""
    at = start
    while at < len(text) and text[at] in " \t":
        at += 1
    if at == len(text):
        raise _MismatchError
    letter = part.letter
    reader = _READERS.get(letter)
    if reader is not None and not (letter in "ML" and part.count <= 2):
        return reader(text, at, part.count, found)
    limit = start + part.count if _is_number(following) else len(text)
    if limit > len(text):
        raise _MismatchError
    number = _NUMBER.match(text, at, limit)
    if number is None:
        raise _MismatchError
    value, end = int(number[0]), number.end()
    if letter == "y" and part.count <= 2 and end - at == 2 and value >= 0:
        value = _in_century(value)
    found.set("M" if letter == "L" else letter, value)
    return end


def _is_number(part: Part | None) -> bool:
    """Return whether a number stands there, so that the one before has only its own digits."""
    if not isinstance(part, DateField):
        return False
    return part.letter in _NUMERIC and not (part.letter in "ML" and part.count > 2)


def _in_century(year: int) -> int:
    """Return the year that ends with two digits, from 80 years ago to 20 years ahead."""
    start = datetime.now(UTC).year - _CENTURY_STARTS_BEFORE
    return start // 100 * 100 + year + (100 if year < start % 100 else 0)


def _milliseconds(found: _Found) -> int:
    values = found.values
    year = values.get("y", 1970)
    if values.get("G") == 0:
        year = 1 - year
    if found.is_last("D", "d"):
        month, days = 0, values["D"] - 1
    else:
        month, days = values.get("M", 1) - 1, values.get("d", 1) - 1
    day = _first_day(year, month) + days
    if day < _FIRST_GREGORIAN_DAY:
        day = _first_julian_day(year, month) + days
    minutes = _hour(found) * 60 + values.get("m", 0) - found.offset_minutes
    return day * _MS_PER_DAY + (minutes * 60 + values.get("s", 0)) * 1000 + values.get("S", 0)


def _first_day(year: int, month: int) -> int:
    """Return the days from 1970 to the first of a month; years have any number of months."""
    year += month // 12
    # Every 400 years are alike, and Python's dates begin with year 1.
    cycles, rest = divmod(year - 1, 400)
    return (
        datetime(rest + 1, month % 12 + 1, 1, tzinfo=UTC).toordinal()
        + cycles * 146_097
        - _EPOCH_DAY
    )


def _first_julian_day(year: int, month: int) -> int:
    """Return the same as `_first_day` in a calendar where every fourth year is a leap year."""
    year += month // 12
    cycles, rest = divmod(year - 1, 4)
    # From 2001 on, years 1 to 4 of a cycle have as many days as in the Julian calendar.
    alike = datetime(rest + 2001, month % 12 + 1, 1, tzinfo=UTC).toordinal()
    return alike - _DAY_BEFORE_2001 + cycles * 1_461 - _JULIAN_EPOCH_DAY


def _hour(found: _Found) -> int:
    values = found.values
    of_day = next((letter for letter in ("H", "k") if letter in values), None)
    of_half = next((letter for letter in ("K", "h") if letter in values), None)
    is_halved = "a" in values and of_half is not None
    if of_day is not None and not (is_halved and _after(found, of_day, of_half)):
        return 0 if (of_day == "k" and values[of_day] == 24) else values[of_day]
    hour = values.get(of_half, 0) if of_half is not None else 0
    if of_half == "h" and hour == 12:
        hour = 0
    return hour + 12 * values.get("a", 0)


def _after(found: _Found, of_day: str, of_half: str | None) -> bool:
    return found.is_last("a", of_day) or (of_half is not None and found.is_last(of_half, of_day))


def _read_name(names: Mapping[str, int], text: str, at: int) -> tuple[int, int]:
    """Return what the longest name at a place stands for, and where it ends."""
    rest = text[at:].lower()
    matching = [name for name in names if rest.startswith(name.lower())]
    if not matching:
        raise _MismatchError
    name = max(matching, key=len)
    return names[name], at + len(name)


def _named(names: Sequence[str], first: int) -> Mapping[str, int]:
    """Return the number of each name and of its first three letters."""
    numbered = list(enumerate(names, first))
    return {text: number for number, name in numbered for text in (name, name[:3])}


_MONTH_NAMES: Final = _named(MONTHS, 1)
_DAY_NAMES: Final = _named(DAYS, 1)


def _read_month(text: str, at: int, _: int, found: _Found) -> int:
    month, end = _read_name(_MONTH_NAMES, text, at)
    found.set("M", month)
    return end


def _read_day_name(text: str, at: int, _: int, found: _Found) -> int:
    # What day of the week it is says nothing about a date that is known otherwise.
    return _read_name(_DAY_NAMES, text, at)[1]


def _read_half_day(text: str, at: int, _: int, found: _Found) -> int:
    half, end = _read_name({"AM": 0, "PM": 1}, text, at)
    found.set("a", half)
    return end


def _read_era(text: str, at: int, _: int, found: _Found) -> int:
    era, end = _read_name({"BC": 0, "AD": 1}, text, at)
    found.set("G", era)
    return end


def _read_zone(text: str, at: int, _: int, found: _Found) -> int:
    """Read `+0100`, `GMT`, `GMT+1:00` or `UTC`."""
    if text[at] in "+-":
        return _read_offset(_OFFSET, text, at, found)
    _, end = _read_name({"GMT": 0, "UTC": 0, "UT": 0, "Z": 0}, text, at)
    if text[at:end].upper() == "GMT" and text[end : end + 1] in ("+", "-"):
        return _read_offset(_OFFSET_WITH_COLON, text, end, found)
    found.offset_minutes = 0
    return end


def _read_iso_zone(text: str, at: int, count: int, found: _Found) -> int:
    """Read `Z`, `+01`, `+0100` or `+01:00`, by how often X stands in the pattern."""
    if text[at] == "Z":
        found.offset_minutes = 0
        return at + 1
    if text[at] not in "+-":
        raise _MismatchError
    form = (_HOURS_ALONE, _OFFSET, _ISO_OFFSET_WITH_COLON)[count - 1]
    return _read_offset(form, text, at, found)


def _read_offset(form: re.Pattern[str], text: str, at: int, found: _Found) -> int:
    offset = form.match(text, at + 1)
    if offset is None or int(offset["hours"]) > 23 or int(offset["minutes"] or 0) > 59:
        raise _MismatchError
    minutes = int(offset["hours"]) * 60 + int(offset["minutes"] or 0)
    found.offset_minutes = -minutes if text[at] == "-" else minutes
    return offset.end()


_Reader: TypeAlias = Callable[[str, int, int, _Found], int]
_READERS: Final[Mapping[str, _Reader]] = {
    "M": _read_month,
    "L": _read_month,
    "E": _read_day_name,
    "a": _read_half_day,
    "G": _read_era,
    "z": _read_zone,
    "Z": _read_zone,
    "X": _read_iso_zone,
}
