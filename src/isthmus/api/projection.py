"""Turns data of one schema into data of another, compatible one. Java: SchemaProjector.

For sinks whose target keeps an older or a newer form of a record: members that the target does
not have are left out, members that it has on top get their defaults, numbers grow into wider
types. A projection is worked out once for two schemas and then applied to each value:

    project = projection(batch.value_schema, table_schema)
    rows = [project(value) for value in batch.values]
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from isthmus.api.errors import SchemaProjectionError
from isthmus.api.java_text import to_float32
from isthmus.api.schema import Schema, Type
from isthmus.api.struct import Struct

Projection: TypeAlias = Callable[[Any], Any]

#: Each of them fits into those that follow.
_WIDENING: Final = (
    Type.INT8,
    Type.INT16,
    Type.INT32,
    Type.INT64,
    Type.FLOAT32,
    Type.FLOAT64,
)


def projection(source: Schema, target: Schema) -> Projection:
    """Return the function that turns values of `source` into values of `target`.

    Raises:
        SchemaProjectionError: They are not compatible: another name or other parameters, a type
            that does not grow into the other, or a required member that is missing. The text
            names the member.
    """
    _check_compatible(source, target)
    project = _of_present(source, target)
    if source.optional and not target.optional:
        if target.default is None:
            raise SchemaProjectionError(
                "Writer schema is optional, however, target schema does not provide a default"
                " value."
            )
        default = target.default
        return lambda value: default if value is None else project(value)
    return lambda value: None if value is None else project(value)


def _check_compatible(source: Schema, target: Schema) -> None:
    if source.type is not target.type and not _grows(source.type, target.type):
        raise SchemaProjectionError(
            f"Schema type mismatch. source type: {source.type.name} and target type:"
            f" {target.type.name}"
        )
    if source.name != target.name:
        raise SchemaProjectionError(
            f"Schema name mismatch. source name: {source.name} and target name: {target.name}"
        )
    if dict(source.parameters) != dict(target.parameters):
        raise SchemaProjectionError(
            f"Schema parameters not equal. source parameters: {dict(source.parameters)} and"
            f" target parameters: {dict(target.parameters)}"
        )


def _grows(source: Type, target: Type) -> bool:
    if source not in _WIDENING or target not in _WIDENING:
        return False
    return _WIDENING.index(source) < _WIDENING.index(target)


def _of_present(source: Schema, target: Schema) -> Projection:
    """Return the projection of values that are not None."""
    if source.type is Type.STRUCT:
        return _of_struct(source, target)
    if source.type is Type.ARRAY:
        items = projection(_part(source.value_schema), _part(target.value_schema))
        return lambda value: [items(item) for item in value]
    if source.type is Type.MAP:
        keys = projection(_part(source.key_schema), _part(target.key_schema))
        values = projection(_part(source.value_schema), _part(target.value_schema))
        return lambda value: {keys(key): values(item) for key, item in value.items()}
    if source.type is target.type:
        return lambda value: value
    return {Type.FLOAT32: to_float32, Type.FLOAT64: float}.get(target.type, int)


def _of_struct(source: Schema, target: Schema) -> Projection:
    """Return the projection member by member; one that the source lacks is a constant."""
    members: list[tuple[str | None, Projection]] = []
    for field in target.fields:
        known = source.field(field.name)
        if known is not None:
            try:
                members.append((field.name, projection(known.schema, field.schema)))
            except SchemaProjectionError as error:
                raise SchemaProjectionError(f"Error projecting {field.name}: {error}") from error
        elif field.schema.optional or field.schema.default is not None:
            default = field.schema.default
            members.append((None, lambda _, default=default: default))
        else:
            raise SchemaProjectionError(
                f"Required field `{field.name}` is missing from source schema: {_described(source)}"
            )

    def project(value: Struct) -> Struct:
        made = [member(None if name is None else value[name]) for name, member in members]
        return Struct.from_values(target, made)

    return project


def _part(schema: Schema | None) -> Schema:
    assert schema is not None
    return schema


def _described(schema: Schema) -> str:
    name = f"{schema.name}:" if schema.name else ""
    return f"Schema{{{name}{schema.type.name}}}"
