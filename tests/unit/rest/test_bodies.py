import http.client
import json
import socket

import pytest

from isthmus.rest.bodies import UnreadableBodyError, read_config, read_offsets
from tests.unit.rest.running_server import RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder


def test_scalars_in_a_config_become_text_as_they_were_written(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    server.post(
        "/connectors",
        '{"name":1.50,"config":{"a":5,"b":true,"c":1.50,"d":1e5,"e":-0,"f":false,'
        '"g":12345678901234567890123,"h":null,"i":"5"}}',
    )

    config = {
        "a": "5",
        "b": "true",
        "c": "1.50",
        "d": "1e5",
        "e": "-0",
        "f": "false",
        "g": "12345678901234567890123",
        "h": None,
        "i": "5",
    }
    assert herder.calls[0][1:3] == ("1.50", {**config, "name": "1.50"})


def test_the_last_of_two_equal_keys_counts() -> None:
    assert read_config(b'{"a":"1","a":"2"}') == {"a": "2"}


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_config(b'\xef\xbb\xbf{"a":"1"}') == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "fault", "place"),
    [
        ("{", "Malformed JSON", "line: 1, column: 2"),
        ('{"name":}', "Malformed JSON: expecting value", "line: 1, column: 9"),
        ('{"name":"x",\n "config":{"a":tru}}', "Malformed JSON", "line: 2, column: 16"),
        ("{'a':1}", "Malformed JSON", "line: 1, column: 2"),
        ('{"name":"x","config":{}} trailing', "Malformed JSON: extra data", "column: 26"),
        ('{"name":"a\nb"}', "Malformed JSON: invalid control character", "line: 1, column: 11"),
        ('{"name":"x","config":{"a":01}}', "Malformed JSON", "line: 1, column: 28"),
        ('{"name":"x","config":{"a":NaN}}', "Non-standard token 'NaN'", "line: 1, column: 27"),
        ("[" * 100_000, "Malformed JSON: nested too deeply", ""),
        ('\n\n  {"name":"x",\n  "bogus":1}', 'Unrecognized field "bogus"', "line: 4, column: 11"),
        ("[]", "Cannot deserialize an array: expected an object", "line: 1, column: 1"),
        ('"x"', "Cannot deserialize a string: expected an object", "line: 1, column: 1"),
        ("5", "Cannot deserialize a number: expected an object", "line: 1, column: 1"),
        ("true", "Cannot deserialize a boolean: expected an object", "line: 1, column: 1"),
        ('{"name":["a"]}', "Cannot deserialize an array: expected a string", "column: 9"),
        ('{"name":"x","config":[]}', "an array: expected an object", "line: 1, column: 22"),
        ('{"name":"x","config":""}', "a string: expected an object", "line: 1, column: 22"),
        ('{"config":{"a": {}}}', "an object: expected a string", "line: 1, column: 17"),
        ('{"config":{"z":[1,{"a":2}],"a":"b"}}', '["config"]["z"]', "line: 1, column: 16"),
        ('{"config":{},"initial_state":"bogus"}', "expected one of RUNNING, PAUSED", "column: 30"),
        ('{"config":{},"initial_state":5}', "initial_state", "line: 1, column: 30"),
        ('{"config":{},"initial_state":" paused"}', "initial_state", "line: 1, column: 30"),
    ],
)
def test_an_unreadable_body_is_500_and_names_the_place(
    server: RunningServer, herder: ScriptedHerder, body: str, fault: str, place: str
) -> None:
    reply = server.post("/connectors", body)

    assert reply.status == 500
    assert reply.content_type == "application/json"
    assert fault in reply.message
    assert place in reply.message
    assert herder.calls == []


def test_a_number_of_too_many_digits_is_500_as_malformed_json(server: RunningServer) -> None:
    body = '{"offsets":[{"partition":{"p":%s},"offset":null}]}' % ("9" * 5000)

    reply = server.patch("/connectors/c/offsets", body)

    assert reply.status == 500
    assert "a number is too long" in reply.message


def test_a_fault_is_placed_beside_a_number_of_any_length() -> None:
    with pytest.raises(UnreadableBodyError, match="line: 1, column: 5011"):
        read_config(b'{"a":' + b"9" * 5000 + b',"b":[]}')


def test_bytes_that_are_no_utf_8_are_placed_by_characters() -> None:
    with pytest.raises(UnreadableBodyError, match=r"0xff\n at .* line: 2, column: 3\]"):
        read_config('{\n"é'.encode() + b'\xff":1}')


@pytest.mark.parametrize(
    ("method", "target", "body", "message"),
    [
        ("POST", "/connectors", "", 'because "createRequest" is null'),
        ("POST", "/connectors", "null", 'because "createRequest" is null'),
        ("POST", "/connectors", "   ", 'because "createRequest" is null'),
        ("POST", "/connectors", "{}", 'because "connectorConfig" is null'),
        ("POST", "/connectors", '{"config":null}', 'because "connectorConfig" is null'),
        ("PUT", "/connectors/x/config", "", 'because "connectorConfig" is null'),
        ("PUT", "/connectors/x/config", "null", 'because "connectorConfig" is null'),
        ("PATCH", "/connectors/x/config", "null", 'because "patch" is null'),
        ("PATCH", "/connectors/x/offsets", "", 'because "offsets" is null'),
        ("PATCH", "/connectors/x/offsets", '{"offsets":[null]}', 'because "offset" is null'),
        ("PUT", "/admin/loggers/x", "null", 'because "levelMap" is null'),
        ("PUT", "/connector-plugins/x/config/validate", "", 'because "connectorConfig" is null'),
    ],
)
def test_a_missing_body_is_500_with_the_text_of_javas_null_pointer(
    server: RunningServer, method: str, target: str, body: str, message: str
) -> None:
    reply = server.request(method, target, body)

    assert reply.status == 500
    assert reply.message.startswith("Cannot invoke ")
    assert reply.message.endswith(message)


def test_a_missing_body_needs_no_content_type(server: RunningServer) -> None:
    reply = server.request("POST", "/connectors", None)

    assert reply.status == 500
    assert reply.message.endswith('because "createRequest" is null')


def test_numbers_in_offsets_stay_numbers() -> None:
    offsets = read_offsets(
        b'{"offsets":[{"partition":{"p":1,"q":"1"},"offset":{"o":4.0,"big":9223372036854775807}}]}'
    )

    assert offsets is not None
    assert offsets[0] is not None
    partition, offset = offsets[0].partition, offsets[0].offset
    assert partition == {"p": 1, "q": "1"}
    assert offset == {"o": 4.0, "big": 9223372036854775807}
    assert offset is not None
    assert isinstance(offset["o"], float)


_LIMIT = 16 << 20
_TOO_LARGE = f"The request's body is larger than {_LIMIT} bytes"


def test_a_body_of_more_than_16_mib_is_413_and_the_connection_goes_on(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=60)
    json_type = {"Content-Type": "application/json"}
    try:
        # The client hears of it after it has sent all, as most do.
        connection.request("POST", "/connectors", b" " * (_LIMIT + 1), json_type)
        sized = connection.getresponse()
        assert (sized.status, json.loads(sized.read())["message"]) == (413, _TOO_LARGE)

        parts = iter([b" " * (1 << 20)] * 17)
        connection.request("POST", "/connectors", parts, json_type, encode_chunked=True)
        chunked = connection.getresponse()
        assert (chunked.status, json.loads(chunked.read())["message"]) == (413, _TOO_LARGE)

        connection.request("GET", "/")
        assert connection.getresponse().status == 200
    finally:
        connection.close()
    assert herder.calls == []


def test_a_body_that_is_announced_as_too_large_is_413_before_it_comes(
    server: RunningServer,
) -> None:
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=60) as client:
        client.sendall(
            b"PUT /connectors/x/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000000000\r\n\r\n"
        )

        assert client.recv(1024).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_16_mib_is_read(server: RunningServer) -> None:
    reply = server.post("/connectors/x/tasks", "[" + " " * (_LIMIT - 2) + "]")

    assert reply.status != 413
