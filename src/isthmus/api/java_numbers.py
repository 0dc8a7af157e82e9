"""Text as numbers, as Java's parsers read it: `Integer.parseInt`, `Double.parseDouble`."""

import math
import re
from typing import Final

#: What Java calls blank at the ends of a text: all characters up to U+0020, and no other.
BLANK: Final = "".join(map(chr, range(33)))
_INTEGER: Final = re.compile(r"[+-]?\d+")
_DECIMAL_FLOAT: Final = re.compile(
    r"[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)", re.ASCII
)
_HEX_FLOAT: Final = re.compile(
    r"([+-]?0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?"
)


def parse_integer(text: str, bits: int) -> int | None:
    """Return the integer of so many bits that the whole text says, or None."""
    # Longer texts than that are out of range, unless zeros lead, and slow to turn into a number.
    if not _INTEGER.fullmatch(text) or len(text) > 1000:
        return None
    number = int(text)
    return number if -(1 << (bits - 1)) <= number < 1 << (bits - 1) else None


def parse_double(text: str) -> float | None:
    """Return the number that the text says between blanks, also in hexadecimal, or None."""
    text = text.strip(BLANK)
    if _DECIMAL_FLOAT.fullmatch(text):
        return float(text if text[-1] in "Ny" else text.rstrip("fFdD"))
    hexadecimal = _HEX_FLOAT.fullmatch(text)
    if hexadecimal is None:
        return None
    try:
        return float.fromhex(hexadecimal[1])
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf
