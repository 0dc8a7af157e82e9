"""A Connect schema as an Avro schema: the JSON that is registered."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple, cast

import orjson

from isthmus.api.errors import DataError
from isthmus.api.logical import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    date_to_days,
    decimal_scale,
    decimal_to_bytes,
    time_to_ms,
    timestamp_to_ms,
)
from isthmus.api.schema import Field, Schema, Type
from isthmus.converters.registry import avro_options as names
from isthmus.converters.registry.avro_options import AvroOptions

_Json = dict[str, Any]

_TYPES: Final[Mapping[Type, str]] = {
    Type.INT8: "int",
    Type.INT16: "int",
    Type.INT32: "int",
    Type.INT64: "long",
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "boolean",
    Type.STRING: "string",
    Type.BYTES: "bytes",
}
_LOGICAL: Final[Mapping[str, str]] = {
    DATE_NAME: "date",
    TIME_NAME: "time-millis",
    TIMESTAMP_NAME: "timestamp-millis",
}
_UNSCRUBBED: Final = re.compile(r"[^A-Za-z0-9_]")
_VALID_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class AvroText(NamedTuple):
    """A Connect schema as text of Avro's, and the name of the record that it is."""

    text: str
    record_name: str | None


def is_union(schema: Schema) -> bool:
    """Tell whether a struct stands for an Avro union: one member for each branch."""
    return schema.name == names.UNION or names.GENERALIZED_UNION in schema.parameters


def enum_symbols(schema: Schema, options: AvroOptions) -> tuple[str, list[str]] | None:
    """Return full name and symbols of the enum that a string was; None if it is none."""
    prefixes: list[str] = []
    if options.generalized:
        prefixes.append(names.GENERALIZED_ENUM)
    if options.enhanced or options.generalized:
        prefixes.append(names.ENUM)
    for prefix in prefixes:
        name = schema.parameters.get(prefix)
        if name is not None:
            start = f"{prefix}."
            symbols = [
                key.removeprefix(start) for key in schema.parameters if key.startswith(start)
            ]
            return name, symbols
    return None


def scrubbed(name: str, options: AvroOptions) -> str:
    """Return a simple name as Avro may have it.

    Raises:
        DataError: It is not allowed, and `scrub.invalid.names` is off.
    """
    if options.scrub_names:
        name = _UNSCRUBBED.sub("_", name)
        return f"_{name}" if name[:1].isdigit() else name
    if not _VALID_NAME.fullmatch(name):
        raise DataError(
            f"Illegal name in Avro: {name}; scrub.invalid.names=true would replace what is illegal"
        )
    return name


def avro_text(schema: Schema, options: AvroOptions) -> AvroText:
    """Return the schema as Avro's.

    Raises:
        DataError: Avro has nothing for it, or it has two records of one name.
    """
    describer = _Describer(options)
    described = describer.optional(schema)
    text = orjson.dumps(_relative(described, describer.names, "")).decode()
    return AvroText(text, _record_name(described))


def _relative(described: Any, known: Collection[str], space: str) -> Any:
    """Return the description as it stands within the namespace `space`, as Java writes it.

    A namespace is told where it changes, and a name of `known` types by its last part within its
    own: a registry that compares texts would else take Java's schema and ours for two.
    """
    if isinstance(described, list):
        return [_relative(one, known, space) for one in cast("list[Any]", described)]
    if isinstance(described, str):
        around, _, name = described.rpartition(".")
        return name if described in known and around == space else described
    members = cast("_Json", described)
    if "name" not in members:
        inner = {key: members[key] for key in ("items", "values") if key in members}
        return {**members, **{key: _relative(one, known, space) for key, one in inner.items()}}
    own = str(members.get("namespace", ""))
    first: _Json = {"type": members["type"], "name": members["name"]}
    rest = {key: one for key, one in members.items() if key not in {*first, "namespace"}}
    if "fields" in rest:
        fields = cast("list[_Json]", rest["fields"])
        rest["fields"] = [{**one, "type": _relative(one["type"], known, own)} for one in fields]
    return {**first, **({} if own == space else {"namespace": own}), **rest}


def _record_name(described: Any) -> str | None:
    branches = cast("list[Any]", described if isinstance(described, list) else [described])
    records = [cast("_Json", one) for one in branches if isinstance(one, dict)]
    if not records or records[0]["type"] != "record":
        return None
    namespace, name = records[0].get("namespace"), str(records[0]["name"])
    return f"{namespace}.{name}" if namespace else name


class _Describer:
    def __init__(self, options: AvroOptions) -> None:
        self._options = options
        self._named: dict[str, _Json] = {}
        self._unnamed = 0

    @property
    def names(self) -> Collection[str]:
        """The full names of all types that were described."""
        return self._named

    def optional(self, schema: Schema) -> Any:
        """Describe with null allowed if the schema says so."""
        if is_union(schema):
            branches = [self.plain(field.schema) for field in schema.fields]
            return ["null", *branches] if schema.optional else branches
        described = self.plain(schema)
        if not schema.optional:
            return described
        return [described, "null"] if schema.default is not None else ["null", described]

    def plain(self, schema: Schema) -> Any:
        """Describe without regard to null."""
        match schema.type:
            case Type.STRUCT:
                return self._record(schema)
            case Type.ARRAY:
                items = self.optional(_inner(schema.value_schema))
                return self._with_meta({"type": "array", "items": items}, schema)
            case Type.MAP:
                return self._map(schema)
            case _:
                return self._primitive(schema)

    def _primitive(self, schema: Schema) -> Any:
        kind = _TYPES[schema.type]
        described: _Json = {"type": kind}
        enum = enum_symbols(schema, self._options) if schema.type is Type.STRING else None
        if enum is not None:
            namespace, name = self._split(enum[0])
            described = {"type": "enum", "name": name, **namespace, "symbols": enum[1]}
            return self._once(described, schema)
        size = schema.parameters.get(names.FIXED_SIZE) if schema.type is Type.BYTES else None
        if schema.name == DECIMAL_NAME:
            precision = schema.parameters.get(names.PRECISION)
            described["scale"] = decimal_scale(schema)
            described["precision"] = int(precision) if precision else names.DEFAULT_PRECISION
        if size is not None:
            logical_name = schema.name if schema.name != DECIMAL_NAME else None
            namespace, name = self._name(logical_name)
            fixed = {**described, "type": "fixed", "name": name, **namespace, "size": int(size)}
            if schema.name == DECIMAL_NAME:
                fixed["logicalType"] = "decimal"
            return self._once(fixed, schema)
        described = self._with_meta(described, schema)
        if schema.type in {Type.INT8, Type.INT16} and self._options.meta_data:
            described[names.TYPE] = schema.type.value
        logical = "decimal" if schema.name == DECIMAL_NAME else _LOGICAL.get(schema.name or "")
        if logical is not None:
            described["logicalType"] = logical
        return kind if len(described) == 1 else described

    def _map(self, schema: Schema) -> Any:
        key, value = _inner(schema.key_schema), _inner(schema.value_schema)
        if key.type is Type.STRING and (not key.optional or self._options.optional_map_keys):
            return self._with_meta({"type": "map", "values": self.optional(value)}, schema)
        if schema.name is None:
            namespace, name = {"namespace": names.NAMESPACE}, names.MAP_ENTRY
        else:
            namespace, name = self._split(schema.name)
        fields = [self._field(Field("key", 0, key)), self._field(Field("value", 1, value))]
        entry: _Json = {"type": "record", "name": name, **namespace, "fields": fields}
        if schema.name is not None:
            entry[names.INTERNAL_TYPE] = names.MAP_ENTRY
            entry[names.NAME] = schema.name
        items = self._once(entry, None)
        return self._with_meta({"type": "array", "items": items}, schema)

    def _record(self, schema: Schema) -> Any:
        namespace, name = self._name(schema.name)
        described: _Json = {"type": "record", "name": name, **namespace}
        if schema.doc is not None:
            described["doc"] = schema.doc
        described["fields"] = [self._field(field) for field in schema.fields]
        return self._once(described, schema)

    def _field(self, field: Field) -> _Json:
        schema = field.schema
        described: _Json = {
            "name": scrubbed(field.name, self._options),
            "type": self.optional(schema),
        }
        if schema.doc is not None:
            described["doc"] = schema.doc
        if schema.default is not None:
            described["default"] = default_to_json(schema, schema.default)
        elif schema.optional:
            described["default"] = None
        return described

    def _once(self, described: _Json, schema: Schema | None) -> Any:
        """Return the description of a named type at its first place, its name at others."""
        if schema is not None:
            described = self._with_meta(described, schema)
        namespace = described.get("namespace")
        full = f"{namespace}.{described['name']}" if namespace else str(described["name"])
        known = self._named.setdefault(full, described)
        if known is described:
            return described
        if known != described:
            raise DataError(f"Can't redefine: {full}, there are two different schemas of that name")
        return full

    def _with_meta(self, described: _Json, schema: Schema) -> _Json:
        if not self._options.meta_data:
            return described
        meta = (
            (names.DOC, schema.doc),
            (names.VERSION, schema.version),
            (names.PARAMETERS, dict(schema.parameters) or None),
            (
                names.DEFAULT,
                None if schema.default is None else default_to_json(schema, schema.default),
            ),
            (names.NAME, schema.name),
        )
        return {**described, **{name: value for name, value in meta if value is not None}}

    def _name(self, name: str | None) -> tuple[dict[str, str], str]:
        if name:
            return self._split(name)
        self._unnamed += 1
        number = str(self._unnamed) if self._unnamed > 1 else ""
        return {"namespace": names.NAMESPACE}, names.DEFAULT_NAME + number

    def _split(self, full: str) -> tuple[dict[str, str], str]:
        parts = [scrubbed(part, self._options) for part in full.split(".")]
        namespace = ".".join(parts[:-1])
        return ({"namespace": namespace} if namespace else {}), parts[-1]


def _inner(schema: Schema | None) -> Schema:
    if schema is None:
        raise DataError("an array or a map does not say what it holds")
    return schema


def default_to_json(schema: Schema, value: Any) -> Any:
    """Return a default as Avro schemas have it: bytes as text, logical types as primitives."""
    if value is None:
        return None
    logical = _LOGICAL_DEFAULTS.get(schema.name or "")
    if logical is not None:
        return logical(schema, value)
    match schema.type:
        case Type.BYTES:
            return bytes(value).decode("latin-1")
        case Type.ARRAY:
            inner = _inner(schema.value_schema)
            return [default_to_json(inner, item) for item in value]
        case Type.MAP:
            inner = _inner(schema.value_schema)
            if _inner(schema.key_schema).type is not Type.STRING:
                key = _inner(schema.key_schema)
                return [
                    {"key": default_to_json(key, k), "value": default_to_json(inner, v)}
                    for k, v in value.items()
                ]
            return {key: default_to_json(inner, item) for key, item in value.items()}
        case Type.STRUCT:
            return {f.name: default_to_json(f.schema, value[f.name]) for f in schema.fields}
        case _:
            return value


_LOGICAL_DEFAULTS: Final[Mapping[str, Callable[[Schema, Any], Any]]] = {
    DECIMAL_NAME: lambda schema, value: decimal_to_bytes(schema, value).decode("latin-1"),
    DATE_NAME: lambda _, value: date_to_days(value),
    TIME_NAME: lambda _, value: time_to_ms(value),
    TIMESTAMP_NAME: lambda _, value: timestamp_to_ms(value),
}
