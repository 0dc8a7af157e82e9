"""Booleans as one byte."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from isthmus.api.config_def import ConfigDef
from isthmus.api.converter import Converter, HeaderConverter, Run, SchemaAndValue
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.schema import OPTIONAL_BOOLEAN, Schema, Type
from isthmus.converters.options import converter_config, with_type

_BYTES: Final = {True: b"\x01", False: b"\x00"}
_VALUES: Final = {b"\x01": True, b"\x00": False}


class BooleanConverter(Converter, HeaderConverter):
    """True as the byte 1, false as 0. Java: BooleanConverter."""

    def config(self) -> ConfigDef:
        return converter_config()

    def configure(self, config: Mapping[str, str], *, is_key: bool | None = None) -> None:
        self.config().parse(with_type(config, is_key=is_key))

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if schema is not None and schema.type is not Type.BOOLEAN:
            raise DataError(f"Invalid schema type for BooleanConverter: {schema.type.name}")
        if value is None:
            return None
        if not isinstance(value, bool):
            raise DataError(
                f"BooleanConverter is not compatible with objects of type class {java_class(value)}"
            )
        return _BYTES[value]

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(OPTIONAL_BOOLEAN, None)
        if data not in _VALUES:
            raise DataError("Failed to deserialize boolean: ")
        return SchemaAndValue(OPTIONAL_BOOLEAN, _VALUES[data])

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        return [Run(OPTIONAL_BOOLEAN, [self.to_connect(topic, item).value for item in data])]

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return self.from_connect(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect(topic, data)
