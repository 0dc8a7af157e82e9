"""A real schema registry, Apicurio's, which speaks Confluent's API; and a proxy in front of it.

It comes as one archive of 159 MB with all its libraries: fetched once into our cache, compared
with its SHA-256, and unpacked there. It is up in some five seconds and keeps schemas in memory.
"""

import base64
import datetime
import hashlib
import http.server
import ipaddress
import ssl
import tarfile
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from isthmus.api.converter import Converter
from isthmus.api.errors import ConnectError
from isthmus.config.home import isthmus_home
from isthmus.converters.registry.converter import RegistryConverter
from isthmus.converters.registry.ext_json import ExtJsonConverter
from isthmus.embedded import jars
from isthmus.embedded.java import find_java
from isthmus.embedded.process import ServerProcess, free_port, last_lines

_VERSION: Final = "3.3.3"
_SHA256: Final = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
_NEEDS_JAVA: Final = 21
_JVM: Final = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_START_SECONDS: Final = 90.0


class ApicurioRegistry:
    """A registry as our child process. For one thread, which must outlive it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._output = directory / "apicurio.out"
        self._process: ServerProcess | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it speaks Confluent's API."""
        return f"{self.address}/apis/ccompat/v7"

    @property
    def own_url(self) -> str:
        """Where it speaks its own API, as configs of Apicurio's converters name it."""
        return f"{self.address}/apis/registry/v3"

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            ConnectError: It ended, or did not answer in time; the text holds what it said.
        """
        program = unpacked() / "quarkus-run.jar"
        settings = [
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={self.port}",
            # Else port 9000, which only one registry of the machine can have.
            "-Dquarkus.management.port=0",
            "-Dapicurio.rest.deletion.artifact.enabled=true",
        ]
        java = str(find_java(_NEEDS_JAVA))
        command = [java, *_JVM, *settings, "-jar", str(program)]
        self._process = ServerProcess("The schema registry", command, self._output)
        self._process.start()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._process.kill()
            raise

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(10.0)

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        last: object = "nothing"
        while time.monotonic() < deadline:
            if not self._process.is_running:
                raise ConnectError(f"The registry ended:\n{last_lines(self._output)}")
            try:
                answer = urllib3.request("GET", f"{self.url}/subjects", timeout=2.0, retries=False)
                if answer.status == 200:
                    return
                last = answer.status
            except urllib3.exceptions.HTTPError as error:
                last = error
            time.sleep(0.1)
        raise ConnectError(
            f"The registry did not answer within {_START_SECONDS:.0f} s; last seen: {last}\n"
            f"{last_lines(self._output)}"
        )


def unpacked() -> Path:
    """Return the directory of the unpacked archive, which appears only when it is whole."""
    directory = isthmus_home() / f"apicurio-registry-{_VERSION}"
    if directory.exists():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="part-", dir=directory.parent) as part:
        with jars._system_certificates():
            repository = jars._repository(Path(part), lambda _count: None)
            project = repository.project("io.apicurio", "apicurio-registry-app")
            archive = project.at_version(_VERSION).artifact("all", "tar.gz").resolve()
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != _SHA256:
            raise ConnectError(f"Apicurio {_VERSION}: expected SHA-256 {_SHA256}, found {found}")
        whole = Path(part) / "whole"
        with tarfile.open(archive) as tar:
            # An attribute, since the argument came with Python 3.11.4.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(whole)
        try:
            whole.rename(directory)
        except OSError:
            if not directory.exists():  # else another run was quicker
                raise
    return directory


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApicurioRegistry]:
    """A schema registry for the session; subjects follow from topics, so take the test's own."""
    server = ApicurioRegistry(tmp_path_factory.mktemp("registry"))
    server.start()
    yield server
    server.stop()


C = TypeVar("C", bound=RegistryConverter | ExtJsonConverter)


class Converters:
    """Makes converters, and closes them at the end of the test."""

    def __init__(self) -> None:
        self._made: list[Converter] = []

    def make(self, kind: type[C], url: str | None, options: Mapping[str, str] | None = None) -> C:
        """Return a converter of values for the registry at `url`, or where `options` say."""
        converter = kind()
        address = {} if url is None else {"schema.registry.url": url}
        converter.configure({"retries.wait.ms": "1", **address, **(options or {})}, is_key=False)
        self._made.append(converter)
        return converter

    def close(self) -> None:
        for converter in self._made:
            converter.close()


@pytest.fixture
def converters() -> Iterator[Converters]:
    """A maker of converters, which closes them when the test is over."""
    made = Converters()
    yield made
    made.close()


class Gate(http.server.ThreadingHTTPServer):
    """A proxy before the registry that asks for a password, or fails so many times first."""

    daemon_threads = True

    def __init__(self, target: str, *, user_info: str | None = None, failures: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _GateHandler)
        self.target = target
        self.authorization = user_info and f"Basic {base64.b64encode(user_info.encode()).decode()}"
        self.failures = failures
        self.requests: list[str] = []


class _GateHandler(http.server.BaseHTTPRequestHandler):
    server: Gate  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        gate = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        gate.requests.append(f"{self.command} {self.path}")
        if gate.authorization not in {None, self.headers.get("Authorization")}:
            self._answer(401, b'{"error_code":40101,"message":"Unauthorized"}')
            return
        if gate.failures > 0:
            gate.failures -= 1
            self._answer(503, b'{"error_code":50301,"message":"not now"}')
            return
        answer = urllib3.request(
            self.command,
            gate.target + self.path,
            body=body or None,
            headers={"Content-Type": "application/json"},
            timeout=10.0,
        )
        self._answer(answer.status, answer.data)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def gate(
    registry: ApicurioRegistry,
    *,
    user_info: str | None = None,
    failures: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Generator[tuple[str, Gate]]:
    """Yield the address of a proxy before the registry, and the proxy."""
    server = Gate(registry.url, user_info=user_info, failures=failures)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def self_signed(directory: Path) -> Path:
    """Make a key and a certificate for 127.0.0.1, valid for an hour, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "registry.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
