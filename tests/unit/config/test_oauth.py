"""Tokens from an identity provider on this machine."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from isthmus.api.errors import ConfigError, ConnectError
from isthmus.config.client_security import kafka_python_security
from isthmus.config.oauth import TokenProvider

_KEY = "sasl.oauthbearer."


class IdentityProvider:
    """Answers each request with the next of `answers`, and the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, list[str]], str | None]] = []
        self.answers: list[tuple[int, bytes]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.requests.append((parse_qs(body), self.headers["Authorization"]))
                answers = provider.answers
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def identity() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    yield provider
    provider.close()


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def decoded(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def jwt(name: str, expires: float) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded({'sub': name, 'exp': expires})}."


def answer(token: str) -> tuple[int, bytes]:
    return 200, json.dumps({"access_token": token, "token_type": "Bearer"}).encode()


def provider_of(url: str, more: dict[str, str] | None = None, login: str = "") -> TokenProvider:
    props = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.token.endpoint.url": url,
        "sasl.jaas.config": f"a.OAuth required clientId=ann clientSecret='hu:sh' {login};",
        **(more or {}),
    }
    provider = kafka_python_security(props)["sasl_oauth_token_provider"]
    assert isinstance(provider, TokenProvider)
    return provider


def test_a_client_asks_with_its_id_and_secret_and_keeps_what_it_gets(
    identity: IdentityProvider,
) -> None:
    token = jwt("ann", time.time() + 600)
    identity.answers = [answer(token)]
    provider = provider_of(identity.url, {f"{_KEY}scope": "kafka"}, "extension_a=b")

    assert [provider.token(), provider.token()] == [token, token]
    assert provider.extensions() == {"a": "b"}
    basic = base64.b64encode(b"ann:hu:sh").decode()
    form = {"grant_type": ["client_credentials"], "scope": ["kafka"]}
    assert identity.requests == [(form, f"Basic {basic}")]


def test_id_and_secret_are_url_encoded_where_the_provider_wants_it(
    identity: IdentityProvider,
) -> None:
    identity.answers = [answer(jwt("ann", time.time() + 600))]

    provider_of(identity.url, {f"{_KEY}header.urlencode": "true"}).token()

    basic = base64.b64encode(b"ann:hu%3Ash").decode()
    assert identity.requests[0][1] == f"Basic {basic}"


def test_a_token_that_has_expired_is_not_used_again(identity: IdentityProvider) -> None:
    old, new = jwt("ann", time.time() - 1), jwt("ann", time.time() + 600)
    identity.answers = [answer(old), answer(new)]
    provider = provider_of(identity.url)
    provider.token()

    assert provider.token() == new


def test_a_token_is_renewed_before_it_expires_while_the_last_one_is_used(
    identity: IdentityProvider,
) -> None:
    first, second = jwt("ann", time.time() + 0.5), jwt("ann", time.time() + 600)
    identity.answers = [answer(first), answer(second)]
    provider = provider_of(identity.url)
    provider.token()
    deadline = time.monotonic() + 10

    while (token := provider.token()) == first:
        assert time.monotonic() < deadline, "the first token is still used"
    assert token == second


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((401, b"{}"), "no token was given: status 401"),
        ((200, b"oops"), "holds no JSON Web Token"),
        ((200, b"{}"), "holds no JSON Web Token"),
        ((200, b'{"access_token": "opaque"}'), "holds no JSON Web Token"),
    ],
)
def test_why_there_is_no_token_is_told(
    given: tuple[int, bytes], reason: str, identity: IdentityProvider
) -> None:
    identity.answers = [given]
    provider = provider_of(identity.url)

    with pytest.raises(ConnectError, match=reason) as caught:
        provider.token()
    assert identity.url in str(caught.value)


def write_key(directory: Path, kind: str) -> tuple[Path, Any]:
    key = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    file = directory / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hush"),
        )
    )
    return file, key.public_key()


def verify(public: Any, text: str) -> None:
    signed, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))


_JWT_BEARER = {
    f"{_KEY}jwt.retriever.class": "org.apache.kafka.common.security.oauthbearer"
    ".JwtBearerJwtRetriever"
}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_an_assertion_is_signed_anew_with_the_claims_that_were_set(
    algorithm: str, identity: IdentityProvider, tmp_path: Path
) -> None:
    file, public = write_key(tmp_path, algorithm)
    template = tmp_path / "template.json"
    template.write_text('{"header": {"kid": "k1"}, "payload": {"tenant": "t1"}}')
    identity.answers = [answer(jwt("ann", time.time() + 600))]
    assertion = f"{_KEY}assertion."

    provider_of(
        identity.url,
        {
            **_JWT_BEARER,
            f"{assertion}algorithm": algorithm,
            f"{assertion}private.key.file": str(file),
            f"{assertion}private.key.passphrase": "hush",
            f"{assertion}template.file": str(template),
            f"{assertion}claim.sub": "ann",
            f"{assertion}claim.aud": "kafka",
            f"{assertion}claim.jti.include": "true",
        },
    ).token()

    form, authorization = identity.requests[0]
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert authorization is None
    (text,) = form["assertion"]
    verify(public, text)
    header, claims = (decoded(part) for part in text.split(".")[:2])
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    assert (claims["sub"], claims["aud"], claims["tenant"]) == ("ann", "kafka", "t1")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] - claims["nbf"] == 60
    assert claims["jti"]


def test_an_assertion_may_be_a_file_that_others_keep(
    identity: IdentityProvider, tmp_path: Path
) -> None:
    file = tmp_path / "assertion.jwt"
    file.write_text("a.b.c\n")
    identity.answers = [answer(jwt("ann", time.time() + 600))]

    provider_of(identity.url, {**_JWT_BEARER, f"{_KEY}assertion.file": str(file)}).token()

    assert identity.requests[0][0]["assertion"] == ["a.b.c"]


def test_what_cannot_sign_an_assertion_is_named(tmp_path: Path) -> None:
    file, _ = write_key(tmp_path, "ES256")
    key = f"{_KEY}assertion.private.key.file"
    good = {key: str(file), f"{_KEY}assertion.private.key.passphrase": "hush"}

    for wrong, reason in (
        ({}, "is missing"),
        ({key: "/nowhere"}, "No such file"),
        ({key: str(file)}, "passphrase is wrong"),
        (good, "does not fit"),
        (good | {f"{_KEY}assertion.template.file": str(file)}, "does not fit|malformed"),
    ):
        with pytest.raises(ConfigError, match=reason):
            provider_of("http://a/token", {**_JWT_BEARER, **wrong})


def test_a_token_that_nobody_signs_names_its_subject() -> None:
    provider = provider_of("", login="unsecuredLoginStringClaim_sub=ann")

    header, claims, signature = provider.token().split(".")

    assert decoded(header) == {"alg": "none"}
    assert decoded(claims)["sub"] == "ann"
    assert decoded(claims)["exp"] > time.time()
    assert signature == ""
