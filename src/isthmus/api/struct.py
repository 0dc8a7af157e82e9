"""Struct, and the check of any value against its schema.

Errors name the place: `items[3].price` is the member `price` of the fourth item of `items`, and
`labels["a"]` the value under the key `a`. What the value is stays out of the text: it may be
a secret. Java: Struct, ConnectSchema.validateValue.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from isthmus.api.errors import DataError, SchemaBuilderError
from isthmus.api.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    Field,
    Schema,
    Type,
)

_INTEGERS: Final[Mapping[Type, int]] = {
    Type.INT8: 8,
    Type.INT16: 16,
    Type.INT32: 32,
    Type.INT64: 64,
}
_CLASSES: Final[Mapping[Type, tuple[type, ...]]] = {
    **dict.fromkeys(_INTEGERS, (int,)),
    Type.FLOAT32: (float, int),
    Type.FLOAT64: (float, int),
    Type.BOOLEAN: (bool,),
    Type.STRING: (str,),
    Type.BYTES: (bytes, bytearray, memoryview),
    Type.ARRAY: (list, tuple),
    Type.MAP: (dict,),
}
_LOGICAL_CLASSES: Final[Mapping[str, tuple[type, ...]]] = {
    DECIMAL_NAME: (Decimal,),
    DATE_NAME: (date,),
    TIME_NAME: (time,),
    TIMESTAMP_NAME: (datetime,),
}


class Struct:
    """A value of a struct schema. Java: Struct.

    Members are read and written like a dict's. A member that was never set reads as the default
    of its schema, or None. What is written is checked at once. That no required member is missing
    is checked by `validate`, or else by the converter, where the error is further from its cause.

    The usual mistake: changing a struct that came with a record. Others may hold the same one.
    """

    __slots__ = ("schema", "values")

    schema: Schema
    #: The members in the schema's order as they were set, defaults not filled in.
    values: list[Any]

    def __init__(self, schema: Schema, **members: Any) -> None:
        if schema.type is not Type.STRUCT:
            raise DataError(f"Not a struct schema: {schema.type.name}")
        self.schema = schema
        self.values = [None] * len(schema.fields)
        for name, value in members.items():
            self[name] = value

    @classmethod
    def from_values(cls, schema: Schema, values: list[Any]) -> "Struct":
        """Return a struct over `values`, one a field in the schema's order, without a check.

        For converters, which build many structs of a schema that they have checked once.
        """
        struct = cls.__new__(cls)
        struct.schema = schema
        struct.values = values
        return struct

    def _field(self, name: str) -> Field:
        field = self.schema.field(name)
        if field is None:
            raise DataError(f"{name} is not a valid field name")
        return field

    def __getitem__(self, name: str) -> Any:
        field = self._field(name)
        value = self.values[field.index]
        return field.schema.default if value is None else value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the member, or `default` when the schema has no member of that name."""
        return self[name] if self.schema.field(name) is not None else default

    def get_without_default(self, name: str) -> Any:
        """Return the member as it was set; the schema's default does not stand in for None."""
        return self.values[self._field(name).index]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a member.

        Raises:
            DataError: There is no such member, or the value is not what its schema says.
        """
        field = self._field(name)
        validate(field.schema, value, name)
        self.values[field.index] = value

    def validate(self, path: str = "") -> None:
        """Return if all members are what the schema says; errors name those within `path`.

        Raises:
            DataError: One is not, or a required one is missing.
        """
        for field in self.schema.fields:
            validate(field.schema, self[field.name], f"{path}.{field.name}" if path else field.name)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in self.schema.fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct):
            return NotImplemented
        return self.schema == other.schema and self.values == other.values

    def __hash__(self) -> int:
        """Return the hash of what is in it now, so do not change a struct that is a key."""
        return hash((self.schema, tuple(self.values)))

    def items(self) -> Iterator[tuple[str, Any]]:
        """Return names and members, as `[]` gives them; `dict(struct.items())` is a dict."""
        return ((field.name, self[field.name]) for field in self.schema.fields)

    def __repr__(self) -> str:
        """Return Java's text of a struct: members that are null are left out."""
        members = zip(self.schema.fields, self.values, strict=True)
        return f"Struct{{{','.join(f'{f.name}={v}' for f, v in members if v is not None)}}}"


def validate(schema: Schema, value: Any, path: str = "") -> None:
    """Return if the value, and all in it, is what the schema says.

    Args:
        schema: What it shall be.
        value: A Python value; None only where the schema is optional.
        path: How errors name it; nothing for a whole key or value.

    Raises:
        DataError: It is not; the text names the first place that is wrong.
    """
    if value is None:
        if not schema.optional:
            raise DataError(
                f"Invalid value: null used for required {_named(path)},"
                f" schema type: {schema.type.name}"
            )
        return
    _check_class(schema, value, path)
    if schema.type is Type.STRUCT:
        if value.schema != schema:
            raise DataError(f"Struct schemas do not match for {_named(path)}")
        value.validate(path)
    elif schema.type is Type.ARRAY:
        assert schema.value_schema is not None
        for index, item in enumerate(value):
            validate(schema.value_schema, item, f"{path}[{index}]")
    elif schema.type is Type.MAP:
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        for key, item in value.items():
            validate(schema.key_schema, key, f"{path}.keys()")
            validate(schema.value_schema, item, f'{path}["{key}"]')


def with_default(schema: Schema, default: Any) -> Schema:
    """Return the schema with a default, which stands in where a value is missing.

    Raises:
        SchemaBuilderError: The default is not what the schema says.
    """
    try:
        validate(schema, default)
    except DataError as error:
        raise SchemaBuilderError(f"Invalid default value: {error}") from error
    return replace(schema, default=default)


def _check_class(schema: Schema, value: Any, path: str) -> None:
    expected = _LOGICAL_CLASSES.get(schema.name or "") or _CLASSES.get(schema.type, (Struct,))
    fits = isinstance(value, expected) and (bool in expected or not isinstance(value, bool))
    if fits and expected == (int,):
        bits = _INTEGERS[schema.type]
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise DataError(
                f"Invalid value for schema with type {schema.type.name}: expected at most"
                f" {bits} bits for {_named(path)}"
            )
    if not fits:
        name = f' "{schema.name}"' if schema.name else ""
        wanted = " or ".join(cls.__name__ for cls in expected)
        raise DataError(
            f"Invalid value for schema{name} with type {schema.type.name}: expected {wanted},"
            f" found {type(value).__name__} for {_named(path)}"
        )


def _named(path: str) -> str:
    return f'field: "{path}"' if path else "value"
