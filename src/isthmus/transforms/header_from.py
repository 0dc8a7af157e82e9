"""Moves or copies fields of keys or values to headers."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, LambdaValidator, Type, ValidString
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.java_text import schema_text
from isthmus.api.record import Header, Headers, RecordBatch
from isthmus.api.schema import Field, Schema
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Column,
    Side,
    SideTransformation,
    define_replace_null,
    once_per_schema,
    require_maps,
)
from isthmus.transforms.structs import (
    MemberReader,
    RequiredMembers,
    require_structs,
    struct_of,
)


def _require_items(name: str, value: object) -> None:
    if not value:
        raise ConfigError.invalid(name, value, "Empty list")


_NON_EMPTY: Final = LambdaValidator(_require_items, "non-empty list")


class _Plan(NamedTuple):
    #: What is left when the fields were moved.
    schema: Schema
    left: MemberReader
    required: RequiredMembers
    #: The schema of each header, and what goes into it.
    headers: Sequence[Schema]
    taken: MemberReader


class HeaderFrom(SideTransformation):
    """Gives records a header for each field, behind those that they have. Java: HeaderFrom."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._fields: Sequence[str] = ()
        self._headers: Sequence[str] = ()
        self._moves = False
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = (
            ConfigDef()
            .define(
                "fields",
                Type.LIST,
                importance=Importance.HIGH,
                validator=_NON_EMPTY,
                documentation="The fields that go to headers.",
            )
            .define(
                "headers",
                Type.LIST,
                importance=Importance.HIGH,
                validator=_NON_EMPTY,
                documentation="The names of the headers, one for each of the fields.",
            )
            .define(
                "operation",
                Type.STRING,
                importance=Importance.HIGH,
                validator=ValidString("move", "copy"),
                documentation="Whether the fields are taken out of the key or value (move) or stay"
                " there as well (copy).",
            )
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._fields = cast("list[str]", options["fields"])
        self._headers = cast("list[str]", options["headers"])
        if len(self._fields) != len(self._headers):
            raise ConfigError(
                "'fields' config must have the same number of elements as 'headers' config."
            )
        self._moves = options["operation"] == "move"
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    @property
    def _purpose(self) -> str:
        return f"header {'move' if self._moves else 'copy'}"

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        schema, column = self.schema(batch), self.column(batch)
        if schema is None:
            left, added = self._from_maps(column)
        else:
            schema, left, added = self._from_structs(schema, column)
        made = self.replaced(batch, schema, left)
        if batch.headers is None:
            return (made.replace(headers=added),)
        headers = [old + new for old, new in zip(batch.headers, added, strict=True)]
        return (made.replace(headers=headers),)

    def _from_maps(self, column: Column) -> tuple[Column, Sequence[Headers]]:
        maps = require_maps(column, self._purpose)
        pairs = list(zip(self._fields, self._headers, strict=True))
        added = [tuple(Header(name, value.get(field)) for field, name in pairs) for value in maps]
        if not self._moves:
            return maps, added
        moved = frozenset(self._fields)
        return [{k: v for k, v in value.items() if k not in moved} for value in maps], added

    def _from_structs(
        self, schema: Schema, column: Column
    ) -> tuple[Schema, Column, Sequence[Headers]]:
        structs = require_structs(column, schema, self._purpose)
        plan = self._plan(schema)
        names, schemas = self._headers, plan.headers
        left: Column = structs
        if self._moves:
            columns = plan.left.columns(structs)
            plan.required.check(columns)
            schema = plan.schema
            left = Structs.of_length(schema, columns, len(structs))
        added: list[Headers] = []
        for members in zip(*plan.taken.columns(structs), strict=True):
            _check_headers(members, schemas)
            added.append(tuple(map(Header, names, members, schemas)))
        return schema, left, added

    def _plan_for(self, schema: Schema) -> _Plan:
        taken = [_field(schema, name) for name in self._fields]
        left = [field for field in schema.fields if field not in taken]
        return _Plan(
            struct_of([(field.name, field.schema) for field in left], schema),
            MemberReader(left, use_defaults=self._use_defaults),
            RequiredMembers(left),
            [field.schema for field in taken],
            MemberReader(taken, use_defaults=self._use_defaults),
        )


def _field(schema: Schema, name: str) -> Field:
    field = schema.field(name)
    if field is None:
        raise DataError(f"Field does not exist: {name}")
    return field


def _check_headers(members: Sequence[object], schemas: Sequence[Schema]) -> None:
    for member, schema in zip(members, schemas, strict=True):
        if member is None and not schema.optional:
            raise DataError(
                f"A null value requires an optional schema but was {schema_text(schema)}"
            )
