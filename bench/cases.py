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

#: Bytes of a line, and of most records.
LINE: Final = 101
_TEN_KB: Final = 10_000
_ONE_MB: Final = 1_000_000
#: How many times the bytes of a run with small records one with large records may move.
_MOST_BYTES: Final = 5 * LINE


def fitting(records: int, size: int) -> int:
    """Return how many records of that many bytes stand for so many of a hundred bytes."""
    return max(10, min(records, records * _MOST_BYTES // size))


@dataclass(frozen=True, slots=True)
class SourceCase:
    """A file source: its config beside connector, file and topic, and the length of lines."""

    config: Mapping[str, str]
    size: int = LINE


SOURCES: Final[Mapping[str, SourceCase]] = {
    "file source, String": SourceCase(PLAIN_STRING),
    "file source, Json with schema": SourceCase(JSON_WITH_SCHEMA),
    "file source, Json with schema, HoistField + InsertField": SourceCase(
        {**JSON_WITH_SCHEMA, **HOIST_INSERT}
    ),
    "file source, Json schemaless, HoistField + InsertField": SourceCase(
        {**JSON_SCHEMALESS, **HOIST_INSERT}
    ),
    "file source, Avro, HoistField + InsertField": SourceCase({**AVRO, **HOIST_INSERT}),
    # Else one poll might hold 2,000 of them, which is more than Java's heap.
    "file source, String, records of 10 KB": SourceCase(
        {**PLAIN_STRING, "batch.size": "200"}, _TEN_KB
    ),
    "file source, String, records of 1 MB": SourceCase(
        {**PLAIN_STRING, "batch.size": "20"}, _ONE_MB
    ),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What sinks read: the value of each record by number, and how Kafka holds them."""

    value: Callable[[int], bytes]
    size: int = LINE
    partitions: int = 1
    codec: str = "none"


def text_topic(size: int = LINE, partitions: int = 1, codec: str = "none") -> Topic:
    """Return a topic of lines of text."""
    return Topic(lambda n: text_line(n, size).encode(), size, partitions, codec)


@dataclass(frozen=True, slots=True)
class SinkCase:
    """A file sink: the topic it reads, its config, and what it writes of each record."""

    topic: str
    config: Mapping[str, str]
    #: The line that becomes of record `n`, for its length only.
    written: Callable[[int], str]
    tasks: int = 1

    def size(self, records: int) -> int:
        """Return the bytes that the sink writes of so many records."""
        return sum(len(self.written(n)) + 1 for n in range(records))


def _as_map(n: int) -> str:
    return "{{id={id}, name={name}, amount={amount}, note={note}}}".format(**_record(n))


def _as_changed_map(n: int) -> str:
    return "{{id={id}, title={name}, amount={amount}}}".format(**_record(n))


def _as_changed_struct(n: int) -> str:
    return "Struct{{id={id},title={name},amount={amount}}}".format(**_record(n))


def _json(n: int) -> bytes:
    return json.dumps(_record(n), separators=(",", ":")).encode()


_CODECS: Final = ("lz4", "zstd", "snappy", "gzip")
#: The topics of sinks, but for those in Avro.
TOPICS: Final[Mapping[str, Topic]] = {
    "bench-text": text_topic(),
    "bench-text-10k": text_topic(_TEN_KB),
    "bench-text-1m": text_topic(_ONE_MB),
    **{f"bench-text-{codec}": text_topic(codec=codec) for codec in _CODECS},
    "bench-json": Topic(_json),
    "bench-json-4": Topic(_json, partitions=4),
    "bench-json-schema": Topic(lambda n: _ENVELOPE + json.dumps(_record(n)).encode() + b"}"),
}
SINKS: Final[Mapping[str, SinkCase]] = {
    "file sink, String": SinkCase("bench-text", PLAIN_STRING, lambda n: text_line(n)),
    "file sink, Json schemaless": SinkCase("bench-json", JSON_SCHEMALESS, _as_map),
    "file sink, Json schemaless, ReplaceField + Cast": SinkCase(
        "bench-json", {**JSON_SCHEMALESS, **REPLACE_CAST}, _as_changed_map
    ),
    "file sink, Json with schema, ReplaceField + Cast": SinkCase(
        "bench-json-schema", {**JSON_WITH_SCHEMA, **REPLACE_CAST}, _as_changed_struct
    ),
    "file sink, Avro, ReplaceField + Cast": SinkCase(
        _AVRO_TOPIC, {**AVRO, **REPLACE_CAST}, _as_changed_struct
    ),
    "file sink, Json schemaless, 4 partitions, 2 tasks": SinkCase(
        "bench-json-4", JSON_SCHEMALESS, _as_map, tasks=2
    ),
    "file sink, String, records of 10 KB": SinkCase(
        "bench-text-10k", PLAIN_STRING, lambda n: text_line(n, _TEN_KB)
    ),
    "file sink, String, records of 1 MB": SinkCase(
        "bench-text-1m", PLAIN_STRING, lambda n: text_line(n, _ONE_MB)
    ),
    **{
        f"file sink, String, {codec}": SinkCase(
            f"bench-text-{codec}", PLAIN_STRING, lambda n: text_line(n)
        )
        for codec in _CODECS
    },
}
#: The cases that need a schema registry.
AVRO_CASES: Final = frozenset(name for name in [*SOURCES, *SINKS] if ", Avro" in name)


def with_registry(config: Mapping[str, str], url: str | None) -> dict[str, str]:
    """Return the config with the registry's address, if it has a converter that needs one."""
    if config["value.converter"] != AVRO["value.converter"]:
        return dict(config)
    assert url is not None, "a case with Avro needs a schema registry"
    return {**config, _REGISTRY: url}


def topics(registry_url: str | None) -> dict[str, Topic]:
    """Return the topics of sinks by name; with a registry also the one in Avro."""
    return {**TOPICS, **({} if registry_url is None else {_AVRO_TOPIC: Topic(_avro(registry_url))})}


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


def text_line(n: int, size: int = LINE) -> str:
    """Return line `n` of a file of lines of that length, which is 11 at least."""
    return f"{n:010d} {'abcdefghij' * (size // 10)}"[:size]


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
