"""Tests of the examples as their author would write them: no Kafka, some milliseconds."""

from pathlib import Path

from examples.series_source import SeriesSourceConnector
from examples.sqlite_sink import SqliteSinkConnector
from examples.whole_series import WholeSeriesConnector
from isthmus.testing import SinkRun, SourceRun


def test_a_restart_goes_on_after_the_last_commit() -> None:
    config = {"topic": "numbers", "series": "a", "count": "10"}
    with SourceRun(SeriesSourceConnector(), config) as source:
        assert [record.value for record in source.poll(3)] == [0, 1, 2]
        source.commit()
        source.restart()  # new tasks, from the committed offsets
        assert [record.value for record in source.poll(1)] == [3]


def test_records_become_rows(tmp_path: Path) -> None:
    with SinkRun(SqliteSinkConnector(), {"file": str(tmp_path / "rows.db")}) as sink:
        sink.put("one", "two")  # values, or records from sink.record(…)
        assert sink.commit() == {("topic", 0): 2}


def test_each_series_is_a_transaction() -> None:
    settings = {"topic": "numbers", "series": "a,b", "count": "700"}
    with SourceRun(
        WholeSeriesConnector(), {**settings, "transaction.boundary": "connector"}
    ) as source:
        source.poll(1400)  # 500 numbers each time
        ended = [(len(done.records), done.is_committed) for done in source.transactions]
        assert ended == [(700, True), (700, True)]
