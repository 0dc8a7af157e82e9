"""The examples of docs/writing-connectors.md do what the page says."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from examples import orders
from examples.csv_converter import CsvConverter
from examples.drop_field import DropField
from examples.series_source import SeriesSourceConnector
from examples.sqlite_sink import SqliteSinkConnector, SqliteSinkTask
from isthmus.api.errors import ConnectError, DataError, RetriableError
from isthmus.api.record import SourceRecord
from isthmus.plugins import CONNECTORS, PluginKind, Plugins
from isthmus.testing import SinkRun, SourceRun, errors, from_bytes, to_bytes, transformed

SOURCE = {"topic": "numbers", "series": "a,b,c", "count": "700"}


def rows(file: Path) -> list[tuple[int, str]]:
    database = sqlite3.connect(file)
    try:
        return database.execute("SELECT offset, value FROM records ORDER BY offset").fetchall()
    finally:
        database.close()


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        (CONNECTORS, "examples.series_source:SeriesSourceConnector"),
        (CONNECTORS, "examples.sqlite_sink.SqliteSinkConnector"),
        (PluginKind.CONVERTER, "examples.csv_converter.CsvConverter"),
        (PluginKind.TRANSFORMATION, "examples.drop_field.DropField"),
    ],
)
def test_each_is_found_by_its_python_name(kinds: Any, name: str) -> None:
    plugins = Plugins([])

    assert plugins.create(plugins.find(kinds, name)).config() is not None


def test_series_are_shared_out_among_the_tasks() -> None:
    connector = SeriesSourceConnector()
    connector.start(SOURCE)

    shares = {n: [c["series"] for c in connector.task_configs(n)] for n in (1, 2, 8)}

    assert shares == {1: ["a,b,c"], 2: ["a,c", "b"], 8: ["a", "b", "c"]}


def test_a_series_is_counted_from_where_it_was_committed() -> None:
    config = {**SOURCE, "series": "a,b"}
    offsets = [({"series": "a"}, {"next": 698})]

    with SourceRun(SeriesSourceConnector(), config, offsets=offsets) as source:
        found = source.poll(702)

    assert [record.value for record in found] == [698, 699, *range(700)]
    assert (found[0].source_partition, found[0].source_offset) == ({"series": "a"}, {"next": 699})


def test_a_source_that_has_counted_to_its_end_waits() -> None:
    with SourceRun(SeriesSourceConnector(), {**SOURCE, "series": "a", "count": "1"}) as source:
        source.poll(1)
        assert source.poll_once() == []


def test_a_wrong_setting_is_told() -> None:
    assert errors(SeriesSourceConnector(), {"topic": "", "count": "-1"}) == {
        "topic": ["Invalid value  for configuration topic: String must be non-empty"],
        "count": ["Invalid value -1 for configuration count: Value must be at least 0"],
        "series": ['Missing required configuration "series" which has no default value.'],
    }


def test_a_record_that_comes_again_stays_one_row(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"

    with SinkRun(SqliteSinkConnector(), {"file": str(file)}) as sink:
        again = [sink.record("one"), sink.record({"n": 2})]
        sink.put_records(again)
        sink.put(*again, None)
        sink.put()

    assert rows(file) == [(0, "one"), (1, '{"n": 2}'), (2, None)]


def test_a_busy_database_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"
    with SinkRun(SqliteSinkConnector(), {"file": str(file)}) as sink:
        record = sink.record("one")
        other = sqlite3.connect(file)
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(RetriableError, match="busy"):
            sink.put(record)
        other.close()

        sink.put(record)
    assert rows(file) == [(0, "one")]


def test_a_file_that_cannot_be_made_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="cannot be used"):
        SqliteSinkTask().start({"file": str(tmp_path / "nowhere" / "rows.db")})


def test_the_sink_has_as_many_tasks_as_allowed() -> None:
    connector = SqliteSinkConnector()
    connector.start({"file": "x"})

    assert connector.task_configs(3) == [{"file": "x"}] * 3


def test_a_list_comes_back_as_strings() -> None:
    options = {"delimiter": ";"}

    data = to_bytes(CsvConverter(), ["a;b", 1, "", 'say "x"'], config=options)

    assert data == b'"a;b";1;;"say ""x"""'
    assert from_bytes(CsvConverter(), data, config=options).value == ["a;b", "1", "", 'say "x"']
    assert from_bytes(CsvConverter(), None).value is None


def test_what_is_no_csv_is_refused() -> None:
    converter = CsvConverter()

    with pytest.raises(DataError, match="found dict"):
        converter.from_connect("t", None, {})
    with pytest.raises(DataError, match="not a line of CSV"):
        converter.to_connect("t", b"\xff")


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": 1, "secret": 2}, {"a": 1}), ({"a": 3}, {"a": 3}), ("text", "text")],
)
def test_a_field_is_taken_out(value: object, expected: object) -> None:
    record = SourceRecord(topic="t", value=value)

    made = transformed(DropField(), record, {"field": "secret"})

    assert made is not None
    assert made.value == expected


def test_the_value_that_the_connector_holds_stays_as_it_is() -> None:
    value = {"a": 1, "secret": 2}

    transformed(DropField(), SourceRecord(topic="t", value=value), {"field": "secret"})

    assert value == {"a": 1, "secret": 2}


def test_an_order_is_fitted_to_its_table() -> None:
    assert (orders.row.schema, orders.row.values) == (orders.TABLE, [7, "new"])
