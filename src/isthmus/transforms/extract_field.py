"""Takes one field out of keys or values and drops the rest."""

from collections.abc import Mapping
from types import NoneType

from isthmus.api.config_def import CaseInsensitiveValidString, ConfigDef, Importance, Type
from isthmus.api.errors import DataError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    require_map,
)
from isthmus.transforms.field_path import FieldPath
from isthmus.transforms.structs import require_struct

_PURPOSE = "field extraction"


class ExtractField(ColumnTransformation):
    """Makes `x` of `{"id": x, …}`; null stays null. Java: ExtractField."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._field = ""
        self._path = FieldPath("", "V1")
        self._use_defaults = True

    def config(self) -> ConfigDef:
        definition = ConfigDef().define(
            "field",
            Type.STRING,
            importance=Importance.MEDIUM,
            documentation="The field to keep.",
        )
        define_replace_null(definition)
        return definition.define(
            "field.syntax.version",
            Type.STRING,
            "V1",
            importance=Importance.HIGH,
            validator=CaseInsensitiveValidString("V1", "V2"),
            documentation="How field is read: V1 as one name, V2 as a path into nested structs or"
            " maps, with dots between the names and backticks around names that have dots.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._field = str(options["field"])
        self._path = FieldPath(self._field, str(options["field.syntax.version"]))
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            maps = (None if v is None else require_map(v, _PURPOSE) for v in column)
            in_map = self._path.in_map
            return None, [None if value is None else in_map(value) for value in maps]
        if set(map(type, column)) != {NoneType}:
            for value in column:
                if value is not None:
                    require_struct(value, _PURPOSE)
        field = self._path.field(schema)
        if field is None:
            raise DataError(f"Unknown field: {self._field}")
        in_struct, use_defaults = self._path.in_struct, self._use_defaults
        return field.schema, [
            None if value is None else in_struct(value, use_defaults=use_defaults)
            for value in column
        ]
