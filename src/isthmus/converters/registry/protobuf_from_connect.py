"""A Connect schema as a Protobuf schema: the text that is registered."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from isthmus.api.errors import DataError
from isthmus.api.logical import (
    DATE_NAME,
    DECIMAL_NAME,
    SCALE,
    TIME_NAME,
    TIMESTAMP_NAME,
)
from isthmus.api.schema import Field, Schema, Type
from isthmus.converters.registry import protobuf_options as names
from isthmus.converters.registry.protobuf_options import ProtobufOptions

_SCALARS: Final = {
    Type.INT8: "int32",
    Type.INT16: "int32",
    Type.INT32: "int32",
    Type.INT64: "int64",
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "bool",
    Type.STRING: "string",
    Type.BYTES: "bytes",
}
_WRAPPERS: Final = {
    "int32": "Int32Value",
    "int64": "Int64Value",
    "float": "FloatValue",
    "double": "DoubleValue",
    "bool": "BoolValue",
    "string": "StringValue",
    "bytes": "BytesValue",
}
#: Logical type → the message that stands for it, and the file that has it.
_MESSAGES: Final = {
    TIMESTAMP_NAME: (names.TIMESTAMP, "google/protobuf/timestamp.proto"),
    DATE_NAME: (names.DATE, "google/type/date.proto"),
    TIME_NAME: (names.TIME_OF_DAY, "google/type/timeofday.proto"),
    DECIMAL_NAME: (names.DECIMAL, "confluent/type/decimal.proto"),
}
_KEYS: Final = frozenset({"int32", "int64", "bool", "string"})
_UNSCRUBBED: Final = re.compile(r"[^A-Za-z0-9_]")
_VALID_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_META: Final = "confluent/meta.proto"
_DEFAULT_PRECISION: Final = "64"


class ProtobufText(NamedTuple):
    """A Connect schema as Protobuf's text, and the message's full name."""

    text: str
    record_name: str | None


def is_union(schema: Schema) -> bool:
    """Tell whether a struct stands for a oneof."""
    name = schema.name or ""
    return name.startswith(names.UNION) or names.GENERALIZED_UNION in schema.parameters


def scrubbed(name: str, options: ProtobufOptions) -> str:
    """Return a simple name as Protobuf may have it.

    Raises:
        DataError: It is not allowed, and `scrub.invalid.names` is off.
    """
    if options.scrub_names:
        name = _UNSCRUBBED.sub("_", name)
        return name if name[:1].isalpha() else f"x{name}"
    if not _VALID_NAME.fullmatch(name):
        raise DataError(
            f"Illegal name in Protobuf: {name}; scrub.invalid.names=true would replace what is"
            " illegal"
        )
    return name


def message_name(schema: Schema, options: ProtobufOptions) -> tuple[str, str]:
    """Return package and name of the message of a struct."""
    if not schema.name:
        return "", names.DEFAULT_NAME
    parts = [scrubbed(part, options) for part in schema.name.split(".")]
    return ".".join(parts[:-1]), parts[-1]


def protobuf_text(schema: Schema, options: ProtobufOptions) -> ProtobufText:
    """Return the schema as Protobuf's.

    Raises:
        DataError: Protobuf has nothing for it.
    """
    if schema.type is not Type.STRUCT:
        raise DataError(
            f"Protobuf has messages only; {schema.type.name} must be a member of a STRUCT"
        )
    package, name = message_name(schema, options)
    writer = _TextWriter(options)
    message = writer.message(schema, name)
    head = ['syntax = "proto3";', *([f"package {package};"] if package else [])]
    imports = [f'import "{file}";' for file in sorted(writer.imports)]
    blocks = ["\n".join(head), "\n".join(imports), "\n".join(message)]
    text = "\n\n".join(block for block in blocks if block) + "\n"
    return ProtobufText(text, f"{package}.{name}" if package else name)


class _TextWriter:
    def __init__(self, options: ProtobufOptions) -> None:
        self._options = options
        self.imports: set[str] = set()

    def message(self, schema: Schema, name: str) -> list[str]:
        """Return the lines of a message with those within it."""
        inner: dict[str, tuple[Schema, list[str]]] = {}
        lines: list[str] = []
        numbers = _Numbers(schema.fields)
        for field in schema.fields:
            called = scrubbed(field.name, self._options)
            if is_union(field.schema):
                lines += self._oneof(called, field.schema, numbers, inner)
            else:
                lines.append(self._field(called, field.schema, numbers.of(field.schema), inner))
        nested = [line for _, block in inner.values() for line in block]
        return [f"message {name} {{", *[f"  {line}" for line in [*lines, *nested]], "}"]

    def _oneof(
        self,
        name: str,
        schema: Schema,
        numbers: "_Numbers",
        inner: dict[str, tuple[Schema, list[str]]],
    ) -> list[str]:
        called = (schema.name or "").removeprefix(f"{names.UNION}.") or name
        lines = [f"oneof {scrubbed(called, self._options)} {{"]
        for member in schema.fields:
            type_, note = self._type(member.schema, member.name, inner)
            number = numbers.of(member.schema)
            member_name = scrubbed(member.name, self._options)
            lines.append(f"  {type_} {member_name} = {number}{note};")
        return [*lines, "}"]

    def _field(
        self, name: str, schema: Schema, number: int, inner: dict[str, tuple[Schema, list[str]]]
    ) -> str:
        if schema.type is Type.ARRAY:
            items = _inner(schema.value_schema)
            type_, note = self._type(items, name, inner)
            return f"repeated {type_} {name} = {number}{note};"
        if schema.type is Type.MAP:
            return f"{self._map(schema, name, inner)} {name} = {number};"
        type_, note = self._type(schema, name, inner)
        is_scalar = type_ in _WRAPPERS
        if schema.optional and is_scalar and self._options.wrappers:
            self.imports.add(names.WRAPPERS)
            type_ = f"google.protobuf.{_WRAPPERS[type_]}"
        elif schema.optional and is_scalar and self._options.optional:
            type_ = f"optional {type_}"
        return f"{type_} {name} = {number}{note};"

    def _map(self, schema: Schema, name: str, inner: dict[str, tuple[Schema, list[str]]]) -> str:
        key, _ = self._type(_inner(schema.key_schema), name, inner)
        if key not in _KEYS:
            raise DataError(f"Protobuf has no maps with keys of {key}: {name}")
        value, _ = self._type(_inner(schema.value_schema), name, inner)
        return f"map<{key}, {value}>"

    def _type(
        self, schema: Schema, name: str, inner: dict[str, tuple[Schema, list[str]]]
    ) -> tuple[str, str]:
        """Return the type of one value, and what is noted beside its field."""
        known = _MESSAGES.get(schema.name or "")
        if known is not None:
            self.imports.add(known[1])
            if schema.name != DECIMAL_NAME:
                return known[0], ""
            scale = schema.parameters.get(SCALE, "0")
            return known[0], self._note({"precision": _DEFAULT_PRECISION, SCALE: scale})
        if schema.type is Type.STRUCT:
            return self._nested(schema, name, inner), ""
        if schema.type in {Type.ARRAY, Type.MAP}:
            raise DataError(f"Protobuf has no lists or maps of {schema.type.name}: {name}")
        if schema.type in {Type.INT8, Type.INT16}:
            return "int32", self._note({names.TYPE: schema.type.value})
        if names.ENUM in schema.parameters and schema.type is Type.STRING:
            return self._enum(schema, inner), ""
        return _SCALARS[schema.type], ""

    def _note(self, params: dict[str, str]) -> str:
        self.imports.add(_META)
        entries = ", ".join(f'{{ key: "{k}", value: "{v}" }}' for k, v in params.items())
        return f" [(confluent.field_meta) = {{ params: [{entries}] }}]"

    def _nested(
        self, schema: Schema, field: str, inner: dict[str, tuple[Schema, list[str]]]
    ) -> str:
        name = message_name(schema, self._options)[1]
        if not schema.name:
            name = f"{names.DEFAULT_NAME}{len(inner) + 2}"
        known = inner.get(name)
        if known is not None and known[0].fields != schema.fields:
            raise DataError(f"there are two different schemas of the name {name}: {field}")
        inner[name] = (schema, self.message(schema, name))
        return name

    def _enum(self, schema: Schema, inner: dict[str, tuple[Schema, list[str]]]) -> str:
        name = scrubbed(schema.parameters[names.ENUM].rpartition(".")[2], self._options)
        start = f"{names.ENUM}."
        symbols = sorted(
            (int(number), key.removeprefix(start))
            for key, number in schema.parameters.items()
            if key.startswith(start)
        )
        lines = [f"  {symbol} = {number};" for number, symbol in symbols]
        inner[name] = (schema, [f"enum {name} {{", *lines, "}"])
        return name


class _Numbers:
    """Gives fields the numbers that they had, or the next ones that are free."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._taken = {int(tag) for tag in map(_tag, _all(fields)) if tag is not None}
        self._next = 1

    def of(self, schema: Schema) -> int:
        tag = schema.parameters.get(names.TAG)
        if tag is not None:
            return int(tag)
        while self._next in self._taken:
            self._next += 1
        self._next += 1
        return self._next - 1


def _all(fields: Iterable[Field]) -> Iterable[Field]:
    for field in fields:
        yield from field.schema.fields if is_union(field.schema) else (field,)


def _tag(field: Field) -> str | None:
    return field.schema.parameters.get(names.TAG)


def _inner(schema: Schema | None) -> Schema:
    if schema is None:
        raise DataError("an array or a map does not say what it holds")
    return schema
