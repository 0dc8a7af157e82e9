"""What Apicurio's converters for Java make of our bytes, and we of theirs (golden/registry).

Both had one registry, so equal bytes have equal ids: the schemas are equal as well.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.converters import json_text
from isthmus.converters.json import JsonConverter
from isthmus.converters.json_read import reader
from isthmus.converters.registry.avro_from_connect import avro_text
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import parse_avro
from isthmus.converters.registry.avro_to_connect import AvroReader
from isthmus.converters.registry.client import StoredSchema
from tests.support.protobuf_cases import CASES

_GOLDEN = Path(__file__).parents[3] / "golden" / "registry" / "apicurio.jsonl"
_RECORDED: dict[str, dict[str, Any]] = {
    line["case"]: line for line in map(json.loads, _GOLDEN.read_text(encoding="utf-8").splitlines())
}


def test_every_case_is_recorded() -> None:
    assert list(_RECORDED) == list(CASES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("converter", ["avro", "ext_json"])
def test_java_writes_the_bytes_that_we_do_and_reads_what_was_meant(
    converter: str, case: str
) -> None:
    recorded = _RECORDED[case]
    plain = JsonConverter()
    plain.configure({}, is_key=False)

    assert recorded[f"{converter}_writes"] == recorded[f"{converter}_ours"]
    expected = json.loads(plain.from_connect("t", *CASES[case]) or b"")
    read = json.loads(recorded[f"{converter}_reads"])
    assert read["payload"] == expected["payload"]


@pytest.mark.parametrize("case", CASES)
def test_the_avro_that_java_writes_is_read(case: str) -> None:
    schema, value = CASES[case]
    options = AvroOptions()
    avro = parse_avro(StoredSchema("AVRO", avro_text(schema, options).text, {}))

    data = bytes.fromhex(_RECORDED[case]["avro_writes"])

    assert AvroReader(avro, options).read([data], 9) == [value]


@pytest.mark.parametrize("case", CASES)
def test_the_json_that_java_writes_is_read(case: str) -> None:
    schema, value = CASES[case]

    data = bytes.fromhex(_RECORDED[case]["ext_json_writes"])

    payload = json_text.read_exactly(data)["payload"]
    assert reader(schema, replace_null=True)(payload) == value
