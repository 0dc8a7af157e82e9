"""What a dead letter holds: a record that failed, in bytes, and where it was.

A sink's record is as it was in Kafka. A source's was in no Kafka yet: if all its conversions were
done it has the bytes that Kafka refused, else it is written as JSON, with its schema where it has
one, and what is no JSON as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from isthmus.api.errors import DataError
from isthmus.api.java_text import java_text
from isthmus.api.record import Headers, SinkBatch, SourceBatch
from isthmus.api.schema import Schema
from isthmus.converters.json import JsonConverter
from isthmus.kafka.jackson import jackson_dumps
from isthmus.task.errors import Failure, Stage


@dataclass(frozen=True, slots=True)
class Letter:
    """A record to be written to a dead-letter topic.

    `timestamp` is milliseconds since the epoch, 0 for the time of writing. `place` has the texts
    of the context headers that say where the record was, by their names without the prefix.
    """

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int
    place: Mapping[str, str | None]


def letter_of(failure: Failure) -> Letter:
    """Return the letter that tells of a failed record."""
    record = failure.record
    if isinstance(record, SinkBatch):
        return _from_kafka(record)
    return _from_source(record, is_converted=failure.stage is Stage.KAFKA_PRODUCE)


def _from_kafka(record: SinkBatch) -> Letter:
    row = record.record(0)
    return Letter(
        key=row.key,
        value=row.value,
        headers=[(name, data) for name, data, _ in row.headers],
        timestamp=max(row.timestamp or 0, 0),
        place={
            "topic": row.original_topic,
            "partition": str(row.original_partition),
            "offset": str(row.offset),
        },
    )


def _from_source(record: SourceBatch, *, is_converted: bool) -> Letter:
    row = record.record(0)
    # What a task gives and what it should give may differ: it may be the reason of the failure.
    headers: Headers = row.headers or ()
    return Letter(
        key=row.key if is_converted else _json(row.key_schema, row.key),
        value=row.value if is_converted else _json(row.value_schema, row.value),
        headers=[
            (name, data if is_converted else _json(schema, data)) for name, data, schema in headers
        ],
        timestamp=max(row.timestamp or 0, 0),
        place={
            "topic": row.topic,
            "partition": None if row.partition is None else str(row.partition),
            "source.partition": _text(row.source_partition),
            "source.offset": _text(row.source_offset),
        },
    )


def _json(schema: Schema | None, value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return _converter(schema is not None).from_connect("", schema, value)
    except (DataError, TypeError, ValueError, AttributeError):
        return java_text(value, schema).encode("utf-8", "replace")


@cache
def _converter(with_schema: bool) -> JsonConverter:
    converter = JsonConverter()
    converter.configure({"schemas.enable": str(with_schema).lower()}, is_key=False)
    return converter


def _text(place: Mapping[str, Any] | None) -> str | None:
    if place is None:
        return None
    try:
        return jackson_dumps(dict(place)).decode()
    except (TypeError, ValueError):
        return str(dict(place))
