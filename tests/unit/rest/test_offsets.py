import pytest

from isthmus.herder.errors import BadRequestError
from isthmus.herder.views import ConnectorOffset
from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder


def test_offsets_are_shown(server: RunningServer) -> None:
    assert server.get("/connectors/x/offsets").body == (
        b'{"offsets":[{"partition":{"filename":"f"},"offset":{"position":4}}]}'
    )


def test_offsets_are_altered_and_reset(server: RunningServer, herder: ScriptedHerder) -> None:
    altered = server.patch(
        "/connectors/x/offsets", '{"offsets":[{"partition":{"f":"a"},"offset":{"p":1}}]}'
    )
    reset = server.delete("/connectors/x/offsets")

    assert (altered.status, altered.body) == (200, b'{"message":"done"}')
    assert (reset.status, reset.body) == (200, b'{"message":"done"}')
    assert herder.calls == [
        ("alter_connector_offsets", "x", [ConnectorOffset({"f": "a"}, {"p": 1})]),
        ("reset_connector_offsets", "x"),
    ]


@pytest.mark.parametrize("body", ["{}", '{"offsets":null}', '{"offsets":[]}'])
def test_no_offsets_to_alter_is_400_whether_or_not_there_is_the_connector(
    server: RunningServer, herder: ScriptedHerder, body: str
) -> None:
    reply = server.patch("/connectors/nope/offsets", body)

    assert reply.status == 400
    assert reply.message == "Partitions / offsets need to be provided for an alter offsets request"
    assert herder.calls == []


def test_the_last_offset_of_a_partition_counts(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    server.patch(
        "/connectors/x/offsets",
        '{"offsets":[{"partition":{"a":1,"b":2},"offset":{"p":1}},'
        '{"partition":{"c":1},"offset":null},{"partition":{"b":2,"a":1},"offset":{"p":9}}]}',
    )

    assert herder.calls[0][2] == [
        ConnectorOffset({"b": 2, "a": 1}, {"p": 9}),
        ConnectorOffset({"c": 1}, None),
    ]


def test_an_item_without_partition_is_left_to_the_herder(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    assert server.patch("/connectors/x/offsets", '{"offsets":[{}]}').status == 200
    assert herder.calls[0][2] == [ConnectorOffset(None, None)]


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"foo":1}',
        '{"offsets":{}}',
        '{"offsets":[5]}',
        '{"offsets":[{"partition":"a"}]}',
        '{"offsets":[{"partition":{},"offset":5}]}',
        '{"offsets":[{"partition":{},"offset":null,"foo":1}]}',
    ],
)
def test_offsets_of_another_shape_are_500(
    server: RunningServer, herder: ScriptedHerder, body: str
) -> None:
    assert server.patch("/connectors/x/offsets", body).status == 500
    assert herder.calls == []


def test_what_the_herder_refuses_keeps_its_text(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.answers["alter_connector_offsets"] = BadRequestError("Connectors must be STOPPED")

    reply = server.patch("/connectors/x/offsets", '{"offsets":[{}]}')

    assert (reply.status, reply.message) == (400, "Connectors must be STOPPED")
