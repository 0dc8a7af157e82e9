"""Connect data written as JSON, in the notation of `tests/golden/transforms/inputs.py`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, cast

from isthmus.api.java_text import to_float32
from isthmus.api.logical import (
    DATE,
    DATE_NAME,
    DECIMAL_NAME,
    TIME,
    TIME_NAME,
    TIMESTAMP,
    TIMESTAMP_NAME,
    date_from_days,
    decimal_schema,
    time_from_ms,
    timestamp_from_ms,
)
from isthmus.api.schema import Field, Schema, Type
from isthmus.api.struct import Struct

_LOGICAL = {"Date": DATE, "Time": TIME, "Timestamp": TIMESTAMP}
_MS_PER_DAY = 86_400_000


def read_data(node: Any) -> tuple[Schema | None, Any]:
    """Return the schema, if there is one, and the value."""
    if node is None:
        return None, None
    schema = read_schema(node["schema"]) if "schema" in node else None
    return schema, read_value(node["value"], schema)


def read_schema(node: Any) -> Schema:
    if isinstance(node, str):
        schema = _named(node.removesuffix("?"))
        return schema.as_optional() if node.endswith("?") else schema
    schema = replace(
        _named(node["type"]),
        optional=node.get("optional", False),
        parameters=node.get("parameters", {}),
        doc=node.get("doc"),
        fields=tuple(
            Field(name, index, read_schema(field))
            for index, (name, field) in enumerate(node.get("fields", ()))
        ),
        key_schema=read_schema(node["keys"]) if "keys" in node else None,
        value_schema=read_schema(node["items"]) if "items" in node else None,
    )
    if "name" in node or "version" in node:
        schema = replace(schema, name=node.get("name"), version=node.get("version"))
    if "default" in node:
        schema = replace(schema, default=read_value(node["default"], schema))
    return schema


def _named(name: str) -> Schema:
    if name.startswith("Decimal:"):
        return decimal_schema(int(name.removeprefix("Decimal:")))
    return _LOGICAL.get(name) or Schema(Type[name.upper()])


def read_value(node: Any, schema: Schema | None) -> Any:
    if node is None:
        return None
    if schema is None:
        return _plain(node)
    match schema.name:
        case name if name == DECIMAL_NAME:
            return Decimal(node)
        case name if name in (DATE_NAME, TIME_NAME, TIMESTAMP_NAME):
            return _date_like(name, node)
        case _:
            return _typed(node, schema)


def _date_like(name: str, ms: int) -> date | time | datetime:
    if name == DATE_NAME:
        return date_from_days(ms // _MS_PER_DAY)
    return time_from_ms(ms) if name == TIME_NAME else timestamp_from_ms(ms)


def _typed(node: Any, schema: Schema) -> Any:
    match schema.type:
        case Type.FLOAT32:
            return to_float32(float(node))
        case Type.FLOAT64:
            return float(node)
        case Type.BYTES:
            return bytes.fromhex(node)
        case Type.ARRAY:
            return [read_value(item, schema.value_schema) for item in node]
        case Type.MAP:
            return {
                read_value(key, schema.key_schema): read_value(item, schema.value_schema)
                for key, item in node
            }
        case Type.STRUCT:
            struct = Struct(schema)
            for name, item in node.items():
                field = schema.field(name)
                assert field is not None
                struct[name] = read_value(item, field.schema)
            return struct
        case _:
            return node


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("dict[str, Any]", node)
    for marker, read in _MARKERS.items():
        if marker in members:
            return read(members[marker])
    return {key: _plain(item) for key, item in members.items()}


_MARKERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$date": timestamp_from_ms,
    "$bytes": bytes.fromhex,
    "$decimal": Decimal,
    "$double": float,
    "$data": lambda data: read_data(data)[1],
}
