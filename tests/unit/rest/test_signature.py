import pytest

from isthmus.herder.errors import BadRequestError
from isthmus.herder.signature import (
    SIGNATURE_ALGORITHM_HEADER,
    SIGNATURE_HEADER,
    RequestSignature,
    SignatureRules,
    Signer,
)
from tests.unit.rest.running_server import Reply, RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder

KEY = bytes(range(32))
BODY = '[{"task.class":"x","n":null}]'
RULES = SignatureRules(KEY, ["HmacSHA256"])


def post_tasks(server: RunningServer, headers: dict[str, str], body: str = BODY) -> Reply:
    return server.request("POST", "/connectors/x/tasks", body, headers)


# The MACs are a JVM's.
@pytest.mark.parametrize(
    ("algorithm", "mac"),
    [
        ("HmacMD5", "2KnwuSeGD7A8XJdrpWv2Bw=="),
        ("HmacSHA1", "5m5PbBkcEhRG9QjEppwWE8V3+Js="),
        ("HmacSHA224", "0eGvPnJRVnvDeY32VwfPbzCQVA9v3hUi9SIh1w=="),
        ("HmacSHA256", "TF24PszkTNehM+YxuOIL0Ez+WYCgGHYEKKZMzATw7kg="),
        ("HmacSHA384", "eaCdvtS0kUFNm7HlkLMOCzhbb7soYLcoAeRcyLDwmplBxAFrhoWTbMD3khzoUlv6"),
        (
            "HmacSHA512",
            "a/BtRHaMxh7saR9qntNuWKdLkapMn9UjDnupE+/ADCT79+mlNuiKsbPklZ419Z3BaDNbGIBOPJeu+eW7"
            "DBWSaQ==",
        ),
        ("HmacSHA512/224", "nXFdqGaLm0XeeZJDDwoPFEzHRSWcKVwUzS/1wA=="),
        ("HmacSHA512/256", "TmCvBEWlb4ean/a9VnHdYR2N4cporDaJ4jJ4imy2/Ms="),
        ("HmacSHA3-256", "CwlMBfCqwHXi0KdKdQ5YPssRHBtJAPGy8fOUUYzKqUw="),
        ("hmacsha256", "TF24PszkTNehM+YxuOIL0Ez+WYCgGHYEKKZMzATw7kg="),
    ],
)
def test_each_algorithm_makes_the_jvms_mac(algorithm: str, mac: str) -> None:
    headers = Signer(KEY, algorithm).headers(b"the body")
    signature = RequestSignature.of_request(b"the body", headers)

    assert headers[SIGNATURE_HEADER] == mac
    assert signature is not None
    assert signature.is_valid(KEY)
    assert not signature.is_valid(KEY[::-1])


def test_no_body_is_signed_as_no_bytes() -> None:
    headers = Signer(b"key", "HmacSHA256").headers(b"")

    assert headers == {
        SIGNATURE_HEADER: "XV0TlWPJW1lnub2ajJsjOp3ttFByeUzSMtwbdIMmB9A=",
        SIGNATURE_ALGORITHM_HEADER: "HmacSHA256",
    }


@pytest.mark.parametrize(
    ("mac", "message"),
    [
        ("A!AA", "Illegal base64 character 21"),
        ("A", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("=", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("AAAAA", "Last unit does not have enough valid bits"),
        ("A=A", "Last unit does not have enough valid bits"),
        ("AA=", "Input byte array has wrong 4-byte ending unit"),
        ("AA=A", "Input byte array has wrong 4-byte ending unit"),
        ("AAAA=", "Input byte array has wrong 4-byte ending unit"),
        ("====", "Input byte array has wrong 4-byte ending unit"),
        ("AA==AA", "Input byte array has incorrect ending byte at 4"),
        ("AAA==", "Input byte array has incorrect ending byte at 4"),
    ],
)
def test_a_mac_that_is_not_base64_has_the_jvms_text(mac: str, message: str) -> None:
    headers = {SIGNATURE_HEADER: mac, SIGNATURE_ALGORITHM_HEADER: "HmacSHA256"}

    with pytest.raises(BadRequestError) as raised:
        RequestSignature.of_request(b"", headers)

    assert raised.value.message == message


def test_padding_may_be_missing() -> None:
    headers = {SIGNATURE_HEADER: "AAA", SIGNATURE_ALGORITHM_HEADER: "HmacSHA256"}

    signature = RequestSignature.of_request(b"", headers)

    assert signature is not None
    assert signature.mac == b"\0\0"


def test_a_signed_request_of_a_worker_is_done(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.rules = RULES

    tasks = post_tasks(server, Signer(KEY, "HmacSHA256").headers(BODY.encode()))
    fence = server.request(
        "PUT", "/connectors/x/fence", None, Signer(KEY, "HmacSHA256").headers(b"")
    )

    assert (tasks.status, tasks.body) == (204, b"")
    assert (fence.status, fence.body) == (204, b"")
    assert herder.calls == [
        ("put_task_configs", "x", [{"task.class": "x", "n": None}]),
        ("fence_zombies", "x"),
    ]


def test_the_signature_covers_the_bytes_as_they_were_sent(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.rules = RULES
    same_content = BODY.replace(",", ", ")

    reply = post_tasks(server, Signer(KEY, "HmacSHA256").headers(BODY.encode()), same_content)

    assert reply.status == 403


@pytest.mark.parametrize(
    ("rules", "headers", "status", "message"),
    [
        (RULES, {}, 400, "Internal request missing required signature"),
        (
            RULES,
            {SIGNATURE_HEADER: "AAAA"},
            400,
            "Internal request missing required signature",
        ),
        (
            RULES,
            {SIGNATURE_HEADER: "AAAA", SIGNATURE_ALGORITHM_HEADER: "Bogus"},
            400,
            "Algorithm Bogus not available",
        ),
        (
            SignatureRules(None, ["HmacSHA256", "HmacSHA512"]),
            {SIGNATURE_HEADER: "AAAA", SIGNATURE_ALGORITHM_HEADER: "hmacsha256"},
            400,
            "This worker does not support the 'hmacsha256' key signing algorithm used by other"
            " workers. This worker is currently configured to use: [HmacSHA256, HmacSHA512]."
            " Check that all workers' configuration files permit the same set of signature"
            " algorithms, and correct any misconfigured worker and restart it.",
        ),
        (
            SignatureRules(None, ["HmacSHA256"]),
            {SIGNATURE_HEADER: "AAAA", SIGNATURE_ALGORITHM_HEADER: "HmacSHA256"},
            503,
            "This worker is still starting up and has not been able to read a session key from"
            " the config topic yet",
        ),
        (
            RULES,
            {SIGNATURE_HEADER: "AAAA", SIGNATURE_ALGORITHM_HEADER: "HmacSHA256"},
            403,
            "Internal request contained invalid signature.",
        ),
    ],
)
def test_a_request_that_is_not_signed_right_is_refused(
    server: RunningServer,
    herder: ScriptedHerder,
    rules: SignatureRules,
    headers: dict[str, str],
    status: int,
    message: str,
) -> None:
    herder.rules = rules

    tasks = post_tasks(server, headers)
    fence = server.request("PUT", "/connectors/x/fence", None, headers)

    assert (tasks.status, tasks.message) == (status, message)
    assert (fence.status, fence.message) == (status, message)
    assert herder.calls == []


def test_the_body_is_read_before_the_signature_is_looked_at(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    herder.rules = RULES

    assert post_tasks(server, {}, "{}").status == 500
    assert post_tasks(server, {}, "").message.startswith("No content to map")


def test_a_group_without_session_keys_takes_requests_as_they_come(
    server: RunningServer, herder: ScriptedHerder
) -> None:
    assert post_tasks(server, {}).status == 204
    assert herder.calls != []


def test_a_key_does_not_show_in_logs() -> None:
    assert repr(KEY) not in repr(RULES)
    assert repr(KEY) not in repr(Signer(KEY, "HmacSHA256"))
