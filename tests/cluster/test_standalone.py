"""A standalone worker: connectors from files, offsets in a file, everything else in memory."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from isthmus.embedded.worker_process import WorkerProcess
from tests.support.cluster import expect_value, file_sink, file_source

STRING = "org.apache.kafka.connect.storage.StringConverter"


@pytest.fixture
def properties(bootstrap_servers: str, tmp_path: Path) -> dict[str, str]:
    return {
        "bootstrap.servers": bootstrap_servers,
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.storage.file.filename": str(tmp_path / "offsets"),
        "offset.flush.interval.ms": "500",
    }


@pytest.fixture
def workers() -> Iterator[list[WorkerProcess]]:
    started: list[WorkerProcess] = []
    yield started
    for worker in started:
        worker.kill()


def run(directory: Path, properties: Mapping[str, str], *files: Path) -> tuple[int, str]:
    """Run a worker that is expected to end by itself; return exit code and log."""
    worker_file = directory / "worker.properties"
    worker_file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    done = subprocess.run(
        [sys.executable, "-m", "isthmus.cli.standalone", str(worker_file), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def start(
    workers: list[WorkerProcess],
    directory: Path,
    properties: Mapping[str, str],
    files: Sequence[Path],
) -> WorkerProcess:
    worker = WorkerProcess(directory, f"worker-{len(workers)}", properties, connector_files=files)
    workers.append(worker)
    worker.start()
    worker.wait_until_ready()
    return worker


def test_files_go_through_a_topic_and_a_restart_repeats_nothing(
    workers: list[WorkerProcess], properties: dict[str, str], tmp_path: Path
) -> None:
    topic = f"standalone-{uuid.uuid4().hex[:8]}"
    original, copy = tmp_path / "original.txt", tmp_path / "copy.txt"
    source, sink = tmp_path / "source.properties", tmp_path / "sink.json"
    settings = {"name": "source", **file_source(original, topic)}
    source.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    sink.write_text(json.dumps({"name": "sink", "config": file_sink(copy, topic)}))
    original.write_text("one\ntwo\n")
    copy.touch()

    first = start(workers, tmp_path, properties, [source, sink])
    expect_value("the copy", copy.read_text, "one\ntwo\n")
    names, title = first.request("GET", "/connectors"), psutil.Process(first.pid).cmdline()[0]
    code = first.stop()
    original.write_text("one\ntwo\nthree\n")
    second = start(workers, tmp_path, properties, [source, sink])
    expect_value("the copy", copy.read_text, "one\ntwo\nthree\n")

    assert names == (200, ["sink", "source"])
    assert "ConnectStandalone" in title
    assert code == 0
    stands = {"partition": {"filename": str(original)}, "offset": {"position": 14}}
    expect_value(
        "the offsets",
        lambda: second.request("GET", "/connectors/source/offsets")[1],
        {"offsets": [stands]},
    )
    assert second.request("PUT", "/connectors/source/stop")[0] == 204
    assert second.request("DELETE", "/connectors/source/offsets")[0] == 200
    assert second.request("PUT", "/connectors/source/resume")[0] == 202
    expect_value("the copy", copy.read_text, "one\ntwo\nthree\none\ntwo\nthree\n")
    assert second.request("DELETE", "/connectors/sink")[0] == 204
    assert second.request("GET", "/connectors")[1] == ["source"]
    assert second.request("POST", "/connectors/source/tasks", [])[1] == {
        "error_code": 500,
        "message": "Kafka Connect in standalone mode does not support externally setting task"
        " configurations.",
    }
    assert second.stop() == 0


def test_what_is_wrong_ends_the_worker_with_javas_exit_codes(
    properties: dict[str, str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.properties"
    wrong.write_text("name=wrong\nconnector.class=Nope\n")
    without_file = {k: v for k, v in properties.items() if k != "offset.storage.file.filename"}
    listeners = {"listeners": "http://127.0.0.1:0"}

    usage = subprocess.run(
        [sys.executable, "-m", "isthmus.cli.standalone"], capture_output=True, check=False
    )
    no_file = run(tmp_path, without_file)
    no_connector = run(tmp_path, {**properties, **listeners}, wrong)

    assert usage.returncode == 1
    assert usage.stderr.startswith(b"Usage: connect-standalone worker.properties [connector1")
    assert no_file[0] == 2
    assert 'Missing required configuration "offset.storage.file.filename"' in no_file[1]
    assert no_connector[0] == 3
    assert f"Failed to create connector for {wrong}: Failed to find any class" in no_connector[1]


def test_the_script_starts_a_worker_in_the_background(
    properties: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "worker.properties"
    file.write_text(
        "".join(
            f"{key}={value}\n"
            for key, value in properties.items()
            if key != "offset.storage.file.filename"
        )
    )
    script = Path(__file__).parents[2] / "bin" / "connect-standalone.sh"

    subprocess.run(
        [script, "-daemon", file],
        env={**os.environ, "LOG_DIR": str(tmp_path)},
        check=True,
        timeout=60,
    )

    log = tmp_path / "connectStandalone.out"
    expect_value(
        "the log of a worker that lacks a setting",
        lambda: log.exists() and "offset.storage.file.filename" in log.read_text(),
        True,
    )
