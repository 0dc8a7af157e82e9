"""A Connect schema as a JSON Schema: the object that is registered."""

from typing import Any, Final, NamedTuple

import orjson

from isthmus.api.errors import DataError
from isthmus.api.logical import DECIMAL_NAME
from isthmus.api.schema import Schema, Type
from isthmus.converters.json_write import WriterOptions, writer
from isthmus.converters.registry import json_options as names
from isthmus.converters.registry.json_options import JsonSchemaOptions
from isthmus.converters.registry.json_values import is_union, write_special

_Json = dict[str, Any]

#: Connect type → JSON's type and what stands in `connect.type`, which other formats share.
_TYPES: Final = {
    Type.INT8: ("integer", "int8"),
    Type.INT16: ("integer", "int16"),
    Type.INT32: ("integer", "int32"),
    Type.INT64: ("integer", "int64"),
    Type.FLOAT32: ("number", "float32"),
    Type.FLOAT64: ("number", "float64"),
    Type.BYTES: ("string", "bytes"),
    Type.BOOLEAN: ("boolean", None),
    Type.STRING: ("string", None),
}


class JsonSchemaText(NamedTuple):
    """A Connect schema as JSON Schema, and its title."""

    text: str
    record_name: str | None


def json_schema_text(schema: Schema, options: JsonSchemaOptions) -> JsonSchemaText:
    """Return the schema as JSON Schema.

    Raises:
        DataError: JSON Schema has nothing for it.
    """
    return JsonSchemaText(orjson.dumps(_described(schema, options, None)).decode(), schema.name)


def _described(schema: Schema, options: JsonSchemaOptions, index: int | None) -> _Json:
    if is_union(schema):
        branches = [
            _plain(field.schema, options, position) for position, field in enumerate(schema.fields)
        ]
        described: _Json = {"oneOf": [{"type": "null"}, *branches] if schema.optional else branches}
        title = {} if schema.name is None else {"title": schema.name}
        return {**_place(index), **title, **described}
    if not schema.optional:
        return _plain(schema, options, index)
    described = {**_place(index), **_named(schema)}
    default = _default(schema, options)
    plain = _plain(schema, options, None)
    return {**described, **default, "oneOf": [{"type": "null"}, plain]}


def _plain(schema: Schema, options: JsonSchemaOptions, index: int | None) -> _Json:
    described = {**_shape(schema, options), **_named(schema), **_place(index)}
    if schema.doc is not None:
        described["description"] = schema.doc
    if schema.version is not None:
        described[names.VERSION] = schema.version
    if schema.parameters:
        described[names.PARAMETERS] = dict(schema.parameters)
    return {**described, **({} if schema.optional else _default(schema, options))}


def _place(index: int | None) -> _Json:
    return {} if index is None else {names.INDEX: index}


def _named(schema: Schema) -> _Json:
    return {} if schema.name is None else {"title": schema.name}


def _default(schema: Schema, options: JsonSchemaOptions) -> _Json:
    if schema.default is None:
        return {}
    return {"default": writer(schema, writer_options(options))(schema.default)}


def writer_options(options: JsonSchemaOptions) -> WriterOptions:
    """Return how data is written with these options."""
    return WriterOptions(
        replace_null=not options.ignore_defaults,
        numeric_decimals=options.numeric_decimals,
        special=write_special,
    )


def _shape(schema: Schema, options: JsonSchemaOptions) -> _Json:
    match schema.type:
        case Type.STRUCT:
            return _object(schema, options)
        case Type.ARRAY:
            return {"type": "array", "items": _described(_inner(schema), options, None)}
        case Type.MAP:
            return _map(schema, options)
        case _:
            return _primitive(schema, options)


def _primitive(schema: Schema, options: JsonSchemaOptions) -> _Json:
    kind, connect_type = _TYPES[schema.type]
    if schema.name == DECIMAL_NAME and options.numeric_decimals:
        kind = "number"
    described: _Json = {"type": kind}
    if connect_type is not None:
        described[names.TYPE] = connect_type
    for prefix in (names.GENERALIZED_ENUM, names.ENUM):
        if prefix in schema.parameters and schema.type is Type.STRING:
            start = f"{prefix}."
            keys = [key for key in schema.parameters if key.startswith(start)]
            described["enum"] = [key.removeprefix(start) for key in keys]
            break
    return described


def _map(schema: Schema, options: JsonSchemaOptions) -> _Json:
    key = schema.key_schema
    values = _described(_inner(schema), options, None)
    if key is not None and key.type is Type.STRING and not key.optional:
        return {"type": "object", names.TYPE: "map", "additionalProperties": values}
    if key is None:
        raise DataError("a map does not say what its keys are")
    entry = {
        "type": "object",
        "properties": {
            names.KEY: _described(key, options, 0),
            names.VALUE: _described(_inner(schema), options, 1),
        },
    }
    return {"type": "array", names.TYPE: "map", "items": entry}


def _object(schema: Schema, options: JsonSchemaOptions) -> _Json:
    described: _Json = {
        "type": "object",
        "properties": {
            field.name: _described(field.schema, options, field.index) for field in schema.fields
        },
    }
    required = [field.name for field in schema.fields if not field.schema.optional]
    if options.optional_if_not_required and required:
        described["required"] = required
    if not options.additional_properties:
        described["additionalProperties"] = False
    return described


def _inner(schema: Schema) -> Schema:
    if schema.value_schema is None:
        raise DataError("an array or a map does not say what it holds")
    return schema.value_schema
