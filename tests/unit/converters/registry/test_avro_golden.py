"""Avro as Apache's library for Java reads and writes it (recorded by golden/registry)."""

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.converters.registry.avro_from_connect import avro_text
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import parse_avro
from isthmus.converters.registry.avro_to_connect import AvroReader
from isthmus.converters.registry.avro_write import AvroWriting
from isthmus.converters.registry.client import StoredSchema
from tests.support.avro_cases import CASES

_ENHANCED = AvroOptions(enhanced=True)
_RECORDED: dict[str, dict[str, Any]] = {
    line["case"]: line
    for line in map(
        json.loads,
        (Path(__file__).parents[3] / "golden" / "registry" / "avro.jsonl")
        .read_text(encoding="utf-8")
        .splitlines(),
    )
}


def test_every_case_is_recorded() -> None:
    assert list(_RECORDED) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_java_has_read_the_bytes_that_are_written_now(case: str) -> None:
    schema, value = CASES[case]
    text = avro_text(schema, _ENHANCED).text
    write = AvroWriting(_ENHANCED, strict=True).writer(
        schema, parse_avro(StoredSchema("AVRO", text, {}))
    )

    assert json.loads(text) == _RECORDED[case]["schema"]
    assert write(value).hex() == _RECORDED[case]["ours"]


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_that_java_writes_are_read(case: str) -> None:
    schema, value = CASES[case]
    recorded = _RECORDED[case]
    stored = StoredSchema("AVRO", json.dumps(recorded["schema"]), {})

    reader = AvroReader(parse_avro(stored), _ENHANCED)

    read = reader.read([bytes.fromhex(recorded["java_writes"])], 0)[0]
    if case == "a record in a record":
        value["note"] = "said nothing"  # which is written in place of null
    assert (reader.schema.type, read) == (schema.type, value)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("text beyond the BMP", "grün 😀"),
        ("a list with null", "[a, null]"),
        ("a map by number", '[{"key": 7, "value": "seven"}]'),
        (
            "a record in a record",
            '{"inner": {"x": -1099511627776}, "none": null, "note": "said nothing"}',
        ),
        ("an enum", "BLUE"),
        ("a union", "text"),
    ],
)
def test_java_reads_what_was_meant(case: str, text: str) -> None:
    assert _RECORDED[case]["java_reads"] == text
