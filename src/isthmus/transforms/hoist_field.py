"""Wraps keys or values into a map or struct with one field."""

from collections.abc import Mapping
from typing import NamedTuple

from isthmus.api.columnar import Maps, Structs
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.transforms.columns import Change, Column, ColumnTransformation, Side, once_per_schema
from isthmus.transforms.structs import RequiredMembers, struct_of


class _Plan(NamedTuple):
    schema: Schema
    required: RequiredMembers


class HoistField(ColumnTransformation):
    """Makes `{"line": x}` of `x`, also of null. Java: HoistField."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._field = ""
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "field",
            Type.STRING,
            importance=Importance.MEDIUM,
            documentation="The name of the field that holds what was the key or value.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        self._field = str(self.config().parse(config)["field"])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            return None, Maps((self._field,), (column,))
        plan = self._plan(schema)
        plan.required.check((column,))
        return plan.schema, Structs(plan.schema, (column,))

    def _plan_for(self, schema: Schema) -> _Plan:
        made = struct_of([(self._field, schema)])
        return _Plan(made, RequiredMembers(made.fields))
