"""JSON, with or without an envelope that holds the schema beside the value.

    {"schema": {"type": "string", "optional": false}, "payload": "text"}

Batches are parsed and written as a whole wherever that gives the same bytes and values as one at a
time (`json_text`); property tests hold both against each other, and golden files from Apache's own
converter against the latter. With schemas, the messages of a batch mostly begin with the same
bytes up to their payload: the schema is parsed once, and after that only payloads are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple, cast

import orjson

from isthmus.api.columnar import Structs
from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    ConfigDef,
    Importance,
    Type,
    Width,
)
from isthmus.api.converter import Converter, HeaderConverter, Run, SchemaAndValue
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.logical import LOGICAL_NAMES
from isthmus.api.schema import Schema
from isthmus.api.schema import Type as SchemaType
from isthmus.converters import json_text
from isthmus.converters.json_columns import write_members
from isthmus.converters.json_objects import ObjectParser
from isthmus.converters.json_read import DigitsNeeded, Reader, RowsReader, reader, rows_reader
from isthmus.converters.json_schema import schema_from_json, schema_to_json
from isthmus.converters.json_text import Parsed
from isthmus.converters.json_write import (
    ColumnsWriter,
    Writer,
    WriterOptions,
    columns_writer,
    writer,
)
from isthmus.converters.options import converter_config, with_type

_ENABLE: Final = "schemas.enable"
_CACHE_SIZE: Final = "schemas.cache.size"
_CONTENT: Final = "schema.content"
_DECIMALS: Final = "decimal.format"
_REPLACE_NULL: Final = "replace.null.with.default"

_SCHEMA: Final = b'{"schema":'
_PAYLOAD: Final = b',"payload":'
#: A schema's own text may hold `,"payload":` as well, but hardly this often.
_PAYLOAD_ATTEMPTS: Final = 4
_NO_ENVELOPE: Final = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain'
    " additional fields. If you are trying to deserialize plain JSON data, set schemas.enable=false"
    " in your converter configuration."
)
_ONLY_STRINGS: Final = {str}


class _Form(NamedTuple):
    """How values of one schema are written."""

    before: bytes
    write: Writer
    after: bytes
    is_string: bool
    #: For structs without objects or arrays in them: how many are written at once.
    write_columns: ColumnsWriter | None
    names: Sequence[str]


class _Source(NamedTuple):
    """How payloads of one schema are read."""

    schema: Schema | None
    read: Reader
    is_string: bool
    #: For structs without objects or arrays in them: how many are read at once.
    read_rows: RowsReader | None

    @property
    def is_flat(self) -> bool:
        return self.read_rows is not None

    def read_all(self, parsed: Parsed) -> Sequence[Any] | None:
        """Return the value of each payload; None if they take a look one by one."""
        payloads = parsed.items
        if self.is_string and set(map(type, payloads)) == _ONLY_STRINGS:
            return payloads
        rows = self.read_rows(payloads) if self.read_rows else None
        if rows is not None:
            return rows
        return list(map(self.read, payloads)) if parsed.is_plain() else None


class JsonConverter(Converter, HeaderConverter):
    """Values as JSON, with schemas unless `schemas.enable` is false. Java: JsonConverter."""

    def __init__(self) -> None:
        self._schemas_enabled = True
        self._replace_null = True
        self._options = WriterOptions(replace_null=True, numeric_decimals=False)
        self._cache_size = 0
        self._form = self._make_form
        self._sources: dict[bytes, _Source] = {}
        #: What the last message began with, up to its payload.
        self._prefix = b""
        #: Set by `schema.content`: whole messages are payloads.
        self._content: _Source | None = None
        self._objects: defaultdict[str, ObjectParser] = defaultdict(ObjectParser)

    def config(self) -> ConfigDef:
        return _define_options(converter_config())

    def configure(self, config: Mapping[str, str], *, is_key: bool | None = None) -> None:
        parsed = self.config().parse(with_type(config, is_key=is_key))
        self._schemas_enabled = parsed[_ENABLE] is True
        self._replace_null = parsed[_REPLACE_NULL] is True
        self._options = WriterOptions(
            replace_null=self._replace_null,
            numeric_decimals=str(parsed[_DECIMALS]).upper() == "NUMERIC",
        )
        self._cache_size = max(int(str(parsed[_CACHE_SIZE])), 0)
        self._form = lru_cache(self._cache_size)(self._make_form)
        content = parsed[_CONTENT]
        if self._schemas_enabled and content:
            self._content = self._parse_content(str(content))

    def _parse_content(self, text: str) -> _Source:
        try:
            return self._make_source(json_text.read_exactly(text.encode()))
        except ValueError as error:
            raise ConfigError.invalid(_CONTENT, text, f"Expected JSON: {error}") from error

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if schema is None and value is None:
            return None
        form = self._form(schema)
        return form.before + _written(form, value) + form.after

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        if schema is None:
            return [self.from_connect(topic, None, value) for value in values]
        form = self._form(schema)
        before, after = form.before, form.after
        if form.is_string and set(map(type, values)) == _ONLY_STRINGS:
            written = json_text.write_strings(list(values), before, after)
            if written is not None:
                return cast("list[bytes | None]", written)
        structs = Structs.of(schema, values) if form.write_columns and values else None
        if form.write_columns is not None and structs is not None:
            try:
                columns = form.write_columns(structs.columns)
                written = write_members(form.names, columns, before, after)
                return cast("list[bytes | None]", written)
            except ValueError:
                pass  # half of a surrogate pair somewhere
        return [before + _written(form, value) + after for value in values]

    def _make_form(self, schema: Schema | None) -> _Form:
        write = writer(schema, self._options)
        columns = None if schema is None else columns_writer(schema, self._options)
        names = () if schema is None else tuple(field.name for field in schema.fields)
        if not self._schemas_enabled:
            return _Form(b"", write, b"", _is_string(schema), columns, names)
        described = None if schema is None else schema_to_json(schema, self._options)
        before = _SCHEMA + json_text.write(described) + _PAYLOAD
        return _Form(before, write, b"}", _is_string(schema), columns, names)

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        try:
            if not self._schemas_enabled:
                return SchemaAndValue(None, json_text.read(data))
            return self._read_with_schema(data)
        except ValueError as error:
            raise DataError(
                "Converting byte[] to Kafka Connect data failed due to serialization error: "
            ) from error

    def _read_with_schema(self, data: bytes) -> SchemaAndValue:
        if json_text.is_plain(data):
            try:
                return self._open(orjson.loads(data))
            except (orjson.JSONDecodeError, DigitsNeeded):
                pass
        return self._open(json_text.read_exactly(data))

    def _open(self, parsed: Any) -> SchemaAndValue:
        """Return what an envelope holds, or the message that needs none."""
        if self._content is not None:
            return SchemaAndValue(self._content.schema, self._content.read(parsed))
        members = cast("dict[str, Any]", parsed if isinstance(parsed, dict) else {})
        if len(members) != 2 or "schema" not in members or "payload" not in members:
            raise DataError(_NO_ENVELOPE)
        source = self._source(members["schema"])
        return SchemaAndValue(source.schema, source.read(members["payload"]))

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        if not self._schemas_enabled:
            # Without a schema, an empty value and a null one are what the text `null` is.
            parsed = self._objects[topic].parse_all([item or b"null" for item in data])
            if parsed is not None and parsed.is_plain():
                return [Run(None, parsed.items)]
            return [Run(None, [self.to_connect(topic, item).value for item in data])]
        if None not in data:
            return self._read_runs(topic, cast("Sequence[bytes]", data))
        runs: list[Run] = []
        for is_null, group in groupby(data, lambda item: item is None):
            items = list(group)
            if is_null:
                runs.append(Run(None, items))
            else:
                runs.extend(self._read_runs(topic, cast("Sequence[bytes]", items)))
        return runs

    def _read_runs(self, topic: str, data: Sequence[bytes]) -> Sequence[Run]:
        """Return the messages as one run if they have one schema, else as many as there are."""
        if data:
            try:
                found = self._payloads(self._objects[topic], data)
                if found is not None:
                    source, parsed = found
                    values = source.read_all(parsed)
                    if values is not None:
                        return [Run(source.schema, values)]
            except DigitsNeeded:
                pass
        return super().to_connect_batch(topic, data)

    def _payloads(
        self, objects: ObjectParser, data: Sequence[bytes]
    ) -> tuple[_Source, Parsed] | None:
        """Return the parsed payloads and how to read them; None if messages begin differently."""
        if self._content is not None:
            parsed = objects.parse_all(data, in_any_order=self._content.is_flat)
            return None if parsed is None else (self._content, parsed)
        if not (self._prefix and data[0].startswith(self._prefix)):
            self._prefix = _prefix_of(data[0]) or b""
        prefix = self._prefix
        begin_so = prefix and all(map(bytes.startswith, data, repeat(prefix)))
        if not begin_so or not all(map(bytes.endswith, data, repeat(b"}"))):
            return None
        try:
            source = self._source(orjson.loads(prefix[len(_SCHEMA) : -len(_PAYLOAD)]))
        except DataError:  # of which a message that is no JSON says nothing
            return None
        # A copy of what is between is half the time of a search for the ends in one text.
        payloads = list(map(itemgetter(slice(len(prefix), -1)), data))
        parsed = objects.parse_all(payloads, in_any_order=source.is_flat)
        return None if parsed is None else (source, parsed)

    def _source(self, described: Any) -> _Source:
        try:
            key = orjson.dumps(described)
        except orjson.JSONEncodeError:  # a default with more digits than a float has
            return self._make_source(described)
        source = self._sources.get(key)
        if source is None:
            source = self._make_source(described)
            if len(self._sources) >= self._cache_size:
                self._sources.clear()
            self._sources[key] = source
        return source

    def _make_source(self, described: Any) -> _Source:
        schema = schema_from_json(described, replace_null=self._replace_null)
        read = reader(schema, replace_null=self._replace_null)
        read_rows = rows_reader(schema, replace_null=self._replace_null)
        return _Source(schema, read, _is_string(schema), read_rows)

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return self.from_connect(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect(topic, data)


def _is_string(schema: Schema | None) -> bool:
    if schema is None or schema.name in LOGICAL_NAMES:
        return False
    return schema.type is SchemaType.STRING


def _written(form: _Form, value: Any) -> bytes:
    try:
        return json_text.write(form.write(value))
    except ValueError as error:
        raise DataError(
            "Converting Kafka Connect data to byte[] failed due to serialization error: "
        ) from error


def _prefix_of(data: bytes) -> bytes | None:
    """Return what comes before the payload; None if the message does not begin as Java writes it.

    What stands between `{"schema":` and one of the `,"payload":` is the schema if it is JSON.
    """
    if not data.startswith(_SCHEMA):
        return None
    at = len(_SCHEMA)
    for _ in range(_PAYLOAD_ATTEMPTS):
        at = data.find(_PAYLOAD, at)
        if at < 0:
            return None
        schema = data[len(_SCHEMA) : at]
        at += len(_PAYLOAD)
        try:
            orjson.loads(schema)
        except orjson.JSONDecodeError:
            continue
        return data[:at] if json_text.is_plain(schema) else None
    return None


def _define_options(definition: ConfigDef) -> ConfigDef:
    schemas, serialization = "Schemas", "Serialization"
    return (
        definition.define(
            _ENABLE,
            Type.BOOLEAN,
            True,
            importance=Importance.HIGH,
            documentation="Write the schema beside each key and value, and expect it there.",
            group=schemas,
            order_in_group=0,
            width=Width.MEDIUM,
            display_name="Enable Schemas",
        )
        .define(
            _CACHE_SIZE,
            Type.INT,
            1000,
            importance=Importance.HIGH,
            documentation="How many schemas the converter remembers.",
            group=schemas,
            order_in_group=1,
            width=Width.MEDIUM,
            display_name="Schema Cache Size",
        )
        .define(
            _CONTENT,
            Type.STRING,
            None,
            importance=Importance.HIGH,
            documentation="The schema of all messages, as JSON. If it is set, a message is read as"
            " a payload alone. Has a meaning only for reading, and with schemas enabled.",
            group=schemas,
            order_in_group=2,
            width=Width.MEDIUM,
            display_name="Schema Content",
        )
        .define(
            _DECIMALS,
            Type.STRING,
            "BASE64",
            validator=CaseInsensitiveValidString("NUMERIC", "BASE64"),
            importance=Importance.LOW,
            documentation="How decimals are written: BASE64 of their bytes, or NUMERIC.",
            group=serialization,
            order_in_group=0,
            width=Width.MEDIUM,
            display_name="Decimal Format",
        )
        .define(
            _REPLACE_NULL,
            Type.BOOLEAN,
            True,
            importance=Importance.LOW,
            documentation="Whether the default of a field stands in where its value is null.",
            group=serialization,
            order_in_group=1,
            width=Width.MEDIUM,
            display_name="Replace null with default",
        )
    )
