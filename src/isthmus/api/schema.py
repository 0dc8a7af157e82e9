"""Schemas of Connect data: what a key, a value or a header is.

A schema is immutable and hashable, so converters may cache by it. `replace` of `dataclasses` makes
a changed one, as Java's SchemaBuilder would; `isthmus.api.struct.with_default` checks the default.
Data without a schema is plain Python (`dict`, `list`, `str`, `int`, `float`, `bool`, `bytes`,
`None`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from isthmus.api.errors import SchemaBuilderError

#: The names of the logical types, see `isthmus.api.logical`.
DECIMAL_NAME: Final = "org.apache.kafka.connect.data.Decimal"
DATE_NAME: Final = "org.apache.kafka.connect.data.Date"
TIME_NAME: Final = "org.apache.kafka.connect.data.Time"
TIMESTAMP_NAME: Final = "org.apache.kafka.connect.data.Timestamp"

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Type(Enum):
    """The kinds of data; the value is the name that JSON schemas use. Java: Schema.Type."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float"
    FLOAT64 = "double"
    BOOLEAN = "boolean"
    STRING = "string"
    BYTES = "bytes"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"

    @property
    def is_primitive(self) -> bool:
        return self not in (Type.ARRAY, Type.MAP, Type.STRUCT)


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a struct: its name, its place and its schema."""

    name: str
    index: int
    schema: "Schema"


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """What data looks like. Java: Schema, ConnectSchema.

    `fields` is set for structs, `value_schema` for arrays and maps, `key_schema` for maps. `name`
    says what a primitive stands for (the logical types), or what a struct is.
    """

    type: Type
    optional: bool = False
    name: str | None = None
    version: int | None = None
    doc: str | None = None
    parameters: Mapping[str, str] = field(default_factory=lambda: _NO_PARAMETERS)
    default: Any = None
    fields: tuple[Field, ...] = ()
    key_schema: "Schema | None" = None
    value_schema: "Schema | None" = None
    _by_name: dict[str, Field] = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name = {member.name: member for member in self.fields}
        if len(by_name) != len(self.fields):
            twice = next(f.name for f in self.fields if by_name[f.name] is not f)
            raise SchemaBuilderError(
                f"Cannot create field because of field name duplication {twice}"
            )
        object.__setattr__(self, "_by_name", by_name)
        if self.key_schema is not None and (wrong := _unhashable(self.key_schema)) is not None:
            raise SchemaBuilderError(
                f"Python's dicts cannot have keys that are or hold {wrong.name}: expected keys of a"
                " primitive type or structs of those"
            )
        shape = (self.type, self.optional, self.name, self.version, self.fields)
        object.__setattr__(self, "_hash", hash((*shape, self.key_schema, self.value_schema)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schema) or self._hash != other._hash:
            return False
        return self._content() == other._content()

    def _content(self) -> tuple[Any, ...]:
        described = (self.type, self.optional, self.name, self.version, self.doc, self.default)
        nested = (self.fields, self.key_schema, self.value_schema)
        return (*described, dict(self.parameters), *nested)

    def field(self, name: str) -> Field | None:
        """Return the struct's member of that name, or None."""
        return self._by_name.get(name)

    def as_optional(self) -> "Schema":
        """Return this schema with null allowed."""
        return self if self.optional else replace(self, optional=True)

    def with_parameters(self, **parameters: str) -> "Schema":
        """Return this schema with these parameters on top of its own."""
        return replace(self, parameters={**self.parameters, **parameters})


def _unhashable(schema: Schema) -> Type | None:
    """Return what keeps values of a schema from being keys of a dict, None if nothing does."""
    if schema.type in (Type.ARRAY, Type.MAP):
        return schema.type
    found = (_unhashable(member.schema) for member in schema.fields)
    return next((wrong for wrong in found if wrong is not None), None)


def struct_schema(
    *members: tuple[str, Schema],
    optional: bool = False,
    name: str | None = None,
    version: int | None = None,
    doc: str | None = None,
    parameters: Mapping[str, str] = _NO_PARAMETERS,
) -> Schema:
    """Return the schema of a struct with these named members, in this order."""
    fields = tuple(Field(key, index, schema) for index, (key, schema) in enumerate(members))
    return Schema(Type.STRUCT, optional, name, version, doc, parameters, fields=fields)


def array_schema(items: Schema, *, optional: bool = False) -> Schema:
    """Return the schema of a list whose items all have schema `items`."""
    return Schema(Type.ARRAY, optional, value_schema=items)


def map_schema(keys: Schema, values: Schema, *, optional: bool = False) -> Schema:
    """Return the schema of a dict with keys and values of these schemas.

    Raises:
        SchemaBuilderError: Keys are lists or dicts, or structs with such: no dict can have them.
    """
    return Schema(Type.MAP, optional, key_schema=keys, value_schema=values)


INT8 = Schema(Type.INT8)
INT16 = Schema(Type.INT16)
INT32 = Schema(Type.INT32)
INT64 = Schema(Type.INT64)
FLOAT32 = Schema(Type.FLOAT32)
FLOAT64 = Schema(Type.FLOAT64)
BOOLEAN = Schema(Type.BOOLEAN)
STRING = Schema(Type.STRING)
BYTES = Schema(Type.BYTES)
OPTIONAL_INT8 = INT8.as_optional()
OPTIONAL_INT16 = INT16.as_optional()
OPTIONAL_INT32 = INT32.as_optional()
OPTIONAL_INT64 = INT64.as_optional()
OPTIONAL_FLOAT32 = FLOAT32.as_optional()
OPTIONAL_FLOAT64 = FLOAT64.as_optional()
OPTIONAL_BOOLEAN = BOOLEAN.as_optional()
OPTIONAL_STRING = STRING.as_optional()
OPTIONAL_BYTES = BYTES.as_optional()
