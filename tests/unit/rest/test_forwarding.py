import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from isthmus.herder.errors import (
    ConflictError,
    NotAssignedError,
    NotFoundError,
    NotLeaderError,
    RestError,
)
from isthmus.herder.signature import SignatureRules
from isthmus.herder.views import Created
from isthmus.rest.client import RestClient
from isthmus.rest.config import RestConfig
from isthmus.storage.config_store import RestartRequest
from tests.unit.rest.running_server import LOCAL, Reply, RunningServer
from tests.unit.rest.scripted_herder import info

KEY = bytes(range(32))

NO_LEADER = (
    "Cannot complete request momentarily due to no known leader URL, likely because a rebalance"
    " was underway."
)
TWO_HOPS = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"


class Recorder(HTTPServer):
    """Another worker that answers all requests alike, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecordedRequest)
        self.status = 200
        self.body = b"{}"
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class RecordedRequest(BaseHTTPRequestHandler):
    server: Recorder  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status in {301, 302}:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_PUT = do_PATCH = do_DELETE = do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    other = Recorder()
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield other
    other.shutdown()
    thread.join()
    other.server_close()


@pytest.fixture(scope="module")
def shared_leader() -> Iterator[RunningServer]:
    running = RunningServer(RestConfig(listeners=[LOCAL]))
    yield running
    running.close()


@pytest.fixture
def leader(shared_leader: RunningServer) -> RunningServer:
    """A second server, with a herder that is as new."""
    shared_leader.herder.reset()
    return shared_leader


FORWARDED = {
    "put_connector_config": ("POST", "/connectors", '{"name":"x","config":{"a":5}}'),
    "patch_connector_config": ("PATCH", "/connectors/x/config", '{"a":null}'),
    "delete_connector_config": ("DELETE", "/connectors/x", None),
    "stop_connector": ("PUT", "/connectors/x/stop", None),
    "restart_connector": ("POST", "/connectors/x/restart", None),
    "restart_task": ("POST", "/connectors/x/tasks/0/restart", None),
    "alter_connector_offsets": ("PATCH", "/connectors/x/offsets", '{"offsets":[{}]}'),
    "reset_connector_offsets": ("DELETE", "/connectors/x/offsets", None),
    "restart_connector_and_tasks": ("POST", "/connectors/x/restart?onlyFailed=true", None),
    "put_task_configs": ("POST", "/connectors/x/tasks", "[]"),
    "fence_zombies": ("PUT", "/connectors/x/fence", None),
}


@pytest.mark.parametrize("method", FORWARDED)
def test_the_worker_that_the_herder_names_answers_instead(
    server: RunningServer, leader: RunningServer, method: str
) -> None:
    server.herder.answers[method] = NotLeaderError("not me", leader.url)

    forwarded = server.request(*FORWARDED[method])
    asked = leader.herder.calls
    direct = leader.request(*FORWARDED[method])

    assert (forwarded.status, forwarded.body) == (direct.status, direct.body)
    assert [call[0] for call in server.herder.calls] == [method]
    assert asked[0] == asked[1]


def test_a_request_may_hop_twice_and_then_is_409(
    server: RunningServer, leader: RunningServer
) -> None:
    server.herder.answers["stop_connector"] = NotLeaderError("not me", leader.url)
    leader.herder.answers["stop_connector"] = NotLeaderError("nor me", server.url)

    reply = server.put("/connectors/x/stop")

    assert (reply.status, reply.message) == (409, TWO_HOPS)
    assert reply.headers["Retry-After"] == "1"
    assert len(server.herder.calls) == 2
    assert len(leader.herder.calls) == 1


@pytest.mark.parametrize("query", ["?forward=false", "?forward=maybe"])
def test_a_request_that_must_not_hop_is_409(server: RunningServer, query: str) -> None:
    server.herder.answers["stop_connector"] = NotLeaderError("not me", "http://nowhere/")

    reply = server.put(f"/connectors/x/stop{query}")

    assert (reply.status, reply.message) == (409, TWO_HOPS)


@pytest.mark.parametrize("url", [None, ""])
def test_without_a_known_leader_it_is_409(server: RunningServer, url: str | None) -> None:
    server.herder.answers["restart_task"] = NotAssignedError("not me", url)

    reply = server.post("/connectors/x/tasks/0/restart")

    assert (reply.status, reply.message) == (409, NO_LEADER)


def test_a_forwarded_request_has_few_headers_and_says_whether_it_may_go_on(
    server: RunningServer, recorder: Recorder
) -> None:
    recorder.status = 204
    server.herder.answers["stop_connector"] = NotLeaderError("not me", recorder.url)

    for target in ("/connectors/a%20b/stop", "/connectors/a%20b/stop?forward=true&x=y"):
        headers = {"Authorization": "Basic abc", "X-Custom": "1", "Cookie": "c"}
        assert server.request("PUT", target, None, headers).status == 204

    (_, first, sent, body), (_, second, _, _) = recorder.requests
    assert first == "/connectors/a%20b/stop?forward=true"
    assert second == "/connectors/a%20b/stop?forward=false"
    assert sent["Authorization"] == "Basic abc"
    assert sent["User-Agent"] == "kafka-connect"
    assert sent["Accept"] == sent["Content-Type"] == "application/json"
    assert "X-Custom" not in sent
    assert "Cookie" not in sent
    assert body == b""


def test_a_forwarded_create_always_names_an_initial_state(
    server: RunningServer, recorder: Recorder
) -> None:
    recorder.status, recorder.body = 201, b'{"name":"x","config":{},"tasks":[],"type":"sink"}'
    server.herder.answers["put_connector_config"] = NotLeaderError("not me", recorder.url)

    server.post("/connectors", '{"name":" x ","config":{"n":1.50}}')
    server.post("/connectors", '{"name":"x","config":{},"initial_state":"paused"}')

    assert [body for _, _, _, body in recorder.requests] == [
        b'{"name":" x ","config":{"n":"1.50"},"initial_state":null}',
        b'{"name":"x","config":{},"initial_state":"PAUSED"}',
    ]


def test_whether_a_put_created_follows_the_other_workers_status(
    server: RunningServer, leader: RunningServer
) -> None:
    server.herder.answers["put_connector_config"] = NotLeaderError("not me", leader.url)

    created = server.put("/connectors/x/config", "{}")
    leader.herder.answers["put_connector_config"] = Created(False, info("x"))
    replaced = server.put("/connectors/x/config", "{}")

    assert (created.status, replaced.status) == (201, 200)
    assert created.headers["Location"] == f"{server.url}connectors/x"


def test_flags_of_a_restart_are_forwarded(server: RunningServer, leader: RunningServer) -> None:
    server.herder.answers["restart_connector_and_tasks"] = NotLeaderError("not me", leader.url)

    server.post("/connectors/x/restart?includeTasks=TRUE")

    wanted = RestartRequest("x", only_failed=False, include_tasks=True)
    assert leader.herder.calls == [("restart_connector_and_tasks", wanted)]


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        (NotFoundError("Connector x not found"), None),
        (RestError(403, "no"), None),
        (RestError(500, None), None),
        (ConflictError("come back"), "1"),
    ],
)
def test_an_error_of_the_other_worker_is_repeated(
    server: RunningServer, leader: RunningServer, error: RestError, retry_after: str | None
) -> None:
    server.herder.answers["stop_connector"] = NotLeaderError("not me", leader.url)
    leader.herder.answers["stop_connector"] = error

    reply = server.put("/connectors/x/stop")

    assert (reply.status, reply.message) == (error.status, error.message)
    assert reply.headers["Retry-After"] == retry_after


def restart_through(server: RunningServer, url: str) -> Reply:
    server.herder.answers["restart_connector_and_tasks"] = NotLeaderError("not me", url)
    return server.post("/connectors/x/restart?includeTasks=true")


def test_a_worker_that_cannot_be_reached_is_500(server: RunningServer) -> None:
    reply = restart_through(server, "http://127.0.0.1:1/")

    assert reply.status == 500
    assert reply.message.startswith("IO Error trying to forward REST request: ")


def test_an_address_that_is_none_is_500(server: RunningServer) -> None:
    for url in ("http://a..b/", "http://[bad/", "nonsense"):
        reply = restart_through(server, url)

        assert reply.status == 500
        assert "Error trying to forward REST request: " in reply.message


def test_a_worker_that_never_answers_holds_up_neither_others_nor_the_end() -> None:
    async def give_up(port: int) -> None:
        client = RestClient()
        stuck = asyncio.create_task(client.fence_zombies(f"http://127.0.0.1:{port}", "x", None, ""))
        with pytest.raises(RestError):
            await client.fence_zombies("http://127.0.0.1:1/", "x", None, "")
        assert not stuck.done()
        stuck.cancel()
        await client.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(give_up(silent.getsockname()[1]))

    waiting = [thread for thread in threading.enumerate() if thread.name == "rest-client PUT"]
    assert all(thread.daemon for thread in waiting)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>", "Error trying to forward REST request: "),
        (200, b'{"name":"x"}', "Error trying to forward REST request: "),
        (400, b"<html>", "Error trying to forward REST request: "),
        (302, b"", "Unexpected status code when handling forwarded request: 302"),
    ],
)
def test_an_answer_that_makes_no_sense_is_500(
    server: RunningServer, recorder: Recorder, status: int, body: bytes, message: str
) -> None:
    recorder.status, recorder.body = status, body

    reply = restart_through(server, recorder.url)

    assert reply.status == 500
    assert reply.message.startswith(message)
    assert len(recorder.requests) == 1


def test_a_worker_signs_what_it_sends_to_the_leader(leader: RunningServer) -> None:
    leader.herder.rules = SignatureRules(KEY, ["HmacSHA512"])

    async def send() -> None:
        client = RestClient()
        await client.put_task_configs(leader.url, "x é", [{"a": None}], KEY, "HmacSHA512")
        await client.fence_zombies(leader.url, "x é", KEY, "HmacSHA512")
        await client.close()

    asyncio.run(send())

    assert leader.herder.calls == [
        ("put_task_configs", "x é", [{"a": None}]),
        ("fence_zombies", "x é"),
    ]


def test_a_wrong_key_is_refused_with_403(leader: RunningServer) -> None:
    leader.herder.rules = SignatureRules(KEY, ["HmacSHA256"])

    async def send() -> None:
        client = RestClient()
        try:
            await client.put_task_configs(leader.url, "x", [], b"other", "HmacSHA256")
        finally:
            await client.close()

    with pytest.raises(RestError, match="Internal request contained invalid signature") as raised:
        asyncio.run(send())

    assert raised.value.status == 403
    assert leader.herder.calls == []


def test_a_signature_does_not_go_with_a_second_hop(
    server: RunningServer, leader: RunningServer
) -> None:
    server.herder.rules = leader.herder.rules = SignatureRules(KEY, ["HmacSHA256"])
    server.herder.answers["fence_zombies"] = NotLeaderError("not me", leader.url)

    async def send() -> None:
        client = RestClient()
        try:
            await client.fence_zombies(server.url, "x", KEY, "HmacSHA256")
        finally:
            await client.close()

    with pytest.raises(RestError, match="Internal request missing required signature"):
        asyncio.run(send())

    assert leader.herder.calls == []
