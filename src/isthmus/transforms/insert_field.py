"""Inserts into keys or values where the record is in Kafka, its time, or a fixed text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.logical import TIMESTAMP, timestamp_from_ms
from isthmus.api.record import RecordBatch, SinkBatch
from isthmus.api.schema import INT32, INT64, STRING, Schema
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    has_null,
    maps_alike,
    once_per_schema,
    require_maps,
    with_member,
)
from isthmus.transforms.structs import (
    MemberReader,
    RequiredMembers,
    require_structs,
    struct_of,
)

_PURPOSE: Final = "field insertion"
#: The options in the order in which fields are appended, each with its schema.
_SCHEMAS: Final = {
    "topic.field": STRING,
    "partition.field": INT32,
    "offset.field": INT64,
    "timestamp.field": TIMESTAMP,
    "static.field": STRING,
}
_WHAT: Final = {
    "topic.field": "the topic",
    "partition.field": "the partition; records that have none yet get none",
    "offset.field": "the offset in Kafka, which only records of a sink have",
    "timestamp.field": "the record's time; records that have none get none",
    "static.field": "the text in static.value",
}


@dataclass(frozen=True, slots=True)
class _Insertion:
    """What goes into which field."""

    option: str
    name: str
    schema: Schema

    @classmethod
    def parse(cls, option: str, text: str) -> "_Insertion":
        """Read `name!` for a required field, `name` or `name?` for an optional one."""
        schema = _SCHEMAS[option]
        if text.endswith("!"):
            return cls(option, text[:-1], schema)
        return cls(option, text.removesuffix("?"), schema.as_optional())


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers


class InsertField(ColumnTransformation):
    """Adds fields; keys or values that are null stay so. Java: InsertField."""

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._insertions: Sequence[_Insertion] = ()
        self._static_value: object = None
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = ConfigDef()
        for option in _SCHEMAS:
            definition.define(
                option,
                Type.STRING,
                None,
                importance=Importance.MEDIUM,
                documentation=f"The name of a field for {_WHAT[option]}. With ! behind the name the"
                " field is required, with ? or nothing optional.",
            )
        definition.define(
            "static.value",
            Type.STRING,
            None,
            importance=Importance.MEDIUM,
            documentation="The text that goes into the field named by static.field.",
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._insertions = [
            _Insertion.parse(option, str(options[option]))
            for option in _SCHEMAS
            if options[option] is not None
        ]
        if not self._insertions:
            raise ConfigError("No field insertion configured")
        self._static_value = options["static.value"]
        last = self._insertions[-1]
        if last.option == "static.field" and self._static_value is None:
            raise ConfigError.invalid(
                "static.value", None, f"No value specified for static field: {last.name}"
            )
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is not None:
            return self._into_structs(schema, column, batch)
        maps = maps_alike(column)
        if maps is not None:
            inserted = [self._items(insertion, batch) for insertion in self._insertions]
            if not any(map(has_null, inserted)):
                for insertion, items in zip(self._insertions, inserted, strict=True):
                    maps = with_member(maps, insertion.name, items)
                return None, maps
        made = list(map(dict[Any, Any], require_maps(column, _PURPOSE)))
        for insertion in self._insertions:
            name = insertion.name
            for value, item in zip(made, self._items(insertion, batch), strict=True):
                if item is not None:
                    value[name] = item
        return None, made

    def _into_structs(self, schema: Schema, column: Column, batch: RecordBatch) -> Change:
        structs = require_structs(column, schema, _PURPOSE)
        plan = self._plan(schema)
        columns = plan.reader.columns(structs)
        plan.required.check(columns)
        for insertion in self._insertions:
            items = self._items(insertion, batch)
            is_timestamp = insertion.option == "timestamp.field"
            columns.append(list(map(_timestamp, items)) if is_timestamp else items)
        return plan.schema, Structs(plan.schema, columns)

    def _plan_for(self, schema: Schema) -> _Plan:
        fields = [(field.name, field.schema) for field in schema.fields]
        inserted = [(insertion.name, insertion.schema) for insertion in self._insertions]
        return _Plan(
            struct_of([*fields, *inserted], schema),
            MemberReader(schema.fields, use_defaults=self._use_defaults),
            RequiredMembers(schema.fields),
        )

    def _items(self, insertion: _Insertion, batch: RecordBatch) -> Sequence[Any]:
        """Return what is inserted into each row."""
        match insertion.option:
            case "topic.field":
                shared: object = batch.topic
            case "partition.field":
                shared = batch.partition
            case "offset.field":
                if not isinstance(batch, SinkBatch):
                    raise DataError(
                        f"Only SinkRecord supported for [{_PURPOSE}], found:"
                        " org.apache.kafka.connect.source.SourceRecord"
                    )
                return batch.offsets
            case "timestamp.field":
                return batch.timestamps or [None] * len(batch)
            case _:
                shared = self._static_value
        return [shared] * len(batch)


def _timestamp(ms: int | None) -> datetime | None:
    return None if ms is None else timestamp_from_ms(ms)
