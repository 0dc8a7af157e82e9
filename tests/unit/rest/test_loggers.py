import pytest

from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder


def test_loggers_are_listed_by_name(server: RunningServer) -> None:
    assert server.get("/admin/loggers").body == (
        b'{"a.b":{"level":"WARN","last_modified":17},"root":{"level":"INFO","last_modified":null}}'
    )


def test_a_logger_is_shown_or_404(server: RunningServer, herder: ScriptedHerder) -> None:
    shown = server.get("/admin/loggers/a.b")
    herder.answers["logger"] = None
    missing = server.get("/admin/loggers/zzz")

    assert shown.body == b'{"level":"WARN","last_modified":17}'
    assert (missing.status, missing.message) == (404, "Logger zzz not found.")


@pytest.mark.parametrize("scope", ["", "?scope=worker", "?scope=bogus", "?scope="])
def test_a_level_is_set_on_this_worker_unless_asked_otherwise(
    server: RunningServer, herder: ScriptedHerder, scope: str
) -> None:
    reply = server.put(f"/admin/loggers/a{scope}", '{"level":" debug","other":1}')

    assert (reply.status, reply.body) == (200, b'["a.b","a.z"]')
    assert herder.calls == [("set_worker_logger", "a", "DEBUG")]


@pytest.mark.parametrize("scope", ["cluster", "CLUSTER"])
def test_a_level_of_the_whole_cluster_is_204(
    server: RunningServer, herder: ScriptedHerder, scope: str
) -> None:
    reply = server.put(f"/admin/loggers/a?scope={scope}", '{"level":"OFF"}')

    assert (reply.status, reply.body) == (204, b"")
    assert herder.calls == [("set_cluster_logger", "a", "OFF")]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{}", 400, "Desired 'level' parameter was not specified in request."),
        ('{"level":null}', 400, "Desired 'level' parameter was not specified in request."),
        ('{"level":"x"}', 404, "invalid log level 'x'."),
        ('{"level":5}', 404, "invalid log level '5'."),
        ('{"level":""}', 404, "invalid log level ''."),
    ],
)
@pytest.mark.parametrize("scope", ["worker", "cluster"])
def test_a_bad_level_is_refused(
    server: RunningServer,
    herder: ScriptedHerder,
    scope: str,
    body: str,
    status: int,
    message: str,
) -> None:
    reply = server.put(f"/admin/loggers/a?scope={scope}", body)

    assert (reply.status, reply.message) == (status, message)
    assert herder.calls == []
