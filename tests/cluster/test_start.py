"""How a worker starts and ends: scripts, titles, exit codes, one clear line for what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)

from isthmus.api.config_provider import ConfigData, ConfigProvider
from isthmus.embedded.process import free_port
from isthmus.embedded.worker_process import WorkerProcess
from tests.support.cluster import Cluster, child_titles, expect, file_source

ROOT = Path(__file__).parents[2]


def run_worker(
    directory: Path, properties: Mapping[str, str], timeout: float = 40
) -> tuple[int, str]:
    """Run a worker that is expected to end by itself; return exit code and log."""
    file = directory / "worker.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    return run_command([str(file)], timeout)


def run_command(arguments: list[str], timeout: float = 40) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "isthmus.cli.distributed", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def one_error_line(log: str) -> str:
    """Return the only ERROR line; there is no traceback."""
    assert "Traceback" not in log, log
    lines = [line for line in log.splitlines() if "] ERROR " in line]
    assert len(lines) == 1, log
    return lines[0]


def good(cluster: Cluster, **changes: str | None) -> dict[str, str]:
    properties = {**cluster.properties, "listeners": f"http://127.0.0.1:{free_port()}"}
    named = {key.replace("_", "."): value for key, value in changes.items()}
    merged = {**properties, **named}
    return {key: value for key, value in merged.items() if value is not None}


def create_topic(bootstrap_servers: str, partitions: int, policy: str) -> str:
    name = f"wrong-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    topic = NewTopic(name, partitions, 1, config={"cleanup.policy": policy})
    admin.create_topics([topic])[name].result(30)
    return name


def test_without_a_file_the_usage_is_shown() -> None:
    code, log = run_command([])

    assert code == 1
    assert "Usage: connect-distributed worker.properties" in log


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.properties"

    code, log = run_command([str(missing)])

    assert code == 2
    assert str(missing) in one_error_line(log)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bootstrap_servers": None}, 'Missing required configuration "bootstrap.servers"'),
        ({"session_timeout_ms": "soon"}, "Invalid value soon for configuration session.timeout.ms"),
        ({"connect_protocol": "lazy"}, "Invalid value lazy for configuration connect.protocol"),
        ({"listeners": "ftp://localhost:1"}, "configuration listeners"),
        ({"bootstrap_servers": "localhost"}, "Invalid value localhost for configuration"),
    ],
)
def test_a_wrong_setting_ends_the_start_in_one_line_that_names_it(
    cluster: Cluster, tmp_path: Path, changes: dict[str, str | None], expected: str
) -> None:
    code, log = run_worker(tmp_path, good(cluster, **changes))

    assert code == 2
    assert expected in one_error_line(log)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("header_converter", "com.example.NoConverter"),
        ("key_converter", "isthmus.converters.json:NoConverter"),
        ("value_converter", "isthmus.connectors.file_sink:FileStreamSinkConnector"),
    ],
)
def test_a_converter_that_is_not_there_ends_the_start(
    cluster: Cluster, tmp_path: Path, key: str, name: str
) -> None:
    code, log = run_worker(tmp_path, good(cluster, **{key: name}))

    assert code == 2
    setting = key.replace("_", ".")
    expected = f"Invalid value {name} for configuration {setting}: Class {name} could not be found."
    assert expected in one_error_line(log)


def test_a_broker_that_does_not_answer_is_named(cluster: Cluster, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    properties = good(cluster, bootstrap_servers=nobody, request_timeout_ms="1000")

    code, log = run_worker(tmp_path, properties)

    assert code == 2
    error = one_error_line(log)
    assert "Failed to connect to and describe Kafka cluster" in error
    assert nobody in error


def test_a_port_in_use_is_named(cluster: Cluster, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = f"http://127.0.0.1:{taken.getsockname()[1]}"

        code, log = run_worker(tmp_path, good(cluster, listeners=listener))

    assert code == 2
    assert listener in one_error_line(log)


def test_an_internal_topic_that_is_not_compacted_is_refused(
    cluster: Cluster, bootstrap_servers: str, tmp_path: Path
) -> None:
    topic = create_topic(bootstrap_servers, 1, "delete")

    code, log = run_worker(tmp_path, good(cluster, status_storage_topic=topic))

    assert code == 1
    error = one_error_line(log)
    assert f"Topic '{topic}' supplied via the 'status.storage.topic' property" in error
    assert "found the topic currently has 'cleanup.policy=delete'" in error


def test_a_config_topic_with_two_partitions_is_refused(
    cluster: Cluster, bootstrap_servers: str, tmp_path: Path
) -> None:
    topic = create_topic(bootstrap_servers, 2, "compact")

    code, log = run_worker(tmp_path, good(cluster, config_storage_topic=topic))

    assert code == 1
    error = one_error_line(log)
    assert f"Topic '{topic}' supplied via the 'config.storage.topic' property" in error
    assert "but found 2 partitions" in error


def test_an_unknown_key_is_a_warning_with_the_nearest_real_one(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster(offset_flush_intervall_ms="5")

    cluster.start(1)

    log = cluster.workers[0].log.read_text()
    assert "offset.flush.intervall.ms" in log
    assert "did you mean offset.flush.interval.ms?" in log
    cluster.stop()


def test_the_start_script_of_the_manual_runs_a_worker_in_the_background(
    cluster: Cluster, tmp_path: Path
) -> None:
    worker = WorkerProcess(tmp_path, "daemon", cluster.properties)
    properties = tmp_path / "connect-distributed.properties"
    settings = {**cluster.properties, "listeners": worker.url}
    properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    script = ROOT / "bin" / "connect-distributed.sh"
    environment = {**os.environ, "LOG_DIR": str(tmp_path / "logs")}

    subprocess.run([script, "-daemon", properties], check=True, env=environment, timeout=60)
    log = tmp_path / "logs" / "connectDistributed.out"
    expect("the start", lambda: log.exists() and "Kafka Connect started" in log.read_text(), 30)
    found = subprocess.run(
        ["pgrep", "-f", f"ConnectDistributed {properties}"],
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(found.stdout)
    os.kill(pid, signal.SIGTERM)

    expect("its end", lambda: not psutil.pid_exists(pid), 30)
    assert "Kafka Connect stopped" in log.read_text()


def test_children_are_named_after_their_connector_and_task(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    cluster.create("named", file_source(tmp_path / "in.txt", f"{cluster.group}-t"))
    cluster.expect_running("named")

    titles = list(child_titles(cluster.workers[0].pid).values())

    assert any(title.startswith("isthmus: connector named") for title in titles), titles
    assert any(title.startswith("isthmus: task named-0") for title in titles), titles
    assert not any("ConnectDistributed" in title for title in titles), titles
    cluster.stop()


def test_a_stop_while_the_broker_is_away_ends_soon(cluster: Cluster, tmp_path: Path) -> None:
    properties = {**cluster.properties, "bootstrap.servers": f"127.0.0.1:{free_port()}"}
    worker = WorkerProcess(tmp_path, "early", properties)
    worker.start()
    expect("the first line", lambda: "Isthmus" in worker.log_end())
    began = time.monotonic()

    assert worker.stop() == 0

    assert time.monotonic() - began < 10


class Impatience(ConfigProvider):
    """Sends the worker that asks it for a value the signal that is the key."""

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        [name] = keys
        os.kill(os.getpid(), signal.Signals[name])
        time.sleep(30)
        return ConfigData({name: path})


@pytest.fixture
def heeded(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Let the workers of a test heed a signal, even if the tests were started with `nohup`."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize(
    "heeded", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], indirect=True, ids=lambda n: n.name
)
def test_a_stop_while_settings_are_read_ends_at_once(
    tmp_path: Path, heeded: signal.Signals
) -> None:
    provider = f"{Impatience.__module__}:{Impatience.__qualname__}"
    properties = {
        "config.providers": "impatience",
        "config.providers.impatience.class": provider,
        "group.id": f"${{impatience:none:{heeded.name}}}",
    }

    code, log = run_worker(tmp_path, properties, timeout=20)

    assert code == 0, log
    assert f"Stopped by {heeded.name} before it had started" in log


def test_sigquit_prints_where_all_threads_are_and_the_worker_goes_on(cluster: Cluster) -> None:
    cluster.start(1)
    worker = cluster.workers[0]

    worker.send(signal.SIGQUIT)

    expect("the stacks", lambda: "most recent call first" in worker.log.read_text())
    assert cluster.request("GET", "/health")[0] == 200
    cluster.stop()
