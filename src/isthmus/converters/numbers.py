"""Numbers of a fixed size, big-endian, as Kafka's own serializers write them."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from isthmus.api.config_def import ConfigDef
from isthmus.api.converter import Converter, HeaderConverter, Run, SchemaAndValue
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.schema import (
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    Schema,
)
from isthmus.converters.options import converter_config, with_type


class NumberConverter(Converter, HeaderConverter):
    """What the converters of numbers share. Java: NumberConverter."""

    #: The name in errors.
    _NAME: ClassVar[str]
    _SCHEMA: ClassVar[Schema]
    _FORMAT: ClassVar[struct.Struct]
    _TYPES: ClassVar[tuple[type, ...]] = (int,)

    def config(self) -> ConfigDef:
        return converter_config()

    def configure(self, config: Mapping[str, str], *, is_key: bool | None = None) -> None:
        self.config().parse(with_type(config, is_key=is_key))

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, self._TYPES):
            raise DataError(
                f"Failed to serialize to {self._NAME} (was class {java_class(value)}): "
            )
        try:
            return self._FORMAT.pack(value)
        except (struct.error, OverflowError) as error:
            raise DataError(
                f"Failed to serialize to {self._NAME}: {value} is out of range"
            ) from error

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(self._SCHEMA, None)
        try:
            return SchemaAndValue(self._SCHEMA, self._FORMAT.unpack(data)[0])
        except struct.error as error:
            raise DataError(f"Failed to deserialize {self._NAME}: ") from error

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        try:
            if set(map(len, data)) == {self._FORMAT.size}:  # pyright: ignore[reportArgumentType]
                numbers = self._FORMAT.iter_unpack(b"".join(data))  # pyright: ignore[reportArgumentType, reportCallIssue]
                return [Run(self._SCHEMA, [number for (number,) in numbers])]
        except TypeError:  # a null among them
            pass
        return [Run(self._SCHEMA, [self.to_connect(topic, item).value for item in data])]

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return self.from_connect(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect(topic, data)


class ShortConverter(NumberConverter):
    """Integers in 2 bytes. Java: ShortConverter."""

    _NAME = "short"
    _SCHEMA = OPTIONAL_INT16
    _FORMAT = struct.Struct(">h")


class IntegerConverter(NumberConverter):
    """Integers in 4 bytes. Java: IntegerConverter."""

    _NAME = "integer"
    _SCHEMA = OPTIONAL_INT32
    _FORMAT = struct.Struct(">i")


class LongConverter(NumberConverter):
    """Integers in 8 bytes. Java: LongConverter."""

    _NAME = "long"
    _SCHEMA = OPTIONAL_INT64
    _FORMAT = struct.Struct(">q")


class FloatConverter(NumberConverter):
    """IEEE singles in 4 bytes. Java: FloatConverter."""

    _NAME = "float"
    _SCHEMA = OPTIONAL_FLOAT32
    _FORMAT = struct.Struct(">f")
    _TYPES = (float, int)


class DoubleConverter(NumberConverter):
    """IEEE doubles in 8 bytes. Java: DoubleConverter."""

    _NAME = "double"
    _SCHEMA = OPTIONAL_FLOAT64
    _FORMAT = struct.Struct(">d")
    _TYPES = (float, int)
