"""Text: any value as Java prints it, and back as a string."""

import codecs
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isthmus.api.config_def import ConfigDef, Importance, Type, Width
from isthmus.api.converter import Converter, HeaderConverter, Run, SchemaAndValue
from isthmus.api.errors import ConfigError
from isthmus.api.java_text import java_text
from isthmus.api.schema import OPTIONAL_STRING, Schema
from isthmus.converters.options import converter_config, with_type

_ENCODING = "converter.encoding"


class StringConverter(Converter, HeaderConverter):
    """Strings in an encoding of choice, UTF-8 by default. Java: StringConverter.

    A value that is no string becomes the text that Java prints for it. Bytes are taken as text
    that is encoded already, where Java writes an array's address. What cannot be encoded becomes
    `?`, what cannot be decoded U+FFFD.
    """

    def __init__(self) -> None:
        self._encode: Callable[[str], bytes] = str.encode
        self._decode: Callable[[bytes], str] = bytes.decode
        self._encoding = "utf-8"

    def config(self) -> ConfigDef:
        return converter_config().define(
            _ENCODING,
            Type.STRING,
            "UTF-8",
            importance=Importance.HIGH,
            documentation="The name of the Java character set in which strings are written.",
            width=Width.MEDIUM,
            display_name="Encoding",
        )

    def configure(self, config: Mapping[str, str], *, is_key: bool | None = None) -> None:
        name = str(self.config().parse(with_type(config, is_key=is_key))[_ENCODING])
        try:
            "".encode(name)  # refuses codecs that are not between text and bytes
            encoding = codecs.lookup(name).name
        except LookupError:
            raise ConfigError.invalid(_ENCODING, name, "Unknown character set") from None
        self._encoding = encoding
        if encoding == "utf-8":
            self._encode, self._decode = str.encode, bytes.decode
        elif encoding == "utf-16":
            self._encode, self._decode = _encode_utf16, _decode_utf16
        else:
            self._encode = lambda text: text.encode(encoding, "replace")
            self._decode = lambda data: data.decode(encoding, "replace")

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, bytes):
            return value
        text = java_text(value, schema)
        try:
            return self._encode(text)
        except UnicodeEncodeError:  # half of a surrogate pair
            return text.encode(self._encoding, "replace")

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(OPTIONAL_STRING, None if data is None else self._text(data))

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        encode = self._encode
        try:
            return list(map(encode, values))
        except (TypeError, AttributeError, UnicodeEncodeError):  # some value is not plain text
            return [self.from_connect(topic, schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        decode: Callable[[Any], str] = self._decode
        try:
            return [Run(OPTIONAL_STRING, list(map(decode, data)))]
        except (TypeError, AttributeError, UnicodeDecodeError):  # a null, or malformed text
            texts = [None if item is None else self._text(item) for item in data]
            return [Run(OPTIONAL_STRING, texts)]

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return self.from_connect(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect(topic, data)

    def _text(self, data: bytes) -> str:
        try:
            return self._decode(data)
        except UnicodeDecodeError:
            return data.decode(self._encoding, "replace")


def _encode_utf16(text: str) -> bytes:
    """Encode as Java's UTF-16: big-endian behind a byte order mark; nothing for an empty text."""
    encoded = text.encode("utf-16-be", "replace")
    return codecs.BOM_UTF16_BE + encoded if encoded else b""


def _decode_utf16(data: bytes) -> str:
    """Decode as Java's UTF-16: big-endian unless a byte order mark says otherwise."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-16-be", "replace")
