"""Protobuf as Google's library for Java reads and writes it (recorded by golden/registry).

protoc is a process, so this is no unit test.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.api.struct import Struct
from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.protobuf_compile import compile_protobuf
from isthmus.converters.registry.protobuf_from_connect import protobuf_text
from isthmus.converters.registry.protobuf_options import ProtobufOptions
from isthmus.converters.registry.protobuf_to_connect import ProtobufReader
from isthmus.converters.registry.protobuf_write import ProtobufWriting
from tests.support.protobuf_cases import CASES

_OPTIONS = ProtobufOptions()
_GOLDEN = Path(__file__).parents[1] / "golden" / "registry" / "protobuf.jsonl"
_RECORDED: dict[str, dict[str, Any]] = {
    line["case"]: line for line in map(json.loads, _GOLDEN.read_text(encoding="utf-8").splitlines())
}


def test_every_case_is_recorded() -> None:
    assert list(_RECORDED) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_java_and_we_read_what_the_other_writes(case: str) -> None:
    schema, value = CASES[case]
    recorded = _RECORDED[case]
    text = protobuf_text(schema, _OPTIONS).text
    file = compile_protobuf(StoredSchema("PROTOBUF", text, {}))
    message = file.message_at([0])

    written = ProtobufWriting(_OPTIONS, strict=True).writer(schema, message)(value)
    reader = ProtobufReader(file, message, _OPTIONS)
    read: Any = reader.read([bytes.fromhex(recorded["java_writes"])], 0)[0]

    assert (text, written.hex()) == (recorded["schema"], recorded["ours"])
    assert _plain(read) == _plain(value)


def _plain(value: Any) -> Any:
    """Return structs as their values: schemas read carry the numbers of fields, ours do not."""
    if isinstance(value, Struct):
        return [_plain(value[name]) for name in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("int32 at its end", "it: -2147483648"),
        ("text beyond the BMP", 'it: "grün 😀"'),
        ("a map by name", 'it { key: "one" value: 1 }'),
        ("a date", "it { year: 1969 month: 12 day: 31 }"),
        ("a message in a message", "it { x: -1099511627776 }"),
    ],
)
def test_java_reads_what_was_meant(case: str, text: str) -> None:
    assert _RECORDED[case]["java_reads"] == text
