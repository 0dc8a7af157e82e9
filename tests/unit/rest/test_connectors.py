from dataclasses import dataclass

import msgspec
import pytest

from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.herder.errors import AlreadyExistsError, NotFoundError, RebalanceNeededError
from isthmus.herder.views import (
    ConnectorExpansion,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    Created,
    TaskState,
)
from isthmus.storage.config_store import RestartRequest
from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder, info, not_found, status


def test_connectors_are_listed_by_name(server: RunningServer) -> None:
    reply = server.get("/connectors")

    assert (reply.status, reply.content_type, reply.body) == (
        200,
        "application/json",
        b'["a","b"]',
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("expand=status", (True, False)),
        ("expand=info", (False, True)),
        ("expand=status&expand=info", (True, True)),
        ("expand=foo", (False, False)),
        ("expand=", (False, False)),
        ("expand", (False, False)),
        ("expand=info,status", (False, False)),
    ],
)
def test_expand_asks_for_what_it_knows(
    server: RunningServer, herder: ScriptedHerder, query: str, wanted: tuple[bool, bool]
) -> None:
    assert server.get(f"/connectors?{query}").json == {"a": {}}
    assert herder.calls == [("expanded_connectors", *wanted)]


@pytest.mark.parametrize("order", [["info", "status"], ["status", "info"]])
def test_expansions_come_in_the_order_in_which_they_were_asked_for(
    server: RunningServer, herder: ScriptedHerder, order: list[str]
) -> None:
    herder.answers["expanded_connectors"] = {"a": ConnectorExpansion(status("a"), info("a"))}

    expanded = server.get(f"/connectors?expand={order[0]}&expand={order[1]}").json["a"]

    assert list(expanded) == order
    assert expanded["info"]["tasks"] == [{"connector": "a", "task": 0}]


def test_five_hundred_connectors_are_expanded_in_one_answer(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    names = [f"c{number}" for number in range(500)]
    herder.answers["expanded_connectors"] = {
        name: ConnectorExpansion(status(name), info(name)) for name in names
    }

    assert list(server.get("/connectors?expand=info&expand=status").json) == names


def test_create_answers_201_with_the_connector_and_its_location(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    reply = server.post("/connectors", '{"name":"x","config":{"tasks.max":"1"}}')

    assert reply.status == 201
    assert reply.headers["Location"] == f"{server.url}connectors/x"
    assert reply.body == (
        b'{"name":"x","config":{"tasks.max":"1","name":"x"},'
        b'"tasks":[{"connector":"x","task":0}],"type":"source"}'
    )
    assert herder.calls == [
        ("put_connector_config", "x", {"tasks.max": "1", "name": "x"}, None, False)
    ]


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("a b", "a%20b"),
        ("é", "%C3%A9"),
        ("a%41/b", "a%2541%2Fb"),
        ("100%", "100%25"),
        ("q?#&;=+,:@!$*()~-_.'", "q%3F%23&;=+,:@!$*()~-_.'"),
        ('"<>^`{|}[]\\', "%22%3C%3E%5E%60%7B%7C%7D%5B%5D%5C"),
    ],
)
def test_the_location_is_escaped_so_that_it_leads_to_the_connector(
    server: RunningServer, name: str, location: str
) -> None:
    body = msgspec.json.encode({"name": name, "config": {}}).decode()

    reply = server.post("/connectors", body)

    assert reply.headers["Location"] == f"{server.url}connectors/{location}"


def test_the_location_repeats_the_host_that_the_client_asked(server: RunningServer) -> None:
    reply = server.request(
        "POST",
        "/connectors",
        '{"name":"x","config":{}}',
        {"Content-Type": "application/json", "X-Forwarded-Host": "elsewhere"},
    )

    assert reply.headers["Location"].startswith(server.url)


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ('"RUNNING"', TargetState.STARTED),
        ('"paused"', TargetState.PAUSED),
        ('"Stopped"', TargetState.STOPPED),
        ("null", None),
    ],
)
def test_the_initial_state_ignores_case(
    server: RunningServer, herder: ScriptedHerder, written: str, state: TargetState | None
) -> None:
    body = f'{{"name":"x","config":{{}},"initial_state":{written}}}'

    assert server.post("/connectors", body).status == 201
    assert herder.calls[0][3] == state


def test_post_trims_the_name_as_java_does_and_put_does_not(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    server.post("/connectors", '{"name":" \\u0001a\\u00a0\\t","config":{}}')
    server.put("/connectors/%20a/config", "{}")

    assert [call[1] for call in herder.calls] == ["a\u00a0", " a"]


def test_a_missing_name_is_empty_and_left_to_the_validation(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    server.post("/connectors", '{"config":{"a":"b"}}')

    assert herder.calls == [("put_connector_config", "", {"a": "b", "name": ""}, None, False)]


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/connectors", '{"name":"x","config":{"name":"y"}}'),
        ("PUT", "/connectors/x/config", '{"name":"y"}'),
    ],
)
def test_a_config_may_not_name_another_connector(
    server: RunningServer, herder: ScriptedHerder, method: str, target: str, body: str
) -> None:
    reply = server.request(method, target, body)

    assert reply.status == 400
    assert reply.message == (
        "Connector name configuration (y) doesn't match connector name in the URL (x)"
    )
    assert herder.calls == []


def test_a_connector_that_exists_is_409_without_a_hint_to_come_back(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.answers["put_connector_config"] = AlreadyExistsError("Connector x already exists")

    reply = server.post("/connectors", '{"name":"x","config":{}}')

    assert (reply.status, reply.message) == (409, "Connector x already exists")
    assert reply.headers["Retry-After"] is None


def test_put_config_is_201_with_location_when_new_and_200_after(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    created = server.put("/connectors/x/config", '{"a":"b","name":null}')
    herder.answers["put_connector_config"] = Created(False, info("x"))
    replaced = server.put("/connectors/x/config", '{"a":"b"}')

    assert (created.status, created.headers["Location"]) == (201, f"{server.url}connectors/x")
    assert (replaced.status, replaced.headers["Location"]) == (200, None)
    assert herder.calls[0] == (
        "put_connector_config",
        "x",
        {"a": "b", "name": "x"},
        None,
        True,
    )


def test_patch_passes_nulls_and_another_name_and_is_always_200(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    reply = server.patch("/connectors/x/config", '{"k":null,"name":"other","n":5}')

    assert reply.status == 200
    assert herder.calls == [("patch_connector_config", "x", {"k": None, "name": "other", "n": "5"})]


def test_a_connector_and_its_config_are_shown(server: RunningServer) -> None:
    assert server.get("/connectors/x").json == {
        "name": "x",
        "config": {"name": "x"},
        "tasks": [{"connector": "x", "task": 0}],
        "type": "source",
    }
    assert server.get("/connectors/x/config").body == b'{"name":"x"}'


@pytest.mark.parametrize("target", ["", "/config", "/tasks"])
def test_what_a_rebalance_leaves_open_is_500_for_get(
    server: RunningServer, herder: ScriptedHerder, target: str
) -> None:
    herder.answers["connector_info"] = herder.answers["task_configs"] = RebalanceNeededError()

    reply = server.get(f"/connectors/x{target}")

    assert reply.status == 500
    assert reply.message == "Request cannot be completed because a rebalance is expected"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/connectors/x/restart"),
        ("POST", "/connectors/x/restart?includeTasks=true"),
        ("POST", "/connectors/x/tasks/0/restart"),
        ("DELETE", "/connectors/x/offsets"),
    ],
)
def test_what_a_rebalance_leaves_open_is_409_for_changes(
    server: RunningServer, herder: ScriptedHerder, method: str, target: str
) -> None:
    for name in (
        "restart_connector",
        "restart_connector_and_tasks",
        "restart_task",
        "reset_connector_offsets",
    ):
        herder.answers[name] = RebalanceNeededError()

    reply = server.request(method, target)

    assert reply.status == 409
    assert reply.message == (
        "Cannot complete request momentarily due to stale configuration (typically caused by a"
        " concurrent config change)"
    )
    assert reply.headers["Retry-After"] == "1"


def test_a_status_omits_an_empty_trace_and_an_undefined_version(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.answers["connector_status"] = ConnectorStateInfo(
        "x",
        ConnectorState(State.RUNNING, "w:1", None, ""),
        [
            TaskState(0, State.FAILED, "w:1", "4.3.1", "boom\n\tat x"),
            TaskState(1, State.UNASSIGNED, "w:2"),
        ],
        "sink",
    )

    assert server.get("/connectors/x/status").body == (
        b'{"name":"x","connector":{"state":"RUNNING","worker_id":"w:1","version":null},'
        b'"tasks":[{"id":0,"state":"FAILED","worker_id":"w:1","version":"4.3.1",'
        b'"trace":"boom\\n\\tat x"},{"id":1,"state":"UNASSIGNED","worker_id":"w:2"}],'
        b'"type":"sink"}'
    )


def test_a_missing_status_is_404(server: RunningServer, herder: ScriptedHerder) -> None:
    herder.answers["connector_status"] = NotFoundError("No status found for connector x")

    reply = server.get("/connectors/x/status")

    assert (reply.status, reply.message) == (404, "No status found for connector x")
    assert reply.content_type == "application/json"


@dataclass(frozen=True)
class Action:
    method: str
    path: str
    status: int
    call: str


@pytest.mark.parametrize(
    "action",
    [
        Action("PUT", "/pause", 202, "pause_connector"),
        Action("PUT", "/resume", 202, "resume_connector"),
        Action("PUT", "/stop", 204, "stop_connector"),
        Action("POST", "/restart", 204, "restart_connector"),
        Action("DELETE", "", 204, "delete_connector_config"),
    ],
    ids=lambda action: action.call,
)
def test_an_action_has_an_empty_answer_or_the_herders_404(
    server: RunningServer, herder: ScriptedHerder, action: Action
) -> None:
    done = server.request(action.method, f"/connectors/x{action.path}")
    herder.answers[action.call] = not_found("x")
    refused = server.request(action.method, f"/connectors/x{action.path}")

    assert (done.status, done.body, done.content_type) == (action.status, b"", None)
    assert (refused.status, refused.message) == (404, "Connector x not found")
    assert herder.calls == [(action.call, "x")] * 2


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?includeTasks=yes",
        "?includeTasks=1&onlyFailed=no",
        "?includeTasks=",
        "?onlyFailed=%20true",
    ],
)
def test_a_restart_without_true_flags_is_204(server: RunningServer, query: str) -> None:
    assert server.post(f"/connectors/x/restart{query}").status == 204


@pytest.mark.parametrize(
    ("query", "only_failed", "include_tasks"),
    [
        ("?includeTasks=TRUE", False, True),
        ("?onlyFailed=true", True, False),
        ("?includeTasks=true&includeTasks=false", False, True),
        ("?includeTasks=true&onlyFailed=True", True, True),
    ],
)
def test_a_restart_with_flags_is_202_with_the_states(
    server: RunningServer,
    herder: ScriptedHerder,
    query: str,
    only_failed: bool,
    include_tasks: bool,
) -> None:
    reply = server.post(f"/connectors/x/restart{query}")

    assert reply.status == 202
    assert reply.json["connector"]["state"] == "RESTARTING"
    wanted = RestartRequest("x", only_failed=only_failed, include_tasks=include_tasks)
    assert herder.calls == [("restart_connector_and_tasks", wanted)]


def test_tasks_are_shown_and_restarted(server: RunningServer, herder: ScriptedHerder) -> None:
    configs = server.get("/connectors/x/tasks")
    state = server.get("/connectors/x/tasks/0/status")
    restarted = server.post("/connectors/x/tasks/0/restart")

    assert configs.body == b'[{"id":{"connector":"x","task":0},"config":{"file":"x"}}]'
    assert state.body == b'{"id":0,"state":"RUNNING","worker_id":"w:8083","version":"1.0"}'
    assert (restarted.status, restarted.body) == (204, b"")
    assert herder.calls[-1] == ("restart_task", ConnectorTaskId("x", 0))


def test_a_connector_of_unknown_type_says_so(server: RunningServer, herder: ScriptedHerder) -> None:
    herder.answers["connector_info"] = ConnectorInfo("x", {}, [], "unknown")

    assert server.get("/connectors/x").json["type"] == "unknown"
