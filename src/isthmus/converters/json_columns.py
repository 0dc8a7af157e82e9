"""Columns of members as JSON objects, as Jackson writes them, each between two other texts.

Each column is written in one call of orjson and cut into the texts of its values, which then fill
a layout of the object. Where a column cannot be cut, objects are made and written in one call, and
cut instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from isthmus.converters.json_text import BACKSLASH, CONTROL, escaped, fragment, is_within_bmp

_ONLY_TEXT: Final = {str}


def write_members(
    names: Sequence[str], columns: Sequence[Sequence[Any]], before: bytes, after: bytes
) -> list[bytes]:
    """Return an object of each row of the columns, which are one a name.

    No member is an object or array, and the first name does not begin with `,` or `}`.

    Raises:
        ValueError: A value is of a type that has no JSON, or half of a surrogate pair.
    """
    try:
        made = _filled(names, columns, before, after)
        if made is not None:
            return made
        objects = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return _cut_objects(objects, names[0], before, after)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _filled(
    names: Sequence[str], columns: Sequence[Sequence[Any]], before: bytes, after: bytes
) -> list[bytes] | None:
    members: list[bytes] = []
    filling: list[list[bytes]] = []
    for name, column in zip(names, columns, strict=True):
        kinds = set(map(type, column))
        if kinds != _ONLY_TEXT:
            texts = None if str in kinds else _cut_numbers(column)
            shown = b"%b"
        elif column.count(column[0]) == len(column):
            texts, shown = [], _literally(orjson.dumps(column[0]))
            if BACKSLASH in shown or not is_within_bmp(shown):
                return None
        else:
            texts, shown = _cut_strings(column), b'"%b"'
        if texts is None:
            return None
        key = escaped(orjson.dumps(name))
        members.append(b"%b:%b" % (_literally(key), shown))
        if texts:
            filling.append(texts)
    layout = b"%b{%b}%b" % (_literally(before), b",".join(members), _literally(after))
    if not filling:
        return [layout % ()] * len(columns[0])
    return list(map(layout.__mod__, zip(*filling, strict=True)))


def _literally(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


def _cut_numbers(column: Sequence[Any]) -> list[bytes]:
    """Return the texts of what is no string: numbers, booleans, nulls, and literals of numbers."""
    return orjson.dumps(column, default=fragment)[1:-1].split(b",")


def _cut_strings(column: Sequence[str]) -> list[bytes] | None:
    """Return what is between the quotes, None if it needs a closer look.

    Behind a backslash, or in the string `,`, quotes may look like those between two strings.
    """
    text = orjson.dumps(column)
    if BACKSLASH in text or "," in column or not is_within_bmp(text):
        return None
    return text[2:-2].split(b'","')


def _cut_objects(
    objects: Sequence[Mapping[str, Any]], first: str, before: bytes, after: bytes
) -> list[bytes]:
    """Return each object, all of which begin with the key `first`.

    They are cut where `},{"first":` stands: behind a `},{` within a string no quote can follow but
    the string's own end, which no key follows.
    """
    text = orjson.dumps(objects, default=fragment)
    if (BACKSLASH in text and CONTROL.search(text)) or not is_within_bmp(text):
        text = escaped(text)
    key = orjson.dumps(first)
    # No JSON has a raw line end in it.
    cut = text[1:-1].replace(b"},{%b:" % key, b"}%b\n%b{%b:" % (after, before, key))
    return (before + cut + after).split(b"\n")
