"""Connect data as Protobuf messages: for a struct schema and a message a function, made once."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
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
from isthmus.api.struct import Struct
from isthmus.converters.registry import protobuf_options as names
from isthmus.converters.registry.protobuf_from_connect import is_union, scrubbed
from isthmus.converters.registry.protobuf_options import ProtobufOptions

#: Fills a message with a value.
Fill = Callable[[Any, Any], None]

_DEFAULT_PRECISION: Final = 64


class ProtobufWriting:
    """Makes writers. `strict` refuses fields that the message does not have."""

    def __init__(self, options: ProtobufOptions, *, strict: bool) -> None:
        self._options = options
        self._strict = strict

    def writer(self, schema: Schema, message: Descriptor) -> Callable[[Any], bytes]:
        """Return what writes values of `schema` as this message.

        Raises:
            DataError: They do not fit.
        """
        fill = self._struct(schema, message)
        make: Callable[[], Any] = GetMessageClass(message)

        def write(value: Any) -> bytes:
            made = make()
            fill(made, value)
            return made.SerializeToString()

        return write

    def _struct(self, schema: Schema, message: Descriptor) -> Fill:
        members: list[tuple[Field, Fill]] = []
        for field in schema.fields:
            setter = self._setter(field.schema, scrubbed(field.name, self._options), message)
            if setter is not None:
                members.append((field, setter))
            elif self._strict:
                raise DataError(f"the message {message.full_name} has no field {field.name}")

        def fill(made: Any, value: Any) -> None:
            values = _checked_struct(schema, value).values
            for field, setter in members:
                member = values[field.index]
                if member is None:
                    member = _default(field)
                    if member is None:
                        continue
                try:
                    setter(made, member)
                except (TypeError, ValueError, DataError) as error:
                    raise DataError(f'{error}, field: "{field.name}"') from error

        return fill

    def _setter(self, schema: Schema, name: str, message: Descriptor) -> Fill | None:
        """Return what sets one member of a message; None if the message has it not."""
        if is_union(schema):
            return self._union(schema, message)
        field = message.fields_by_name.get(name)
        if field is None:
            return None
        if schema.type is Type.ARRAY:
            return self._list(schema, field)
        if schema.type is Type.MAP:
            return self._map(schema, field)
        if field.message_type is not None:
            fill = self._message(schema, field)
            name = field.name

            def set_message(made: Any, value: Any) -> None:
                inner = getattr(made, name)
                inner.SetInParent()
                fill(inner, value)

            return set_message
        convert = _scalar(schema, field)
        return lambda made, value: setattr(made, name, convert(value))

    def _union(self, schema: Schema, message: Descriptor) -> Fill:
        setters = [
            self._setter(field.schema, scrubbed(field.name, self._options), message)
            for field in schema.fields
        ]

        def set_member(made: Any, value: Any) -> None:
            for member, setter in zip(value.values, setters, strict=True):
                if member is not None and setter is not None:
                    setter(made, member)

        return set_member

    def _list(self, schema: Schema, field: FieldDescriptor) -> Fill:
        items, name = cast("Schema", schema.value_schema), field.name
        if field.message_type is None:
            convert = _scalar(items, field)
            return lambda made, value: getattr(made, name).extend(map(convert, value))
        fill = self._message(items, field)

        def add(made: Any, value: Any) -> None:
            repeated = getattr(made, name)
            for item in value:
                fill(repeated.add(), item)

        return add

    def _map(self, schema: Schema, field: FieldDescriptor) -> Fill:
        if field.message_type is None or not field.message_type.GetOptions().map_entry:
            raise DataError(f"a map cannot be written as the field {field.name}")
        entry, name = field.message_type.fields_by_name, field.name
        values = cast("Schema", schema.value_schema)
        convert_key = _scalar(cast("Schema", schema.key_schema), entry["key"])
        if entry["value"].message_type is None:
            convert = _scalar(values, entry["value"])
            return lambda made, value: getattr(made, name).update(
                {convert_key(key): convert(member) for key, member in value.items()}
            )
        fill = self._message(values, entry["value"])

        def add(made: Any, value: Mapping[Any, Any]) -> None:
            members = getattr(made, name)
            for key, member in value.items():
                fill(members[convert_key(key)], member)

        return add

    def _message(self, schema: Schema, field: FieldDescriptor) -> Fill:
        """Return what fills a message that stands for one value."""
        message = field.message_type
        assert message is not None
        logical = _LOGICAL.get(schema.name or "")
        if logical is not None and message.full_name == logical[0]:
            fill = logical[1]
            return lambda made, value: fill(made, schema, value)
        if message.file.name == names.WRAPPERS:
            convert = _scalar(schema, message.fields_by_name["value"])
            return lambda made, value: setattr(made, "value", convert(value))
        if schema.type is not Type.STRUCT:
            raise DataError(f"{schema.type.name} cannot be written as {message.full_name}")
        return self._struct(schema, message)


def _checked_struct(schema: Schema, value: Any) -> Struct:
    if not isinstance(value, Struct):
        raise DataError(f"Invalid Java object for schema type STRUCT: class {java_class(value)}")
    if value.schema is not schema and value.schema != schema:
        raise DataError("Mismatching schema.")
    return value


def _default(field: Field) -> Any:
    """Return what stands in for null; None where a member may be left unset."""
    schema = field.schema
    if schema.default is None and not schema.optional:
        raise DataError(
            f"Invalid value: null used for required field, schema type: {schema.type.name},"
            f' field: "{field.name}"'
        )
    return schema.default


def _scalar(schema: Schema, field: FieldDescriptor) -> Callable[[Any], Any]:
    """Return what makes Protobuf's value of Connect's; Protobuf checks type and range itself."""
    enum = field.enum_type
    if enum is not None:
        numbers = {one.name: one.number for one in enum.values}

        def number(value: Any) -> int:
            if isinstance(value, int):
                return value
            if value not in numbers:
                raise DataError(f"{value} is no symbol of {enum.full_name}")
            return numbers[value]

        return number
    if schema.type is Type.BOOLEAN:
        return _boolean
    bits = _SMALL.get(schema.type)
    return _as_it_is if bits is None else lambda value: _small(value, bits)


def _as_it_is(value: Any) -> Any:
    if isinstance(value, bool):  # which Protobuf would take for a number
        raise DataError("Invalid Java object: class java.lang.Boolean")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"Invalid Java object for schema type BOOLEAN: class {java_class(value)}")
    return value


def _small(value: Any, bits: int) -> int:
    if value.__class__ is not int or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise DataError(f"Invalid Java object for schema type INT{bits}: {value}")
    return value


def _fill_timestamp(made: Any, schema: Schema, value: Any) -> None:
    seconds, ms = divmod(timestamp_to_ms(value), 1000)
    made.seconds = seconds
    made.nanos = ms * 1_000_000


def _fill_date(made: Any, schema: Schema, value: Any) -> None:
    day = date(1970, 1, 1) + timedelta(days=date_to_days(value))
    made.year, made.month, made.day = day.year, day.month, day.day


def _fill_time(made: Any, schema: Schema, value: Any) -> None:
    moment: time = (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_to_ms(value))
    ).time()
    made.hours, made.minutes, made.seconds = moment.hour, moment.minute, moment.second
    made.nanos = moment.microsecond * 1000


def _fill_decimal(made: Any, schema: Schema, value: Any) -> None:
    made.value = decimal_to_bytes(schema, value)
    made.precision = _DEFAULT_PRECISION
    made.scale = decimal_scale(schema)


_LOGICAL: Final[Mapping[str, tuple[str, Callable[[Any, Schema, Any], None]]]] = {
    TIMESTAMP_NAME: (names.TIMESTAMP, _fill_timestamp),
    DATE_NAME: (names.DATE, _fill_date),
    TIME_NAME: (names.TIME_OF_DAY, _fill_time),
    DECIMAL_NAME: (names.DECIMAL, _fill_decimal),
}
_SMALL: Final = {Type.INT8: 8, Type.INT16: 16}
