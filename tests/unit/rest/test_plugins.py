import pytest

from isthmus.api.errors import ConnectError
from isthmus.herder.errors import BadRequestError, NotFoundError
from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder

VALIDATE = "/connector-plugins/{}/config/validate"


def test_plugins_without_a_version_have_none_in_the_list(server: RunningServer) -> None:
    assert server.get("/connector-plugins").body == (
        b'[{"class":"org.x.Sink","type":"sink","version":"1.0"},'
        b'{"class":"org.x.Source","type":"source"}]'
    )


@pytest.mark.parametrize(
    ("query", "connectors_only"),
    [
        ("", True),
        ("?connectorsOnly=", True),
        ("?connectorsOnly=True", True),
        ("?connectorsOnly=false", False),
        ("?connectorsOnly=no", False),
    ],
)
def test_only_connectors_are_listed_unless_asked_otherwise(
    server: RunningServer, herder: ScriptedHerder, query: str, connectors_only: bool
) -> None:
    server.get(f"/connector-plugins{query}")

    assert herder.calls == [("plugins", connectors_only)]


def test_the_settings_of_a_plugin_have_the_order_of_the_wire(server: RunningServer) -> None:
    assert server.get("/connector-plugins/FileStreamSource/config").body == (
        b'[{"name":"file","type":"STRING","required":false,"default_value":null,'
        b'"importance":"HIGH","documentation":"A file.","group":null,"order_in_group":-1,'
        b'"width":"NONE","display_name":"file","dependents":[]}]'
    )


@pytest.mark.parametrize(
    ("query", "version"),
    [("", None), ("?version=latest", None), ("?version=", ""), ("?version=[1.0,2)", "[1.0,2)")],
)
def test_the_version_of_a_plugin_is_passed_on(
    server: RunningServer, herder: ScriptedHerder, query: str, version: str | None
) -> None:
    server.get(f"/connector-plugins/X/config{query}")

    assert herder.calls == [("connector_plugin_config", "X", version)]


def test_an_unknown_plugin_is_404(server: RunningServer, herder: ScriptedHerder) -> None:
    herder.answers["connector_plugin_config"] = NotFoundError("Unknown plugin X.")

    reply = server.get("/connector-plugins/X/config")

    assert (reply.status, reply.message) == (404, "Unknown plugin X.")


@pytest.mark.parametrize(
    ("plugin", "class_name"),
    [
        ("Source", "FileStreamSourceConnector"),
        ("FileStreamSourceConnector", "org.apache.kafka.connect.file.FileStreamSource"),
        ("org.x.A", "org.x.A"),
    ],
)
def test_validate_takes_a_class_that_ends_like_the_path(
    server: RunningServer, plugin: str, class_name: str
) -> None:
    reply = server.put(VALIDATE.format(plugin), f'{{"connector.class":"{class_name}"}}')

    assert (reply.status, reply.json["name"]) == (200, class_name)
    assert list(reply.json) == ["name", "error_count", "groups", "configs"]


@pytest.mark.parametrize("plugin", ["FileStreamSink", "Connector"])
def test_validate_refuses_another_class_than_the_path_says(
    server: RunningServer, herder: ScriptedHerder, plugin: str
) -> None:
    reply = server.put(VALIDATE.format(plugin), '{"connector.class":"FileStreamSource"}')

    assert reply.status == 400
    assert reply.message == (
        f"Included connector type FileStreamSource does not match request type {plugin}"
    )
    assert herder.calls == []


def test_errors_of_a_validation_are_500_with_the_class_of_javas_exception(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.answers["validate_connector_config"] = BadRequestError(
        "Connector config {} contains no connector type"
    )
    missing = server.put(VALIDATE.format("Source"), "{}")
    herder.answers["validate_connector_config"] = ConnectError("the plugin broke")
    broken = server.put(VALIDATE.format("Source"), "{}")

    assert (missing.status, missing.message) == (
        500,
        "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {}"
        " contains no connector type",
    )
    assert (broken.status, broken.message) == (
        500,
        "org.apache.kafka.connect.errors.ConnectException: the plugin broke",
    )
