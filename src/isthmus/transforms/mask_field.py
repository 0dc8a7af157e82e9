"""Hides fields of keys or values behind a fixed value."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, TypeAlias, cast

from isthmus.api.columnar import Structs
from isthmus.api.config_def import ConfigDef, Importance, NonEmptyString, Type, ValidList
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class, to_float32
from isthmus.api.record import RecordBatch
from isthmus.api.schema import Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.transforms.casts import INTEGER_BITS, wrapped
from isthmus.transforms.columns import (
    REPLACE_NULL_WITH_DEFAULT,
    Change,
    Column,
    ColumnTransformation,
    Side,
    define_replace_null,
    once_per_schema,
    require_maps,
)
from isthmus.transforms.structs import MemberReader, RequiredMembers, require_structs

_PURPOSE: Final = "mask fields"
Mask: TypeAlias = Callable[[Any], Any]

#: What stands for nothing, by the class of what is hidden.
_NOTHING: Final[Mapping[type, Any]] = {
    bool: False,
    int: 0,
    float: 0.0,
    str: "",
    Decimal: Decimal(0),
    datetime: datetime(1970, 1, 1, tzinfo=UTC),
    date: date(1970, 1, 1),
    time: time(),
}


class _Plan(NamedTuple):
    reader: MemberReader
    required: RequiredMembers
    #: Where the fields to mask are, each with how it is masked.
    masks: list[tuple[int, Mask]]


class MaskField(ColumnTransformation):
    """Puts 0, an empty text or a text of choice into fields; null stays null. Java: MaskField."""

    PASSES_NULL = False

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._fields = frozenset[str]()
        self._replacement: str | None = None
        self._use_defaults = True
        self._plan = once_per_schema(self._plan_for)

    def config(self) -> ConfigDef:
        definition = (
            ConfigDef()
            .define(
                "fields",
                Type.LIST,
                importance=Importance.HIGH,
                validator=ValidList(empty_allowed=False),
                documentation="The fields to mask.",
            )
            .define(
                "replacement",
                Type.STRING,
                None,
                importance=Importance.LOW,
                validator=NonEmptyString(),
                documentation="What strings and numbers are replaced by, instead of an empty string"
                " and 0.",
            )
        )
        return define_replace_null(definition)

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._fields = frozenset(cast("list[str]", options["fields"]))
        self._replacement = cast("str | None", options["replacement"])
        self._use_defaults = bool(options[REPLACE_NULL_WITH_DEFAULT])

    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        if schema is None:
            made = list(map(dict[Any, Any], require_maps(column, _PURPOSE)))
            mask = self._mask(None)
            for name in self._fields:
                for value in made:
                    value[name] = mask(value.get(name))
            return None, made
        structs = require_structs(column, schema, _PURPOSE)
        plan = self._plan(schema)
        columns = plan.reader.columns(structs)
        for place, mask in plan.masks:
            columns[place] = list(map(mask, columns[place]))
        plan.required.check(columns)
        return schema, Structs.of_length(schema, columns, len(structs))

    def _plan_for(self, schema: Schema) -> _Plan:
        return _Plan(
            MemberReader(schema.fields, use_defaults=self._use_defaults),
            RequiredMembers(schema.fields),
            [(f.index, self._mask(f.schema)) for f in schema.fields if f.name in self._fields],
        )

    def _mask(self, schema: Schema | None) -> Mask:
        replacement = self._replacement
        if replacement is None:
            return _nothing
        integer_bits = INTEGER_BITS.get(schema.type, 64) if schema is not None else 64
        is_single = schema is not None and schema.type is SchemaType.FLOAT32

        def mask(value: Any) -> Any:
            match value:
                case None:
                    return None
                case bool():
                    pass
                case int():
                    return wrapped(int(_number(replacement)), integer_bits)
                case float():
                    number = float(_number(replacement))
                    return to_float32(number) if is_single else number
                case Decimal():
                    return _number(replacement, "number")
                case str():
                    return replacement
                case _:
                    pass
            raise DataError(
                f"Cannot mask value of type class {java_class(value)} with custom replacement."
            )

        return mask


def _nothing(value: Any) -> Any:
    if value is None:
        return None
    for base, nothing in _NOTHING.items():
        if type(value) is base:
            return nothing
    if isinstance(value, list):
        return []
    if isinstance(value, Mapping):
        return {}
    raise DataError(f"Cannot mask value of type: class {java_class(value)}")


def _number(text: str, what: str = "a number") -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise DataError(f"Unable to convert {text} (class java.lang.String) to {what}") from None
