"""Structs of one schema as columns of members, which is how transformations read and write them."""

from collections.abc import Iterable, Sequence
from typing import Any

from isthmus.api.columnar import Structs
from isthmus.api.errors import DataError, SchemaBuilderError
from isthmus.api.schema import Field, Schema, Type
from isthmus.api.struct import Struct
from isthmus.transforms.columns import Column, found_class, has_null


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
    """Reads some members of structs, a column each, in the order of `fields`.

    As with Java's `Struct.get`, a member that is null is read as its default if there is one and
    `use_defaults` says so.
    """

    def __init__(self, fields: Sequence[Field], *, use_defaults: bool) -> None:
        self._read = [
            (field.index, field.schema.default if use_defaults else None) for field in fields
        ]

    def columns(self, structs: Structs) -> list[Column]:
        """Return a new list of the columns; these themselves belong to the structs."""
        found = structs.columns
        return [_with_default(found[place], default) for place, default in self._read]


def _with_default(column: Column, default: Any) -> Column:
    if default is None or not has_null(column):
        return column
    return [default if value is None else value for value in column]


class RequiredMembers:
    """Refuses structs in which a member is null that may not be. Java: ConnectSchema.validate."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._required = [
            (place, field) for place, field in enumerate(fields) if not field.schema.optional
        ]

    def check(self, columns: Sequence[Column]) -> None:
        """Return if all required members are there.

        Raises:
            DataError: One is null.
        """
        for place, field in self._required:
            if has_null(columns[place]):
                raise null_error(field.name, field.schema)


def null_error(name: str, schema: Schema) -> DataError:
    """Return the error of a field that is null and required."""
    return DataError(
        f'Invalid value: null used for required field: "{name}", schema type: {schema.type.name}'
    )
