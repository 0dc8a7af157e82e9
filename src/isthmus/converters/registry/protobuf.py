"""Protobuf with a schema registry.

Between the schema id and the data stands which message of the schema it is: the number of steps,
then for each the place of a message within the one before. `[0]`, the first message, is one byte 0.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from isthmus.api.config_def import ConfigDef
from isthmus.api.errors import DataError
from isthmus.api.schema import Schema
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.converter import OwnSchema, RegistryConverter, Writer
from isthmus.converters.registry.protobuf_compile import ProtobufFile, compile_protobuf
from isthmus.converters.registry.protobuf_from_connect import (
    ProtobufText,
    message_name,
    protobuf_text,
)
from isthmus.converters.registry.protobuf_options import (
    ProtobufOptions,
    define_protobuf_options,
)
from isthmus.converters.registry.protobuf_to_connect import ProtobufReader
from isthmus.converters.registry.protobuf_write import ProtobufWriting
from isthmus.converters.registry.wire import VarintError, read_zigzag, write_zigzag


class ProtobufConverter(RegistryConverter):
    """Structs as Protobuf, behind the id of their schema. Java: Confluent's and Apicurio's."""

    kind = "PROTOBUF"
    label = "Protobuf"

    def define_options(self, definition: ConfigDef) -> ConfigDef:
        return define_protobuf_options(definition)

    def take_options(self, settings: Mapping[str, Any]) -> None:
        self._mapping = ProtobufOptions.from_settings(settings)

    def frame_end(self, data: bytes, start: int) -> int:
        """Return where the data begins, behind the places of its message."""
        if data[start : start + 1] == b"\0":
            return start + 1
        try:
            return _read_places(data, start)[1]
        except VarintError as error:
            raise DataError(f"no message indexes behind the schema id: {error}") from error

    def make_reader(self, stored: StoredSchema, extra: bytes) -> ProtobufReader:
        file = compile_protobuf(stored)
        message = file.message_at(_read_places(extra, 0)[0])
        return ProtobufReader(file, message, self._mapping)

    def own_schema(self, schema: Schema) -> ProtobufText:
        return protobuf_text(schema, self._mapping)

    def make_writer(self, schema: Schema, own: OwnSchema, stored: StoredSchema | None) -> Writer:
        strict = stored is not None and self.checks_latest
        file = compile_protobuf(stored or StoredSchema(self.kind, own.text, {}))
        message = _message_of(file, message_name(schema, self._mapping)[1])
        places = _write_places(message, file)
        write = ProtobufWriting(self._mapping, strict=strict).writer(schema, message)
        return lambda value: places + write(value)


def _message_of(file: ProtobufFile, name: str) -> Descriptor:
    """Return the message of that name in the file, else its first."""
    return file.file.message_types_by_name.get(name) or file.message_at([0])


def _read_places(data: bytes, start: int) -> tuple[tuple[int, ...], int]:
    count, at = read_zigzag(data, start)
    if count == 0:
        return (0,), at
    places: list[int] = []
    for _ in range(count):
        place, at = read_zigzag(data, at)
        places.append(place)
    return tuple(places), at


def _write_places(message: Descriptor, file: ProtobufFile) -> bytes:
    place = list(file.file.message_types_by_name).index(message.name)
    return b"\0" if place == 0 else _varints([1, place])


def _varints(values: Iterable[int]) -> bytes:
    return b"".join(map(write_zigzag, values))
