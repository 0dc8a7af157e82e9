"""JSON as Java's Jackson reads and writes it, at orjson's speed where both agree.

Reading: `parse_all` parses many texts in one call of orjson; whether Jackson would read the same is
then to be found out, by `are_plain` from the values or by `is_plain` from the text. `read` reads
one text, and by Jackson's rules where orjson refuses it or would differ: leading zeros count
nothing, what follows the first value is ignored, empty text is null, UTF-16 and UTF-32 are
recognized, halves of surrogate pairs are kept, and an integer beyond 64 bits loses its upper bits.

Writing: `write` writes what orjson knows and `Literal`s; characters are escaped as Jackson escapes
them. How numbers are laid out is up to the caller.
"""

import json
import re
import secrets
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, cast

import orjson

from isthmus.api.columnar import Maps

#: Stands between the texts that `parse_all` joins. Nobody who writes the texts can know it. It has
#: fewer digits than `is_plain` minds.
SEPARATOR: Final = secrets.randbits(50)
SEPARATOR_TEXT: Final = b",%d," % SEPARATOR

#: The types of values that orjson reads as Jackson does, but for the integer at hand.
_NEVER_READ_OTHERWISE: Final = frozenset({str, int, bool, type(None)})
_BEYOND_64_BITS: Final = 1 << 63

#: Makes digits 0, exponents a point, and all else but the minus sign a blank.
_AS = {**dict.fromkeys(b"0123456789", ord("0")), **dict.fromkeys(b".eE", ord(".")), 45: 45}
_NUMBERS: Final = bytes(_AS.get(code, ord(" ")) for code in range(256))
#: Integers with fewer digits fit 64 bits.
_MANY_DIGITS: Final = b"0" * 19
_DIGITS: Final = re.compile(rb"0+")
#: What the two characters before a number may be.
_NUMBER_START: Final = re.compile(rb"(?:^|.?[:,\[\s])-?$", re.DOTALL)
#: A zero that orjson reads as -0.0; Jackson's decimals have no negative zero.
_NEGATIVE_ZERO: Final = re.compile(rb"-0(?:\.0*)?(?:[eE][-+]?\d+)?(?:[\s,\]}]|$)")

_STRING_OR_ZEROS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![0-9.eE+\-])-?0+(?=[0-9])', re.DOTALL)
_BLANKS: Final = " \t\r\n"

#: Escapes that orjson writes in lower case, among all escapes lest `\\u001f` be taken for one.
_ESCAPE: Final = re.compile(rb"\\(?:u00([01][0-9a-f])|.)", re.DOTALL)
#: Characters of four bytes, and halves of surrogate pairs.
_BEYOND_BMP: Final = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}|\xed[\xa0-\xbf][\x80-\xbf]")
BACKSLASH: Final = ord("\\")
CONTROL: Final = re.compile(rb"\\u00")


class Literal:
    """A piece of JSON text that is written as it stands: a number laid out as Java does."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def read(data: bytes) -> Any:
    """Return what Jackson reads; integers are of 64 bits, None for empty text.

    Raises:
        ValueError: It is not JSON.
    """
    if is_plain(data):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    return _parse(data, _LENIENT)


def read_exactly(data: bytes) -> Any:
    """Return the same, but no digit is lost: fractions are `Decimal`, integers of any size.

    Raises:
        ValueError: It is not JSON.
    """
    return _parse(data, _EXACT)


class Parsed(NamedTuple):
    """What many texts hold."""

    items: Sequence[Any]
    #: All of them in one text.
    joined: bytes
    is_known_to_be_plain: bool = False

    def is_plain(self) -> bool:
        """Return whether Jackson reads the same; values tell it sooner than the text."""
        if self.is_known_to_be_plain:
            return True
        items = self.items
        if isinstance(items, Maps) and all(map(are_plain, items.columns)):
            return True
        return is_plain(self.joined)


def read_all(texts: Sequence[bytes]) -> Sequence[Any] | None:
    """Return what `read` returns for each; None if that takes a look at them one by one."""
    parsed = parse_all(texts)
    return parsed.items if parsed is not None and parsed.is_plain() else None


def parse_all(texts: Sequence[bytes]) -> Parsed | None:
    """Return what orjson reads; None if one of the texts is not JSON.

    All are parsed as the items of one array, with the separator between each two. The separator
    cannot be a part of a text. So if it makes up every second item, each text is one item, whole
    and valid by itself: one that is not (`1,2`, or `[1` and `2]`) would shift or swallow it.
    """
    joined = SEPARATOR_TEXT.join(texts)
    try:
        items: list[Any] = orjson.loads(b"[%b]" % joined)
    except orjson.JSONDecodeError:
        return None
    separators = items[1::2]
    if len(items) != 2 * len(texts) - 1 or separators.count(SEPARATOR) != len(texts) - 1:
        return None
    return Parsed(items[::2], joined)


def are_plain(column: Sequence[Any]) -> bool:
    """Return whether orjson has read these as Jackson does, as far as the values tell."""
    kinds = set(map(type, column))
    if not kinds <= _NEVER_READ_OTHERWISE:
        return False
    if int not in kinds:
        return True
    numbers = column if len(kinds) == 1 else [n for n in column if type(n) is int]
    # What is smaller, or has yet a bit more, becomes a float.
    return max(numbers) < _BEYOND_64_BITS


def is_plain(data: bytes) -> bool:
    """Return whether orjson, if it can read this, reads what Jackson does.

    Two things it may read otherwise: integers beyond 64 bits, and the negative zero. A look at
    digits alone tells in most cases that there is neither.
    """
    digits = data.translate(_NUMBERS)
    if _MANY_DIGITS in digits and _has_big_integer(data, digits):
        return False
    return not (b"-" in data and b"-0." in digits and _NEGATIVE_ZERO.search(data))


def _has_big_integer(data: bytes, digits: bytes) -> bool:
    """Return whether many digits stand where a number begins, and not in a string or fraction."""
    at = digits.find(_MANY_DIGITS)
    while at >= 0:
        if _NUMBER_START.match(data[max(at - 2, 0) : at]):
            return True
        end = _DIGITS.match(digits, at)
        at = digits.find(_MANY_DIGITS, at + 19 if end is None else end.end())
    return False


def wrapped(value: int, bits: int) -> int:
    """Return the lowest bits of an integer, as Java's conversions between integers do."""
    half = 1 << (bits - 1)
    return value if -half <= value < half else ((value + half) & ((1 << bits) - 1)) - half


def write(value: Any) -> bytes:
    """Return the JSON of what orjson knows and of literals.

    Raises:
        ValueError: A value is of another type, or an integer too large.
    """
    try:
        text = orjson.dumps(value, default=fragment)
    except orjson.JSONEncodeError:
        return _write_slowly(value)
    if (BACKSLASH in text and CONTROL.search(text)) or not is_within_bmp(text):
        return escaped(text)
    # A copy: orjson cuts its text out of a block of 1 kB, and keeping many of these scatters the
    # memory so that the next ones take nine times as long (0.3 and 2.7 µs).
    return b"%b" % text


def write_strings(values: Sequence[str], before: bytes, after: bytes) -> list[bytes] | None:
    """Return each string as JSON between two other texts; None if one needs a closer look.

    All are written in one call and cut where `","` ends one and begins the next: quotes within a
    string stand behind a backslash, and only the string `,` looks the same.
    """
    try:
        text = orjson.dumps(values)
    except orjson.JSONEncodeError:
        return None
    if BACKSLASH in text or "," in values or not is_within_bmp(text):
        return None
    # No JSON has a raw line end in it.
    cut = text[1:-1].replace(b'","', b'"%b\n%b"' % (after, before))
    return (before + cut + after).split(b"\n")


def is_within_bmp(text: bytes) -> bool:
    """Return whether there is none of the bytes that begin a character beyond."""
    return text.isascii() or not (
        # Byte by byte as integers: five times as fast as the search for a pattern.
        0xF0 in text or 0xF1 in text or 0xF2 in text or 0xF3 in text or 0xF4 in text
    )


def escaped(text: bytes) -> bytes:
    """Return the JSON with characters escaped as Jackson does, given as orjson wrote it."""
    text = _ESCAPE.sub(lambda match: b"\\u00" + match[1].upper() if match[1] else match[0], text)
    return _BEYOND_BMP.sub(_utf16_escapes, text)


def _utf16_escapes(match: re.Match[bytes]) -> bytes:
    units = match[0].decode("utf-8", "surrogatepass").encode("utf-16-be", "surrogatepass")
    return b"".join(b"\\u%04X" % unit for (unit,) in struct.iter_unpack(">H", units))


def fragment(value: Any) -> orjson.Fragment:
    """Return what orjson writes in the place of a literal, which it does not know."""
    if isinstance(value, Literal):
        return orjson.Fragment(value.text)
    raise TypeError


def _write_slowly(value: Any) -> bytes:
    """Write what orjson refuses: halves of surrogate pairs, or what cannot be written at all."""
    if isinstance(value, Literal):
        return value.text.encode()
    if isinstance(value, dict):
        members = cast("Mapping[Any, Any]", value).items()
        return b"{%b}" % b",".join(
            b"%b:%b" % (_write_slowly(str(key)), _write_slowly(member)) for key, member in members
        )
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(_write_slowly, cast("list[Any]", value)))
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return escaped(text.encode("utf-8", "surrogatepass"))
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _parse(data: bytes, decoder: json.JSONDecoder) -> Any:
    # Jackson, too, tells UTF-8, UTF-16 and UTF-32 from each other by the first bytes.
    text = data.decode(json.detect_encoding(data)).lstrip(_BLANKS)
    if not text:
        return None
    text = _STRING_OR_ZEROS.sub(_without_zeros, text)
    try:
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end < len(text) and not _ends_before(value, text[end]):
        raise ValueError(f"Unexpected character {text[end]!r} behind {text[:end]}")
    return value


def _ends_before(value: Any, following: str) -> bool:
    """Return whether Jackson takes the first value for ended here; it ignores what follows then."""
    if value is None or isinstance(value, bool):
        return not (following.isalnum() or following in "_$")
    return not isinstance(value, int | float | Decimal) or following in _BLANKS


def _without_zeros(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] == '"':
        return found
    return "-" if found[0] == "-" else ""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token {name!r}")


def _float(text: str) -> float:
    value = float(text)
    return value if value or _decimal(text) else 0.0


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"The exponent of {text} is too large") from None
    return value or value.copy_abs()


_LENIENT: Final = json.JSONDecoder(
    parse_float=_float,
    parse_int=lambda text: wrapped(int(text), 64),
    parse_constant=_refuse_constant,
)
_EXACT: Final = json.JSONDecoder(parse_float=_decimal, parse_constant=_refuse_constant)
