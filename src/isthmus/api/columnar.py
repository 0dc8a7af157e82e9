"""Keys or values of a batch as columns of members: a sequence a member, not an object a record.

`Structs` and `Maps` are sequences of structs and of dicts, made of columns. What knows about
`columns` works on these, and then no struct or dict is ever made. Who asks for an item gets all of
them made, once; from then on the items are the truth, since anybody may set something in them.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast, overload

from isthmus.api.schema import Schema
from isthmus.api.struct import Struct

Column: TypeAlias = Sequence[Any]
ItemT = TypeVar("ItemT")

_VALUES: Final = attrgetter("values")
_ONLY_DICTS: Final = {dict}
_ONLY_TEXT: Final = {str}


class Whole(list[Any]):
    """A column of which somebody knows that it holds no null, so that nobody needs to look again.

    Looking takes 0.02 µs a value, ten times as long as a copy of the column, and each
    transformation would look.
    """

    __slots__ = ()


class Columnar(Sequence[ItemT], Generic[ItemT]):
    """Items that have the same members in the same order; equal to a list of equal items."""

    __slots__ = ("_columns", "_items")

    def __init__(self, columns: Sequence[Column] | None, items: Sequence[ItemT] | None) -> None:
        #: None once items were handed out.
        self._columns = columns
        #: None as long as nobody asked for one and they were not there before.
        self._items = items

    @abstractmethod
    def _join(self, columns: Sequence[Column]) -> list[ItemT]:
        """Return the items that these columns are made of; there is one column at least."""

    @abstractmethod
    def _take_apart(self, items: Sequence[ItemT]) -> Sequence[Column]:
        """Return the columns of these items."""

    @abstractmethod
    def _like(
        self, columns: Sequence[Column] | None, items: Sequence[ItemT] | None
    ) -> "Columnar[ItemT]":
        """Return other columns or items, with the same members."""

    @property
    def columns(self) -> Sequence[Column]:
        """The members, a column each. To be read only: other batches may share them."""
        return self._take_apart(self._all()) if self._columns is None else self._columns

    def _all(self) -> Sequence[ItemT]:
        if self._items is None:
            self._items = self._join(self.columns)
        self._columns = None
        return self._items

    def __len__(self) -> int:
        return len(self.columns[0] if self._items is None else self._items)

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> "Columnar[ItemT]": ...
    def __getitem__(self, index: int | slice) -> "ItemT | Columnar[ItemT]":
        if not isinstance(index, slice):
            return self._all()[index]
        columns = None if self._columns is None else [column[index] for column in self._columns]
        return self._like(columns, None if self._items is None else self._items[index])

    def __iter__(self) -> Iterator[ItemT]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Columnar | list):
            return list(self) == list(cast("Sequence[Any]", other))
        return NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # like a list's

    def __repr__(self) -> str:
        return repr(list(self))


class Structs(Columnar[Struct]):
    """Structs of one schema."""

    __slots__ = ("schema",)

    def __init__(
        self,
        schema: Schema,
        columns: Sequence[Column] | None,
        items: Sequence[Struct] | None = None,
    ) -> None:
        """Take a column for each field, in the schema's order, or items; without a check.

        The schema of columns alone has a field.
        """
        super().__init__(columns, items)
        self.schema = schema

    @classmethod
    def of_length(cls, schema: Schema, columns: Sequence[Column], length: int) -> "Structs":
        """Return structs of columns that long, also of a schema without fields."""
        if columns:
            return cls(schema, columns)
        return cls(schema, None, [Struct.from_values(schema, []) for _ in range(length)])

    @classmethod
    def of(cls, schema: Schema, values: Sequence[Any]) -> "Structs | None":
        """Return the values as structs, None if one of them is no struct of the schema."""
        if isinstance(values, Structs):
            return values if values.schema == schema else None
        if all(
            isinstance(value, Struct) and (value.schema is schema or value.schema == schema)
            for value in values
        ):
            return cls(schema, None, values)
        return None

    def _join(self, columns: Sequence[Column]) -> list[Struct]:
        rows = map(list, zip(*columns, strict=True))
        return list(map(Struct.from_values, repeat(self.schema), rows))

    def _take_apart(self, items: Sequence[Struct]) -> Sequence[Column]:
        if not items:
            return [()] * len(self.schema.fields)
        return list(zip(*map(_VALUES, items), strict=True))

    def _like(self, columns: Sequence[Column] | None, items: Sequence[Struct] | None) -> "Structs":
        return Structs(self.schema, columns, items)


class Maps(Columnar[dict[str, Any]]):
    """Values without a schema: dicts with the same names in the same order.

    They are so as long as nobody was given one; `of` looks again.
    """

    __slots__ = ("names",)

    def __init__(
        self,
        names: Sequence[str],
        columns: Sequence[Column] | None,
        items: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Take the names, one at least, with a column each, without a check."""
        super().__init__(columns, items)
        self.names = names

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Maps | None":
        """Return the values as such maps, None if they do not look alike or are none."""
        if isinstance(values, Maps) and values.are_untouched:
            return values
        if set(map(type, values)) != _ONLY_DICTS:
            return None
        try:
            by_place: list[tuple[Any, ...]] = list(zip(*values, strict=True))
        except ValueError:  # one has more members than another
            return None
        if not all(names.count(names[0]) == len(names) for names in by_place):
            return None
        names = tuple(names[0] for names in by_place)
        # A name of 1 is equal to one of True, and has another text.
        if set(map(type, names)) != _ONLY_TEXT:
            return None
        return cls(names, _members(values), values)

    @property
    def are_untouched(self) -> bool:
        """Whether nobody can have changed one of them."""
        return self._columns is not None

    def _join(self, columns: Sequence[Column]) -> list[dict[str, Any]]:
        names = self.names
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _take_apart(self, items: Sequence[dict[str, Any]]) -> Sequence[Column]:
        return _members(items)

    def _like(
        self, columns: Sequence[Column] | None, items: Sequence[dict[str, Any]] | None
    ) -> "Maps":
        return Maps(self.names, columns, items)


def _members(items: Sequence[dict[str, Any]]) -> Sequence[Column]:
    """Return the columns of dicts that have as many members each."""
    # Every n-th of all values in a row, which takes two thirds of the time of `zip(*…)`.
    flat = list(chain.from_iterable(map(dict[str, Any].values, items)))
    return [flat[place :: len(items[0])] for place in range(len(items[0]))]
