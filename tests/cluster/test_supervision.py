"""What fails is started again if that was asked for, and any worker tells of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster, expect, expect_value
from tests.support.troubled import SOURCE, entries

#: Short enough that three restarts are over within a second or two.
QUICK = {
    "auto.restart.enable": "true",
    "auto.restart.backoff.ms": "100",
    "auto.restart.backoff.max.ms": "200",
}


@pytest.fixture(scope="module")
def cluster(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path_factory.mktemp("supervision"))
    try:
        yield made.start(workers=2)
        made.stop()
    finally:
        made.close()


@pytest.fixture
def name(cluster: Cluster) -> Iterator[str]:
    """The name of a connector that is deleted at the end."""
    found = f"c-{uuid.uuid4().hex[:6]}"
    yield found
    cluster.request("DELETE", f"/connectors/{found}")


def troubled(directory: Path, trouble: str, **more: str) -> dict[str, str]:
    settings = {key.replace("_", "."): value for key, value in more.items()}
    config = {"connector.class": SOURCE, "trouble": trouble, "diary": str(directory / "diary")}
    return {**config, **settings}


def health(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return what the worker says that runs nothing of the first task."""
    owner = cluster.owner(name, 0)
    other = next(worker for worker in cluster.running if worker is not owner)
    status, answer = cluster.request("GET", f"/connectors/{name}/health", on=other)
    assert status == 200, answer
    assert answer["unanswered"] == {}
    return answer


def first_restarts(cluster: Cluster, name: str) -> dict[str, Any]:
    return health(cluster, name)["tasks"][0]["restarts"]


def logged(cluster: Cluster, text: str) -> bool:
    return any(text in worker.log.read_text(errors="replace") for worker in cluster.workers)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("fail", "isthmus.api.errors.ConnectError: fails on purpose"),
        ("die", "exited with code 3"),
    ],
)
def test_a_task_that_dies_three_times_runs_in_the_end(
    cluster: Cluster, name: str, tmp_path: Path, trouble: str, reason: str
) -> None:
    cluster.create(name, {**troubled(tmp_path, trouble, times="3", tasks_max="2"), **QUICK})
    cluster.expect_running(name, tasks=2)

    assert entries(tmp_path / "diary") == ["start"] * 4
    found = first_restarts(cluster, name)
    assert found["last_reason"].endswith(reason)
    assert {**found, "last_reason": ""} == {
        "enabled": True,
        "count": 3,
        "max": 10,
        "last_reason": "",
        "next_at": None,
        "gave_up": None,
    }
    assert logged(cluster, f"Restarting Task {name}-0, restart 3")


def test_a_connector_is_restarted_like_a_task(cluster: Cluster, name: str, tmp_path: Path) -> None:
    cluster.create(name, {**troubled(tmp_path, "connector", times="2"), **QUICK})
    cluster.expect_running(name)
    assert health(cluster, name)["connector"]["restarts"]["count"] == 2


def test_an_error_of_the_configuration_is_not_restarted(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, {**troubled(tmp_path, "config"), **QUICK})
    cluster.expect_states(name, "RUNNING", "FAILED")
    text = f"Task {name}-0 is not restarted: the same configuration would fail again"
    expect("the log to say why", lambda: logged(cluster, text))

    found = first_restarts(cluster, name)
    assert (found["count"], found["gave_up"]) == (0, "the same configuration would fail again")
    assert entries(tmp_path / "diary") == ["start"]


def test_the_limit_of_restarts_holds_until_a_user_restarts(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    limited = {**QUICK, "auto.restart.max": "2"}
    cluster.create(name, {**troubled(tmp_path, "fail", times="4"), **limited})
    gave_up = "it was restarted 2 times (auto.restart.max=2)"
    cluster.expect_states(name, "RUNNING", "FAILED")
    expect_value("the end", lambda: first_restarts(cluster, name)["gave_up"], gave_up)
    assert entries(tmp_path / "diary") == ["start"] * 3

    status, _ = cluster.request("POST", f"/connectors/{name}/tasks/0/restart")
    assert status == 204
    cluster.expect_running(name)
    assert first_restarts(cluster, name)["count"] == 1


def test_nothing_is_restarted_without_being_asked_for(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    cluster.create(name, troubled(tmp_path, "fail"))
    cluster.expect_states(name, "RUNNING", "FAILED")
    found = first_restarts(cluster, name)
    assert (found["enabled"], found["count"], found["next_at"]) == (False, 0, None)


def test_our_settings_are_validated_and_named_only_if_they_are_set(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    config = {"name": name, **troubled(tmp_path, "")}
    wrong = {**config, "auto.restart.max": "-2", "limit.memory.soft.bytes": "x"}
    _, plain = cluster.request("PUT", "/connector-plugins/TroubledSource/config/validate", config)
    status, answer = cluster.request(
        "PUT", "/connector-plugins/TroubledSource/config/validate", wrong
    )
    assert status == 200, answer

    errors = {found["value"]["name"]: found["value"]["errors"] for found in answer["configs"]}
    names = {found["value"]["name"] for found in plain["configs"]}
    assert set(errors) - names == {"auto.restart.max", "limit.memory.soft.bytes"}
    expected = "Invalid value -2 for configuration auto.restart.max: Value must be at least -1"
    assert errors["auto.restart.max"] == [expected]
    assert errors["limit.memory.soft.bytes"]
    assert "Supervision" not in plain["groups"]
