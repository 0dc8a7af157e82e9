from collections.abc import Callable

import pytest

from isthmus import CONNECT_VERSION
from isthmus.rest.config import RestConfig
from tests.unit.rest.running_server import LOCAL, RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder

Start = Callable[[RestConfig], RunningServer]

STAGE = "The worker is currently starting the connector, which began at 2026-01-01T00:00:00Z."


@pytest.fixture
def hasty(start: Start) -> RunningServer:
    """A server whose time limits are short."""
    return start(RestConfig(listeners=[LOCAL], request_timeout=0.05, health_timeout=0.05))


def test_the_root_says_which_version_of_connect_this_is(server: RunningServer) -> None:
    reply = server.get("/")

    assert list(reply.json) == ["version", "commit", "kafka_cluster_id"]
    assert reply.json["version"] == CONNECT_VERSION
    assert reply.json["commit"].startswith("isthmus-")
    assert reply.json["kafka_cluster_id"] == "cluster-1"


def test_a_worker_that_answers_is_healthy(server: RunningServer) -> None:
    reply = server.get("/health")

    assert reply.status == 200
    assert reply.body == (
        b'{"status":"healthy",'
        b'"message":"Worker has completed startup and is ready to handle requests."}'
    )


@pytest.mark.parametrize(
    ("ready", "status", "body"),
    [
        (False, 503, {"status": "starting", "message": "Worker is still starting up."}),
        (
            True,
            500,
            {
                "status": "unhealthy",
                "message": "Worker was unable to handle this request and may be unable to handle"
                " other requests.",
            },
        ),
    ],
)
@pytest.mark.parametrize("stage", [None, STAGE])
def test_a_worker_that_does_not_answer_is_starting_or_unhealthy(
    hasty: RunningServer, ready: bool, status: int, body: dict[str, str], stage: str | None
) -> None:
    hasty.herder.stuck.add("health_check")
    hasty.herder.is_ready = ready
    hasty.herder.current_stage = stage

    reply = hasty.get("/health")

    message = body["message"] + (f" {stage}" if stage else "")
    assert (reply.status, reply.json) == (status, {**body, "message": message})


def test_a_request_that_takes_too_long_is_500_with_the_stage(hasty: RunningServer) -> None:
    hasty.herder.stuck.update({"connectors", "validate_connector_config"})
    hasty.herder.current_stage = STAGE

    listing = hasty.get("/connectors")
    validation = hasty.put("/connector-plugins/X/config/validate", "{}")

    assert (listing.status, listing.message) == (500, f"Request timed out. {STAGE}")
    assert (validation.status, validation.message) == (
        500,
        f"Request timed out. {STAGE}".removesuffix("."),
    )


def test_a_request_that_takes_too_long_without_a_stage_says_less(hasty: RunningServer) -> None:
    hasty.herder.stuck.add("connectors")

    assert hasty.get("/connectors").message == "Request timed out"


def test_an_unexpected_error_is_500_with_its_text(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.answers["connectors"] = ValueError("no good")
    herder.answers["connector_info"] = ValueError()

    with_text = server.get("/connectors")
    without = server.get("/connectors/x")

    assert (with_text.status, with_text.message) == (500, "no good")
    assert without.body == b'{"error_code":500,"message":null}'
    assert without.content_type == "application/json"


def test_topics_are_shown_and_reset_for_any_name(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    shown = server.get("/connectors/nope/topics")
    reset = server.put("/connectors/nope/topics/reset")

    assert shown.body == b'{"nope":{"topics":["t1","t2"]}}'
    assert (reset.status, reset.body) == (202, b"")
    assert herder.calls == [("active_topics", "nope"), ("reset_active_topics", "nope")]


def test_topics_are_403_as_the_settings_say(start: Start) -> None:
    off = start(RestConfig(listeners=[LOCAL], topic_tracking_enable=False))
    kept = start(RestConfig(listeners=[LOCAL], topic_tracking_allow_reset=False))

    for reply in (off.get("/connectors/x/topics"), off.put("/connectors/x/topics/reset")):
        assert (reply.status, reply.message) == (403, "Topic tracking is disabled.")
    reset = kept.put("/connectors/x/topics/reset")
    assert (reset.status, reset.message) == (403, "Topic tracking reset is disabled.")
    assert kept.get("/connectors/x/topics").status == 200


def test_metrics_are_text_in_the_dialect_that_is_asked_for(server: RunningServer) -> None:
    plain = server.get("/metrics", Accept="application/openmetrics-text, text/plain")
    other = server.get("/metrics?dialect=confluent")

    assert plain.body.splitlines()[1] == b"kafka_connect_worker_task_count 2"
    assert b'kafka_connect_connect_worker_metrics_task_count{connector="aggregate"} 2' in other.body
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_dialect_that_there_is_not_is_refused(server: RunningServer) -> None:
    reply = server.get("/metrics?dialect=x")

    assert (reply.status, reply.body) == (
        400,
        b"dialect=x: expected one of strimzi, confluent\n",
    )
