"""Casts fields, or whole keys or values, to another primitive type."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, cast

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, LambdaValidator, Type
from isthmus.api.errors import ConfigError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.transforms.casts import OUTPUTS, Caster, names
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    maps_alike,
    member,
    once_per_schema,
    require_maps,
    with_member,
)
from isthmus.transforms.replace_field import PAIRS, split_pair
from isthmus.transforms.structs import (
    MemberReader,
    RequiredMembers,
    require_struct_schema,
    require_structs,
    struct_of,
)

_PURPOSE: Final = "cast types"
_ENUM: Final = "org.apache.kafka.connect.data.Schema.Type"
#: Stands for the whole key or value where names of fields do.
_WHOLE: Final = None


def _parse_spec(items: Sequence[str]) -> dict[str | None, SchemaType]:
    targets: dict[str | None, SchemaType] = {}
    for item in items:
        parts = split_pair(item) or [""]
        if len(parts) > 2:
            raise ConfigError.invalid("renames", list(items), f"Invalid rename mapping: {item}")
        name = parts[0].strip() if len(parts) == 2 else _WHOLE
        targets[name] = _output(parts[-1].strip())
    if _WHOLE in targets and len(items) > 1:
        raise ConfigError(
            "Cast transformations that specify a type to cast the entire value to may only specify"
            " a single cast in their spec"
        )
    return targets


def _output(name: str) -> SchemaType:
    try:
        target = SchemaType[name.upper()]
    except KeyError:
        # Java passes what should be the name of the setting and its value in the wrong order.
        cause = f"java.lang.IllegalArgumentException: No enum constant {_ENUM}.{name.upper()}"
        raise ConfigError.invalid(f"Invalid type found in casting spec: {name}", cause) from None
    if target not in OUTPUTS:
        raise ConfigError(
            f"Cast transformation does not support casting to {target.name}; supported types are"
            f" {names(OUTPUTS)}"
        )
    return target


def _check_spec(_: str, value: object) -> None:
    if not value:
        raise ConfigError("Must specify at least one field to cast.")
    _parse_spec(cast("list[str]", value))


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers
    casts: list[tuple[int, Caster]]


class _WholePlan(NamedTuple):
    schema: Schema
    caster: Caster


class Cast(ColumnTransformation):
    """Casts numbers, booleans and strings to one another, and bytes to strings. Java: Cast."""

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._targets: Mapping[str | None, SchemaType] = {}
        self._casters: Mapping[str | None, Caster] = {}
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)
        self._whole_plan = once_per_schema(self._whole_plan_for)

    def config(self) -> ConfigDef:
        definition = ConfigDef().define(
            "spec",
            Type.LIST,
            importance=Importance.HIGH,
            validator=LambdaValidator(_check_spec, PAIRS),
            documentation="Fields with the type of each, as name:type; or one type alone for the"
            " whole key or value. The types are int8, int16, int32, int64, float32, float64,"
            " boolean and string.",
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._targets = _parse_spec(cast("list[str]", options["spec"]))
        self._casters = {name: Caster(target, None) for name, target in self._targets.items()}
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if _WHOLE in self._targets:
            if schema is None:
                return None, self._casters[_WHOLE].column(column)
            plan = self._whole_plan(schema)
            return plan.schema, plan.caster.column(column)
        if schema is None:
            return None, self._maps(column)
        return self._structs(schema, column)

    def _maps(self, column: Column) -> Column:
        maps = maps_alike(column)
        if maps is not None:
            for name, caster in self._casters.items():
                assert name is not None, "a whole value is cast elsewhere"
                maps = with_member(maps, name, caster.column(member(maps, name)))
            return maps
        made = list(map(dict[Any, Any], require_maps(column, _PURPOSE)))
        for name, caster in self._casters.items():
            cast_values = caster.column([value.get(name) for value in made])
            for value, cast_value in zip(made, cast_values, strict=True):
                value[name] = cast_value
        return made

    def _structs(self, schema: Schema, column: Column) -> Change:
        plan = self._plan(schema)
        columns = plan.reader.columns(require_structs(column, schema, _PURPOSE))
        for place, caster in plan.casts:
            columns[place] = caster.column(columns[place])
        plan.required.check(columns)
        return plan.schema, Structs.of_length(plan.schema, columns, len(column))

    def _whole_plan_for(self, schema: Schema) -> _WholePlan:
        target = self._targets[_WHOLE]
        caster = Caster(target, schema)
        return _WholePlan(replace(_cast_schema(schema, target, caster), **_basics(schema)), caster)

    def _plan_for(self, schema: Schema) -> _Plan:
        require_struct_schema(schema)
        casts = [
            (field.index, Caster(self._targets[field.name], field.schema))
            for field in schema.fields
            if field.name in self._targets
        ]
        made = {
            place: _cast_schema(schema.fields[place].schema, self._targets[field.name], caster)
            for place, caster in casts
            for field in (schema.fields[place],)
        }
        fields = [(f.name, made.get(f.index, f.schema)) for f in schema.fields]
        struct = replace(struct_of(fields, schema), optional=schema.optional)
        return _Plan(
            struct,
            MemberReader(schema.fields, use_defaults=self._use_defaults),
            RequiredMembers(struct.fields),
            casts,
        )


def _cast_schema(schema: Schema, target: SchemaType, caster: Caster) -> Schema:
    """Return the schema of what is cast: only optionality and default carry over."""
    default = None if schema.default is None else caster[type(schema.default)](schema.default)
    return Schema(target, optional=schema.optional, default=default)


def _basics(schema: Schema) -> dict[str, Any]:
    described = {"name": schema.name, "version": schema.version, "doc": schema.doc}
    return {**described, "parameters": schema.parameters}
