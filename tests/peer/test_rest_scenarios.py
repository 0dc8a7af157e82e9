"""The same requests to Apache's worker and to ours: each test is a claim about both."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)

from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import STRING, Cluster, expect_value

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@dataclass(frozen=True, slots=True)
class Connect:
    """A worker under test, whoever made it."""

    url: str
    directory: Path
    bootstrap_servers: str

    def send(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None
    ) -> tuple[int, Any]:
        """Return the status and the JSON of the answer, or None if it has no body.

        A worker that has read a change and not yet rebalanced for it does nothing and says so,
        with 409 or 500; clients ask again, and so does this for 30 s.
        """
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + 30.0
        while True:
            answer = urllib3.request(
                method,
                self.url + path,
                body=content,
                headers={"Content-Type": "application/json"},
                timeout=30.0,
                retries=False,
            )
            if b"because a rebalance is expected" not in answer.data or time.monotonic() > deadline:
                return answer.status, json.loads(answer.data) if answer.data else None
            time.sleep(0.02)

    def config(self, **changes: str) -> dict[str, str]:
        """Return the config of a file source whose file stays empty."""
        file = self.directory / f"{uuid.uuid4().hex}.txt"
        file.touch()
        given = {"connector.class": SOURCE, "file": str(file), "topic": f"t-{uuid.uuid4().hex}"}
        return {**given, **{key.replace("_", "."): value for key, value in changes.items()}}

    def create(self, **changes: str) -> str:
        """Create a file source and wait until it and its task run; return its name."""
        name = f"c-{uuid.uuid4().hex[:8]}"
        status, answer = self.send("PUT", f"/connectors/{name}/config", self.config(**changes))
        assert status == 201, answer
        self.expect_states(name, "RUNNING", "RUNNING")
        return name

    def create_sink(self) -> tuple[str, str]:
        """Create a file sink of a topic of two partitions; return its name and the topic's."""
        name, topic = f"c-{uuid.uuid4().hex[:8]}", f"t-{uuid.uuid4().hex}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
        file = str(self.directory / f"{name}.txt")
        config = {"connector.class": SINK, "topics": topic, "file": file}
        status, answer = self.send("PUT", f"/connectors/{name}/config", config)
        assert status == 201, answer
        self.expect_states(name, "RUNNING", "RUNNING")
        return name, topic

    def states(self, name: str) -> list[str]:
        status, answer = self.send("GET", f"/connectors/{name}/status")
        if status != 200:
            return []
        return [answer["connector"]["state"], *(task["state"] for task in answer["tasks"])]

    def expect_states(self, name: str, *wanted: str) -> None:
        expect_value(f"states of {name}", lambda: self.states(name), list(wanted))


@pytest.fixture(scope="module", params=["apache", "isthmus"])
def connect(
    request: pytest.FixtureRequest,
    bootstrap_servers: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Connect]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "apache":
        properties = {
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.flush.interval.ms": "500",
        }
        with ApacheConnect(
            directory, bootstrap_servers, properties, jvm_options=QUICK_START
        ) as worker:
            yield Connect(worker.url, directory, bootstrap_servers)
        return
    cluster = Cluster(bootstrap_servers, directory)
    try:
        cluster.start(1)
        yield Connect(cluster.workers[0].url, directory, bootstrap_servers)
        cluster.stop()
    finally:
        cluster.close()


def test_the_root_names_version_and_cluster(connect: Connect) -> None:
    status, answer = connect.send("GET", "/")

    assert status == 200
    assert list(answer) == ["version", "commit", "kafka_cluster_id"]
    assert answer["version"] == "4.3.1"


def test_health_is_reported(connect: Connect) -> None:
    message = "Worker has completed startup and is ready to handle requests."

    assert connect.send("GET", "/health") == (200, {"status": "healthy", "message": message})


def test_creating_answers_with_the_connector_and_its_type(connect: Connect) -> None:
    name, config = f"c-{uuid.uuid4().hex[:8]}", connect.config()

    status, answer = connect.send("POST", "/connectors", {"name": name, "config": config})

    assert status == 201
    assert answer == {
        "name": name,
        "config": {**config, "name": name},
        "tasks": [],
        "type": "source",
    }
    connect.expect_states(name, "RUNNING", "RUNNING")


def test_a_name_that_is_taken_is_a_conflict(connect: Connect) -> None:
    name = connect.create()

    answer = connect.send("POST", "/connectors", {"name": name, "config": connect.config()})

    assert answer == (409, {"error_code": 409, "message": f"Connector {name} already exists"})


def test_a_config_is_replaced_by_put_and_changed_by_patch(connect: Connect) -> None:
    name = connect.create()
    path = f"/connectors/{name}/config"
    config = connect.config(tasks_max="1")

    assert connect.send("PUT", path, config)[0] == 200
    status, patched = connect.send("PATCH", path, {"tasks.max": None, "batch.size": "7"})

    assert status == 200
    wanted = {**config, "name": name, "batch.size": "7"}
    del wanted["tasks.max"]
    assert patched["config"] == wanted
    assert connect.send("GET", path) == (200, wanted)


def test_pause_and_resume_reach_the_task(connect: Connect) -> None:
    name = connect.create()

    assert connect.send("PUT", f"/connectors/{name}/pause") == (202, None)
    connect.expect_states(name, "PAUSED", "PAUSED")
    assert connect.send("PUT", f"/connectors/{name}/resume") == (202, None)

    connect.expect_states(name, "RUNNING", "RUNNING")


def test_a_stopped_connector_has_no_tasks_until_it_is_resumed(connect: Connect) -> None:
    name = connect.create()

    assert connect.send("PUT", f"/connectors/{name}/stop") == (204, None)
    connect.expect_states(name, "STOPPED")
    expect_value("tasks", lambda: connect.send("GET", f"/connectors/{name}/tasks"), (200, []))
    assert connect.send("PUT", f"/connectors/{name}/resume") == (202, None)

    connect.expect_states(name, "RUNNING", "RUNNING")


def test_a_connector_may_be_created_stopped(connect: Connect) -> None:
    name = f"c-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "config": connect.config(), "initial_state": "STOPPED"}

    assert connect.send("POST", "/connectors", body)[0] == 201

    connect.expect_states(name, "STOPPED")


def test_tasks_and_their_configs_are_listed(connect: Connect) -> None:
    name = connect.create()

    status, tasks = connect.send("GET", f"/connectors/{name}/tasks")

    assert status == 200
    assert [task["id"] for task in tasks] == [{"connector": name, "task": 0}]
    assert {"file", "topic", "task.class"} <= tasks[0]["config"].keys()


def test_status_of_a_task_has_its_fields_in_order(connect: Connect) -> None:
    name = connect.create()

    status, task = connect.send("GET", f"/connectors/{name}/tasks/0/status")

    assert status == 200
    assert list(task) == ["id", "state", "worker_id", "version"]
    assert (task["id"], task["state"], task["version"]) == (0, "RUNNING", "4.3.1")


def test_restarts_answer_by_what_they_restart(connect: Connect) -> None:
    name = connect.create()

    assert connect.send("POST", f"/connectors/{name}/restart") == (204, None)
    connect.expect_states(name, "RUNNING", "RUNNING")
    status, answer = connect.send("POST", f"/connectors/{name}/restart?includeTasks=true")
    assert status == 202
    assert answer["connector"]["state"] == "RESTARTING"
    assert [task["state"] for task in answer["tasks"]] == ["RESTARTING"]
    connect.expect_states(name, "RUNNING", "RUNNING")
    assert connect.send("POST", f"/connectors/{name}/tasks/0/restart") == (204, None)

    connect.expect_states(name, "RUNNING", "RUNNING")


def test_a_restart_of_what_failed_leaves_a_healthy_connector_alone(connect: Connect) -> None:
    name = connect.create()

    status, answer = connect.send(
        "POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
    )

    assert status == 202
    assert answer["connector"]["state"] == "RUNNING"
    assert [task["state"] for task in answer["tasks"]] == ["RUNNING"]


def test_deleting_removes_connector_and_status(connect: Connect) -> None:
    name = connect.create()

    assert connect.send("DELETE", f"/connectors/{name}") == (204, None)

    expect_value("status", lambda: connect.send("GET", f"/connectors/{name}/status")[0], 404)
    assert name not in connect.send("GET", "/connectors")[1]


def test_expansions_show_status_and_info(connect: Connect) -> None:
    name = connect.create()

    _, expanded = connect.send("GET", "/connectors?expand=status&expand=info")

    assert set(expanded[name]) == {"status", "info"}
    assert expanded[name]["info"]["tasks"] == [{"connector": name, "task": 0}]
    assert expanded[name]["status"]["type"] == "source"


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/connectors/nope", "Connector nope not found"),
        ("GET", "/connectors/nope/config", "Connector nope not found"),
        ("GET", "/connectors/nope/tasks", "Connector nope not found"),
        ("GET", "/connectors/nope/status", "No status found for connector nope"),
        ("GET", "/connectors/nope/tasks/3/status", "No status found for task nope-3"),
        ("PUT", "/connectors/nope/pause", "Unknown connector nope"),
        ("PUT", "/connectors/nope/resume", "Unknown connector nope"),
        ("PUT", "/connectors/nope/stop", "Unknown connector nope"),
        ("POST", "/connectors/nope/restart", "Unknown connector: nope"),
        ("POST", "/connectors/nope/tasks/0/restart", "Unknown connector: nope"),
        ("DELETE", "/connectors/nope", "Connector nope not found"),
        ("GET", "/connectors/nope/offsets", "Connector nope not found"),
    ],
)
def test_what_is_not_there_is_named(connect: Connect, method: str, path: str, message: str) -> None:
    assert connect.send(method, path) == (404, {"error_code": 404, "message": message})


def test_a_config_with_errors_is_refused_with_all_of_them(connect: Connect) -> None:
    config = {"connector.class": SINK, "tasks.max": "0"}

    status, answer = connect.send("PUT", "/connectors/wrong/config", config)

    assert status == 400
    assert answer["message"] == (
        "Connector configuration is invalid and contains the following 3 error(s):\n"
        "Invalid value 0 for configuration tasks.max: Value must be at least 1\n"
        "Must configure one of topics or topics.regex\n"
        "Must configure one of topics or topics.regex\n"
        "You can also find the above list of errors at the endpoint"
        " `/connector-plugins/{connectorType}/config/validate`"
    )


def test_an_unknown_connector_class_is_refused(connect: Connect) -> None:
    status, answer = connect.send("PUT", "/connectors/x/config", {"connector.class": "Nope"})

    assert status == 400
    assert answer["message"].startswith(
        "Failed to find any class that implements Connector and which name matches Nope,"
        " available connectors are: "
    )


def test_broken_json_is_an_error_of_the_server(connect: Connect) -> None:
    status, answer = connect.send("POST", "/connectors", raw=b'{"name": ')

    assert (status, answer["error_code"]) == (500, 500)


def test_the_file_connectors_are_listed_under_their_java_names(connect: Connect) -> None:
    _, plugins = connect.send("GET", "/connector-plugins")

    assert {"class": SINK, "type": "sink", "version": "4.3.1"} in plugins
    assert {"class": SOURCE, "type": "source", "version": "4.3.1"} in plugins


def test_validation_has_every_setting_of_connector_and_framework(connect: Connect) -> None:
    config = {"connector.class": SOURCE, "name": "v", "tasks.max": "abc"}

    status, answer = connect.send(
        "PUT", "/connector-plugins/FileStreamSource/config/validate", config
    )

    assert status == 200
    assert list(answer) == ["name", "error_count", "groups", "configs"]
    found = {entry["value"]["name"]: entry["value"]["errors"] for entry in answer["configs"]}
    assert found["topic"] == ['Missing required configuration "topic" which has no default value.']
    assert found["tasks.max"] == [
        "Invalid value abc for configuration tasks.max: Not a number of type INT",
        "Invalid value null for configuration tasks.max: Value must be non-null",
    ]
    assert answer["error_count"] == 3


def test_a_log_level_is_set_and_read(connect: Connect) -> None:
    namespace = f"some.logger.{uuid.uuid4().hex[:6]}"

    status, changed = connect.send("PUT", f"/admin/loggers/{namespace}", {"level": "debug"})
    _, read = connect.send("GET", f"/admin/loggers/{namespace}")

    assert (status, changed) == (200, [namespace])
    assert read["level"] == "DEBUG"
    assert isinstance(read["last_modified"], int)
    wrong = connect.send("PUT", f"/admin/loggers/{namespace}", {"level": "loud"})
    assert wrong == (404, {"error_code": 404, "message": "invalid log level 'loud'."})


def test_offsets_of_a_source_are_shown_and_reset_once_it_is_stopped(connect: Connect) -> None:
    name = connect.create()
    _, config = connect.send("GET", f"/connectors/{name}/config")
    with Path(config["file"]).open("a") as file:
        file.write("one\ntwo\n")
    wanted = [{"partition": {"filename": config["file"]}, "offset": {"position": 8}}]
    expect_value(
        "offsets",
        lambda: connect.send("GET", f"/connectors/{name}/offsets"),
        (200, {"offsets": wanted}),
        timeout=60,
    )

    refused, answer = connect.send("DELETE", f"/connectors/{name}/offsets")
    assert refused == 400
    assert "Connectors must be in the STOPPED state" in answer["message"]
    connect.send("PUT", f"/connectors/{name}/stop")
    connect.expect_states(name, "STOPPED")
    done = {"message": "The offsets for this connector have been reset successfully"}
    expect_value(
        "reset", lambda: connect.send("DELETE", f"/connectors/{name}/offsets"), (200, done)
    )

    assert connect.send("GET", f"/connectors/{name}/offsets") == (200, {"offsets": []})


def test_offsets_of_a_sink_are_altered_and_removed_by_partition(connect: Connect) -> None:
    name, topic = connect.create_sink()
    connect.send("PUT", f"/connectors/{name}/stop")
    connect.expect_states(name, "STOPPED")

    def alter(*offsets: tuple[int, object]) -> tuple[int, Any]:
        entries = [
            {
                "partition": {"kafka_topic": topic, "kafka_partition": partition},
                "offset": offset if offset is None else {"kafka_offset": offset},
            }
            for partition, offset in offsets
        ]
        return connect.send("PATCH", f"/connectors/{name}/offsets", {"offsets": entries})

    def shown() -> list[tuple[int, int]]:
        _, answer = connect.send("GET", f"/connectors/{name}/offsets")
        return sorted(
            (entry["partition"]["kafka_partition"], entry["offset"]["kafka_offset"])
            for entry in answer["offsets"]
        )

    expect_value("the offsets to be altered", lambda: alter((0, "10"), (1, 20))[0], 200)
    assert shown() == [(0, 10), (1, 20)]
    assert alter((0, None))[0] == 200
    assert shown() == [(1, 20)]


def test_a_sink_that_never_ran_and_a_source_without_offsets_can_be_reset(connect: Connect) -> None:
    name = f"c-{uuid.uuid4().hex[:8]}"
    sink = {"connector.class": SINK, "topics": f"t-{uuid.uuid4().hex}"}
    made = {"name": name, "config": sink, "initial_state": "STOPPED"}
    assert connect.send("POST", "/connectors", made)[0] == 201
    source = connect.create()
    connect.send("PUT", f"/connectors/{source}/stop")

    for stopped in (name, source):
        connect.expect_states(stopped, "STOPPED")
        path = f"/connectors/{stopped}/offsets"
        expect_value(f"reset of {stopped}", lambda p=path: connect.send("DELETE", p)[0], 200)
