"""Many JSON objects that are alike, read into columns without a dict for each.

The objects of a topic mostly have the same members, of the same types, laid out the same way. Once
a few batches were like that, the next ones are read into rows of slots by msgspec, which takes half
the time of dicts, of their comparison and of a look at all types. The rows are written again: only
if that gives the very bytes that were read did the objects have these members in this order, each
once. Where the order is of no account, neither is that: the last of two members with one name is
what Jackson takes, too. Whatever comes in another way is parsed as `json_text` does.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from isthmus.api.columnar import Column, Maps, Whole
from isthmus.converters import json_text
from isthmus.converters.json_text import SEPARATOR, Parsed, are_plain

#: Batches with the same members, one after the other, before rows are tried.
_LIKELY: Final = 3
#: Batches that are not tried after one that was in vain, which costs half as much again.
_PAUSE: Final = 16
#: A member whose values are all of one of these types → how msgspec is told to insist on it.
_KINDS: Final[dict[type, Any]] = {
    int: Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)],
    str: str,
    bool: bool,
}

_write_compactly: Final = msgspec.json.Encoder().encode


def _write_spaced(items: object) -> bytes:
    return msgspec.json.format(_write_compactly(items), indent=0)


#: What stands between two texts, and how all are written: as Java does, or as Python with blanks.
_Layout: TypeAlias = tuple[bytes, Callable[[object], bytes]]
_COMPACT: Final[_Layout] = (b",%d," % SEPARATOR, _write_compactly)
_SPACED: Final[_Layout] = (b", %d, " % SEPARATOR, _write_spaced)


class ObjectParser:
    """Parses batches of texts that mostly are objects with the same members: those of a topic."""

    def __init__(self) -> None:
        self._shape: _Shape | None = None
        self._pause = 0
        self._names: Sequence[str] = ()
        #: What is known of the members with these names.
        self._kinds: list[Any] = []
        #: How many batches in a row had these names and were not read as rows.
        self._alike = 0

    def parse_all(self, texts: Sequence[bytes], *, in_any_order: bool = False) -> Parsed | None:
        """Return what `json_text.parse_all` does, as `Maps` if the items are alike.

        In any order: it does not matter in which order the members of an object stand.
        """
        if self._shape is not None:
            read = self._shape.read(texts, in_any_order=in_any_order)
            if read is not None:
                return read
            self._shape, self._pause = None, _PAUSE
        elif self._pause:
            self._pause -= 1
        parsed = json_text.parse_all(texts)
        maps = None if parsed is None else Maps.of(parsed.items)
        if parsed is None or maps is None:
            return parsed
        self._learn(maps, texts[0])
        return Parsed(maps, parsed.joined)

    def _learn(self, maps: Maps, text: bytes) -> None:
        if maps.names != self._names:
            self._names, self._kinds, self._alike = maps.names, list(map(_kind, maps.columns)), 0
        self._alike += 1
        if 0 < self._pause < _PAUSE:
            return
        kinds = map(_kind, maps.columns)
        self._kinds = [
            old if old is new else Any for old, new in zip(self._kinds, kinds, strict=True)
        ]
        if self._pause == 0 and self._alike >= _LIKELY and all(map(_is_simple, self._names)):
            is_spaced = msgspec.json.format(text, indent=0) == text
            self._shape = _Shape(self._names, self._kinds, _SPACED if is_spaced else _COMPACT)


def _is_simple(name: str) -> bool:
    """Return whether msgspec can have it for a member: nothing in it is written as an escape."""
    return name.isascii() and name.isprintable() and '"' not in name and "\\" not in name


def _kind(column: Column) -> Any:
    types = set(map(type, column))
    return _KINDS.get(types.pop(), Any) if len(types) == 1 else Any


class _Shape:
    """The names of members, one at least, their types and layout, and a class made for them."""

    def __init__(self, names: Sequence[str], kinds: Sequence[Any], layout: _Layout) -> None:
        self._names: Final = names
        self._between, self._write = layout
        slots = [f"member{place}" for place in range(len(names))]
        row = msgspec.defstruct(
            "Row",
            list(zip(slots, kinds, strict=True)),
            rename=dict(zip(slots, names, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decoder: Final = msgspec.json.Decoder(list[row | int])
        self._members: Final = list(map(attrgetter, slots))
        self._mixed: Final = [place for place, kind in enumerate(kinds) if kind is Any]

    def read(self, texts: Sequence[bytes], *, in_any_order: bool) -> Parsed | None:
        """Return the objects; None if a text is none, or was not written in this way.

        In any order: members may also stand in another, and be laid out in another way.
        """
        joined = self._between.join(texts)
        array = b"[%b]" % joined
        try:
            items: list[Any] = self._decoder.decode(array)
            separators = items[1::2]
            if len(items) != 2 * len(texts) - 1 or separators.count(SEPARATOR) != len(texts) - 1:
                return None
            if not in_any_order and self._write(items) != array:
                return None
            rows = items[::2]
            columns: list[Column] = [Whole(map(member, rows)) for member in self._members]
        except (ValueError, RecursionError, AttributeError):  # the last: a row is but an integer
            return None
        for place in self._mixed:
            columns[place] = list(columns[place])
        is_plain = all(are_plain(columns[place]) for place in self._mixed)
        return Parsed(Maps(self._names, columns), joined, is_plain)
