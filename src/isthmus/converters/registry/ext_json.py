"""JSON that names its schema, which is in a registry in Connect's own notation.

    {"schemaId":7,"payload":{"id":1}}

The payload is what `JsonConverter` writes, and the schema what it puts beside it. Which kind of id
it is depends on the version of Java's converter: global ids in 2.x, content ids in 3.x.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, cast

from isthmus.api.config_def import CaseInsensitiveValidString, ConfigDef, Importance, Type
from isthmus.api.converter import Converter, Run, SchemaAndValue
from isthmus.api.errors import ConnectError, DataError, RetriableError
from isthmus.api.schema import Schema
from isthmus.converters import json_text
from isthmus.converters.json_read import DigitsNeeded, reader
from isthmus.converters.json_schema import schema_from_json, schema_to_json
from isthmus.converters.json_write import WriterOptions, writer
from isthmus.converters.options import with_type
from isthmus.converters.registry.apicurio import ApicurioRegistry
from isthmus.converters.registry.config import RegistryOptions, registry_config
from isthmus.converters.registry.wire import describe

_KIND: Final = "KCONNECT"
_ID: Final = "schemaId"
_PAYLOAD: Final = "payload"


class ExtJsonConverter(Converter):
    """Values as JSON with the id of their schema. Java: Apicurio's ExtJsonConverter."""

    def config(self) -> ConfigDef:
        return (
            registry_config()
            .define(
                "replace.null.with.default",
                Type.BOOLEAN,
                True,
                importance=Importance.LOW,
                documentation="Write and read the default in place of null, where there is one.",
            )
            .define(
                "decimal.format",
                Type.STRING,
                "BASE64",
                importance=Importance.LOW,
                documentation="How decimals are written: BASE64 text or NUMERIC.",
                validator=CaseInsensitiveValidString("BASE64", "NUMERIC"),
            )
        )

    def configure(self, config: Mapping[str, str], *, is_key: bool) -> None:
        options = RegistryOptions.from_config(
            self.config(), with_type(config, is_key=is_key), is_key=is_key
        )
        self._is_key = is_key
        self._options = options
        self._replace_null = options.settings["replace.null.with.default"] is True
        numeric = str(options.settings["decimal.format"]).upper() == "NUMERIC"
        self._json = WriterOptions(replace_null=self._replace_null, numeric_decimals=numeric)
        self._registry = ApicurioRegistry(options, _KIND)
        self._reader_of = lru_cache(options.cache_size)(self._make_reader)
        self._writer_of = lru_cache(options.cache_size)(self._make_writer)

    def close(self) -> None:
        self._registry.close()

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if schema is None:
            if value is None:
                return None
            found = type(value).__name__
            raise self._unwritable(topic, f"expected a value with a schema, found a bare {found}")
        return self._writer_of(topic, schema)(value)

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        schema_id, payload = self._opened(topic, data)
        schema, read = self._reader(topic, schema_id)
        try:
            return SchemaAndValue(schema, read(payload))
        except DigitsNeeded:
            return SchemaAndValue(schema, read(json_text.read_exactly(data)[_PAYLOAD]))

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        read = [self.to_connect(topic, item) for item in data]
        return [
            Run(schema, [value for _, value in run])
            for schema, run in groupby(read, key=lambda item: item.schema)
        ]

    def _opened(self, topic: str, data: bytes) -> tuple[int, Any]:
        try:
            parsed: Any = json_text.read(data)
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            members = cast("dict[str, Any]", parsed)
            if isinstance(members.get(_ID), int) and _PAYLOAD in members:
                return members[_ID], members[_PAYLOAD]
        side = "key" if self._is_key else "value"
        raise DataError(
            f"Failed to deserialize data for topic {topic}: expected JSON with {_ID} and"
            f" {_PAYLOAD}. The {side} looks like {describe(data)}; the converter is"
            " ExtJsonConverter"
        )

    def _reader(self, topic: str, schema_id: int) -> tuple[Schema | None, Callable[[Any], Any]]:
        try:
            return self._reader_of(schema_id)
        except DataError as error:
            raise DataError(
                f"Failed to deserialize data for topic {topic}: id {schema_id}: {error}"
            ) from error

    def _make_reader(self, schema_id: int) -> tuple[Schema | None, Callable[[Any], Any]]:
        described = json_text.read(self._registry.schema(schema_id).text.encode())
        schema = schema_from_json(described, replace_null=self._replace_null)
        return schema, reader(schema, replace_null=self._replace_null)

    def _make_writer(self, topic: str, schema: Schema) -> Callable[[Any], bytes]:
        try:
            text = json_text.write(schema_to_json(schema, self._json)).decode()
            subject = self._options.subject(topic, self._is_key, schema.name)
            schema_id = self._choose(subject, text)
            write = writer(schema, self._json)
        except RetriableError:
            raise
        except ConnectError as error:
            raise self._unwritable(topic, str(error)) from error
        before = b'{"%s":%d,"%s":' % (_ID.encode(), schema_id, _PAYLOAD.encode())
        return lambda value: before + json_text.write(write(value)) + b"}"

    def _choose(self, subject: str, text: str) -> int:
        if self._options.auto_register:
            return self._registry.register(subject, _KIND, text)
        if self._options.use_latest:
            return self._registry.latest(subject)[0]
        return self._registry.find(subject, _KIND, text)

    def _unwritable(self, topic: str, reason: str) -> DataError:
        return DataError(f"Failed to serialize data from topic {topic} : {reason}")
