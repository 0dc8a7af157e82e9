"""Avro with a schema registry."""

from collections.abc import Mapping
from typing import Any

from isthmus.api.config_def import ConfigDef
from isthmus.api.schema import Schema
from isthmus.converters.registry.avro_from_connect import AvroText, avro_text
from isthmus.converters.registry.avro_options import AvroOptions, define_avro_options
from isthmus.converters.registry.avro_rows import rows_writer
from isthmus.converters.registry.avro_schema import AvroType, parse_avro
from isthmus.converters.registry.avro_to_connect import AvroReader
from isthmus.converters.registry.avro_write import AvroWriting
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.converter import (
    OwnSchema,
    RegistryConverter,
    RowsWriter,
    Writer,
)


class AvroConverter(RegistryConverter):
    """Values as Avro, behind the id of their schema. Java: Confluent's and Apicurio's."""

    kind = "AVRO"
    label = "Avro"

    def define_options(self, definition: ConfigDef) -> ConfigDef:
        return define_avro_options(definition)

    def take_options(self, settings: Mapping[str, Any]) -> None:
        self._mapping = AvroOptions.from_settings(settings)

    def make_reader(self, stored: StoredSchema, extra: bytes) -> AvroReader:
        return AvroReader(parse_avro(stored), self._mapping)

    def own_schema(self, schema: Schema) -> AvroText:
        return avro_text(schema, self._mapping)

    def make_writer(self, schema: Schema, own: OwnSchema, stored: StoredSchema | None) -> Writer:
        return self._writing(stored).writer(schema, self._avro(own, stored))

    def make_rows_writer(
        self, schema: Schema, own: OwnSchema, stored: StoredSchema | None
    ) -> RowsWriter | None:
        return rows_writer(self._writing(stored), schema, self._avro(own, stored))

    def _writing(self, stored: StoredSchema | None) -> AvroWriting:
        strict = stored is not None and self.checks_latest
        return AvroWriting(self._mapping, strict=strict)

    def _avro(self, own: OwnSchema, stored: StoredSchema | None) -> AvroType:
        return parse_avro(stored or StoredSchema(self.kind, own.text, {}))
