"""What each kind of client refuses of a server, in real handshakes; Java's clients do the same.

The servers speak nothing but TLS: a client that takes one is seen by its handshake.
"""

import asyncio
import contextlib
import gc
import logging
import queue
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from isthmus.config.client_security import kafka_python_security, librdkafka_security
from isthmus.config.tls import client_context
from isthmus.herder.errors import RestError
from isthmus.rest.client import RestClient
from tests.support.secured import Certificate

_TAKEN = "taken"
Props = Mapping[str, str]
#: Has a client come to the server with these settings; returns how the server saw it end.
Come: TypeAlias = "Callable[[TlsServer, Props], str]"


class TlsServer:
    """Shakes hands with whoever comes, and ends the connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._outcomes: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                self._outcomes.put(self._greet(connection))

    def _greet(self, connection: socket.socket) -> str:
        connection.settimeout(10.0)
        try:
            with self._context.wrap_socket(connection, server_side=True):
                return _TAKEN
        except ssl.SSLError as error:
            reason = error.reason or str(error)
            return reason.partition("_ALERT_")[2] or reason
        except OSError as error:
            return str(error)
        finally:
            connection.close()

    def outcome(self) -> str:
        """Return how the next handshake ended; fail if nobody comes within 30 s."""
        return self._outcomes.get(timeout=30.0)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(15.0)


def come_with_librdkafka(
    make: Callable[[dict[str, Any]], Producer | Consumer | AdminClient],
) -> Come:
    def come(server: TlsServer, props: Props) -> str:
        client = make(
            {
                **librdkafka_security(props),
                "bootstrap.servers": f"127.0.0.1:{server.port}",
                "group.id": "nobody",
                "log_level": 0,
            }
        )
        try:
            return server.outcome()
        finally:
            if isinstance(client, Consumer):
                client.close()

    return come


@contextlib.contextmanager
def sockets_left_to_the_collector() -> Generator[None]:
    """Collect the sockets of failed handshakes here, not in a later test's warning filter.

    kafka-python does not close them. It also logs their errors, and pytest keeps log records,
    with the frames and by that the sockets, until the test has ended: so nothing is logged.
    """
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(category=ResourceWarning, action="ignore"):
            yield
            gc.collect()
    finally:
        logging.disable(logging.NOTSET)


def come_with_kafka_python(server: TlsServer, props: Props) -> str:
    def ask() -> str:
        client = KafkaNetClient(
            bootstrap_servers=[f"127.0.0.1:{server.port}"], **kafka_python_security(props)
        )
        try:
            with pytest.raises(KafkaError):  # there is no Kafka behind the handshake
                client.check_version(timeout_ms=500)
            return server.outcome()
        finally:
            client.close()

    with sockets_left_to_the_collector():
        return ask()


def come_as_worker(server: TlsServer, props: Props) -> str:
    async def ask() -> None:
        client = RestClient(client_context(props))
        with pytest.raises(RestError):  # there is no REST API behind the handshake
            await client.request("GET", f"https://127.0.0.1:{server.port}/", dict[str, str])
        await client.close()

    asyncio.run(ask())
    return server.outcome()


_CLIENTS = {
    "producer": come_with_librdkafka(Producer),
    "consumer": come_with_librdkafka(Consumer),
    "admin": come_with_librdkafka(AdminClient),
    "group": come_with_kafka_python,
    "worker": come_as_worker,
}


@pytest.fixture(params=list(_CLIENTS))
def come(request: pytest.FixtureRequest) -> Come:
    return _CLIENTS[request.param]


Serve = Callable[..., TlsServer]


@pytest.fixture(scope="module")
def root() -> Certificate:
    return Certificate.make("root", is_ca=True)


@pytest.fixture
def trusting(root: Certificate) -> dict[str, str]:
    return {
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": root.pem,
    }


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with this certificate, of the old TLS 1.1 alone if asked."""
    running: list[TlsServer] = []

    def start(certificate: Certificate, *, old: bool = False) -> TlsServer:
        file = tmp_path / "server.pem"
        file.write_text(certificate.key_pem + certificate.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if old:
            allow_only_tls_1_1(context)
        running.append(TlsServer(context))
        return running[-1]

    yield start
    for server in running:
        server.close()


def allow_only_tls_1_1(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1


def test_a_server_in_order_is_taken(
    come: Come,
    serve: Serve,
    root: Certificate,
    trusting: dict[str, str],
) -> None:
    assert come(serve(Certificate.make("server", root)), trusting) == _TAKEN


def test_a_certificate_of_somebody_else_is_refused(
    come: Come, serve: Serve, trusting: dict[str, str]
) -> None:
    stranger = Certificate.make("stranger", is_ca=True)

    assert come(serve(Certificate.make("server", stranger)), trusting) == "UNKNOWN_CA"


def test_a_certificate_that_has_expired_is_refused(
    come: Come,
    serve: Serve,
    root: Certificate,
    trusting: dict[str, str],
) -> None:
    assert (
        come(serve(Certificate.make("server", root, expired=True)), trusting)
        == "CERTIFICATE_EXPIRED"
    )


def test_a_certificate_of_another_host_is_refused_unless_names_do_not_matter(
    come: Come,
    serve: Serve,
    root: Certificate,
    trusting: dict[str, str],
) -> None:
    elsewhere = Certificate.make("server", root, host="elsewhere.example")

    assert come(serve(elsewhere), trusting) == "BAD_CERTIFICATE"
    https = trusting | {"ssl.endpoint.identification.algorithm": "https"}
    assert come(serve(elsewhere), https) == "BAD_CERTIFICATE"
    anywhere = trusting | {"ssl.endpoint.identification.algorithm": ""}
    assert come(serve(elsewhere), anywhere) == _TAKEN


def test_a_server_that_knows_only_tls_1_1_is_refused(
    come: Come,
    serve: Serve,
    root: Certificate,
    trusting: dict[str, str],
) -> None:
    server = serve(Certificate.make("server", root), old=True)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cadata=root.pem)
    allow_only_tls_1_1(old)
    with (
        socket.create_connection(("127.0.0.1", server.port), 10.0) as plain,
        old.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.version() == "TLSv1.1"
    assert server.outcome() == _TAKEN

    assert come(server, trusting) == "UNSUPPORTED_PROTOCOL"
