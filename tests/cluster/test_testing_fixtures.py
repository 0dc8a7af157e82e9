"""What `isthmus.testing` offers for tests with a real Kafka."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus.api.errors import ConnectError
from isthmus.testing import Connect

_ROOT = Path(__file__).parents[2]


def test_the_examples_tests_run_in_a_pytest_of_their_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    files = _ROOT.glob("examples/test_*.py")
    written = sum(file.read_text().count("\ndef test_") for file in files)
    assert f"\n{written} passed" in done.stdout


@pytest.fixture(scope="module")
def connect(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    with Connect(bootstrap_servers, tmp_path_factory.mktemp("connect")) as worker:
        yield worker


def test_a_source_is_created_and_its_records_are_read(connect: Connect, topic: str) -> None:
    connect.create(
        topic,
        {
            "connector.class": "examples.series_source:SeriesSourceConnector",
            "topic": topic,
            "series": "a",
            "count": "3",
        },
    )

    assert connect.values(topic, 3) == [b"0", b"1", b"2"]
    committed = connect.wait_for("offsets", lambda: connect.offsets(topic))
    assert committed == [{"partition": {"series": "a"}, "offset": {"next": 3}}]
    connect.delete(topic)


def test_a_sink_is_fed(connect: Connect, topic: str, tmp_path: Path) -> None:
    connect.produce(topic, ["one", "two"], key="k")
    file = tmp_path / "rows.db"
    connect.create(
        topic,
        {
            "connector.class": "examples.sqlite_sink:SqliteSinkConnector",
            "topics": topic,
            "file": str(file),
        },
    )

    def rows() -> list[tuple[object, ...]]:
        with sqlite3.connect(file) as database:
            return list(database.execute("SELECT key, value FROM records ORDER BY offset"))

    connect.wait_for("two rows", lambda: len(rows()) == 2)
    assert rows() == [("k", "one"), ("k", "two")]
    connect.delete(topic)


def test_a_connector_that_fails_tells_why(connect: Connect, topic: str, tmp_path: Path) -> None:
    config = {
        "connector.class": "examples.sqlite_sink:SqliteSinkConnector",
        "topics": topic,
        "file": str(tmp_path / "nowhere" / "rows.db"),
    }

    with pytest.raises(ConnectError, match="cannot be used"):
        connect.create(topic, config)

    assert "cannot be used" in connect.wait_failed(topic)
    connect.delete(topic)


def test_a_config_that_is_refused_tells_why(connect: Connect, topic: str) -> None:
    with pytest.raises(ConnectError, match=r'400 .*\n.*Missing required configuration "file"'):
        connect.create(
            topic,
            {
                "connector.class": "examples.sqlite_sink:SqliteSinkConnector",
                "topics": topic,
            },
        )
