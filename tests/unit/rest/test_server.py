import asyncio
import http.client
import logging
import logging.handlers
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from isthmus.api.errors import ConnectError
from isthmus.config.rest_def import HeaderRule, Listener
from isthmus.config.worker import WorkerConfig
from isthmus.herder.views import Created
from isthmus.rest.config import RestConfig
from isthmus.rest.middleware import access_log
from isthmus.rest.server import RestServer
from tests.unit.rest.running_server import LOCAL, RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder, info

Start = Callable[[RestConfig], RunningServer]


def test_all_answers_are_404_until_there_is_a_herder() -> None:
    running = RunningServer(RestConfig(listeners=[LOCAL]), with_herder=False)

    early = running.get("/connectors")
    running.run(running.server.start(running.herder))
    later = running.get("/connectors")
    running.close()

    assert (early.status, early.message, early.content_type) == (404, "HTTP 404 Not Found", None)
    assert later.status == 200


def test_several_listeners_answer_alike(start: Start) -> None:
    running = start(RestConfig(listeners=[LOCAL, LOCAL]))

    assert len(set(running.ports)) == 2
    for listener in (0, 1):
        assert running.request("GET", "/connectors", listener=listener).json == ["a", "b"]
        assert running.request("GET", "/admin/loggers", listener=listener).status == 200


def test_a_port_in_use_is_one_clear_error_and_leaves_nothing_open() -> None:
    async def bind_twice(taken: socket.socket) -> str:
        port = taken.getsockname()[1]
        server = RestServer(RestConfig(listeners=[LOCAL, Listener("http", "127.0.0.1", port)]))
        with pytest.raises(ConnectError) as raised:
            await server.bind()
        assert server.bound == []
        return str(raised.value)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = asyncio.run(bind_twice(taken))

    assert message == (
        f"Unable to listen on http://127.0.0.1:{port} (address 127.0.0.1, port {port}): Address"
        " already in use; another process listens there"
    )


def test_an_address_of_another_machine_is_an_error_too() -> None:
    server = RestServer(RestConfig(listeners=[Listener("http", "192.0.2.1", 0)]))

    with pytest.raises(ConnectError, match=r"Unable to listen on http://192\.0\.2\.1:0 "):
        asyncio.run(server.bind())


@pytest.mark.parametrize("host", ["", "localhost", "0.0.0.0"])
def test_a_listener_may_name_a_host_or_none(start: Start, host: str) -> None:
    running = start(RestConfig(listeners=[Listener("http", host, 0)]))

    assert running.get("/").status == 200


def test_admin_resources_have_listeners_of_their_own_if_there_are_any(start: Start) -> None:
    running = start(RestConfig(listeners=[LOCAL], admin_listeners=[LOCAL]))

    statuses = {
        (path, listener): running.request("GET", path, listener=listener).status
        for path in ("/connectors", "/", "/admin/loggers")
        for listener in (0, 1)
    }

    assert statuses == {
        ("/connectors", 0): 200,
        ("/connectors", 1): 404,
        ("/", 0): 200,
        ("/", 1): 404,
        ("/admin/loggers", 0): 404,
        ("/admin/loggers", 1): 200,
    }


def test_an_empty_list_of_admin_listeners_switches_admin_off(start: Start) -> None:
    running = start(RestConfig(listeners=[LOCAL], admin_listeners=[]))

    assert running.get("/admin/loggers").status == 404
    assert running.get("/connectors").status == 200


def test_a_listener_tells_the_port_that_it_was_given(start: Start) -> None:
    running = start(RestConfig(listeners=[LOCAL, LOCAL], admin_listeners=[LOCAL]))

    assert len(running.server.bound) == 2
    assert len(running.server.admin_bound) == 1
    assert len({0, *running.ports}) == 4


def test_a_workers_settings_say_how_to_serve() -> None:
    worker = WorkerConfig.from_properties(
        {
            "bootstrap.servers": "b:1",
            "group.id": "g",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "config.storage.topic": "c",
            "offset.storage.topic": "o",
            "status.storage.topic": "s",
            "listeners": "http://h:1,http://[::1]:2",
            "admin.listeners": "",
            "access.control.allow.origin": "*",
            "topic.tracking.allow.reset": "false",
            "response.http.headers.config": '"add Cache-Control: no-cache, no-store", set X-A: b',
        }
    )

    assert RestConfig.of(worker) == RestConfig(
        listeners=(Listener("http", "h", 1), Listener("http", "::1", 2)),
        admin_listeners=(),
        access_control_allow_origin="*",
        response_headers=[
            HeaderRule("add", "Cache-Control", "no-cache, no-store"),
            HeaderRule("set", "X-A", "b"),
        ],
        topic_tracking_allow_reset=False,
        tls=worker.originals,
        admin_tls=worker.originals,
        extension_timeout=60.0,
        worker=worker.originals,
    )


def test_a_connection_is_kept_for_the_next_request(server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=10)
    connection.request("GET", "/connectors")
    connection.getresponse().read()
    first = connection.sock

    connection.request("PUT", "/connectors/x/pause", body=b"x" * 100_000)
    connection.getresponse().read()
    connection.request("GET", "/connectors")
    connection.getresponse().read()

    assert first is connection.sock
    connection.close()


def test_answers_do_not_wait_for_acknowledgements_of_the_client(server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=10.0)
    begin = time.monotonic()
    for _ in range(50):
        connection.request("GET", "/connectors")
        connection.getresponse().read()
    seconds = time.monotonic() - begin
    connection.close()

    assert seconds < 1.0, f"{seconds:.2f} s for 50 requests; a delayed acknowledgement takes 40 ms"


def test_a_stop_waits_for_the_request_under_way() -> None:
    running = RunningServer(RestConfig(listeners=[LOCAL]))
    release = asyncio.Event()
    entered = threading.Event()

    class SlowHerder(ScriptedHerder):
        async def connectors(self) -> list[str]:
            entered.set()
            await release.wait()
            return ["late"]

    running.run(running.server.start(SlowHerder()))
    replies: list[object] = []
    client = threading.Thread(target=lambda: replies.append(running.get("/connectors").json))
    client.start()
    assert entered.wait(timeout=5)

    async def stop_and_release() -> None:
        stopping = asyncio.create_task(running.server.stop())
        await asyncio.sleep(0)
        release.set()
        await stopping

    running.run(stop_and_release())
    client.join(timeout=5)
    running.close()

    assert replies == [["late"]]


def test_signals_are_left_to_the_worker() -> None:
    async def handlers() -> tuple[object, object]:
        server = RestServer(RestConfig(listeners=[LOCAL]))
        before = signal.getsignal(signal.SIGTERM)
        await server.bind()
        during = signal.getsignal(signal.SIGTERM)
        await server.stop()
        return before, during

    before, during = asyncio.run(handlers())

    assert during is before


@pytest.fixture
def access_lines() -> Iterator[queue.Queue[logging.LogRecord]]:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    yield records
    access_log.setLevel(logging.NOTSET)
    access_log.removeHandler(handler)


def test_the_request_log_has_a_line_for_each_request(
    server: RunningServer, access_lines: queue.Queue[logging.LogRecord]
) -> None:
    server.request("GET", "/connectors?a=%20", headers={"User-Agent": "curl/8"})
    listed = access_lines.get(timeout=5).getMessage()
    server.get("/admin/a%2Fb")
    refused = access_lines.get(timeout=5).getMessage()

    assert listed.startswith("127.0.0.1 - - [")
    assert '] "GET /connectors?a=%20 HTTP/1.1" 200 9 "" "curl/8" ' in listed
    assert '"GET /admin/a%2Fb HTTP/1.1" 400 ' in refused


CORS = RestConfig(
    listeners=[LOCAL],
    access_control_allow_origin="http://a.example, http://c.example",
    access_control_allow_methods="GET,PUT",
)
PREFLIGHT = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}


def test_pages_of_allowed_origins_may_read_answers(start: Start) -> None:
    running = start(CORS)

    for target in ("/connectors", "/nope"):
        allowed = running.get(target, Origin="http://c.example").headers
        refused = running.get(target, Origin="http://b.example").headers
        without = running.get(target).headers

        assert allowed["Access-Control-Allow-Origin"] == "http://c.example"
        assert refused["Access-Control-Allow-Origin"] is None
        assert without["Access-Control-Allow-Origin"] is None
        assert allowed["Vary"] == refused["Vary"] == without["Vary"] == "Origin"


def test_a_preflight_gets_its_headers_and_the_answer_of_the_resource(start: Start) -> None:
    reply = start(CORS).request("OPTIONS", "/connectors", headers=PREFLIGHT)

    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET,PUT"
    assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert reply.headers["Access-Control-Max-Age"] == "60"
    assert reply.headers["Allow"] == "HEAD,POST,GET,OPTIONS"


def test_a_star_allows_every_origin_and_methods_have_a_default(start: Start) -> None:
    running = start(RestConfig(listeners=[LOCAL], access_control_allow_origin="*"))

    headers = running.request("OPTIONS", "/connectors", headers=PREFLIGHT).headers

    assert headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert headers["Access-Control-Allow-Methods"] == "HEAD,POST,GET"


def test_without_allowed_origins_there_are_no_cors_headers(server: RunningServer) -> None:
    headers = server.request("OPTIONS", "/connectors", headers=PREFLIGHT).headers

    assert headers["Vary"] is None
    assert headers["Access-Control-Allow-Origin"] is None


def test_configured_headers_are_on_every_answer_of_the_main_listeners(start: Start) -> None:
    rules = [
        HeaderRule("set", "X-A", "first"),
        HeaderRule("set", "X-A", "last"),
        HeaderRule("add", "X-B", "1"),
        HeaderRule("add", "X-B", "2"),
        HeaderRule("setDate", "Expires", "0"),
        HeaderRule("set", "Content-Type", "text/evil"),
    ]
    running = start(RestConfig(listeners=[LOCAL], admin_listeners=[LOCAL], response_headers=rules))

    reply = running.get("/connectors")

    assert reply.headers.get_all("X-A") == ["last"]
    assert reply.headers.get_all("X-B") == ["1", "2"]
    assert reply.headers["Expires"].endswith(" GMT")
    assert reply.content_type == "application/json"
    assert running.get("/nope").headers["X-A"] == "last"
    admin = running.request("GET", "/admin/loggers", listener=1)
    assert admin.headers["X-A"] is None


def test_a_slow_request_does_not_hold_up_others(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    release = threading.Event()

    class Waiting(ScriptedHerder):
        async def stop_connector(self, name: str) -> None:
            await asyncio.to_thread(release.wait, 5)

    waiting = Waiting()
    waiting.answers["put_connector_config"] = Created(False, info("x"))
    server.run(server.server.start(waiting))
    stop = threading.Thread(target=server.put, args=("/connectors/x/stop",))
    stop.start()

    assert server.put("/connectors/x/config", "{}").status == 200
    assert stop.is_alive()

    release.set()
    stop.join(timeout=5)
    server.run(server.server.start(herder))
