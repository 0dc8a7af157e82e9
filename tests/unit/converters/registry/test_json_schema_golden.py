"""JSON with a JSON Schema as Java's libraries take, read and write it (golden/registry)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.json_schema_cases import CASES

_GOLDEN = Path(__file__).parents[3] / "golden" / "registry" / "json_schema.jsonl"
_RECORDED: dict[str, dict[str, Any]] = {
    line["case"]: line for line in map(json.loads, _GOLDEN.read_text(encoding="utf-8").splitlines())
}


def test_every_case_is_recorded() -> None:
    assert list(_RECORDED) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_java_and_we_read_what_the_other_writes(case: str) -> None:
    schema, value, _ = CASES[case]
    recorded = _RECORDED[case]
    with CASES[case].converter() as converter:
        text = converter.own_schema(schema).text
        data = converter.from_connect("t", schema, value)
        assert data is not None

        read = converter.to_connect("t", data[:5] + recorded["java_writes"].encode())

    if case == "a record in a record":
        value["note"] = "said nothing"  # which is written in place of null
    assert json.loads(text) == recorded["schema"]
    assert data[5:].decode() == recorded["ours"] == recorded["java_writes"]
    assert (read.schema, read.value) == (schema, value)


@pytest.mark.parametrize(
    ("case", "schema", "title"),
    [
        ("a whole double", "NumberSchema", ""),
        ("an optional text", "CombinedSchema", ""),
        ("a map by number", "ArraySchema", ""),
        ("a decimal", "StringSchema", "org.apache.kafka.connect.data.Decimal"),
        ("a record in a record", "ObjectSchema", "shop.Outer"),
    ],
)
def test_java_takes_the_schema_for_what_was_meant(case: str, schema: str, title: str) -> None:
    recorded = _RECORDED[case]

    assert (recorded["java_schema"], recorded["java_title"]) == (schema, title)
