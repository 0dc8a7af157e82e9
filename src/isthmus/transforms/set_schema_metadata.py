"""Gives the schema of keys or values another name or version."""

from collections.abc import Mapping
from dataclasses import replace
from types import NoneType
from typing import Any, Final, NamedTuple

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    once_per_schema,
    with_nulls,
    without_nulls,
)
from isthmus.transforms.structs import MemberReader, RequiredMembers, require_structs

_PURPOSE: Final = "updating schema metadata"


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers


class SetSchemaMetadata(ColumnTransformation):
    """Leaves data as they are, but for defaults in the place of nulls. Java: SetSchemaMetadata."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._changes: dict[str, Any] = {}
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = (
            ConfigDef()
            .define(
                "schema.name",
                Type.STRING,
                None,
                importance=Importance.HIGH,
                documentation="The name that the schema gets.",
            )
            .define(
                "schema.version",
                Type.INT,
                None,
                importance=Importance.HIGH,
                documentation="The version that the schema gets.",
            )
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        given = {"name": options["schema.name"], "version": options["schema.version"]}
        self._changes = {key: value for key, value in given.items() if value is not None}
        if not self._changes:
            raise ConfigError("Neither schema name nor version configured")
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            if set(map(type, column)) != {NoneType}:
                raise DataError(f"Schema required for [{_PURPOSE}]")
            return None, column
        plan = self._plan(schema)
        if schema.type is not SchemaType.STRUCT:
            return plan.schema, column
        structs = require_structs(without_nulls(column), schema, _PURPOSE)
        columns = plan.reader.columns(structs)
        plan.required.check(columns)
        made = Structs.of_length(plan.schema, columns, len(structs))
        return plan.schema, with_nulls(made, column)

    def _plan_for(self, schema: Schema) -> _Plan:
        return _Plan(
            replace(schema, **self._changes),
            MemberReader(schema.fields, use_defaults=self._use_defaults),
            RequiredMembers(schema.fields),
        )
