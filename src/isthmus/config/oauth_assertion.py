"""Assertions that stand for a client's secret when it asks for a token (RFC 7523, KIP-1139).

Java: DefaultAssertionCreator, FileAssertionCreator.
"""

import base64
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from isthmus.api.errors import ConfigError

_KEY: Final = "sasl.oauthbearer.assertion."


#: Makes an assertion, or reads the one that somebody else keeps in a file.
AssertionSource: TypeAlias = Callable[[], str]


def assertion_source(props: Mapping[str, str]) -> AssertionSource:
    """Return the source that `sasl.oauthbearer.assertion.*` describes.

    Raises:
        ConfigError: There is none, or a file of it cannot be read or used.
    """
    if file := props.get(f"{_KEY}file"):
        _read(f"{_KEY}file", file)
        return lambda: _read(f"{_KEY}file", file).decode().strip()
    if not props.get(f"{_KEY}private.key.file"):
        raise ConfigError(f"{_KEY}file or {_KEY}private.key.file is missing")
    sign = _signer(props)
    header, payload = _template(props)
    return lambda: _signed(sign, header, {**payload, **_claims(props)})


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError.invalid(key, path, f"cannot be read: {error.strerror}") from None


def _signer(props: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """Return what signs bytes with the key in the file.

    The only library here that signs is heavy, and few workers need it.
    """
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import (  # noqa: PLC0415
        decode_dss_signature,
    )

    name = f"{_KEY}private.key.file"
    password = props.get(f"{_KEY}private.key.passphrase")
    try:
        key = serialization.load_pem_private_key(
            _read(name, props[name]), password.encode() if password else None
        )
    except (ValueError, TypeError):
        raise ConfigError.invalid(
            name, props[name], f"no private key as PEM, or {_KEY}private.key.passphrase is wrong"
        ) from None
    algorithm = props.get(f"{_KEY}algorithm", "RS256").strip().upper()
    if algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey):

        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

        return sign
    raise ConfigError.invalid(
        name, props[name], f"the key does not fit {_KEY}algorithm={algorithm}"
    )


def _template(props: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    algorithm = props.get(f"{_KEY}algorithm", "RS256").strip().upper()
    header: dict[str, Any] = {"alg": algorithm, "typ": "JWT"}
    name = f"{_KEY}template.file"
    if not props.get(name):
        return header, {}
    try:
        given = msgspec.json.decode(_read(name, props[name]), type=dict[str, dict[str, Any]])
    except msgspec.DecodeError as error:
        raise ConfigError.invalid(name, props[name], str(error)) from None
    return {**given.get("header", {}), **header}, given.get("payload", {})


def _claims(props: Mapping[str, str]) -> dict[str, Any]:
    now = int(time.time())
    claims: dict[str, Any] = {
        name: props[f"{_KEY}claim.{name}"]
        for name in ("aud", "iss", "sub")
        if props.get(f"{_KEY}claim.{name}")
    }
    claims["iat"] = now
    claims["exp"] = now + int(props.get(f"{_KEY}claim.exp.seconds", "300"))
    claims["nbf"] = now - int(props.get(f"{_KEY}claim.nbf.seconds", "60"))
    if props.get(f"{_KEY}claim.jti.include", "").strip().lower() == "true":
        claims["jti"] = str(uuid.uuid4())
    return claims


def _signed(
    sign: Callable[[bytes], bytes], header: Mapping[str, Any], payload: Mapping[str, Any]
) -> str:
    parts = [_encoded(msgspec.json.encode(part)) for part in (dict(header), dict(payload))]
    signing_input = ".".join(parts)
    return f"{signing_input}.{_encoded(sign(signing_input.encode()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
