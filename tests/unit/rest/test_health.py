"""What all workers of a connector know of it, from one request to any of them."""

from isthmus.channel import State
from isthmus.embedded.process import free_port
from isthmus.herder.errors import NotFoundError
from isthmus.herder.views import ConnectorHealth, HealthInfo, RestartsInfo, TaskHealth
from isthmus.rest.config import RestConfig
from tests.unit.rest.running_server import LOCAL, RunningServer

RESTARTS = RestartsInfo(True, 2, 10, "away", None, None)
HERE = "w:8083"


def known(owner: str, number: int = 1, memory: int | None = None) -> HealthInfo:
    """Return what is known of a connector here, and of a task whose worker is `owner`."""
    return HealthInfo(
        "c",
        ConnectorHealth(State.RUNNING, HERE, 1, RESTARTS),
        [
            TaskHealth(0, State.RUNNING, HERE, 2, RESTARTS),
            TaskHealth(number, State.RUNNING, owner, memory),
        ],
        {},
    )


def test_each_part_is_told_by_the_worker_that_runs_it(server: RunningServer) -> None:
    other = RunningServer(RestConfig(listeners=[LOCAL]))
    try:
        there = f"127.0.0.1:{other.ports[0]}"
        server.herder.answers["connector_health"] = known(there)
        # What the other says of parts that are not its own does not count.
        told = known(there, memory=77)
        other.herder.answers["connector_health"] = told
        answer = server.get("/connectors/c/health").json
        asked = other.herder.calls
    finally:
        other.close()

    assert [task["memory_bytes"] for task in answer["tasks"]] == [2, 77]
    assert (answer["connector"]["memory_bytes"], answer["unanswered"]) == (1, {})
    assert asked == [("connector_health", "c")]


def test_a_worker_that_does_not_answer_is_named(server: RunningServer) -> None:
    there = f"127.0.0.1:{free_port()}"
    server.herder.answers["connector_health"] = known(there)
    answer = server.get("/connectors/c/health").json
    assert list(answer["unanswered"]) == [there]
    assert "Connection refused" in answer["unanswered"][there]
    assert answer["tasks"][1]["memory_bytes"] is None


def test_a_worker_that_another_asks_asks_nobody(server: RunningServer) -> None:
    server.herder.answers["connector_health"] = known(f"127.0.0.1:{free_port()}")
    answer = server.get("/connectors/c/health?forward=false").json
    assert answer["unanswered"] == {}


def test_there_is_no_health_of_an_unknown_connector(server: RunningServer) -> None:
    server.herder.answers["connector_health"] = NotFoundError("No status found for connector c")
    assert server.get("/connectors/c/health").status == 404
