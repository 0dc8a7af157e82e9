"""The data that benchmarks move, and the connectors that move it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isthmus.api.schema import INT32, INT64, struct_schema
from isthmus.api.schema import STRING as TEXT
from isthmus.api.struct import Struct
from isthmus.converters.registry.avro import AvroConverter

STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
SOURCE: Final = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK: Final = "org.apache.kafka.connect.file.FileStreamSinkConnector"
_TRANSFORMS: Final = "org.apache.kafka.connect.transforms"

PLAIN_STRING: Final = {"value.converter": STRING}
JSON_WITH_SCHEMA: Final = {"value.converter": JSON, "value.converter.schemas.enable": "true"}
JSON_SCHEMALESS: Final = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
#: Apicurio's converter, told to write ids of four bytes as Confluent's does.
AVRO: Final = {
    "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
    "value.converter.apicurio.registry.auto-register": "true",
    "value.converter.apicurio.registry.id-handler": (
        "io.apicurio.registry.serde.Legacy4ByteIdHandler"
    ),
    "value.converter.apicurio.registry.use-id": "contentId",
}
#: What Java's worker needs for it.
AVRO_JARS: Final = Path(__file__).with_name("apicurio-converter-2.6.13.jars")
_AVRO_TOPIC: Final = "bench-avro"
_REGISTRY: Final = "value.converter.apicurio.registry.url"
#: A line becomes the member of a struct, and gets a second one beside it.
HOIST_INSERT: Final = {
    "transforms": "hoist,insert",
    "transforms.hoist.type": f"{_TRANSFORMS}.HoistField$Value",
    "transforms.hoist.field": "line",
    "transforms.insert.type": f"{_TRANSFORMS}.InsertField$Value",
    "transforms.insert.static.field": "origin",
    "transforms.insert.static.value": "bench",
}
#: One member goes, one gets another name, one another type.
REPLACE_CAST: Final = {
    "transforms": "replace,cast",
    "transforms.replace.type": f"{_TRANSFORMS}.ReplaceField$Value",
    "transforms.replace.exclude": "note",
    "transforms.replace.renames": "name:title",
    "transforms.cast.type": f"{_TRANSFORMS}.Cast$Value",
    "transforms.cast.spec": "amount:string",
}

#: The config of each case of a file source, beside connector, file and topic.
SOURCES: Final[Mapping[str, Mapping[str, str]]] = {
    "file source, String": PLAIN_STRING,
    "file source, Json with schema": JSON_WITH_SCHEMA,
    "file source, Json with schema, HoistField + InsertField": {
        **JSON_WITH_SCHEMA,
        **HOIST_INSERT,
    },
    "file source, Json schemaless, HoistField + InsertField": {**JSON_SCHEMALESS, **HOIST_INSERT},
    "file source, Avro, HoistField + InsertField": {**AVRO, **HOIST_INSERT},
}


@dataclass(frozen=True, slots=True)
class SinkCase:
    """A file sink: the topic it reads, its config, and what it writes of each record."""

    topic: str
    config: Mapping[str, str]
    #: A template of the line that becomes of record `n`, for its length only.
    written: str

    def size(self, records: int) -> int:
        """Return the bytes that the sink writes of so many records."""
        return sum(len(self.written.format(**_record(n))) + 1 for n in range(records))


#: The values of these topics, by number.
TOPICS: Final[Mapping[str, Callable[[int], bytes]]] = {
    "bench-text": lambda n: text_line(n).encode(),
    "bench-json": lambda n: json.dumps(_record(n), separators=(",", ":")).encode(),
    "bench-json-schema": lambda n: _ENVELOPE + json.dumps(_record(n)).encode() + b"}",
}
SINKS: Final[Mapping[str, SinkCase]] = {
    "file sink, String": SinkCase("bench-text", PLAIN_STRING, "{id:010d} " + "abcdefghij" * 9),
    "file sink, Json schemaless": SinkCase(
        "bench-json",
        JSON_SCHEMALESS,
        "{{id={id}, name={name}, amount={amount}, note={note}}}",
    ),
    "file sink, Json schemaless, ReplaceField + Cast": SinkCase(
        "bench-json",
        {**JSON_SCHEMALESS, **REPLACE_CAST},
        "{{id={id}, title={name}, amount={amount}}}",
    ),
    "file sink, Json with schema, ReplaceField + Cast": SinkCase(
        "bench-json-schema",
        {**JSON_WITH_SCHEMA, **REPLACE_CAST},
        "Struct{{id={id},title={name},amount={amount}}}",
    ),
    "file sink, Avro, ReplaceField + Cast": SinkCase(
        _AVRO_TOPIC,
        {**AVRO, **REPLACE_CAST},
        "Struct{{id={id},title={name},amount={amount}}}",
    ),
}
#: The cases that need a schema registry.
AVRO_CASES: Final = frozenset(name for name in [*SOURCES, *SINKS] if ", Avro" in name)


def with_registry(config: Mapping[str, str], url: str | None) -> dict[str, str]:
    """Return the config with the registry's address, if it has a converter that needs one."""
    if config["value.converter"] != AVRO["value.converter"]:
        return dict(config)
    assert url is not None, "a case with Avro needs a schema registry"
    return {**config, _REGISTRY: url}


def topics(registry_url: str | None) -> dict[str, Callable[[int], bytes]]:
    """Return the values of the topics by number; with a registry also those in Avro."""
    return {**TOPICS, **({} if registry_url is None else {_AVRO_TOPIC: _avro(registry_url)})}


def _avro(url: str) -> Callable[[int], bytes]:
    converter = AvroConverter()
    config = with_registry(AVRO, url)
    prefix = "value.converter."
    converter.configure(
        {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)},
        is_key=False,
    )

    def value(n: int) -> bytes:
        data = converter.from_connect(_AVRO_TOPIC, _RECORD, Struct(_RECORD, **_record(n)))
        assert data is not None
        return data

    return value


def text_line(n: int) -> str:
    """Return line `n` of the file that sources read, some hundred bytes."""
    return f"{n:010d} {'abcdefghij' * 9}"


def _record(n: int) -> dict[str, object]:
    return {"id": n, "name": f"name-{n:08d}", "amount": n % 1000, "note": "abcdefghij" * 4}


def _member(name: str, kind: str) -> dict[str, object]:
    return {"type": kind, "optional": False, "field": name}


_RECORD = struct_schema(
    ("id", INT64), ("name", TEXT), ("amount", INT32), ("note", TEXT), name="bench.Record"
)
_SCHEMA = {
    "type": "struct",
    "fields": [
        _member("id", "int64"),
        _member("name", "string"),
        _member("amount", "int32"),
        _member("note", "string"),
    ],
    "optional": False,
    "name": "bench.Record",
}
_ENVELOPE = b'{"schema":' + json.dumps(_SCHEMA, separators=(",", ":")).encode() + b',"payload":'
