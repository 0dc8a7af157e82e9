"""JSON as Jackson writes it, to the byte, and reads it.

Offset keys are looked up by their bytes, by workers in Java as well, so a key must come out as Java
writes it: no spaces, characters of the basic plane raw, those beyond as two upper-case escapes,
control characters short or as upper-case escapes, and numbers as Java prints them. What is read is
what Jackson would read: workers in Java must not see other records than we do.
"""

import json
import math
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NoReturn, cast

import orjson

from isthmus.api.java_text import java_double

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}
_SPECIAL = re.compile(r'["\\\x00-\x1f\ud800-\udfff\U00010000-\U0010ffff]')


def jackson_dumps(value: Any) -> bytes:
    """Return a value of the types of JSON, or bytes, as Jackson writes it; bytes in Base64.

    Raises:
        TypeError: It holds something that JSON has no type for.
    """
    if _is_plain(value):
        return orjson.dumps(value)
    return "".join(_parts(value)).encode()


def jackson_loads(data: bytes) -> Any:
    """Return what the bytes begin with; no bytes are null, and what follows a value is ignored.

    Raises:
        ValueError: They do not begin with a JSON value.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        text = data.decode().lstrip(" \t\r\n")
        return _TOLERANT.raw_decode(text)[0] if text else None
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


#: Python's own reader takes NaN and the infinities; Jackson does not.
_TOLERANT = json.JSONDecoder(parse_constant=_no_constant)


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
    if isinstance(value, bytes | bytearray | memoryview):
        return [f'"{b64encode(cast("bytes", value)).decode()}"']
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
