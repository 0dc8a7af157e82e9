"""What dead letters hold, for records of sinks and of sources."""

import json
from typing import Any

import pytest

from isthmus.api.errors import ConnectError
from isthmus.api.record import Header, SinkBatch, SinkRecord, SourceBatch, SourceRecord
from isthmus.api.schema import INT32, struct_schema
from isthmus.api.struct import Struct
from isthmus.task.errors import Failure, Stage
from isthmus.task.letters import Letter, letter_of

POINT = struct_schema(("x", INT32))


def source_letter(record: SourceRecord, stage: Stage = Stage.TRANSFORMATION) -> Letter:
    batch = SourceBatch.from_records([record])[0]
    return letter_of(Failure(batch, stage, "c", ConnectError("no")))


def test_a_sinks_record_is_as_it_was_in_kafka() -> None:
    record = SinkRecord(
        topic="renamed",
        partition=1,
        offset=5,
        key=b"k",
        value=None,
        timestamp=-1,
        headers=(Header("h", b"\x00"), Header("h", None)),
        original_topic="t",
        original_partition=2,
    )
    batch = SinkBatch.from_records([record])[0]

    letter = letter_of(Failure(batch, Stage.VALUE_CONVERTER, "c", ConnectError("no")))

    assert (letter.key, letter.value, letter.timestamp) == (b"k", None, 0)
    assert letter.headers == [("h", b"\x00"), ("h", None)]
    assert letter.place == {"topic": "t", "partition": "2", "offset": "5"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ({"a": [1, None]}, b'{"a":[1,null]}'), ("text", b'"text"')],
)
def test_a_sources_value_without_a_schema_is_json(value: Any, expected: bytes | None) -> None:
    assert source_letter(SourceRecord(topic="t", value=value)).value == expected


def test_a_sources_value_with_a_schema_is_json_with_it() -> None:
    record = SourceRecord(topic="t", value=Struct(POINT, x=3), value_schema=POINT)

    document = json.loads(source_letter(record).value or b"")

    assert document["payload"] == {"x": 3}
    assert document["schema"]["fields"][0]["field"] == "x"


def test_a_value_that_is_not_what_its_schema_says_is_text() -> None:
    record = SourceRecord(topic="t", value="three", value_schema=POINT)

    assert source_letter(record).value == b"three"


def test_a_sources_place_is_its_partition_and_offset() -> None:
    record = SourceRecord(
        topic="t",
        value=1,
        key="k",
        headers=(Header("h", 5),),
        source_partition={"file": "ä"},
        source_offset={"position": 7},
    )

    letter = source_letter(record)

    assert (letter.key, letter.headers) == (b'"k"', [("h", b"5")])
    assert letter.place == {
        "topic": "t",
        "partition": None,
        "source.partition": '{"file":"ä"}',
        "source.offset": '{"position":7}',
    }


def test_what_kafka_refused_is_in_the_bytes_that_it_refused() -> None:
    record = SourceRecord(topic="t", value=b"{raw", key=b"k", headers=(Header("h", b"1"),))

    letter = source_letter(record, Stage.KAFKA_PRODUCE)

    assert (letter.key, letter.value, letter.headers) == (b"k", b"{raw", [("h", b"1")])
