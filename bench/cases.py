"""The data that benchmarks move, and the connectors that move it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
SOURCE: Final = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK: Final = "org.apache.kafka.connect.file.FileStreamSinkConnector"
_TRANSFORMS: Final = "org.apache.kafka.connect.transforms"

PLAIN_STRING: Final = {"value.converter": STRING}
JSON_WITH_SCHEMA: Final = {"value.converter": JSON, "value.converter.schemas.enable": "true"}
JSON_SCHEMALESS: Final = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
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
}


def text_line(n: int) -> str:
    """Return line `n` of the file that sources read, some hundred bytes."""
    return f"{n:010d} {'abcdefghij' * 9}"


def _record(n: int) -> dict[str, object]:
    return {"id": n, "name": f"name-{n:08d}", "amount": n % 1000, "note": "abcdefghij" * 4}


def _member(name: str, kind: str) -> dict[str, object]:
    return {"type": kind, "optional": False, "field": name}


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
