"""A Kafka that wants to know who calls: listeners, certificates, users, identity provider."""

import base64
import datetime
import ipaddress
import json
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,  # pyright: ignore[reportPrivateImportUsage]
    ScramMechanism,  # pyright: ignore[reportPrivateImportUsage]
    UserScramCredentialUpsertion,  # pyright: ignore[reportPrivateImportUsage]
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from isthmus.embedded.java import find_java
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.process import free_port

USER = "ann"
PASSWORD = "secret-of-ann"
STORE_PASSWORD = "secret-of-the-store"
CLIENT_SECRET = "secret-of-the-client"
SECRETS = (PASSWORD, STORE_PASSWORD, CLIENT_SECRET)

_MODULES = "org.apache.kafka.common.security"
PLAIN_LOGIN = f'{_MODULES}.plain.PlainLoginModule required username="{USER}" password="{PASSWORD}";'
SCRAM_LOGIN = f'{_MODULES}.scram.ScramLoginModule required username="{USER}" password="{PASSWORD}";'
OAUTH_LOGIN = f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;"


@dataclass(frozen=True)
class Certificate:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(
        cls,
        name: str,
        issuer: Self | None = None,
        *,
        is_ca: bool = False,
        host: str | None = None,
        expired: bool = False,
    ) -> "Certificate":
        """Make one that is valid for a day, for `host` alone or, if None, for this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        if host is not None:
            hosts = [x509.DNSName(host)]
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=-1 if expired else 1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        )
        signed = builder.sign(key if issuer is None else issuer.key, hashes.SHA256())
        return cls(signed, key)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()


class Stores:
    """Files with the certificates of a broker, and of clients that an intermediate has signed."""

    def __init__(self, directory: Path) -> None:
        root = Certificate.make("root", is_ca=True)
        intermediate = Certificate.make("intermediate", root, is_ca=True)
        broker = Certificate.make("broker", root)
        client = Certificate.make("client", intermediate)
        self.trusted_pem = directory / "trusted.pem"
        self.trusted_pem.write_text(root.pem)
        self.broker_pem = directory / "broker.pem"
        self.broker_pem.write_text(broker.key_pem + broker.pem)
        self.client_p12 = directory / "client.p12"
        self.client_p12.write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"client",
                client.key,
                client.certificate,
                [intermediate.certificate],
                serialization.BestAvailableEncryption(STORE_PASSWORD.encode()),
            )
        )
        self._directory = directory

    def trusted(self) -> dict[str, str]:
        """Return the settings of a trust store: JKS if this Java can make one, else PEM."""
        keytool = find_java().with_name("keytool")
        if not keytool.exists():
            return {
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.trusted_pem),
            }
        store = self._directory / "trusted.jks"
        if not store.exists():
            command = [str(keytool), "-importcert", "-noprompt", "-alias", "root"]
            command += ["-file", str(self.trusted_pem), "-keystore", str(store)]
            command += ["-storetype", "JKS", "-storepass", STORE_PASSWORD]
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        return {"ssl.truststore.location": str(store), "ssl.truststore.password": STORE_PASSWORD}

    def identity(self) -> dict[str, str]:
        return {
            "ssl.keystore.location": str(self.client_p12),
            "ssl.keystore.password": STORE_PASSWORD,
        }


class IdentityProvider:
    """Gives a token to the one client that it knows. The tokens are those of a broker's tests."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                wanted = base64.b64encode(f"{USER}:{CLIENT_SECRET}".encode()).decode()
                known = self.headers["Authorization"] == f"Basic {wanted}"
                body = json.dumps({"access_token": _token(), "expires_in": 60} if known else {})
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _token() -> str:
    claims = {"sub": USER, "iat": int(time.time()), "exp": int(time.time()) + 60}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return f"{text}."


@dataclass(frozen=True)
class SecuredKafka:
    """A running broker; the addresses of its listeners by their security protocol."""

    kafka: EmbeddedKafka
    addresses: dict[str, str]
    stores: Stores
    identity: IdentityProvider


@contextmanager
def secured_kafka(directory: Path) -> Generator[SecuredKafka]:
    stores = Stores(directory)
    protocols = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
    addresses = {protocol: f"127.0.0.1:{free_port()}" for protocol in protocols}
    identity = IdentityProvider()
    with EmbeddedKafka(
        directory / "kafka", extra=_broker_settings(addresses, stores), short_lived=True
    ) as kafka:
        _make_user(kafka.bootstrap_servers)
        yield SecuredKafka(kafka, addresses, stores, identity)
    identity.close()


def _broker_settings(addresses: dict[str, str], stores: Stores) -> dict[str, str]:
    listeners = [f"{protocol}://{address}" for protocol, address in addresses.items()]
    settings = {
        "listeners": ",".join(listeners),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(stores.broker_pem),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(stores.trusted_pem),
        "listener.name.ssl.ssl.client.auth": "required",
    }
    for listener in ("sasl_plaintext", "sasl_ssl"):
        login = f"listener.name.{listener}"
        plain = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        settings[f"{login}.plain.sasl.jaas.config"] = plain
        scram = f"{_MODULES}.scram.ScramLoginModule required;"
        settings[f"{login}.scram-sha-512.sasl.jaas.config"] = scram
        settings[f"{login}.oauthbearer.sasl.jaas.config"] = OAUTH_LOGIN
    return settings


def _make_user(bootstrap_servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
    admin.alter_user_scram_credentials([wanted])[USER].result(30)
