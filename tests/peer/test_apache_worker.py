"""Apache's own worker runs here as it does elsewhere, so that it can be the judge of ours."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from isthmus.api.errors import ConnectError
from tests.support.apache import QUICK_START, ApacheConnect


@pytest.fixture(scope="module")
def apache(
    bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApacheConnect]:
    directory = tmp_path_factory.mktemp("apache")
    with ApacheConnect(directory, bootstrap_servers, jvm_options=QUICK_START) as worker:
        yield worker


def test_it_is_version_4_3_1(apache: ApacheConnect) -> None:
    status, about = apache.request("GET", "/")

    assert (status, about["version"]) == (200, "4.3.1")


def test_a_file_source_of_its_runs_and_moves_the_lines(
    apache: ApacheConnect, bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("one\ntwo\nthree\n")
    config = {
        "connector.class": "FileStreamSource",
        "tasks.max": "1",
        "file": str(file),
        "topic": topic,
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    }

    status, answer = apache.request("PUT", f"/connectors/{topic}/config", config)

    assert status == 201, answer
    _expect_states(apache, topic, ["RUNNING", "RUNNING"])
    assert _values(bootstrap_servers, topic, count=3) == [b"one", b"two", b"three"]


def test_a_wrong_setting_is_reported_with_its_log(bootstrap_servers: str, tmp_path: Path) -> None:
    wrong = {"key.converter": "no.such.Converter"}
    worker = ApacheConnect(tmp_path, bootstrap_servers, wrong, jvm_options=QUICK_START)

    with pytest.raises(ConnectError, match=r"(?s)ended while starting.*no\.such\.Converter"):
        worker.start()

    assert not worker.is_running


def test_a_killed_worker_is_gone(bootstrap_servers: str, tmp_path: Path) -> None:
    worker = ApacheConnect(tmp_path, bootstrap_servers, jvm_options=QUICK_START)
    worker.start()

    worker.kill()

    assert not worker.is_running


def _expect_states(apache: ApacheConnect, name: str, wanted: list[str]) -> None:
    deadline = time.monotonic() + 30
    last: Any = None
    while time.monotonic() < deadline:
        status, last = apache.request("GET", f"/connectors/{name}/status")
        if status == 200 and _states(last) == wanted:
            return
        time.sleep(0.1)
    pytest.fail(f"{name} did not come to {wanted}; last seen: {last}")


def _states(status: dict[str, Any]) -> list[str]:
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


def _values(bootstrap_servers: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 500,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes | None] = []
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            values.append(message.value())
    consumer.close()
    return values
