"""Structs of one schema as rows of members, which is how transformations read and write them."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, Final, TypeAlias

from isthmus.api.errors import DataError, SchemaBuilderError
from isthmus.api.schema import Field, Schema, Type
from isthmus.api.struct import Struct, Structs
from isthmus.transforms.columns import Column, found_class

Row: TypeAlias = list[Any]

_MEMBERS: Final = attrgetter("values")
_SCHEMA: Final = attrgetter("schema")


def require_structs(column: Column, schema: Schema, purpose: str) -> Structs:
    """Return the values, all of which must be structs of the schema. Java: requireStruct."""
    structs = Structs.of(schema, column)
    if structs is None:
        for value in column:
            require_struct(value, purpose)
        raise DataError("Mismatching schema.")
    return structs


def require_struct_schema(schema: Schema) -> None:
    """Return if values of the schema have fields. Java: ConnectSchema.fields."""
    if schema.type is not Type.STRUCT:
        raise DataError("Cannot list fields on non-struct type")


def require_struct(value: object, purpose: str) -> Struct:
    """Return the value, which must be a struct."""
    if not isinstance(value, Struct):
        raise DataError(
            f"Only Struct objects supported for [{purpose}], found: {found_class(value)}"
        )
    return value


def struct_of(fields: Iterable[tuple[str, Schema]], like: Schema | None = None) -> Schema:
    """Return a struct schema with these fields, and name, version, doc and parameters of another.

    Whether the other is optional and what its default is does not carry over. Java: SchemaUtil.

    Raises:
        SchemaBuilderError: Two fields have the same name, or one has none.
    """
    members = tuple(Field(name, index, schema) for index, (name, schema) in enumerate(fields))
    if any(not field.name for field in members):
        raise SchemaBuilderError("fieldName cannot be null.")
    if like is None:
        return Schema(Type.STRUCT, fields=members)
    return Schema(
        Type.STRUCT,
        name=like.name,
        version=like.version,
        doc=like.doc,
        parameters=like.parameters,
        fields=members,
    )


class MemberReader:
    """Reads some members of structs of one schema into new rows, in the order of `fields`.

    As with Java's `Struct.get`, a member that is null is read as its default if there is one and
    `use_defaults` says so.
    """

    def __init__(self, schema: Schema, fields: Sequence[Field], *, use_defaults: bool) -> None:
        self._fields = fields
        self._read = _row_reader(schema, fields)
        self._defaults = [
            (place, field.schema.default)
            for place, field in enumerate(fields)
            if use_defaults and field.schema.default is not None
        ]

    def rows(self, structs: Structs) -> list[Row]:
        """Return a row of members for each struct."""
        rows = self._read(structs)
        for place, default in self._defaults:
            for row in rows:
                if row[place] is None:
                    row[place] = default
        return rows


def _row_reader(schema: Schema, fields: Sequence[Field]) -> Callable[[Structs], list[Row]]:
    if tuple(fields) == schema.fields:
        return lambda structs: list(map(list, structs.rows))
    if len(fields) < 2:
        indices = [field.index for field in fields]
        return lambda structs: [[row[i] for i in indices] for row in structs.rows]
    pick = itemgetter(*(field.index for field in fields))
    return lambda structs: list(map(list, map(pick, structs.rows)))


class RequiredMembers:
    """Refuses rows in which a member is null that may not be. Java: ConnectSchema.validateValue."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._required = [
            (itemgetter(place), field)
            for place, field in enumerate(fields)
            if not field.schema.optional
        ]

    def check(self, rows: Sequence[Row]) -> None:
        """Return if all required members are there.

        Raises:
            DataError: One is null.
        """
        for member, field in self._required:
            if NoneType in set(map(type, map(member, rows))):
                raise null_error(field.name, field.schema)


def null_error(name: str, schema: Schema) -> DataError:
    """Return the error of a field that is null and required."""
    return DataError(
        f'Invalid value: null used for required field: "{name}", schema type: {schema.type.name}'
    )
