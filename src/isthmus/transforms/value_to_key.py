"""Makes the key of fields of the value."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, Type, ValidList
from isthmus.api.errors import DataError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Field, Schema
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    BatchTransformation,
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

_PURPOSE: Final = "copying fields from value to key"


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers


class ValueToKey(BatchTransformation):
    """Replaces the key by a map or struct of some fields of the value. Java: ValueToKey."""

    def __init__(self) -> None:
        self._fields: Sequence[str] = ()
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = ConfigDef().define(
            "fields",
            Type.LIST,
            importance=Importance.HIGH,
            validator=ValidList(empty_allowed=False),
            documentation="The fields of the value that make the key.",
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._fields = cast("list[str]", options["fields"])
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        schema = batch.value_schema
        if schema is None:
            names = self._fields
            maps = require_maps(batch.values, _PURPOSE)
            keys = [{name: value.get(name) for name in names} for value in maps]
            return (batch.replace(keys=keys, key_schema=None),)
        structs = require_structs(batch.values, schema, _PURPOSE)
        plan = self._plan(schema)
        columns = plan.reader.columns(structs)
        plan.required.check(columns)
        keys = Structs.of_length(plan.schema, columns, len(structs))
        return (batch.replace(keys=keys, key_schema=plan.schema),)

    def _plan_for(self, schema: Schema) -> _Plan:
        fields = [_field(schema, name) for name in self._fields]
        return _Plan(
            struct_of((field.name, field.schema) for field in fields),
            MemberReader(fields, use_defaults=self._use_defaults),
            RequiredMembers(fields),
        )


def _field(schema: Schema, name: str) -> Field:
    field = schema.field(name)
    if field is None:
        raise DataError(f"Field does not exist: {name}")
    return field
