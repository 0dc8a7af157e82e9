"""Headers as text, and text as whatever it looks like."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from isthmus.api.converter import HeaderConverter, SchemaAndValue
from isthmus.api.schema import Schema
from isthmus.api.values import convert_to_string, parse_string

#: Most headers say the same on many records; parsing one anew takes some microseconds.
_REMEMBERED: Final = 1024


class SimpleHeaderConverter(HeaderConverter):
    """Text with a type found out by looking at it. Java: SimpleHeaderConverter.

    The rules are those of `isthmus.api.values`. Text that is not UTF-8 is read with U+FFFD.
    """

    def __init__(self) -> None:
        self._parse = lru_cache(_REMEMBERED)(_parse)

    def configure(self, config: Mapping[str, str]) -> None:
        pass

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        text = convert_to_string(schema, value)
        return None if text is None else text.encode("utf-8", "replace")

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(None, None) if data is None else self._parse(data)


def _parse(data: bytes) -> SchemaAndValue:
    return parse_string(data.decode("utf-8", "replace"))
