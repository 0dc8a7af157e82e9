"""JSON whose schema, a JSON Schema, is in a registry."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonschema_rs import ReferencingError, ValidationError, validator_for
from jsonschema_rs import Registry as References

from isthmus.api.config_def import ConfigDef
from isthmus.api.errors import DataError
from isthmus.api.schema import Schema
from isthmus.converters import json_text
from isthmus.converters.json_read import DigitsNeeded, reader
from isthmus.converters.json_write import writer
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.converter import OwnSchema, RegistryConverter, Writer
from isthmus.converters.registry.json_from_connect import (
    JsonSchemaText,
    json_schema_text,
    writer_options,
)
from isthmus.converters.registry.json_options import JsonSchemaOptions, define_json_options
from isthmus.converters.registry.json_to_connect import connect_schema, parse_json
from isthmus.converters.registry.json_values import read_special
from isthmus.converters.registry.wire import describe

Validate = Callable[[Any], None]


class JsonSchemaConverter(RegistryConverter):
    """Values as JSON, behind the id of their schema. Java: Confluent's JsonSchemaConverter."""

    kind = "JSON"
    label = "JSON Schema"

    def define_options(self, definition: ConfigDef) -> ConfigDef:
        return define_json_options(definition)

    def take_options(self, settings: Mapping[str, Any]) -> None:
        self._mapping = JsonSchemaOptions.from_settings(settings)

    def make_reader(self, stored: StoredSchema, extra: bytes) -> "_JsonReader":
        validate = _validator(stored) if self._mapping.validate else None
        return _JsonReader(connect_schema(stored, self._mapping), self._mapping, validate)

    def own_schema(self, schema: Schema) -> JsonSchemaText:
        return json_schema_text(schema, self._mapping)

    def make_writer(self, schema: Schema, own: OwnSchema, stored: StoredSchema | None) -> Writer:
        write = writer(schema, writer_options(self._mapping))
        if not self._mapping.validate:
            return lambda value: json_text.write(write(value))
        validate = _validator(stored or StoredSchema(self.kind, own.text, {}))

        def write_valid(value: Any) -> bytes:
            data = json_text.write(write(value))
            validate(json_text.read(data))
            return data

        return write_valid


class _JsonReader:
    """Reads JSON of one schema."""

    def __init__(
        self, schema: Schema, options: JsonSchemaOptions, validate: Validate | None
    ) -> None:
        self.schema: Schema = schema
        self._validate = validate
        replace_null = not options.ignore_defaults
        self._read = reader(schema, replace_null=replace_null, special=read_special)

    def read(self, data: Sequence[bytes], start: int) -> list[Any]:
        texts = [item[start:] for item in data]
        parsed = json_text.read_all(texts)
        if parsed is not None and self._validate is None:
            try:
                return list(map(self._read, parsed))
            except DigitsNeeded:
                pass
        return [self._read_one(text) for text in texts]

    def _read_one(self, text: bytes) -> Any:
        try:
            parsed = json_text.read(text)
            if self._validate is not None:
                self._validate(parsed)
            try:
                return self._read(parsed)
            except DigitsNeeded:
                return self._read(json_text.read_exactly(text))
        except ValueError as error:
            raise DataError(
                f"expected JSON behind the schema id, found {describe(text)}"
            ) from error


def _validator(stored: StoredSchema) -> Validate:
    """Return what raises `DataError` for JSON that is not valid by a schema."""
    resources: list[tuple[str, Any]] = []
    _collect(stored, resources)
    try:
        # Whoever can register a schema must not make workers read files or ask other hosts.
        made = validator_for(parse_json(stored.text), registry=References(resources), offline=True)
    except (ValidationError, ReferencingError, ValueError) as error:
        raise DataError(f"No JSON Schema: {error}") from error

    def validate(parsed: Any) -> None:
        try:
            made.validate(parsed)
        except ValidationError as error:
            path = "".join(f"/{step}" for step in error.instance_path)
            raise DataError(
                f"not valid by its JSON Schema at {path or '/'}: {error.message}"
            ) from error

    return validate


def _collect(stored: StoredSchema, resources: list[tuple[str, Any]]) -> None:
    for name, reference in stored.references.items():
        resources.append((name, parse_json(reference.text)))
        _collect(reference, resources)
