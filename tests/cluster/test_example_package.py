"""The examples as a user's own package: built, put on `plugin.path`, and run."""

import sqlite3
import sys
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, expect_value
from tests.support.pip import pip

ROOT = Path(__file__).parents[2]
JSON = "org.apache.kafka.connect.json.JsonConverter"


def rows(database: Path) -> list[str]:
    """Return the values that the sink has written, in order."""
    if not database.exists():
        return []
    with sqlite3.connect(database) as connection:
        try:
            found = connection.execute("SELECT value FROM records ORDER BY value").fetchall()
        except sqlite3.OperationalError:  # the table is not there yet
            return []
    return [value for (value,) in found]


def test_connectors_converter_and_transformation_of_a_package_run(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "plugins" / "examples"
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(place), str(ROOT / "examples"))
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    cluster.properties["plugin.path"] = str(tmp_path / "plugins")
    cluster.start(1)
    topic, database = f"{cluster.group}-numbers", tmp_path / "numbers.db"

    plain = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
    numbers = {"connector.class": "SeriesSource", "topic": topic, "series": "a", "count": "3"}
    cluster.create("numbers", {**numbers, **plain})
    sink = {
        "connector.class": "SqliteSink",
        "topics": topic,
        "file": str(database),
        "value.converter": "Csv",
        "transforms": "drop",
        "transforms.drop.type": "DropField",
        "transforms.drop.field": "secret",
    }
    cluster.create("rows", sink)

    expect_value("the rows", lambda: rows(database), ['["0"]', '["1"]', '["2"]'])
    _, listed = cluster.request("GET", "/connector-plugins")
    own = [each for each in listed if each["class"].startswith("isthmus_examples.")]
    assert own == [
        {
            "class": "isthmus_examples.sqlite_sink.SqliteSinkConnector",
            "type": "sink",
            "version": "1.0",
        },
        {
            "class": "isthmus_examples.series_source.SeriesSourceConnector",
            "type": "source",
            "version": "1.0",
        },
    ]
    cluster.stop()
