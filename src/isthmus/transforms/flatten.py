"""Brings the fields of nested structs or maps to the top: `{"a": {"b": 1}}` is `{"a.b": 1}`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Field, Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.api.struct import Struct
from isthmus.transforms.casts import type_of
from isthmus.transforms.columns import (
    Change,
    Column,
    ColumnTransformation,
    Side,
    once_per_schema,
    require_maps,
)
from isthmus.transforms.structs import (
    RequiredMembers,
    require_structs,
    struct_of,
)

_PURPOSE: Final = "flattening"


@dataclass(frozen=True, slots=True)
class _Level:
    """The members of one struct: for each its place, its default, and the level below if any."""

    members: "list[tuple[int, Any, _Level | None]]"
    #: How many members there are when all is flat.
    width: int

    @classmethod
    def of(cls, schema: Schema) -> "_Level":
        members = [
            (f.index, f.schema.default, cls.of(f.schema) if _is_struct(f) else None)
            for f in schema.fields
        ]
        return cls(members, sum(1 if below is None else below.width for *_, below in members))

    def append(self, struct: Struct | None, row: list[Any]) -> None:
        """Append all members of a struct, and of those in it, to a row."""
        if struct is None:
            row += [None] * self.width
            return
        values = struct.values
        for place, default, below in self.members:
            value = values[place]
            if below is not None:
                # Java reads a struct without its default, and thereby all in it.
                below.append(value, row)
            else:
                row.append(default if value is None else value)


class _Plan(NamedTuple):
    schema: Schema
    level: _Level
    required: RequiredMembers


class Flatten(ColumnTransformation):
    """Joins the names of all levels with a delimiter; arrays stay as they are. Java: Flatten."""

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._delimiter = ""
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "delimiter",
            Type.STRING,
            ".",
            importance=Importance.MEDIUM,
            documentation="What stands between the names of two levels.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        self._delimiter = str(self.config().parse(config)["delimiter"])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            return None, [
                dict(self._flat_map("", value)) for value in require_maps(column, _PURPOSE)
            ]
        structs = require_structs(column, schema, _PURPOSE)
        plan = self._plan(schema)
        made: list[Struct] = []
        for struct in structs:
            row: list[Any] = []
            plan.level.append(struct, row)
            made.append(Struct.from_values(plan.schema, row))
        flat = Structs(plan.schema, None, made)
        plan.required.check(flat.columns)
        return plan.schema, flat

    def _flat_map(self, prefix: str, value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
        for key, member in value.items():
            name = self._joined(prefix, key)
            if isinstance(member, Mapping):
                yield from self._flat_map(name, member)  # pyright: ignore[reportUnknownArgumentType]
            else:
                _require_plain(name, member)
                yield name, member

    def _joined(self, prefix: str, name: str) -> str:
        return f"{prefix}{self._delimiter}{name}" if prefix else name

    def _plan_for(self, schema: Schema) -> _Plan:
        fields = self._flat_fields("", schema, optional=schema.optional, default=schema.default)
        made = struct_of(fields, schema)
        return _Plan(made, _Level.of(schema), RequiredMembers(made.fields))

    def _flat_fields(
        self, prefix: str, schema: Schema, *, optional: bool, default: Struct | None
    ) -> Iterator[tuple[str, Schema]]:
        """Yield the fields of all levels; those below a struct that may be null may be null."""
        for field in schema.fields:
            name = self._joined(prefix, field.name)
            may_be_null = optional or field.schema.optional
            own_default = field.schema.default
            if own_default is None and default is not None:
                own_default = default[field.name]
            if _is_struct(field):
                yield from self._flat_fields(
                    name, field.schema, optional=may_be_null, default=own_default
                )
            elif field.schema.type is SchemaType.MAP:
                raise DataError(
                    "Flatten transformation does not support MAP for record with schemas (for field"
                    f" {name})."
                )
            else:
                yield name, replace(field.schema, optional=may_be_null, default=own_default)


def _is_struct(field: Field) -> bool:
    return field.schema.type is SchemaType.STRUCT


def _require_plain(name: str, member: object) -> None:
    if member is None:
        return
    found = type_of(member)
    if found is None:
        raise DataError(
            f"Flatten transformation was passed a value of type class {java_class(member)} which is"
            " not supported by Connect's data API"
        )
    if found is SchemaType.STRUCT:
        raise DataError(
            f"Flatten transformation does not support class {java_class(member)} for record without"
            f" schemas (for field {name})."
        )
