"""The worker's properties, compared with those of Kafka 4.3.1 itself."""

import csv
from pathlib import Path

import pytest

from isthmus.api.config_def import ConfigDef, ConfigKey, to_text
from isthmus.config.connector_def import sink_config_def, source_config_def
from isthmus.config.supervision import supervision_def
from isthmus.config.worker_def import worker_config_def

_GOLDEN = Path(__file__).parents[2] / "golden" / "config"


def golden_rows(name: str) -> dict[str, list[str]]:
    """Return what Kafka's own definition says of each setting, by name."""
    with (_GOLDEN / f"{name}_config_def.tsv").open(newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row[0]: row[1:] for row in rows}


def facts(key: ConfigKey) -> list[str]:
    """Return type, default, limits, importance, and the place in a form."""
    default = "REQ" if key.required else to_text(key.default, key.type) or ""
    if key.default is None:
        default = "null"
    limits = "null" if key.validator is None else str(key.validator)
    if key.name.endswith("plugin.version") and key.group is not None:
        limits = "(version)"
    look = [str(key.group), str(key.order_in_group), key.width, key.display_name]
    return [key.type, default, limits, key.importance, *look]


def test_every_property_of_a_java_worker_is_defined_the_same() -> None:
    expected = golden_rows("worker")
    definition = worker_config_def()

    assert set(definition.names) - set(supervision_def().names) == set(expected)
    java = (key for key in definition if key.name in expected)
    assert {key.name: facts(key)[:4] for key in java} == expected


def test_our_own_settings_are_none_of_java() -> None:
    java = {*golden_rows("worker"), *golden_rows("source"), *golden_rows("sink")}
    assert java.isdisjoint(supervision_def().names)


@pytest.mark.parametrize(
    ("name", "definition"), [("source", source_config_def()), ("sink", sink_config_def())]
)
def test_every_setting_of_a_java_connector_is_defined_the_same(
    name: str, definition: ConfigDef
) -> None:
    expected = golden_rows(name)

    assert definition.names == list(expected)
    assert {key.name: facts(key) for key in definition} == expected


@pytest.mark.parametrize("definition", [worker_config_def(), source_config_def()])
def test_every_setting_is_documented_in_whole_sentences(definition: ConfigDef) -> None:
    assert [key.name for key in definition if not key.documentation.endswith(".")] == []
