"""From Avro to Connect: the schema, and for it a function that makes values of what Avro reads.

fastavro reads a batch in one go, as an array: of each record it makes what its schema says, which
is therefore not the writer's own but one made here. In that, logical types are their primitives
(turning them into Python's dates here is faster), enums their numbers, and each branch of a union
a record with one field, so that no branch is mistaken for another: the bytes are the same.
"""

import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import Any, Final, cast

import fastavro

from isthmus.api.columnar import Column, Structs
from isthmus.api.errors import DataError
from isthmus.api.logical import (
    DATE,
    DECIMAL_NAME,
    SCALE,
    TIME,
    TIMESTAMP,
    date_from_days,
    decimal_from_bytes,
    time_from_ms,
    timestamp_from_ms,
)
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
from isthmus.api.struct import Struct
from isthmus.converters.registry import avro_options as names
from isthmus.converters.registry.avro_columns import columns_reader
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import AvroField, AvroType
from isthmus.converters.registry.wire import write_zigzag

#: fastavro's own annotations leave open what the stream is of.
_schemaless_reader = cast("Callable[[BytesIO, Any, None], Any]", fastavro.schemaless_reader)  # pyright: ignore[reportUnknownMemberType]

#: Stands behind each record that is read with others, so that none can take bytes of the next.
#: Nobody who writes records can know it.
_END: Final = secrets.token_bytes(8)

#: Makes Connect's value of fastavro's; None if they are the same.
Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How one Avro type is read."""

    schema: Schema
    #: What fastavro is given as the writer's schema.
    shape: Any
    #: Given the schema as it is in the end, optional and with its default: structs refer to it.
    converter: Callable[[Schema], Convert]
    #: Makes of a JSON default what fastavro would have read.
    default: Callable[[Any], Any]
    #: Of a record: what its members are converted by.
    members: Sequence[Convert] | None = None

    @property
    def convert(self) -> Convert:
        return self.converter(self.schema)


class AvroReader:
    """Reads data of one Avro schema; `schema` is what Connect makes of it."""

    def __init__(self, avro: AvroType, options: AvroOptions) -> None:
        plan = _Planner(options).plan(avro)
        self.schema: Schema = plan.schema
        self._convert = plan.convert
        self._members = plan.members
        self._read_columns = columns_reader(plan.shape)
        self._one: Any = fastavro.parse_schema(plan.shape)
        self._many: Any = fastavro.parse_schema(_items_of(plan.shape))

    def read(self, data: Sequence[bytes], start: int) -> Sequence[Any]:
        """Return the values; bytes behind the end of one are ignored, as in Java."""
        if self._read_columns is not None and self._members is not None:
            try:
                return self._structs(self._read_columns(data, start), self._members, len(data))
            except (IndexError, ValueError, struct.error):
                pass  # some record is malformed
        try:
            read = self._read_all([item[start:] for item in data])
        except Exception:  # noqa: BLE001  # some record is malformed: fastavro raises many things
            read = [self._read_one(item[start:]) for item in data]
        if self._members is not None:
            columns: list[Column] = list(zip(*map(dict[str, Any].values, read), strict=True))
            return self._structs(columns, self._members, len(data))
        convert = self._convert
        return read if convert is None else list(map(convert, read))

    def _structs(self, columns: list[Column], converts: Sequence[Convert], length: int) -> Structs:
        for place, convert in enumerate(converts):
            if convert is not None:
                columns[place] = list(map(convert, columns[place]))
        return Structs.of_length(self.schema, columns, length)

    def _read_all(self, data: Sequence[bytes]) -> list[Any]:
        joined = b"".join([item + _END for item in data])
        stream = BytesIO(b"%b%b\0" % (write_zigzag(len(data)), joined))
        read = cast("list[dict[str, Any]]", _schemaless_reader(stream, self._many, None))
        if stream.read(1) or any(item["end"] != _END for item in read):
            raise ValueError("records were longer or shorter than their schema")
        return [item["value"] for item in read]

    def _read_one(self, data: bytes) -> Any:
        try:
            return _schemaless_reader(BytesIO(data), self._one, None)
        except Exception as error:
            reason = str(error).partition(" from <")[0]  # the rest is the address of a BytesIO
            raise DataError(
                f"the data does not fit its schema: {type(error).__name__}: {reason}"
            ) from error


def _items_of(shape: Any) -> dict[str, Any]:
    """Return the schema of many values of a shape, each with `_END` behind it."""
    end = {"type": "fixed", "name": "End", "size": len(_END)}
    fields = [{"name": "value", "type": shape}, {"name": "end", "type": end}]
    return {"type": "array", "items": {"type": "record", "name": "Item", "fields": fields}}


class _Planner:
    def __init__(self, options: AvroOptions) -> None:
        self._options = options
        self._within: list[AvroType] = []
        self._shapes = 0

    def plan(self, avro: AvroType) -> Plan:
        if avro in self._within:
            raise DataError(f"{avro.name} holds itself; Connect has no recursive schemas")
        self._within.append(avro)
        try:
            plan = self._plan_union(avro) if avro.kind == "union" else self._plan(avro)
        finally:
            self._within.pop()
        return plan

    def _plan(self, avro: AvroType) -> Plan:
        match avro.kind:
            case "record":
                plan = self._plan_record(avro)
            case "array":
                plan = self._plan_array(avro)
            case "map":
                plan = self._plan_map(avro)
            case "enum":
                plan = self._plan_enum(avro)
            case "fixed":
                plan = self._plan_fixed(avro)
            case _:
                plan = _plan_primitive(avro)
        return self._described(avro, plan)

    def _described(self, avro: AvroType, plan: Plan) -> Plan:
        """Add what the properties say about the Connect schema."""
        props = avro.props
        schema = plan.schema
        name = props.get(names.NAME) or schema.name or avro.name
        if name == f"{names.NAMESPACE}.{names.DEFAULT_NAME}" or schema.type is Type.ARRAY:
            name = props.get(names.NAME)
        parameters = {**schema.parameters, **_texts(props.get(names.PARAMETERS))}
        doc = avro.doc or props.get(names.DOC)
        default = props.get(names.DEFAULT)
        version = props.get(names.VERSION)
        schema = replace(
            schema,
            name=name,
            version=version if isinstance(version, int) else schema.version,
            doc=None if self._options.discard else doc,
            parameters=parameters or schema.parameters,
        )
        plan = replace(plan, schema=schema)
        return plan if default is None or self._options.discard else _with_default(plan, default)

    def _plan_record(self, avro: AvroType) -> Plan:
        plans = [(one, self._plan_field(one)) for one in avro.fields]
        fields = [Field(one.name, i, plan.schema) for i, (one, plan) in enumerate(plans)]
        schema = Schema(Type.STRUCT, name=avro.name, fields=tuple(fields))
        members = [{"name": f"f{i}", "type": plan.shape} for i, (_, plan) in enumerate(plans)]

        def default(parsed: Any) -> dict[str, Any]:
            given = cast("Mapping[str, Any]", parsed)
            return {
                f"f{i}": plan.default(given.get(one.name, one.default))
                for i, (one, plan) in enumerate(plans)
            }

        shape = {"type": "record", "name": self._new_name(), "fields": members}
        converts = [plan.convert for _, plan in plans]
        return Plan(schema, shape, lambda final: _struct_maker(final, converts), default, converts)

    def _plan_field(self, field: AvroField) -> Plan:
        plan = self.plan(field.type)
        if self._options.discard:
            return plan
        if field.doc:
            plan = replace(plan, schema=replace(plan.schema, doc=field.doc))
        if not field.has_default or field.default is None:
            return plan
        return _with_default(plan, field.default)

    def _plan_array(self, avro: AvroType) -> Plan:
        inner = avro.content
        entry_names = {inner.props.get(names.INTERNAL_TYPE), inner.simple_name}
        if inner.kind == "record" and names.MAP_ENTRY in entry_names and len(inner.fields) == 2:
            return self._plan_entries(inner)
        items = self.plan(inner)
        convert = items.convert
        schema = Schema(Type.ARRAY, value_schema=items.schema)
        return Plan(
            schema,
            {"type": "array", "items": items.shape},
            _always(None if convert is None else lambda read: list(map(convert, read))),
            lambda parsed: [items.default(item) for item in parsed],
        )

    def _plan_entries(self, inner: AvroType) -> Plan:
        """Plan a map whose keys are no strings: an array of records of key and value."""
        entries = self.plan(inner)
        key, value = (field.schema for field in entries.schema.fields)
        name = inner.props.get(names.NAME)
        make = cast("Callable[[Any], Struct]", entries.convert)

        def convert(read: list[Any]) -> dict[Any, Any]:
            return dict(make(entry).values for entry in read)

        schema = Schema(Type.MAP, name=name, key_schema=key, value_schema=value)
        shape = {"type": "array", "items": entries.shape}
        return Plan(
            schema, shape, _always(convert), lambda parsed: list(map(entries.default, parsed))
        )

    def _plan_map(self, avro: AvroType) -> Plan:
        values = self.plan(avro.content)
        convert = values.convert
        key = replace(STRING, optional=self._options.optional_map_keys)
        schema = Schema(Type.MAP, key_schema=key, value_schema=values.schema)
        return Plan(
            schema,
            {"type": "map", "values": values.shape},
            _always(
                None
                if convert is None
                else lambda read: {key: convert(value) for key, value in read.items()}
            ),
            lambda parsed: {key: values.default(value) for key, value in parsed.items()},
        )

    def _plan_enum(self, avro: AvroType) -> Plan:
        symbols = dict(enumerate(avro.symbols))
        numbers = {symbol: number for number, symbol in symbols.items()}
        if self._options.generalized:
            parameters = {names.GENERALIZED_ENUM: avro.name or ""}
            parameters |= {
                f"{names.GENERALIZED_ENUM}.{symbol}": str(number)
                for number, symbol in symbols.items()
            }
        else:
            parameters = {names.ENUM: avro.name or ""}
            parameters |= {f"{names.ENUM}.{symbol}": symbol for symbol in avro.symbols}

        def convert(read: int) -> str:
            try:
                return symbols[read]
            except KeyError:
                raise DataError(f"{avro.name} has no symbol number {read}") from None

        return Plan(
            replace(STRING, parameters=parameters), "int", _always(convert), numbers.__getitem__
        )

    def _plan_fixed(self, avro: AvroType) -> Plan:
        shape = {"type": "fixed", "name": self._new_name(), "size": avro.size}
        decimal = _plan_decimal(avro)
        if decimal is not None:
            return replace(decimal, shape=shape)
        schema = replace(BYTES, parameters={names.FIXED_SIZE: str(avro.size)})
        return Plan(schema, shape, _always(None), _latin1)

    def _plan_union(self, avro: AvroType) -> Plan:
        others = [branch for branch in avro.branches if branch.kind != "null"]
        nullable = len(others) < len(avro.branches)
        single = len(others) == 1 and (nullable or self._options.flatten_singletons)
        plans = [self.plan(branch) for branch in others]
        if single:
            return self._plan_optional(avro, plans[0])
        made = iter(plans)
        shapes: list[Any] = []
        for number, branch in enumerate(avro.branches):
            if branch.kind == "null":
                shapes.append("null")
                continue
            member = {"name": f"b{number}", "type": next(made).shape}
            shapes.append({"type": "record", "name": self._new_name(), "fields": [member]})
        schema = self._union_schema(others, plans, optional=nullable)
        place = {
            f"b{number}": others.index(branch)
            for number, branch in enumerate(avro.branches)
            if branch.kind != "null"
        }

        converts = [plan.convert for plan in plans]

        def default(parsed: Any) -> Any:
            return None if avro.branches[0].kind == "null" else {"b0": plans[0].default(parsed)}

        return Plan(schema, shapes, lambda final: _union_maker(final, place, converts), default)

    def _plan_optional(self, avro: AvroType, plan: Plan) -> Plan:
        shape = ["null" if branch.kind == "null" else plan.shape for branch in avro.branches]
        if len(shape) == 1:
            return replace(plan, shape=shape)

        def converter(final: Schema) -> Convert:
            make = plan.converter(final)
            return None if make is None else lambda read: None if read is None else make(read)

        return Plan(
            replace(plan.schema, optional=True),
            shape,
            converter,
            lambda parsed: None if parsed is None else plan.default(parsed),
        )

    def _union_schema(
        self, branches: Sequence[AvroType], plans: Sequence[Plan], *, optional: bool
    ) -> Schema:
        generalized = self._options.generalized
        fields: list[Field] = []
        for index, (branch, plan) in enumerate(zip(branches, plans, strict=True)):
            if generalized:
                name = f"{names.UNION_FIELD}{index}"
            else:
                name = union_member(branch, enhanced=self._options.enhanced)
            fields.append(Field(name, index, plan.schema.as_optional()))
        return Schema(
            Type.STRUCT,
            optional,
            names.UNION_NAME if generalized else names.UNION,
            parameters={names.GENERALIZED_UNION: names.UNION_NAME} if generalized else {},
            fields=tuple(fields),
        )

    def _new_name(self) -> str:
        self._shapes += 1
        return f"s{self._shapes}"


def union_member(branch: AvroType, *, enhanced: bool) -> str:
    """Return what the member of a union's struct is called that stands for this branch."""
    return (branch.name or branch.kind) if enhanced else branch.simple_name


def _struct_maker(schema: Schema, converts: Sequence[Convert]) -> Callable[[Any], Struct]:
    def make(read: dict[str, Any]) -> Struct:
        members = zip(read.values(), converts, strict=True)
        return Struct.from_values(schema, [v if c is None else c(v) for v, c in members])

    return make


def _union_maker(
    schema: Schema, place: Mapping[str, int], converts: Sequence[Convert]
) -> Callable[[Any], Struct | None]:
    def make(read: dict[str, Any] | None) -> Struct | None:
        if read is None:
            return None
        values: list[Any] = [None] * len(converts)
        for member, value in read.items():
            at = place[member]
            convert = converts[at]
            values[at] = value if convert is None else convert(value)
        return Struct.from_values(schema, values)

    return make


def _always(convert: Convert) -> Callable[[Schema], Convert]:
    """Return a converter of values that do not refer to their schema."""
    return lambda _: convert


def _with_default(plan: Plan, parsed: Any) -> Plan:
    convert = plan.convert
    try:
        read = plan.default(parsed)
        value = read if convert is None or read is None else convert(read)
    except (DataError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{parsed} is no default for {plan.schema.type.name}: {error}") from error
    return replace(plan, schema=replace(plan.schema, default=value))


def _texts(parameters: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in cast("Mapping[str, Any]", parameters or {}).items()}


def _as_it_is(parsed: Any) -> Any:
    return parsed


def _latin1(parsed: str) -> bytes:
    return parsed.encode("latin-1")


def _plan_primitive(avro: AvroType) -> Plan:
    logical = _LOGICAL.get((avro.kind, str(avro.props.get("logicalType"))))
    if logical is not None:
        schema, convert = logical
        return Plan(schema, avro.kind, _always(convert), _as_it_is)
    if avro.kind == "bytes":
        return _plan_decimal(avro) or Plan(BYTES, "bytes", _always(None), _latin1)
    if avro.kind == "null":
        raise DataError("Connect has nothing for Avro's null beside other types")
    small = _SMALL_INTEGERS.get(str(avro.props.get(names.TYPE)))
    schema = small if avro.kind == "int" and small else _PRIMITIVES[avro.kind]
    default = float if avro.kind in {"float", "double"} else _as_it_is
    return Plan(schema, avro.kind, _always(None), default)


def _plan_decimal(avro: AvroType) -> Plan | None:
    if avro.props.get("logicalType") != "decimal":
        return None
    precision = avro.props.get("precision", names.DEFAULT_PRECISION)
    parameters = {SCALE: str(avro.props.get("scale", 0))}
    if precision != names.DEFAULT_PRECISION:
        parameters[names.PRECISION] = str(precision)
    if avro.kind == "fixed":
        parameters[names.FIXED_SIZE] = str(avro.size)
    schema = Schema(Type.BYTES, name=DECIMAL_NAME, version=1, parameters=parameters)
    convert = partial(decimal_from_bytes, schema)
    return Plan(schema, "bytes", _always(convert), _latin1)


_LOGICAL: Final[Mapping[tuple[str, str], tuple[Schema, Callable[[int], Any]]]] = {
    ("int", "date"): (DATE, date_from_days),
    ("int", "time-millis"): (TIME, time_from_ms),
    ("long", "timestamp-millis"): (TIMESTAMP, timestamp_from_ms),
}
_SMALL_INTEGERS: Final = {"int8": INT8, "int16": INT16}
_PRIMITIVES: Final = {
    "boolean": BOOLEAN,
    "int": INT32,
    "long": INT64,
    "float": FLOAT32,
    "double": FLOAT64,
    "string": STRING,
}
