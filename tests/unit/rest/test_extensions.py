import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from isthmus.api.errors import ConfigError
from isthmus.api.rest_extension import ConnectRestExtension, ConnectRestExtensionContext
from isthmus.config.rest_def import Listener
from isthmus.herder.signature import SignatureRules
from isthmus.rest.config import RestConfig
from isthmus.rest.server import RestServer
from tests.unit.rest.running_server import LOCAL, RunningServer
from tests.unit.rest.scripted_herder import status

BASIC_AUTH = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
LOGIN_MODULE = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
REFUSED = b"User cannot access the resource."

Start = Callable[[RestConfig], RunningServer]


class Marking(ConnectRestExtension):
    """Notes what is done with it, adds itself to a header, and has a resource."""

    events: list[str] = []  # noqa: RUF012  # each test empties it
    mark = "outer"

    def configure(self, config: Mapping[str, str]) -> None:
        self.events.append(f"configure {config['group.id']}")

    def register(self, context: ConnectRestExtensionContext) -> None:
        self._cluster = context.cluster_state
        self.events.append("register")
        context.add_middleware(self._wrapped)
        context.add_routes(
            Route(f"/{self.mark}", self._ask), Route("/connectors", self._ask, methods=["GET"])
        )

    def close(self) -> None:
        self.events.append("close")

    def _wrapped(self, app: ASGIApp) -> ASGIApp:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            seen = {**scope, "marks": [*scope.get("marks", []), self.mark]}
            self.events.append(f"{self.mark} {scope['path']}")
            await app(seen, receive, send)

        return marked

    async def _ask(self, request: Request) -> Response:
        return JSONResponse(
            {
                "marks": request.scope["marks"],
                "connectors": list(await self._cluster.connectors()),
                "health": await self._cluster.connector_health("x"),
                "config": await self._cluster.connector_config("x"),
                "cluster": self._cluster.kafka_cluster_id,
            }
        )


class Inner(Marking):
    mark = "inner"


class Broken(ConnectRestExtension):
    def register(self, context: ConnectRestExtensionContext) -> None:
        pass

    def close(self) -> None:
        raise RuntimeError("no")


def config(*classes: str, **more: Any) -> RestConfig:
    return RestConfig(
        listeners=[LOCAL], rest_extension_classes=classes, worker={"group.id": "g"}, **more
    )


def named(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def test_extensions_see_requests_in_the_order_of_the_setting(start: Start) -> None:
    Marking.events.clear()
    server = start(config(named(Marking), named(Inner).replace(":", ".")))
    server.herder.answers["connector_status"] = status("x")

    reply = server.get("//outer/")

    assert reply.status == 400, "paths are made plain first"
    reply = server.get("/outer")
    assert reply.json["marks"] == ["outer", "inner"]
    assert reply.json["cluster"] == "cluster-1"
    assert reply.json["health"]["connector"]["state"] == "RUNNING"
    assert reply.json["config"] == {"name": "x"}
    assert server.get("/inner").status == 200
    assert Marking.events[:4] == ["configure g", "configure g", "register", "register"]


def test_connects_own_resources_win(start: Start) -> None:
    server = start(config(named(Marking)))

    assert server.get("/connectors").json == ["a", "b"]


def test_an_extension_is_closed_with_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    Marking.events.clear()
    server = RunningServer(config(named(Broken), named(Marking)))

    server.close()

    assert Marking.events.count("close") == 1
    assert "REST extension Broken could not be closed" in caplog.text


def test_admin_listeners_of_their_own_have_no_extensions(start: Start) -> None:
    shared = start(config(named(Marking)))
    apart = start(config(named(Marking), admin_listeners=[Listener("http", "127.0.0.1", 0)]))
    Marking.events.clear()

    apart.request("GET", "/admin/loggers", listener=1)
    assert Marking.events == []
    shared.get("/admin/loggers")
    assert Marking.events == ["outer /admin/loggers"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere.Nothing", "Class nowhere.Nothing could not be found: "),
        ("json:Nothing", "Class json:Nothing could not be found: "),
        ("json:dumps", "expected a subclass of isthmus.api.rest_extension.ConnectRestExtension"),
    ],
)
def test_a_class_that_is_no_extension_is_named(name: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RestServer(config(name))

    text = f"Invalid value {name} for configuration rest.extension.classes: {reason}"
    assert str(caught.value).startswith(text)


# The extension that comes with Connect.


def basic_auth(directory: Path, credentials: str, modules: str | None = None) -> RestConfig:
    (directory / "credentials").write_text(credentials)
    login = directory / "login.conf"
    given = modules or f'{LOGIN_MODULE} required file="{directory}/credentials";'
    login.write_text(f"KafkaConnect {{\n {given}\n}};\n")
    return RestConfig(
        listeners=[LOCAL],
        rest_extension_classes=[BASIC_AUTH],
        worker={"rest.extension.login.config": str(login)},
    )


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_only_those_in_the_file_get_an_answer(start: Start, tmp_path: Path) -> None:
    server = start(basic_auth(tmp_path, "ann=se:cr\\u00e9t\nbob=other\n"))

    assert server.get("/connectors", **basic("ann:se:crét")).status == 200
    refused = [
        {},
        basic("ann:other"),
        basic("eve:other"),
        basic("ann"),
        {"Authorization": "Bearer ann"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
    ]
    for headers in refused:
        reply = server.get("/connectors", **headers)
        assert (reply.status, reply.body) == (401, REFUSED)
        assert reply.content_type == "application/json"
        assert reply.headers["WWW-Authenticate"] is None
    assert server.get("/admin/loggers").status == 401
    assert server.get("/health").status == 401


def test_the_scheme_may_be_written_in_any_case(start: Start, tmp_path: Path) -> None:
    server = start(basic_auth(tmp_path, "ann=x\n"))
    header = basic("ann:x")["Authorization"].replace("Basic", "bASIC")

    assert server.get("/", Authorization=header).status == 200


def test_requests_of_workers_are_let_through_to_the_check_of_their_signature(
    start: Start, tmp_path: Path
) -> None:
    server = start(basic_auth(tmp_path, "ann=x\n"))
    server.herder.rules = SignatureRules(b"k" * 32, ("HmacSHA256",))

    for reply in (server.post("/connectors/x/tasks", "[]"), server.put("/connectors/x/fence")):
        assert reply.message == "Internal request missing required signature"
    assert server.get("/connectors/x/tasks").status == 401
    assert server.put("/connectors/x/fence/y").status == 401


def test_an_empty_file_lets_everybody_in_with_a_warning(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(basic_auth(tmp_path, "# nobody yet\n"))

    assert server.get("/").status == 200
    assert f"{tmp_path}/credentials' is empty" in caplog.text


def test_the_login_file_may_be_named_as_for_java(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    basic_auth(tmp_path, "ann=x\n")
    monkeypatch.setenv(
        "KAFKA_OPTS", f"-Djava.security.auth.login.config={tmp_path}/login.conf -Xmx1g"
    )

    server = start(RestConfig(listeners=[LOCAL], rest_extension_classes=[BASIC_AUTH]))

    assert server.get("/").status == 401
    assert server.get("/", **basic("ann:x")).status == 200


@pytest.mark.parametrize(
    ("flags", "ann", "bob"),
    [
        (("required", "required"), False, False),
        (("sufficient", "sufficient"), True, True),
        (("requisite", "optional"), True, False),
        (("required", "sufficient"), True, False),
        (("sufficient", "required"), True, True),
        (("optional", "optional"), True, True),
    ],
)
def test_several_login_modules_count_as_jaas_has_it(
    flags: tuple[str, str], ann: bool, bob: bool, start: Start, tmp_path: Path
) -> None:
    for name in ("ann", "bob"):
        (tmp_path / name).write_text(f"{name}=x\n")
    lines = [
        f'{LOGIN_MODULE} {flag} file="{tmp_path}/{name}";'
        for flag, name in zip(flags, ("ann", "bob"), strict=True)
    ]
    server = start(basic_auth(tmp_path, "", "\n".join(lines)))

    replies = [server.get("/", **basic(f"{name}:x")).status for name in ("ann", "bob", "eve")]

    assert replies == [200 if ann else 401, 200 if bob else 401, 401]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("com.sun.LdapLoginModule required;", "Login module com.sun.LdapLoginModule of"),
        (f"{LOGIN_MODULE} required;", "Property Credentials file must be specified"),
        (f"{LOGIN_MODULE} required file=/nowhere;", "read properties from file /nowhere: No such"),
    ],
)
def test_a_login_that_cannot_be_used_ends_the_start(
    modules: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        RestServer(basic_auth(tmp_path, "", modules))


def test_a_login_file_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_OPTS", raising=False)
    missing = RestConfig(listeners=[LOCAL], rest_extension_classes=[BASIC_AUTH])
    with pytest.raises(ConfigError, match=r"set rest\.extension\.login\.config, or -Djava"):
        RestServer(missing)

    other = basic_auth(tmp_path, "")
    (tmp_path / "login.conf").write_text("KafkaClient { a.B required; };")
    with pytest.raises(ConfigError, match="has no context KafkaConnect"):
        RestServer(other)


# The example of docs/rest-api.md.


def test_the_example_takes_no_changes_and_shows_a_summary(start: Start) -> None:
    server = start(
        RestConfig(
            listeners=[LOCAL],
            rest_extension_classes=["examples.read_only.ReadOnly"],
            worker={"rest.extension.read.only": "true"},
        )
    )
    server.herder.answers["connectors"] = ["x", "y"]
    server.herder.answers["connector_status"] = status("x")

    assert json.loads(server.get("/summary").body) == {"RUNNING": 2}
    assert server.put("/connectors/x/pause").message == "This worker takes no changes now"
    assert server.get("/connectors").status == 200
