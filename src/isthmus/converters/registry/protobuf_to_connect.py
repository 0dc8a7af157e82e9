"""From Protobuf to Connect: the schema, and for it a function that makes values of messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from isthmus.api.errors import DataError
from isthmus.api.logical import DATE, SCALE, TIME, TIMESTAMP, decimal_schema
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
from isthmus.converters.json_text import wrapped
from isthmus.converters.registry import protobuf_options as names
from isthmus.converters.registry.protobuf_compile import ProtobufFile
from isthmus.converters.registry.protobuf_options import ProtobufOptions

#: Makes Connect's value of Protobuf's; None if they are the same.
Convert = Callable[[Any], Any] | None

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Plan:
    schema: Schema
    #: Given the schema as it is in the end: structs refer to it.
    converter: Callable[[Schema], Convert]


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a struct, and how its value is got from a message."""

    name: str
    schema: Schema
    get: Callable[[Any], Any]


class ProtobufReader:
    """Reads data of one message; `schema` is what Connect makes of it."""

    def __init__(self, file: ProtobufFile, message: Descriptor, options: ProtobufOptions) -> None:
        plan = _Planner(file, options).message(message)
        self.schema: Schema = plan.schema
        convert = plan.converter(plan.schema)
        assert convert is not None
        self._convert = convert
        self._parse: Callable[[bytes], Any] = GetMessageClass(message).FromString

    def read(self, data: Sequence[bytes], start: int) -> list[Any]:
        parse, convert = self._parse, self._convert
        try:
            return [convert(parse(item[start:])) for item in data]
        except DecodeError as error:
            raise DataError(f"the data does not fit its schema: {error}") from error


class _Planner:
    def __init__(self, file: ProtobufFile, options: ProtobufOptions) -> None:
        self._file = file
        self._options = options
        self._within: list[str] = []

    def message(self, message: Descriptor) -> _Plan:
        """Plan a message as a struct; its oneofs come before its other fields."""
        if message.full_name in self._within:
            raise DataError(f"{message.full_name} holds itself; Connect has no recursive schemas")
        self._within.append(message.full_name)
        flat = self._options.flatten_unions
        unions = [] if flat else [one for one in message.oneofs if not _is_synthetic(one)]
        members = [self._union(index, one) for index, one in enumerate(unions)]
        grouped = {field.name for union in unions for field in union.fields}
        members += [self._member(one) for one in message.fields if one.name not in grouped]
        self._within.pop()
        fields = [Field(one.name, i, one.schema) for i, one in enumerate(members)]
        name = message.full_name if self._options.enhanced else message.name
        getters = [member.get for member in members]
        schema = Schema(Type.STRUCT, name=name, fields=tuple(fields))
        return _Plan(schema, lambda final: _struct_maker(final, getters))

    def _union(self, index: int, union: OneofDescriptor) -> _Member:
        plans = [(field, self._single(field)) for field in union.fields]
        fields = [
            Field(field.name, i, _tagged(plan.schema.as_optional(), field))
            for i, (field, plan) in enumerate(plans)
        ]
        schema = Schema(
            Type.STRUCT,
            optional=True,
            name=f"{names.UNION}.{union.name}",
            fields=tuple(fields),
        )
        places = {
            field.name: (i, plan.converter(fields[i].schema))
            for i, (field, plan) in enumerate(plans)
        }
        which = union.name

        def get(message: Any) -> Struct | None:
            name = message.WhichOneof(which)
            if name is None:
                return None
            place, convert = places[name]
            value = getattr(message, name)
            values: list[Any] = [None] * len(places)
            values[place] = value if convert is None else convert(value)
            return Struct.from_values(schema, values)

        called = f"{union.name}_{index}" if self._options.indexed_unions else union.name
        return _Member(called, schema, get)

    def _member(self, field: FieldDescriptor) -> _Member:
        if _is_map(field):
            schema, get = self._map(field)
        elif field.is_repeated:
            schema, get = self._list(field)
        else:
            return self._value(field)
        return _Member(field.name, _tagged(schema, field), get)

    def _value(self, field: FieldDescriptor) -> _Member:
        plan = self._single(field)
        name = field.name
        schema = _tagged(plan.schema if field.is_required else plan.schema.as_optional(), field)
        convert = plan.converter(schema)
        get = attrgetter(name)
        if field.has_presence:
            plain = convert or _as_it_is
            return _Member(
                name,
                schema,
                lambda message: plain(get(message)) if message.HasField(name) else None,
            )
        if self._options.optional or self._options.wrappers:
            schema = replace(schema, optional=False)  # others say so where null is allowed
        if convert is None:
            return _Member(name, schema, get)
        return _Member(name, schema, lambda message: convert(get(message)))

    def _list(self, field: FieldDescriptor) -> tuple[Schema, Callable[[Any], Any]]:
        plan = self._single(field)
        convert = plan.converter(plan.schema)
        get = attrgetter(field.name)
        schema = Schema(Type.ARRAY, optional=True, value_schema=plan.schema)
        if convert is None:
            return schema, lambda message: list(get(message))
        return schema, lambda message: list(map(convert, get(message)))

    def _map(self, field: FieldDescriptor) -> tuple[Schema, Callable[[Any], Any]]:
        assert field.message_type is not None
        entry = field.message_type.fields_by_name
        key, value = self._single(entry["key"]), self._single(entry["value"])
        read_key = key.converter(key.schema) or _as_it_is
        read_value = value.converter(value.schema) or _as_it_is
        get = attrgetter(field.name)
        schema = Schema(Type.MAP, optional=True, key_schema=key.schema, value_schema=value.schema)
        return schema, lambda message: {read_key(k): read_value(v) for k, v in get(message).items()}

    def _single(self, field: FieldDescriptor) -> _Plan:
        """Plan one value of a field."""
        params = self._file.params(field)
        if field.message_type is not None:
            return self._of_message(field.message_type, params)
        if field.enum_type is not None:
            return self._enum(field)
        small = _SMALL.get(params.get(names.TYPE, ""))
        schema = small or _SCALARS[field.type]
        return _Plan(schema, lambda _: _signed if field.type in _UNSIGNED_64 else None)

    def _of_message(self, message: Descriptor, params: Any) -> _Plan:
        name = message.full_name
        if name == names.DECIMAL:
            return _Plan(decimal_schema(int(params.get(SCALE, "0"))), lambda _: _decimal)
        known = _MESSAGES.get(name)
        if known is not None:
            schema, convert = known
            return _Plan(schema, lambda _: convert)
        if self._options.wrappers and message.file.name == names.WRAPPERS:
            inner = self._single(message.fields_by_name["value"])
            read = inner.converter(inner.schema) or _as_it_is
            return _Plan(inner.schema, lambda _: lambda wrapper: read(wrapper.value))
        return self.message(message)

    def _enum(self, field: FieldDescriptor) -> _Plan:
        if self._options.int_enums:
            return _Plan(INT32, lambda _: None)
        enum = field.enum_type
        assert enum is not None
        parameters = {names.ENUM: enum.full_name if self._options.enhanced else enum.name}
        parameters |= {f"{names.ENUM}.{one.name}": str(one.number) for one in enum.values}
        symbols = {one.number: one.name for one in enum.values}
        unknown = f"UNKNOWN_ENUM_VALUE_{enum.name}_"
        return _Plan(
            replace(STRING, parameters=parameters),
            lambda _: lambda number: symbols.get(number) or f"{unknown}{number}",
        )


def _is_synthetic(union: OneofDescriptor) -> bool:
    """Tell whether a oneof only stands for the label `optional` of its one field."""
    return len(union.fields) == 1 and union.name == f"_{union.fields[0].name}"


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and field.is_repeated and message.GetOptions().map_entry


def _tagged(schema: Schema, field: FieldDescriptor) -> Schema:
    return replace(schema, parameters={**schema.parameters, names.TAG: str(field.number)})


def _struct_maker(schema: Schema, getters: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    from_values = Struct.from_values
    return lambda message: from_values(schema, [get(message) for get in getters])


def _as_it_is(value: Any) -> Any:
    return value


def _signed(value: int) -> int:
    return wrapped(value, 64)


def _timestamp(message: Any) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=message.seconds, milliseconds=message.nanos // 1_000_000)
    except OverflowError:
        raise DataError(
            f"Timestamp {message.seconds} s is outside of the years 1 to 9999"
        ) from None


def _date(message: Any) -> date:
    try:
        return date(message.year, message.month, message.day)
    except ValueError as error:
        raise DataError(f"no date: {message.year}-{message.month}-{message.day}") from error


def _time(message: Any) -> time:
    try:
        microseconds = message.nanos // 1_000_000 * 1000
        return time(message.hours, message.minutes, message.seconds, microseconds)
    except ValueError as error:
        raise DataError(f"no time of the day: {message}") from error


def _decimal(message: Any) -> Decimal:
    sign, digits, _ = Decimal(int.from_bytes(message.value, "big", signed=True)).as_tuple()
    return Decimal((sign, digits, -message.scale))


_MESSAGES: Final = {
    names.TIMESTAMP: (TIMESTAMP, _timestamp),
    names.DATE: (DATE, _date),
    names.TIME_OF_DAY: (TIME, _time),
}
_SMALL: Final = {"int8": INT8, "int16": INT16}
_SCALARS: Final = {
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_UINT32: INT64,
    FieldDescriptor.TYPE_FIXED32: INT64,
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_SINT64: INT64,
    FieldDescriptor.TYPE_SFIXED64: INT64,
    FieldDescriptor.TYPE_UINT64: INT64,
    FieldDescriptor.TYPE_FIXED64: INT64,
    FieldDescriptor.TYPE_FLOAT: FLOAT32,
    FieldDescriptor.TYPE_DOUBLE: FLOAT64,
    FieldDescriptor.TYPE_BOOL: BOOLEAN,
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BYTES: BYTES,
}
_UNSIGNED_64: Final = frozenset({FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64})
