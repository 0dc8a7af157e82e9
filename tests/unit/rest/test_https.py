"""Listeners and requests to other workers over TLS, with the stores of golden/config."""

import asyncio
import http.client
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.rest_def import Listener
from isthmus.config.tls import client_context
from isthmus.herder.errors import NotLeaderError, RestError
from isthmus.herder.signature import SignatureRules
from isthmus.herder.views import Created
from isthmus.rest.client import RestClient
from isthmus.rest.config import RestConfig
from isthmus.rest.server import RestServer
from tests.unit.config.workers import worker
from tests.unit.rest.running_server import LOCAL, RunningServer
from tests.unit.rest.scripted_herder import info

_STORES = Path(__file__).parents[2] / "golden" / "config" / "stores"
_HTTPS = Listener("https", "127.0.0.1", 0)

TRUST = {
    "ssl.truststore.location": str(_STORES / "trusted.p12"),
    "ssl.truststore.password": "of-the-store",
}
IDENTITY = {
    "ssl.keystore.location": str(_STORES / "identity.jks"),
    "ssl.keystore.password": "of-the-store",
    "ssl.key.password": "of-the-key",
}
MUTUAL = {**TRUST, **IDENTITY, "ssl.client.auth": "required"}

Start = Callable[[RestConfig], RunningServer]


def prefixed(prefix: str, props: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in props.items()}


def test_an_https_listener_answers_beside_an_http_one(start: Start) -> None:
    server = start(RestConfig(listeners=[LOCAL, _HTTPS], tls=IDENTITY))

    assert [str(each).partition(":")[0] for each in server.server.bound] == ["http", "https"]
    assert server.get("/").status == 200
    reply = server.request("GET", "/", listener=1, tls=client_context(TRUST))
    assert reply.status == 200


def test_who_has_no_certificate_is_refused_where_one_is_required(start: Start) -> None:
    server = start(RestConfig(listeners=[_HTTPS], tls=MUTUAL))

    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.request("GET", "/", tls=client_context(TRUST))
    assert server.request("GET", "/", tls=client_context(MUTUAL)).status == 200


def test_a_client_that_knows_only_tls_1_1_is_refused(start: Start) -> None:
    server = start(RestConfig(listeners=[_HTTPS], tls=IDENTITY))
    old = client_context(TRUST)
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.request("GET", "/", tls=old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert server.request("GET", "/", tls=old).status == 200


def test_a_client_whose_certificate_nobody_here_trusts_is_refused(start: Start) -> None:
    pem = _STORES.parent / "client.pem"
    server = start(RestConfig(listeners=[_HTTPS], tls=MUTUAL))
    stranger = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(pem)}

    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.request("GET", "/", tls=client_context(TRUST | stranger))


def test_a_client_that_speaks_no_tls_harms_nobody(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(RestConfig(listeners=[_HTTPS], tls=IDENTITY))

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        server.get("/")
    assert server.request("GET", "/", tls=client_context(TRUST)).status == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_created_connectors_are_at_the_address_that_was_used(start: Start) -> None:
    server = start(RestConfig(listeners=[_HTTPS], tls=IDENTITY))
    server.herder.answers["put_connector_config"] = Created(True, info("x"))

    reply = server.request(
        "POST", "/connectors", '{"name": "x", "config": {}}', tls=client_context(TRUST)
    )

    assert reply.headers["Location"] == f"https://127.0.0.1:{server.ports[0]}/connectors/x"


def test_admin_listeners_have_keys_of_their_own(start: Start) -> None:
    server = start(
        RestConfig(listeners=[LOCAL], admin_listeners=[_HTTPS], tls={}, admin_tls=IDENTITY)
    )

    assert server.get("/admin/loggers").status == 404
    admin = server.request("GET", "/admin/loggers", listener=1, tls=client_context(TRUST))
    assert admin.status == 200


def test_requests_are_forwarded_over_https_with_our_own_certificate(start: Start) -> None:
    leader = start(RestConfig(listeners=[_HTTPS], tls=MUTUAL))
    follower = start(RestConfig(listeners=[LOCAL], tls=MUTUAL))
    leader.herder.answers["put_connector_config"] = Created(True, info("x"))
    url = f"https://127.0.0.1:{leader.ports[0]}/"
    follower.herder.answers["put_connector_config"] = NotLeaderError("not the leader", url)

    reply = follower.put("/connectors/x/config", "{}")

    assert reply.status == 201
    assert [call[0] for call in leader.herder.calls] == ["put_connector_config"]


def test_requests_of_workers_are_signed_over_https_too(start: Start) -> None:
    leader = start(RestConfig(listeners=[_HTTPS], tls=MUTUAL))
    leader.herder.rules = SignatureRules(b"k" * 32, ("HmacSHA256",))
    url = f"https://127.0.0.1:{leader.ports[0]}/"

    async def put(key: bytes) -> None:
        client = RestClient(client_context(MUTUAL))
        await client.put_task_configs(url, "x", [{"a": "1"}], key, "HmacSHA256")
        await client.close()

    asyncio.run(put(b"k" * 32))
    with pytest.raises(RestError, match="invalid signature"):
        asyncio.run(put(b"x" * 32))
    assert [call[0] for call in leader.herder.calls] == ["put_task_configs"]


def test_a_worker_that_is_not_who_it_should_be_gets_no_request(start: Start) -> None:
    elsewhere = Listener("https", "127.0.0.2", 0)
    leader = start(RestConfig(listeners=[elsewhere], tls=IDENTITY))
    url = f"https://127.0.0.2:{leader.ports[0]}/"

    async def ask(tls: dict[str, str]) -> None:
        client = RestClient(client_context(tls))
        await client.request("GET", url, dict[str, str])
        await client.close()

    with pytest.raises(RestError, match="certificate verify failed: self-signed"):
        asyncio.run(ask({}))
    with pytest.raises(RestError, match=r"IP address mismatch"):
        asyncio.run(ask(TRUST))
    asyncio.run(ask(TRUST | {"ssl.endpoint.identification.algorithm": ""}))


def test_a_stop_does_not_wait_for_those_who_keep_their_connections(start: Start) -> None:
    server = RunningServer(RestConfig(listeners=[_HTTPS], tls=IDENTITY))
    tls = client_context(TRUST)
    with (
        socket.create_connection(("127.0.0.1", server.ports[0])) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        began = time.monotonic()

        server.close()

        assert time.monotonic() - began < 5


def test_a_listener_that_lacks_a_key_is_named() -> None:
    listener = Listener("https", "a", 8443)

    with pytest.raises(ConfigError) as caught:
        RestServer(RestConfig(listeners=[listener], tls=TRUST))

    assert str(caught.value) == (
        "Listener https://a:8443: An https listener needs ssl.keystore.location, or"
        " ssl.keystore.key with ssl.keystore.certificate.chain"
    )


def test_settings_of_listeners_are_taken_all_or_nothing() -> None:
    own = prefixed("listeners.https.", IDENTITY)

    both = RestConfig.of(worker({**TRUST, **own}))
    assert dict(both.tls) == IDENTITY
    assert both.admin_tls["ssl.truststore.password"] == "of-the-store"

    general = RestConfig.of(worker({**TRUST, **prefixed("admin.listeners.https.", IDENTITY)}))
    assert general.tls["ssl.truststore.password"] == "of-the-store"
    assert dict(general.admin_tls) == IDENTITY


def test_settings_do_not_show_their_secrets() -> None:
    config = RestConfig.of(worker(MUTUAL | prefixed("listeners.https.", MUTUAL)))

    assert "of-the-" not in repr(config)
