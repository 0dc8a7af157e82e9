"""Bytes as they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from isthmus.api.config_def import ConfigDef
from isthmus.api.converter import Converter, HeaderConverter, Run, SchemaAndValue
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.schema import OPTIONAL_BYTES, Schema, Type
from isthmus.converters.options import converter_config, with_type

_AS_THEY_ARE: Final = frozenset({bytes, type(None)})


class ByteArrayConverter(Converter, HeaderConverter):
    """Bytes through and through; nothing is converted. Java: ByteArrayConverter."""

    def config(self) -> ConfigDef:
        return converter_config()

    def configure(self, config: Mapping[str, str], *, is_key: bool | None = None) -> None:
        self.config().parse(with_type(config, is_key=is_key))

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        _check(schema)
        if value is None or isinstance(value, bytes):
            return value
        if isinstance(value, bytearray | memoryview):
            return bytes(cast("bytearray", value))
        raise DataError(
            f"ByteArrayConverter is not compatible with objects of type class {java_class(value)}"
        )

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        _check(schema)
        if _AS_THEY_ARE.issuperset(map(type, values)):
            return values
        return [self.from_connect(topic, schema, value) for value in values]

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(OPTIONAL_BYTES, data)

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        return [Run(OPTIONAL_BYTES, data)]

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return self.from_connect(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect(topic, data)


def _check(schema: Schema | None) -> None:
    if schema is not None and schema.type is not Type.BYTES:
        raise DataError(f"Invalid schema type for ByteArrayConverter: {schema.type.name}")
