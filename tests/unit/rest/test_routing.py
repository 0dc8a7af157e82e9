import pytest

from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder


@pytest.mark.parametrize(
    ("method", "target", "status", "message"),
    [
        ("GET", "/nope", 404, "HTTP 404 Not Found"),
        ("GET", "/Connectors", 404, "HTTP 404 Not Found"),
        ("GET", "/connectors/x/tasks-config", 404, "HTTP 404 Not Found"),
        ("OPTIONS", "/nope", 404, "HTTP 404 Not Found"),
        ("PUT", "/connectors", 405, "HTTP 405 Method Not Allowed"),
        ("TRACE", "/", 405, "HTTP 405 Method Not Allowed"),
    ],
)
def test_a_request_that_no_resource_takes_has_a_json_body_and_no_content_type(
    server: RunningServer, method: str, target: str, status: int, message: str
) -> None:
    reply = server.request(method, target)

    assert (reply.status, reply.message) == (status, message)
    assert reply.content_type is None
    assert reply.headers["Allow"] is None


def test_a_body_of_another_type_is_415_for_every_method(server: RunningServer) -> None:
    for method, target in [
        ("POST", "/connectors"),
        ("PUT", "/connectors/x/pause"),
        ("DELETE", "/connectors/x"),
        ("GET", "/connectors"),
    ]:
        reply = server.request(method, target, "{}", {"Content-Type": "text/plain"})

        assert (reply.status, reply.message) == (415, "HTTP 415 Unsupported Media Type")
        assert reply.content_type is None


def test_a_body_without_content_type_is_415_with_one(server: RunningServer) -> None:
    for method, target in [
        ("POST", "/connectors"),
        ("PUT", "/connectors/x/config"),
        ("PATCH", "/connectors/x/config"),
        ("PATCH", "/connectors/x/offsets"),
        ("PUT", "/admin/loggers/x"),
        ("PUT", "/connector-plugins/x/config/validate"),
    ]:
        reply = server.request(method, target, "{}", {"Content-Type": "none"})

        assert (reply.status, reply.message) == (415, "HTTP 415 Unsupported Media Type")
        assert reply.content_type == "application/json"


@pytest.mark.parametrize("content_type", ["json", "application/", ";charset=utf-8", "a/b/c"])
def test_a_malformed_content_type_is_415(server: RunningServer, content_type: str) -> None:
    reply = server.request("POST", "/connectors", "{}", {"Content-Type": content_type})

    assert (reply.status, reply.message) == (415, "HTTP 415 Unsupported Media Type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;x=y"]
)
def test_parameters_and_case_of_the_content_type_do_not_matter(
    server: RunningServer, content_type: str
) -> None:
    body = '{"name":"x","config":{}}'

    assert server.request("POST", "/connectors", body, {"Content-Type": content_type}).status == 201


@pytest.mark.parametrize("body", [None, "", "null", "{}", '""', "garbage"])
def test_an_action_takes_any_body(server: RunningServer, body: str | None) -> None:
    assert server.put("/connectors/x/pause", body).status == 202
    assert server.post("/connectors/x/restart", body).status == 204
    assert server.request("DELETE", "/connectors/x/offsets", body).status == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/*;q=0.1, text/html", 200),
        ("application/json;q=0", 200),
        ("application/json; charset=utf-8", 200),
        ("", 200),
        ("text/plain", 406),
        ("garbage", 406),
    ],
)
def test_a_client_that_does_not_take_json_gets_406(
    server: RunningServer, accept: str, status: int
) -> None:
    reply = server.get("/connectors", Accept=accept)

    assert reply.status == status
    if status == 406:
        assert reply.message == "HTTP 406 Not Acceptable"
        assert reply.content_type is None


def test_an_action_is_not_done_when_its_answer_could_not_be_read(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    assert server.request("DELETE", "/connectors/x", headers={"Accept": "text/xml"}).status == 406
    assert herder.calls == []


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/", "HEAD,GET,OPTIONS"),
        ("/connectors", "HEAD,POST,GET,OPTIONS"),
        ("/connectors/x/config", "HEAD,GET,OPTIONS,PUT,PATCH"),
        ("/connectors/x/offsets", "HEAD,DELETE,GET,OPTIONS,PATCH"),
        ("/connectors/x/tasks", "HEAD,POST,GET,OPTIONS"),
        ("/admin/loggers/x", "HEAD,GET,OPTIONS,PUT"),
    ],
)
def test_options_lists_the_methods_as_text(server: RunningServer, target: str, allow: str) -> None:
    reply = server.request("OPTIONS", target)

    assert reply.status == 200
    assert reply.headers["Allow"] == allow
    assert reply.content_type == "text/plain"
    assert reply.body.decode() == allow.replace(",", ", ")


def test_options_for_a_client_that_takes_json_only_has_no_body(server: RunningServer) -> None:
    reply = server.request("OPTIONS", "/connectors", headers={"Accept": "application/json"})

    assert (reply.status, reply.content_type, reply.body) == (200, "application/json", b"")
    assert reply.headers["Allow"] == "HEAD,POST,GET,OPTIONS"


def test_head_is_get_without_the_body(server: RunningServer) -> None:
    reply = server.request("HEAD", "/connectors")

    assert (reply.status, reply.content_type, reply.body) == (200, "application/json", b"")
    assert server.request("HEAD", "/nope").status == 404


def test_a_slash_at_the_end_changes_nothing(server: RunningServer) -> None:
    assert server.get("/connectors/").json == ["a", "b"]
    assert server.get("/connectors/x/status/").json["name"] == "x"


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        ("a%20b", "a b"),
        ("%20a%20", " a "),
        ("%C3%A9", "é"),
        ("%F0%9F%98%80", "😀"),
        ("a+b", "a+b"),
        ("a%41b", "aAb"),
        ("a%2Fb", "a/b"),
        ("%2f", "/"),
        ("a%22b", 'a"b'),
        ("a%3Fb%23", "a?b#"),
        ("a%3Bb;x=1", "a;b"),
        ("a;x=1", "a"),
        ("..", ".."),
        ("a%25b", "a%b"),
        ("a%5Cb", "a\\b"),
    ],
)
def test_a_name_in_the_path_is_decoded_once(
    server: RunningServer, herder: ScriptedHerder, escaped: str, name: str
) -> None:
    assert server.get(f"/connectors/{escaped}").status == 200
    assert herder.calls == [("connector_info", name)]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/connectors/a/tasks%2F0", "Ambiguous URI path separator"),
        ("/admin/loggers/a%2fb", "Ambiguous URI path separator"),
        ("/../connectors", "Bad Request"),
        ("//connectors", "Ambiguous URI empty segment"),
        ("/connectors//", "Ambiguous URI empty segment"),
        ("/connectors/%2e%2e/x", "Ambiguous URI path segment"),
        ("/connectors/a%0Ab", "Suspicious Path Character"),
        ("/connectors/a%7Fb", "Suspicious Path Character"),
        ("/connectors/%FF", "Bad UTF-8 encoding"),
        ("/connectors/%zz", "Bad Request"),
    ],
)
def test_a_path_that_could_be_misread_is_400(
    server: RunningServer, herder: ScriptedHerder, target: str, message: str
) -> None:
    reply = server.get(target)

    assert (reply.status, reply.message) == (400, message)
    assert herder.calls == []


@pytest.mark.parametrize("task", ["abc", "1.0", "99999999999", "-+1", "%20", "%D9%A3"])
def test_a_task_that_is_no_number_is_404(server: RunningServer, task: str) -> None:
    reply = server.get(f"/connectors/x/tasks/{task}/status")

    assert (reply.status, reply.message) == (404, "HTTP 404 Not Found")
    assert reply.content_type == "application/json"


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("01", 1), ("+1", 1), ("-1", -1)])
def test_a_task_number_is_read_as_java_reads_integers(
    server: RunningServer, text: str, number: int
) -> None:
    assert server.get(f"/connectors/x/tasks/{text}/status").json["id"] == number


def test_unknown_query_parameters_are_ignored(server: RunningServer) -> None:
    assert server.get("/connectors?foo=1&bar").json == ["a", "b"]
    assert server.get("/connectors?x=%zz").json == ["a", "b"]


def test_no_answer_names_the_software(server: RunningServer) -> None:
    assert server.get("/").headers["Server"] is None


def test_credentials_that_nobody_asked_for_are_ignored(server: RunningServer) -> None:
    assert server.get("/", Authorization="Basic xyz").status == 200
