"""A JSON Schema as a Connect schema.

What Connect cannot tell apart is not kept: formats, limits, patterns. `allOf` joins the members of
objects; `oneOf` and `anyOf` are optional values or unions.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import unquote

import orjson

from isthmus.api.errors import DataError
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    Field,
    Schema,
    Type,
)
from isthmus.converters.json_read import reader
from isthmus.converters.registry import json_options as names
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.json_options import JsonSchemaOptions
from isthmus.converters.registry.json_values import read_special

_Json = dict[str, Any]

_CONNECT_TYPES: Final = {
    "int8": INT8,
    "int16": INT16,
    "int32": INT32,
    "int64": INT64,
    "float32": FLOAT32,
    "float64": FLOAT64,
    "bytes": BYTES,
}
_JSON_TYPES: Final = {
    "boolean": BOOLEAN,
    "integer": INT64,
    "number": FLOAT64,
    "string": STRING,
}


def connect_schema(stored: StoredSchema, options: JsonSchemaOptions) -> Schema:
    """Return the Connect schema of a text of the registry.

    Raises:
        DataError: It is no JSON Schema, or one that Connect has nothing for.
    """
    documents = {"": parse_json(stored.text)}
    _collect(stored, documents)
    return _Translator(documents, options).schema(documents[""], "")


def parse_json(text: str) -> Any:
    """Return the JSON of a text of the registry.

    Raises:
        DataError: It is none.
    """
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise DataError(f"No JSON Schema, expected JSON: {error}") from error


def _collect(stored: StoredSchema, documents: dict[str, Any]) -> None:
    for name, reference in stored.references.items():
        documents[name] = parse_json(reference.text)
        _collect(reference, documents)


class _Translator:
    def __init__(self, documents: Mapping[str, Any], options: JsonSchemaOptions) -> None:
        self._documents = documents
        self._options = options
        self._within: list[str] = []

    def schema(self, described: Any, document: str) -> Schema:
        """Return the schema that a JSON Schema within `document` describes."""
        if not isinstance(described, dict):
            raise DataError(f"Connect has nothing for the JSON Schema {described}")
        members = cast("_Json", described)
        if "$ref" in members:
            return self._referred(str(members["$ref"]), document)
        combined = members.get("oneOf") or members.get("anyOf")
        if combined:
            schema = self._combined(members, combined, document)
        elif members.get("allOf"):
            schema = self._all_of(members, document)
        else:
            schema = self._plain(members, document)
        return self._described(members, schema)

    def _referred(self, reference: str, document: str) -> Schema:
        name, _, pointer = reference.partition("#")
        target = name or document
        full = f"{target}#{pointer}"
        if full in self._within:
            raise DataError(f"{reference} refers to itself; Connect has no recursive schemas")
        if target not in self._documents:
            raise DataError(f"{reference} refers to {name}, which is no reference of the schema")
        found: Any = self._documents[target]
        for step in pointer.strip("/").split("/") if pointer else ():
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            found = cast("_Json", found).get(key) if isinstance(found, dict) else None
        if found is None:
            raise DataError(f"{reference} refers to nothing")
        self._within.append(full)
        try:
            return self.schema(found, target)
        finally:
            self._within.pop()

    def _combined(self, members: _Json, branches: list[Any], document: str) -> Schema:
        others = [one for one in branches if not _is_null(one)]
        schemas = [self.schema(one, document) for one in others]
        nullable = len(others) < len(branches)
        if len(schemas) == 1:
            return replace(schemas[0], optional=nullable or schemas[0].optional)
        generalized = self._options.generalized
        prefix = names.UNION_FIELD if generalized else names.ONE_OF_FIELD
        order = sorted(range(len(others)), key=lambda i: _index(others[i], i))
        fields = [
            Field(f"{prefix}{position}", position, schemas[i].as_optional())
            for position, i in enumerate(order)
        ]
        return Schema(
            Type.STRUCT,
            nullable,
            names.UNION_NAME if generalized else names.ONE_OF,
            parameters={names.GENERALIZED_UNION: names.UNION_NAME} if generalized else {},
            fields=tuple(fields),
        )

    def _all_of(self, members: _Json, document: str) -> Schema:
        parts = [self.schema(one, document) for one in cast("list[Any]", members["allOf"])]
        if "properties" in members:
            parts.append(self._object(members, document))
        structs = [part for part in parts if part.type is Type.STRUCT]
        if not structs:
            return parts[0]
        schemas = {field.name: field.schema for part in structs for field in part.fields}
        fields = [Field(name, i, schema) for i, (name, schema) in enumerate(schemas.items())]
        return Schema(Type.STRUCT, name=structs[0].name, fields=tuple(fields))

    def _plain(self, members: _Json, document: str) -> Schema:
        kind = members.get("type")
        if isinstance(kind, list):
            kinds = [{**members, "type": one} for one in cast("list[str]", kind)]
            return self._combined({}, kinds, document)
        connect_type = members.get(names.TYPE)
        if "enum" in members or "const" in members:
            return self._enum(members)
        if connect_type == "map":
            return self._map(members, kind, document)
        if kind == "array":
            items = members.get("items")
            if items is None:
                raise DataError("an array does not say what it holds")
            return Schema(Type.ARRAY, value_schema=self.schema(items, document))
        if kind == "object" or "properties" in members:
            extra = members.get("additionalProperties")
            if not members.get("properties") and isinstance(extra, dict):
                return self._map(members, kind, document)
            return self._object(members, document)
        schema = _CONNECT_TYPES.get(str(connect_type)) or _JSON_TYPES.get(str(kind))
        if schema is None:
            raise DataError(f"Connect has nothing for JSON Schema's type {kind}")
        return schema

    def _enum(self, members: _Json) -> Schema:
        values = cast("list[Any]", members.get("enum") or [members.get("const")])
        if not all(isinstance(value, str) for value in values):
            return _JSON_TYPES.get(str(members.get("type")), STRING)
        prefix = names.GENERALIZED_ENUM if self._options.generalized else names.ENUM
        parameters = {prefix: str(members.get("title", ""))}
        for position, value in enumerate(values):
            number = str(position) if self._options.generalized else value
            parameters[f"{prefix}.{value}"] = number
        return replace(STRING, parameters=parameters)

    def _map(self, members: _Json, kind: Any, document: str) -> Schema:
        if kind == "array":
            properties = cast("_Json", members["items"])["properties"]
            key = self.schema(properties[names.KEY], document)
            value = self.schema(properties[names.VALUE], document)
            return Schema(Type.MAP, key_schema=key, value_schema=value)
        value = self.schema(members.get("additionalProperties"), document)
        return Schema(Type.MAP, key_schema=STRING, value_schema=value)

    def _object(self, members: _Json, document: str) -> Schema:
        properties = cast("_Json", members.get("properties") or {})
        required = members.get("required") or ()
        order = sorted(properties, key=lambda name: _index(properties[name], len(properties)))
        fields: list[Field] = []
        for name in order:
            schema = self.schema(properties[name], document)
            if self._options.optional_if_not_required and name not in required:
                schema = schema.as_optional()
            fields.append(Field(name, len(fields), schema))
        return Schema(Type.STRUCT, fields=tuple(fields))

    def _described(self, members: _Json, schema: Schema) -> Schema:
        version = members.get(names.VERSION)
        parameters = cast("_Json", members.get(names.PARAMETERS) or {})
        schema = replace(
            schema,
            name=members.get("title") or schema.name,
            version=version if isinstance(version, int) else schema.version,
            doc=members.get("description") or schema.doc,
            parameters={**schema.parameters, **{k: str(v) for k, v in parameters.items()}},
        )
        if members.get("default") is None:
            return schema
        read: Callable[[Any], Any] = reader(schema, replace_null=False, special=read_special)
        return replace(schema, default=read(members["default"]))


def _is_null(described: Any) -> bool:
    return isinstance(described, dict) and cast("_Json", described).get("type") == "null"


def _index(described: Any, otherwise: int) -> int:
    """Return the place that a schema has among others; without one it keeps its order."""
    index = cast("_Json", described).get(names.INDEX) if isinstance(described, dict) else None
    return index if isinstance(index, int) else otherwise
