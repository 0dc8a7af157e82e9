"""The transformations and predicates beside Apache's own, on the same records.

`tests/golden/transforms/inputs.py` says how the results were recorded.
"""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from isthmus.api.config_def import ConfigKey, to_text
from isthmus.api.errors import ConfigError, ConnectError, DataError, SchemaBuilderError
from isthmus.api.record import Header, SinkBatch, SinkRecord, SourceBatch, SourceRecord
from isthmus.api.transformation import Predicate
from isthmus.plugins import PluginKind, Plugins
from tests.golden.transforms.inputs import cases as input_cases
from tests.support.java_notation import shown_schema, shown_value
from tests.support.json_data import read_data

GOLDEN = Path(__file__).parents[2] / "golden"
PLUGINS = Plugins.discover()
KINDS = (PluginKind.TRANSFORMATION, PluginKind.PREDICATE)

Record = SourceRecord | SinkRecord


@cache
def golden_cases() -> list[dict[str, Any]]:
    lines = (GOLDEN / "transforms" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def create(name: str) -> Any:
    return PLUGINS.create(PLUGINS.find(KINDS, f"org.apache.kafka.connect.transforms.{name}"))


def read_record(case: dict[str, Any]) -> Record:
    """Return the record of a case, as the Java program makes it."""
    key_schema, key = read_data(case.get("key"))
    value_schema, value = read_data(case["value"])
    found = [(name, read_data(data)) for name, data in case.get("headers", ())]
    data: dict[str, Any] = {
        "topic": case.get("topic", "t"),
        "key": key,
        "key_schema": key_schema,
        "value": value,
        "value_schema": value_schema,
        "timestamp": case.get("timestamp"),
        "headers": tuple(Header(name, value, schema) for name, (schema, value) in found),
    }
    if case.get("source"):
        place: dict[str, Any] = {"source_partition": {"s": 1}, "source_offset": {"o": 2}}
        return SourceRecord(partition=case.get("partition"), **data, **place)
    partition = case.get("partition", 0)
    return SinkRecord(
        partition=partition,
        offset=case.get("offset", 7),
        original_topic=data["topic"],
        original_partition=partition,
        **data,
    )


def shown(record: Record | None) -> str:
    if record is None:
        return "DROPPED"
    headers = [
        f"{h.key}={shown_schema(h.schema)} {shown_value(h.value, h.schema)}" for h in record.headers
    ]
    time = "null" if record.timestamp is None else record.timestamp
    partition = "null" if record.partition is None else record.partition
    return (
        f"{record.topic} {partition} {time}"
        f" key={shown_schema(record.key_schema)} {shown_value(record.key, record.key_schema)}"
        f" value={shown_schema(record.value_schema)}"
        f" {shown_value(record.value, record.value_schema)} headers=[{', '.join(headers)}]"
    )


#: Where a result is another one on purpose: the class, what is part of Java's result, and how ours
#: begins. Java reports wrong use of its own API in these words, or by a NullPointerException.
ON_PURPOSE = (
    # Java refuses all but structs there, though the name of a schema is not only for structs.
    ("SetSchemaMetadata", "ERR DataException: Cannot list fields on non-struct", "t 0 null key="),
    # A task that cannot do its work says so at its start, not at its first record.
    ("TimestampRouter", "ERR IllegalArgumentException", "CONFIG ConfigException: Invalid value"),
    ("ExtractField", "fromIndex(0) > toIndex(-1)", "CONFIG ConfigException: No field in path: []"),
    # Errors of Java's regular expressions are in Java's words, and Python lacks some of them.
    ("RegexRouter", "Invalid regex: ", "CONFIG ConfigException: Invalid value"),
    ("TopicNameMatches", "Invalid regex: ", "CONFIG ConfigException: Invalid value"),
    ("RegexRouter", "n 3 null", "CONFIG ConfigException: Invalid value [a-c[x]]+"),
    ("HeaderFrom", "NullPointerException", "ERR DataException: Field does not exist: zz"),
    ("TimestampConverter", "NullPointerException", "ERR DataException: Could not parse timestamp"),
    # Days of weeks are not read where they are all that is said of the day.
    ("TimestampConverter", "Long:1704240000000", "ERR DataException: Could not parse timestamp"),
    (
        "InsertField",
        "InsertField$InsertionSpec@",
        "CONFIG ConfigException: Invalid value null for configuration static.value:"
        " No value specified for static field: a",
    ),
)
#: Java's own errors of a record; all are DataErrors here.
NOT_CONNECTS = ("IllegalArgumentException", "IndexOutOfBoundsException")


def agrees(case: dict[str, Any], mine: str) -> bool:
    java: str = case["result"]
    if mine == java:
        return True
    for name in NOT_CONNECTS:
        if mine == java.replace(f"ERR {name}:", "ERR DataException:"):
            return True
    return any(
        name in case["class"] and theirs in java and mine.startswith(ours)
        for name, theirs, ours in ON_PURPOSE
    )


JAVA_NAMES = {
    ConfigError: "ConfigException",
    ConnectError: "ConnectException",
    DataError: "DataException",
    SchemaBuilderError: "SchemaBuilderException",
}


def result(case: dict[str, Any]) -> str:
    """Return what becomes of a case, in the words of the Java program."""
    plugin = create(case["class"])
    try:
        plugin.configure(case["config"])
    except ConnectError as error:
        return f"CONFIG {JAVA_NAMES[type(error)]}: {error}"
    record = read_record(case)
    try:
        if isinstance(plugin, Predicate):
            return str(plugin.test(record)).lower()
        return shown(plugin.apply(record))
    except ConnectError as error:
        return f"ERR {JAVA_NAMES[type(error)]}: {error}"


@pytest.mark.parametrize("name", sorted({case["class"] for case in golden_cases()}))
def test_each_record_becomes_what_apaches_class_makes_of_it(name: str) -> None:
    cases = [case for case in golden_cases() if case["class"] == name]

    results = [(case, result(case)) for case in cases]

    assert [(case, mine) for case, mine in results if not agrees(case, mine)] == []


def test_the_recorded_cases_are_those_that_the_script_prints() -> None:
    recorded = [
        {key: part for key, part in case.items() if key != "result"} for case in golden_cases()
    ]

    assert recorded == list(input_cases())


def test_every_setting_is_defined_as_in_java() -> None:
    path = GOLDEN / "config" / "transforms_config_def.tsv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

    for name in {row[0] for row in rows}:
        expected = [row[1:] for row in rows if row[0] == name]
        assert [facts(key) for key in create(name).config()] == expected


def facts(key: ConfigKey) -> list[str]:
    default = "REQ" if key.required else to_text(key.default, key.type)
    limits = "null" if key.validator is None else str(key.validator)
    look = [str(key.group or "null"), str(key.order_in_group), key.width, key.display_name]
    shown_default = "null" if default is None else default
    return [key.name, key.type, shown_default, limits, key.importance, *look]


def test_a_batch_becomes_what_its_records_become_one_by_one() -> None:
    """Records of one config go together as far as they share topic, schemas and the like."""
    for (name, config), group in grouped().items():
        plugin = configured(name, dict(config))
        records = [record for record in map(read_record, group) if becomes(plugin, record)]
        for kind in (SourceBatch, SinkBatch):
            alike = [r for r in records if isinstance(r, SourceRecord) == (kind is SourceBatch)]
            for batch in kind.from_records(alike * 2):  # pyright: ignore[reportArgumentType]
                check_batch(plugin, batch)


def grouped() -> dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]]:
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]] = {}
    for case in golden_cases():
        if not case["result"].startswith("CONFIG"):
            groups.setdefault((case["class"], tuple(case["config"].items())), []).append(case)
    return groups


def configured(name: str, config: dict[str, str]) -> Any:
    plugin = create(name)
    try:
        plugin.configure(config)
    except ConfigError:
        return None
    return plugin


def becomes(plugin: Any, record: Record) -> bool:
    """Return whether something can be made of a record."""
    if plugin is None:
        return False
    try:
        plugin.test(record) if isinstance(plugin, Predicate) else plugin.apply(record)
    except ConnectError:
        return False
    return True


def check_batch(plugin: Any, batch: SourceBatch | SinkBatch) -> None:
    if isinstance(plugin, Predicate):
        assert plugin.test_batch(batch) == [plugin.test(record) for record in batch]
        return
    made = [shown(record) for part in plugin.apply_batch(batch) for record in part]
    alone = [plugin.apply(record) for record in batch]
    assert made == [shown(record) for record in alone if record is not None]
