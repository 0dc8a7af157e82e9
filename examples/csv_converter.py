"""A converter: lists of values as lines of CSV."""

import csv
import io
from collections.abc import Mapping
from typing import Any, cast

from isthmus.api.config_def import ConfigDef, Importance, NonEmptyString, Type
from isthmus.api.converter import Converter, SchemaAndValue
from isthmus.api.errors import DataError
from isthmus.api.schema import Schema


class CsvConverter(Converter):
    """`["a", 1]` ↔ `a,1`; what is read is a list of strings."""

    def __init__(self) -> None:
        self._delimiter = ","

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "delimiter",
            Type.STRING,
            ",",
            validator=NonEmptyString(),
            importance=Importance.LOW,
            documentation="The character between two values.",
        )

    def configure(self, config: Mapping[str, str], *, is_key: bool) -> None:
        self._delimiter = str(self.config().parse(config)["delimiter"])

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, list):
            raise DataError(f"CSV can hold a list, found {type(value).__name__}")
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="").writerow(
            cast("list[Any]", value)
        )
        return line.getvalue().encode()

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        try:
            rows = list(csv.reader([data.decode()], delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"not a line of CSV: {error}") from error
        return SchemaAndValue(None, rows[0] if rows else [])
