"""JSON as Jackson writes it, to the byte.

Offset keys are looked up by their bytes, by workers in Java as well, so a key must come out as Java
writes it: no spaces, characters of the basic plane raw, those beyond as two upper-case escapes,
control characters short or as upper-case escapes, and numbers as Java prints them.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, cast

import orjson

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}
_SPECIAL = re.compile(r'["\\\x00-\x1f\U00010000-\U0010ffff]')


def jackson_dumps(value: Any) -> bytes:
    """Return a value of the types of JSON as Jackson writes it.

    Raises:
        TypeError: It holds something that JSON has no type for.
    """
    if _is_plain(value):
        return orjson.dumps(value)
    return "".join(_parts(value)).encode("utf-8", "surrogatepass")


def _is_plain(value: Any) -> bool:
    """Tell whether orjson writes the value as Jackson does: no float, no odd character."""
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return all(isinstance(k, str) and _is_plain(k) and _is_plain(v) for k, v in items)
    if isinstance(value, list):
        return all(_is_plain(item) for item in cast("list[Any]", value))
    return (
        value is None
        or isinstance(value, bool)
        or (isinstance(value, int) and -(2**63) <= value < 2**63)
    )


def _parts(value: Any) -> list[str]:
    if value is None or isinstance(value, bool):
        return [{None: "null", True: "true", False: "false"}[value]]
    if isinstance(value, str):
        return [_string(value)]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, float):
        return [java_double(value) if math.isfinite(value) else f'"{java_double(value)}"']
    if isinstance(value, Mapping):
        return _object(cast("Mapping[Any, Any]", value))
    if isinstance(value, list | tuple):
        items = [part for item in cast("list[Any]", value) for part in (",", *_parts(item))]
        return ["[", *items[1:], "]"]
    raise TypeError(f"{type(value).__name__} has no place in JSON: {value!r}")


def _object(value: Mapping[Any, Any]) -> list[str]:
    parts: list[str] = []
    for key, member in value.items():
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} is not a string")
        parts += [",", _string(key), ":", *_parts(member)]
    return ["{", *parts[1:], "}"]


def _string(text: str) -> str:
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04X}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04X}\\u{0xDC00 + (code & 0x3FF):04X}"


def java_double(value: float) -> str:
    """Return the text of a double as `Double.toString` has it since JDK 19.

    Plain digits from 0.001 up to ten million, else a mantissa with one digit before the point.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return f"{sign}0.0"
    mantissa, _, exponent_text = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = int(exponent_text or 0) + len(whole) - 1
    if whole == "0":
        exponent = int(exponent_text or 0) - (len(fraction) - len(fraction.lstrip("0"))) - 1
    digits = digits.rstrip("0") or "0"
    if -3 <= exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    if 0 <= exponent < 7:
        padded = digits.ljust(exponent + 1, "0")
        return f"{sign}{padded[: exponent + 1]}.{padded[exponent + 1 :] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"
