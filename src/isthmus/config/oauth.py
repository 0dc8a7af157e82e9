"""Tokens of an OAuth identity provider, for kafka-python; librdkafka gets its own.

token_provider()    what kafka-python's clients are given as sasl_oauth_token_provider

Java: OAuthBearerLoginCallbackHandler, ClientCredentialsJwtRetriever, JwtBearerJwtRetriever.
"""

import base64
import binascii
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote_plus, urlencode

import msgspec
import urllib3

from isthmus.api.errors import ConnectError
from isthmus.config.oauth_assertion import AssertionSource

log = logging.getLogger(__name__)

_TIMEOUT: Final = 10.0
#: Of a token's life, how much passes before it is renewed; Java: sasl.login.refresh.window.factor.
_RENEW_AFTER: Final = 0.8
_RETRY_AFTER: Final = 5.0
#: Of a token that does not say when it ends.
_USUAL_LIFE: Final = 3600.0
_KEY: Final = "sasl.oauthbearer."


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and from when to when it is good, in seconds since 1970."""

    text: str = field(repr=False)
    fetched: float
    expires: float


class TokenProvider:
    """Keeps one token, and renews it on a thread of its own before it expires.

    For any thread. The first token, and one that comes too late, is waited for.
    """

    def __init__(self, fetch: Callable[[], Token], extensions: Mapping[str, str]) -> None:
        self._fetch = fetch
        self._extensions = dict(extensions)
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    def token(self) -> str:
        """Return a token that has not expired.

        Raises:
            ConnectError: There is none, and the identity provider gives none.
        """
        with self._lock:
            now, token = time.time(), self._token
            if token is None or now >= token.expires:
                token = self._keep(self._fetch())
            elif now >= self._renew_at:
                self._renew_at = now + _RETRY_AFTER
                threading.Thread(target=self._renew, name="oauth-token", daemon=True).start()
            return token.text

    def extensions(self) -> dict[str, str]:
        """Return the SASL extensions that go with each token."""
        return dict(self._extensions)

    def _keep(self, token: Token) -> Token:
        self._token = token
        self._renew_at = token.fetched + _RENEW_AFTER * (token.expires - token.fetched)
        return token

    def _renew(self) -> None:
        try:
            token = self._fetch()
        except ConnectError as error:
            log.warning("The token could not be renewed, the last one is kept: %s", error)
            return
        with self._lock:
            self._keep(token)


def token_provider(
    props: Mapping[str, str],
    assertion: AssertionSource | None,
    extensions: Mapping[str, str],
    tls: ssl.SSLContext,
) -> TokenProvider:
    """Return what gets tokens from the endpoint in `props`.

    They are given for an assertion (RFC 7523), or without one for a client's id and secret.
    """
    http = urllib3.PoolManager(ssl_context=tls, retries=2, timeout=_TIMEOUT)
    return _for_kafka_python(
        TokenProvider(lambda: _ask(http, props, assertion), extensions),
    )


def unsecured_token_provider(subject: str, extensions: Mapping[str, str]) -> TokenProvider:
    """Return what makes tokens that nobody signs, which only a broker under test accepts."""

    def fetch() -> Token:
        now = time.time()
        claims = {"sub": subject, "iat": now, "exp": now + _USUAL_LIFE}
        parts = [msgspec.json.encode(part) for part in ({"alg": "none"}, claims)]
        text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        return Token(f"{text}.", now, now + _USUAL_LIFE)

    return _for_kafka_python(TokenProvider(fetch, extensions))


def _for_kafka_python(provider: TokenProvider) -> TokenProvider:
    """Make kafka-python accept the provider, which it knows by its type."""
    from kafka.net.sasl.oauth import AbstractTokenProvider  # noqa: PLC0415  # 0.3 s to import

    AbstractTokenProvider.register(TokenProvider)
    return provider


def _ask(
    http: urllib3.PoolManager, props: Mapping[str, str], assertion: AssertionSource | None
) -> Token:
    url = props[f"{_KEY}token.endpoint.url"]
    form = {"scope": props[f"{_KEY}scope"]} if props.get(f"{_KEY}scope") else {}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if assertion is None:
        form = {"grant_type": "client_credentials", **form}
        headers["Authorization"] = _basic(props)
    else:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        form = {"grant_type": grant, "assertion": assertion(), **form}
    fetched = time.time()
    try:
        response = http.request("POST", url, body=urlencode(form), headers=headers)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ConnectError(f"{_KEY}token.endpoint.url={url}: no token was given: {error}") from None
    if response.status != 200:
        raise ConnectError(
            f"{_KEY}token.endpoint.url={url}: no token was given: status {response.status}"
        )
    return _token(response.data, fetched, url)


def _basic(props: Mapping[str, str]) -> str:
    names = (f"{_KEY}client.credentials.client.id", f"{_KEY}client.credentials.client.secret")
    parts = [props[name] for name in names]
    if props.get(f"{_KEY}header.urlencode", "").strip().lower() == "true":
        parts = [quote_plus(part) for part in parts]
    return f"Basic {base64.b64encode(':'.join(parts).encode()).decode()}"


def _token(answer: bytes, fetched: float, url: str) -> Token:
    try:
        given = cast("dict[str, Any]", msgspec.json.decode(answer, type=dict))
        text = given["access_token"]
        claims = text.split(".")[1]
        payload = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        expires = cast("dict[str, Any]", msgspec.json.decode(payload, type=dict)).get("exp")
        life = given.get("expires_in", _USUAL_LIFE)
        return Token(text, fetched, float(expires or fetched + life))
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, binascii.Error):
        raise ConnectError(
            f"{_KEY}token.endpoint.url={url}: the answer holds no JSON Web Token as access_token"
        ) from None
