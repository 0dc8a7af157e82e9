"""Schemas as JSON: the first half of the envelope that `JsonConverter` puts around values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from isthmus.api.errors import DataError, SchemaBuilderError
from isthmus.api.schema import Field, Schema, Type
from isthmus.converters.json_read import reader
from isthmus.converters.json_text import wrapped
from isthmus.converters.json_write import WriterOptions, writer

_TYPES: Final[Mapping[str, Type]] = {type.value: type for type in Type}
_JsonObject = dict[str, Any]


def schema_to_json(schema: Schema, options: WriterOptions) -> _JsonObject:
    """Return the JSON object that describes a schema; members stand in Java's order.

    Raises:
        DataError: The default value does not fit the schema.
    """
    described: _JsonObject = {"type": schema.type.value}
    match schema.type:
        case Type.ARRAY:
            described["items"] = _nested(schema.value_schema, options)
        case Type.MAP:
            described["keys"] = _nested(schema.key_schema, options)
            described["values"] = _nested(schema.value_schema, options)
        case Type.STRUCT:
            described["fields"] = [
                {**schema_to_json(field.schema, options), "field": field.name}
                for field in schema.fields
            ]
        case _:
            pass
    described["optional"] = schema.optional
    texts = (("name", schema.name), ("version", schema.version), ("doc", schema.doc))
    described.update((key, value) for key, value in texts if value is not None)
    if schema.parameters:
        described["parameters"] = dict(schema.parameters)
    if schema.default is not None:
        described["default"] = writer(schema, options)(schema.default)
    return described


def _nested(schema: Schema | None, options: WriterOptions) -> _JsonObject | None:
    return None if schema is None else schema_to_json(schema, options)


def schema_from_json(described: Any, *, replace_null: bool) -> Schema | None:
    """Return the schema that a JSON object describes; members of other types are not there.

    Raises:
        DataError: It describes none.
    """
    if described is None:
        return None
    members = cast("_JsonObject", described if isinstance(described, dict) else {})
    kind = members.get("type")
    if not isinstance(kind, str):
        raise DataError("Schema must contain 'type' field")
    if kind not in _TYPES:
        raise DataError(f"Unknown schema type: {kind}")

    def nested(schema: Any) -> Schema:
        return cast("Schema", schema_from_json(schema, replace_null=replace_null))

    schema = Schema(
        type=_TYPES[kind],
        optional=members.get("optional") is True,
        name=_text(members, "name"),
        version=_version(members.get("version")),
        doc=_text(members, "doc"),
        parameters=_parameters(members.get("parameters")),
        **_SHAPES[_TYPES[kind]](members, nested) if _TYPES[kind] in _SHAPES else {},
    )
    if "default" not in members:
        return schema
    return _with_default(schema, members["default"], replace_null=replace_null)


def _with_default(schema: Schema, default: Any, *, replace_null: bool) -> Schema:
    value = reader(schema, replace_null=replace_null)(default)
    # Java compares a struct with the schema that is being built, and never finds them equal.
    if (value is None and not schema.optional) or (value is not None and schema.fields):
        raise SchemaBuilderError("Invalid default value")
    return replace(schema, default=value)


def _text(members: _JsonObject, key: str) -> str | None:
    value = members.get(key)
    return value if isinstance(value, str) else None


def _version(value: Any) -> int | None:
    return wrapped(value, 32) if type(value) is int else None


def _parameters(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    parameters = cast("dict[str, str]", value)
    if not all(isinstance(text, str) for text in cast("_JsonObject", value).values()):
        raise DataError("Schema parameters must have string values.")
    return parameters


def _array_shape(members: _JsonObject, nested: Callable[[Any], Schema]) -> dict[str, Any]:
    if members.get("items") is None:
        raise DataError("Array schema did not specify the element type")
    return {"value_schema": nested(members["items"])}


def _map_shape(members: _JsonObject, nested: Callable[[Any], Schema]) -> dict[str, Any]:
    if members.get("keys") is None:
        raise DataError("Map schema did not specify the key type")
    if members.get("values") is None:
        raise DataError("Map schema did not specify the value type")
    return {"key_schema": nested(members["keys"]), "value_schema": nested(members["values"])}


def _struct_shape(members: _JsonObject, nested: Callable[[Any], Schema]) -> dict[str, Any]:
    described = members.get("fields")
    if not isinstance(described, list):
        raise DataError('Struct schema\'s "fields" argument is not an array.')
    fields: dict[str, Field] = {}
    for index, field in enumerate(cast("list[Any]", described)):
        name = cast("_JsonObject", field).get("field") if isinstance(field, dict) else None
        if not isinstance(name, str):
            raise DataError("Struct schema's field name not specified properly")
        if name in fields:
            raise SchemaBuilderError(
                f"Cannot create field because of field name duplication {name}"
            )
        fields[name] = Field(name, index, nested(field))
    return {"fields": tuple(fields.values())}


_SHAPES: Final[Mapping[Type, Callable[[_JsonObject, Callable[[Any], Schema]], dict[str, Any]]]] = {
    Type.ARRAY: _array_shape,
    Type.MAP: _map_shape,
    Type.STRUCT: _struct_shape,
}
