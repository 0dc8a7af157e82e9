"""Date patterns as Java's SimpleDateFormat reads them, in English and UTC.

A pattern is a list of fields, each a letter and how often it stands there, and of texts. How dates
are formatted is here; how they are read is in `date_parser`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

LETTERS: Final = frozenset("GyMwWDdFEuaHkKhmsSzZXYL")
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST_ZONE: Final = 3


class PatternError(ValueError):
    """A pattern that SimpleDateFormat refuses; the text is Java's."""


@dataclass(frozen=True, slots=True)
class DateField:
    """One field of a pattern: `yyyy` is the letter y, four times."""

    letter: str
    count: int


Part: TypeAlias = DateField | str


def parse_pattern(pattern: str) -> Sequence[Part]:
    """Return the fields of a pattern, and the texts between them.

    Raises:
        PatternError: A letter means nothing, or a quote is not closed.
    """
    parts: list[Part] = []
    literal = ""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            text, at = _quoted(pattern, at)
            literal += text
        elif char.isascii() and char.isalpha():
            end = at
            while end < len(pattern) and pattern[end] == char:
                end += 1
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(_field(char, end - at))
            at = end
        else:
            literal += char
            at += 1
    return [*parts, literal] if literal else parts


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    """Return the text that a quote starts, and where the pattern goes on; '' is a quote."""
    if pattern.startswith("''", start):
        return "'", start + 2
    text = ""
    at = start + 1
    while at < len(pattern):
        if pattern.startswith("''", at):
            text += "'"
            at += 2
        elif pattern[at] == "'":
            return text, at + 1
        else:
            text += pattern[at]
            at += 1
    raise PatternError("Unterminated quote")


def _field(letter: str, count: int) -> DateField:
    if letter not in LETTERS:
        raise PatternError(f"Illegal pattern character '{letter}'")
    if letter == "X" and count > _LONGEST_ZONE:
        raise PatternError(f"invalid ISO 8601 format: length={count}")
    return DateField(letter, count)


def date_formatter(pattern: str) -> Callable[[datetime], str]:
    """Return how a moment in UTC is written. Java: SimpleDateFormat.format.

    Raises:
        PatternError: The pattern cannot be used.
    """
    writers = [_writer(part) for part in parse_pattern(pattern)]
    return lambda moment: "".join([write(moment) for write in writers])


def _writer(part: Part) -> Callable[[datetime], str]:
    if isinstance(part, str):
        return lambda _: part
    letter, count = part.letter, part.count
    if letter in "yY":
        year = _NUMBERS[letter]
        if count == 2:
            return lambda moment: f"{year(moment) % 100:02d}"
        return lambda moment: f"{year(moment):0{count}d}"
    if letter in "ML" and count > 2:
        names = [name if count > 3 else name[:3] for name in MONTHS]
        return lambda moment: names[moment.month - 1]
    number = _NUMBERS.get(letter)
    if number is not None:
        return lambda moment: f"{number(moment):0{count}d}"
    if letter == "E":
        names = [name if count > 3 else name[:3] for name in DAYS]
        return lambda moment: names[moment.weekday()]
    if letter == "a":
        return lambda moment: "AM" if moment.hour < 12 else "PM"
    if letter == "z":
        return lambda _: "Coordinated Universal Time" if count > 3 else "UTC"
    shared = {"G": "AD", "Z": "+0000", "X": "Z"}[letter]
    return lambda _: shared


def _week(moment: datetime, first_day: datetime) -> int:
    """Return the number of the week, from Sunday on; the first is the one with `first_day`."""
    days_before = (first_day.weekday() + 1) % 7
    return ((moment - first_day).days + days_before) // 7 + 1


def _week_of_year(moment: datetime) -> int:
    week_year = _week_year(moment)
    return _week(moment, moment.replace(year=week_year, month=1, day=1))


def _week_year(moment: datetime) -> int:
    """Return the year that the week belongs to: the next one, if it holds the first of January."""
    saturday = moment + timedelta(days=(5 - moment.weekday()) % 7)
    return saturday.year


_NUMBERS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "y": lambda moment: moment.year,
    "Y": _week_year,
    "M": lambda moment: moment.month,
    "L": lambda moment: moment.month,
    "w": _week_of_year,
    "W": lambda moment: _week(moment, moment.replace(day=1)),
    "D": lambda moment: moment.timetuple().tm_yday,
    "d": lambda moment: moment.day,
    "F": lambda moment: (moment.day - 1) // 7 + 1,
    "u": lambda moment: moment.isoweekday(),
    "H": lambda moment: moment.hour,
    "k": lambda moment: moment.hour or 24,
    "K": lambda moment: moment.hour % 12,
    "h": lambda moment: moment.hour % 12 or 12,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
    "S": lambda moment: moment.microsecond // 1000,
}
