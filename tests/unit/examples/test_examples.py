"""The examples of docs/writing-connectors.md do what the page says."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from examples.csv_converter import CsvConverter
from examples.drop_field import DropField
from examples.series_source import SeriesSourceConnector, SeriesSourceTask
from examples.sqlite_sink import SqliteSinkConnector, SqliteSinkTask
from isthmus.api.errors import ConfigError, ConnectError, DataError, RetriableError
from isthmus.api.record import SinkBatch, SinkRecord, SinkRecords, SourceRecord
from isthmus.plugins import CONNECTORS, PluginKind, Plugins

SOURCE = {"topic": "numbers", "series": "a,b,c", "count": "700"}


class Offsets:
    """What was committed, by series; also the context, since a source asks for nothing else."""

    def __init__(self, committed: Mapping[str, int] | None = None) -> None:
        self.committed = committed or {}
        self.slept = 0.0

    @property
    def offset_reader(self) -> "Offsets":
        return self

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        series = partition["series"]
        return {"next": self.committed[series]} if series in self.committed else None

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
        return [self.offset(partition) for partition in partitions]

    def stopping(self) -> bool:
        return False

    def sleep(self, seconds: float) -> bool:
        self.slept += seconds
        return False


def polled(task: SeriesSourceTask) -> list[SourceRecord]:
    records: list[SourceRecord] = []
    while batch := task.poll():
        records.extend(batch)
    return records


def records(*values: object, topic: str = "t") -> SinkRecords:
    rows = [
        SinkRecord(
            topic=topic,
            partition=0,
            offset=number,
            key=None,
            value=value,
            original_topic=topic,
            original_partition=0,
        )
        for number, value in enumerate(values)
    ]
    return SinkRecords(SinkBatch.from_records(rows))


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
    task = SeriesSourceTask()
    task.context = Offsets({"a": 698})
    task.start({**SOURCE, "series": "a,b"})

    found = polled(task)

    assert [record.value for record in found] == [698, 699, *range(700)]
    assert (found[0].source_partition, found[0].source_offset) == ({"series": "a"}, {"next": 699})
    assert task.context.slept == 0.5


def test_a_wrong_setting_is_told() -> None:
    errors = {
        value.name: value.error_messages
        for value in SeriesSourceConnector().validate({"topic": "", "count": "-1"})
    }

    assert errors["topic"] == ["Invalid value  for configuration topic: String must be non-empty"]
    assert errors["count"] == ["Invalid value -1 for configuration count: Value must be at least 0"]
    assert errors["series"] == [
        'Missing required configuration "series" which has no default value.'
    ]


def test_a_record_that_comes_again_stays_one_row(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"
    task = SqliteSinkTask()
    task.start({"file": str(file)})

    task.put(records("one", {"n": 2}))
    task.put(records("one", {"n": 2}, None))
    task.put(SinkRecords())
    task.stop()

    assert rows(file) == [(0, "one"), (1, '{"n": 2}'), (2, None)]


def test_a_busy_database_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"
    task = SqliteSinkTask()
    task.start({"file": str(file)})
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(RetriableError, match="busy"):
        task.put(records("one"))
    other.close()

    task.put(records("one"))
    task.stop()
    assert rows(file) == [(0, "one")]


def test_a_file_that_cannot_be_made_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="cannot be used"):
        SqliteSinkTask().start({"file": str(tmp_path / "nowhere" / "rows.db")})


def test_the_sink_has_as_many_tasks_as_allowed() -> None:
    connector = SqliteSinkConnector()
    connector.start({"file": "x"})

    assert connector.task_configs(3) == [{"file": "x"}] * 3


def test_a_list_comes_back_as_strings() -> None:
    converter = CsvConverter()
    converter.configure({"delimiter": ";"}, is_key=False)

    data = converter.from_connect("t", None, ["a;b", 1, "", 'say "x"'])

    assert data == b'"a;b";1;;"say ""x"""'
    assert converter.to_connect("t", data).value == ["a;b", "1", "", 'say "x"']
    assert converter.to_connect("t", None).value is None


def test_what_is_no_csv_is_refused() -> None:
    converter = CsvConverter()

    with pytest.raises(DataError, match="found dict"):
        converter.from_connect("t", None, {})
    with pytest.raises(DataError, match="not a line of CSV"):
        converter.to_connect("t", b"\xff")


def test_a_field_is_taken_out_record_by_record_and_in_a_batch() -> None:
    drop = DropField()
    drop.configure({"field": "secret"})
    batch = records({"a": 1, "secret": 2}, {"a": 3}, "text").batches[0]
    original = batch.values[0]

    by_batch = [record.value for part in drop.apply_batch(batch) for record in part]  # type: ignore[attr-defined]
    by_record = [drop.apply(record).value for record in batch]  # type: ignore[union-attr]

    assert by_batch == by_record == [{"a": 1}, {"a": 3}, "text"]
    assert original == {"a": 1, "secret": 2}


def test_a_transformation_without_its_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match='"field"'):
        DropField().configure({})
