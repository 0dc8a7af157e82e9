"""Converts times: between texts, numbers, dates, times of day and timestamps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time
from typing import Any, Final, NamedTuple, TypeAlias

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, Type, ValidString
from isthmus.api.errors import ConfigError, ConnectError, DataError
from isthmus.api.java_text import java_class, schema_text
from isthmus.api.logical import (
    DATE,
    DATE_NAME,
    TIME,
    TIME_NAME,
    TIMESTAMP,
    TIMESTAMP_NAME,
    timestamp_from_ms,
)
from isthmus.api.record import RecordBatch
from isthmus.api.schema import INT64, STRING, Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    once_per_schema,
    require_maps,
    with_nulls,
    without_nulls,
)
from isthmus.transforms.date_pattern import PatternError
from isthmus.transforms.structs import (
    MemberReader,
    RequiredMembers,
    require_struct_schema,
    require_structs,
    struct_of,
)
from isthmus.transforms.times import FromRaw, ToRaw, readers, writer

_PURPOSE: Final = "converting timestamp formats"
#: The types that `target.type` may name, each with the schema of its values.
_SCHEMAS: Final[Mapping[str, Schema]] = {
    "string": STRING,
    "unix": INT64,
    "Date": DATE,
    "Time": TIME,
    "Timestamp": TIMESTAMP,
}
_LOGICAL: Final = {DATE_NAME: "Date", TIME_NAME: "Time", TIMESTAMP_NAME: "Timestamp"}
Convert: TypeAlias = Callable[[Any], Any]


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers
    #: Where the field is, and how it is converted; None if the schema has no such field.
    place: int | None
    convert: Convert | None


class TimestampConverter(ColumnTransformation):
    """Converts one field, or the whole key or value, to `target.type`. Java: TimestampConverter."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._field = ""
        self._target = ""
        self._to_raw: Mapping[str, ToRaw] = {}
        self._from_raw: FromRaw = timestamp_from_ms
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = (
            ConfigDef()
            .define(
                "field",
                Type.STRING,
                "",
                importance=Importance.HIGH,
                documentation="The field with the time; empty if the whole key or value is one.",
            )
            .define(
                "target.type",
                Type.STRING,
                importance=Importance.HIGH,
                validator=ValidString(*_SCHEMAS),
                documentation="What the time becomes: a text, a number since 1970 (unix), or one of"
                " Connect's logical types.",
            )
            .define(
                "format",
                Type.STRING,
                "",
                importance=Importance.MEDIUM,
                documentation="The pattern of times that are text, before or after; as Java's"
                " SimpleDateFormat has it, in English and UTC.",
            )
            .define(
                "unix.precision",
                Type.STRING,
                "milliseconds",
                importance=Importance.LOW,
                validator=ValidString("nanoseconds", "microseconds", "milliseconds", "seconds"),
                documentation="What times that are numbers count, before or after.",
            )
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._field = str(options["field"])
        self._target = str(options["target.type"])
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])
        pattern, precision = str(options["format"]), str(options["unix.precision"])
        if self._target == "string" and not pattern.strip():
            raise ConfigError(
                "TimestampConverter requires format option to be specified when using string"
                " timestamps"
            )
        try:
            self._to_raw = readers(pattern, precision)
            self._from_raw = writer(self._target, pattern, precision)
        except PatternError as error:
            text = (
                "TimestampConverter requires a SimpleDateFormat-compatible pattern for string"
                f" timestamps: {pattern}"
            )
            raise ConfigError.invalid(
                text, f"java.lang.IllegalArgumentException: {error}"
            ) from None

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            return None, self._schemaless(column)
        if not self._field:
            target = _SCHEMAS[self._target]
            made = list(map(self._converter(schema), column))
            return (target.as_optional() if schema.optional else target), made
        structs = require_structs(without_nulls(column), schema, _PURPOSE)
        plan = self._plan(schema)
        return plan.schema, with_nulls(self._changed_structs(plan, structs), column)

    def _schemaless(self, column: Column) -> Column:
        convert = self._inferring
        if not self._field:
            return list(map(convert, column))
        maps = require_maps(without_nulls(column), _PURPOSE)
        made = [{**value, self._field: convert(value.get(self._field))} for value in maps]
        return with_nulls(made, column)

    def _changed_structs(self, plan: _Plan, structs: Structs) -> Structs:
        columns = plan.reader.columns(structs)
        if plan.place is not None and plan.convert is not None:
            columns[plan.place] = list(map(plan.convert, columns[plan.place]))
        plan.required.check(columns)
        return Structs.of_length(plan.schema, columns, len(structs))

    def _plan_for(self, schema: Schema) -> _Plan:
        require_struct_schema(schema)
        found = schema.field(self._field)
        target = _SCHEMAS[self._target]
        fields = [
            (f.name, (target.as_optional() if f.schema.optional else target))
            if f is found
            else (f.name, f.schema)
            for f in schema.fields
        ]
        made = replace(struct_of(fields, schema), optional=schema.optional)
        plan = _Plan(
            made,
            MemberReader(schema.fields, use_defaults=self._use_defaults),
            RequiredMembers(made.fields),
            None if found is None else found.index,
            None if found is None else self._converter(found.schema),
        )
        if schema.default is None:
            return plan
        default = self._changed_structs(plan, Structs(schema, None, [schema.default]))[0]
        return plan._replace(schema=replace(made, default=default))

    def _converter(self, schema: Schema) -> Convert:
        """Return how values of a schema are converted."""
        kind = _LOGICAL.get(schema.name or "")
        if kind is None and schema.type is SchemaType.STRING:
            kind = "string"
        if kind is None and schema.type is SchemaType.INT64:
            kind = "unix"
        if kind is None:
            text = (
                f"Schema {schema_text(schema)} does not correspond to a known timestamp type format"
            )

            def refuse(_: object) -> Any:
                raise ConnectError(text)

            return refuse
        to_raw, from_raw = self._to_raw[kind], self._from_raw
        return lambda value: None if value is None else from_raw(to_raw(value))

    def _inferring(self, value: Any) -> Any:
        """Convert a value without a schema, by what it is."""
        match value:
            case None:
                return None
            case date() | time():
                kind = "Timestamp"
            case str():
                kind = "string"
            case int() if not isinstance(value, bool):
                kind = "unix"
            case _:
                raise DataError(
                    f"TimestampConverter does not support class {java_class(value)} objects as"
                    " timestamps"
                )
        return self._from_raw(self._to_raw[kind](value))
