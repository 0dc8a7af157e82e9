"""Struct: a value with named members, checked against its schema."""

from collections.abc import Iterator
from typing import Any

from isthmus.api.errors import DataError
from isthmus.api.schema import Field, Schema, Type


class Struct:
    """A value of a struct schema. Java: Struct.

    Members are read and written like a dict's. A member that was never set reads as the default
    of its schema, or None.
    """

    __slots__ = ("_values", "schema")

    def __init__(self, schema: Schema, **members: Any) -> None:
        if schema.type is not Type.STRUCT:
            raise DataError(f"Not a struct schema: {schema}")
        self.schema = schema
        self._values: list[Any] = [None] * len(schema.fields)
        for name, value in members.items():
            self[name] = value

    @classmethod
    def from_values(cls, schema: Schema, values: list[Any]) -> "Struct":
        """Return a struct over `values`, one a field in the schema's order, without a check.

        For converters, which build many structs of a schema that they have checked once.
        """
        struct = cls.__new__(cls)
        struct.schema = schema
        struct._values = values  # noqa: SLF001  # our own, made a line above
        return struct

    @property
    def values(self) -> list[Any]:
        """The members in the schema's order as they were set, defaults not filled in."""
        return self._values

    def _field(self, name: str) -> Field:
        field = self.schema.field(name)
        if field is None:
            raise DataError(f"{name} is not a valid field name")
        return field

    def __getitem__(self, name: str) -> Any:
        field = self._field(name)
        value = self._values[field.index]
        return field.schema.default if value is None else value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the member, or `default` when the schema has no member of that name."""
        return self[name] if self.schema.field(name) is not None else default

    def get_without_default(self, name: str) -> Any:
        """Return the member as it was set; the schema's default does not stand in for None."""
        return self._values[self._field(name).index]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[self._field(name).index] = value

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in self.schema.fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct):
            return NotImplemented
        return self.schema == other.schema and self._values == other._values

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        """Return Java's text of a struct: members that are null are left out."""
        members = zip(self.schema.fields, self._values, strict=True)
        return f"Struct{{{','.join(f'{f.name}={v}' for f, v in members if v is not None)}}}"
