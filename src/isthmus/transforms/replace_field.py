"""Leaves out and renames fields of keys or values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from isthmus.api.columnar import Maps, Structs
from isthmus.api.config_def import ConfigDef, Importance, LambdaValidator, Type, ValidList
from isthmus.api.errors import ConfigError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    maps_alike,
    once_per_schema,
    require_maps,
)
from isthmus.transforms.structs import (
    MemberReader,
    RequiredMembers,
    require_structs,
    struct_of,
)

_PURPOSE: Final = "field replacement"
PAIRS: Final = "list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>"

MapChange: TypeAlias = Callable[[Sequence[dict[Any, Any]]], list[dict[Any, Any]]]


def split_pair(text: str) -> list[str]:
    """Return what stands between colons; empty parts at the end do not count, as in Java."""
    parts = text.split(":")
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _renames(items: Sequence[str]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for item in items:
        parts = split_pair(item)
        if len(parts) != 2:
            raise ConfigError.invalid("renames", list(items), f"Invalid rename mapping: {item}")
        renames[parts[0]] = parts[1]
    return renames


def _check_renames(name: str, value: object) -> None:
    _renames(cast("list[str]", value))


class _Plan(NamedTuple):
    schema: Schema
    reader: MemberReader
    required: RequiredMembers


class ReplaceField(ColumnTransformation):
    """Drops fields that are excluded or not included, then renames. Java: ReplaceField."""

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._exclude = frozenset[str]()
        self._include = frozenset[str]()
        self._new_names: Mapping[str, str] = {}
        self._use_defaults = True
        self._change_maps: MapChange = list
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = (
            ConfigDef()
            .define(
                "exclude",
                Type.LIST,
                "",
                importance=Importance.MEDIUM,
                validator=ValidList(),
                documentation="The fields to leave out, also those that are included.",
            )
            .define(
                "include",
                Type.LIST,
                "",
                importance=Importance.MEDIUM,
                validator=ValidList(),
                documentation="The fields to keep. Without any, all are kept.",
            )
            .define(
                "renames",
                Type.LIST,
                "",
                importance=Importance.MEDIUM,
                validator=LambdaValidator(_check_renames, PAIRS),
                documentation="New names of fields, as old:new.",
            )
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._exclude = frozenset(cast("list[str]", options["exclude"]))
        self._include = frozenset(cast("list[str]", options["include"]))
        self._new_names = _renames(cast("list[str]", options["renames"]))
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])
        self._change_maps = self._map_change()

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            maps = maps_alike(column)
            made = None if maps is None else self._columns_left(maps)
            return None, made or self._change_maps(require_maps(column, _PURPOSE))
        structs = require_structs(column, schema, _PURPOSE)
        plan = self._plan(schema)
        columns = plan.reader.columns(structs)
        plan.required.check(columns)
        return plan.schema, Structs.of_length(plan.schema, columns, len(structs))

    def _columns_left(self, maps: Maps) -> Maps | None:
        """Return the maps changed as a whole; None where all goes or two get the same name."""
        new_name = self._new_names.get
        left = [
            (new_name(name, name), column)
            for name, column in zip(maps.names, maps.columns, strict=True)
            if self._keeps(name)
        ]
        names = [name for name, _ in left]
        if not names or len(set(names)) < len(names):
            return None
        return Maps(names, [column for _, column in left])

    def _plan_for(self, schema: Schema) -> _Plan:
        new_name = self._new_names.get
        fields = [field for field in schema.fields if self._keeps(field.name)]
        return _Plan(
            struct_of(((new_name(f.name, f.name), f.schema) for f in fields), schema),
            MemberReader(fields, use_defaults=self._use_defaults),
            RequiredMembers(fields),
        )

    def _keeps(self, name: str) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

    def _map_change(self) -> MapChange:
        """Return how maps are changed, with no more tests a member than the options need."""
        exclude, new_name = self._exclude, self._new_names.get
        if self._include:
            kept = self._include - exclude
            if not self._new_names:
                return lambda maps: [{k: v for k, v in m.items() if k in kept} for m in maps]
            return lambda maps: [
                {new_name(k, k): v for k, v in m.items() if k in kept} for m in maps
            ]
        if self._new_names:
            return lambda maps: [
                {new_name(k, k): v for k, v in m.items() if k not in exclude} for m in maps
            ]
        return self._without_excluded

    def _without_excluded(self, maps: Sequence[dict[Any, Any]]) -> list[dict[Any, Any]]:
        made = list(map(dict[Any, Any], maps))
        for name in self._exclude:
            for value in made:
                value.pop(name, None)
        return made
