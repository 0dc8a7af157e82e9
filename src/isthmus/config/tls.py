"""TLS contexts of Python for the settings that Java's clients and servers have, ssl.*.

client_context()    for connections that we open, to brokers and to other workers
server_context()    for listeners of the REST API

Both take the settings of one client or listener, without a prefix.
"""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Final

from isthmus.api.config_def import parse_list
from isthmus.api.errors import ConfigError
from isthmus.config.key_stores import Identity, read_identity, read_trusted

_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_CLIENT_AUTH: Final[Mapping[str, ssl.VerifyMode]] = {
    "none": ssl.CERT_NONE,
    "requested": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def client_context(props: Mapping[str, str]) -> ssl.SSLContext:
    """Return what connects to servers; those of the system's certificates if none are named.

    Raises:
        ConfigError: A store cannot be read, or a setting is one that TLS does not have.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    algorithm = props.get("ssl.endpoint.identification.algorithm", "https").strip().lower()
    context.check_hostname = bool(algorithm) and algorithm != "none"
    _load(context, props)
    return context


def server_context(props: Mapping[str, str]) -> ssl.SSLContext:
    """Return what answers on a listener.

    Raises:
        ConfigError: There is no key to serve with, a store cannot be read, or a setting is one
            that TLS does not have.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wanted = props.get("ssl.client.auth", "none").strip()
    if wanted not in _CLIENT_AUTH:
        raise ConfigError.invalid(
            "ssl.client.auth", wanted, f"String must be one of: {', '.join(_CLIENT_AUTH)}"
        )
    if not _load(context, props):
        raise ConfigError(
            "An https listener needs ssl.keystore.location, or ssl.keystore.key with"
            " ssl.keystore.certificate.chain"
        )
    context.verify_mode = _CLIENT_AUTH[wanted]
    return context


def openssl_ciphers(suites: str) -> str:
    """Return TLS 1.2 suites, named as Java names them, in the words of OpenSSL.

    `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` is `ECDHE-RSA-AES256-GCM-SHA384`; what is in OpenSSL's
    words stays, the suites of TLS 1.3 are left out: OpenSSL always offers all of them.
    """
    return ":".join(
        name for suite in parse_list(suites) if (name := _openssl_cipher(suite)) is not None
    )


def _openssl_cipher(suite: str) -> str | None:
    exchange, separator, cipher = suite.partition("_WITH_")
    if not separator:
        return None if suite.startswith("TLS_") else suite
    exchange = exchange.removeprefix("TLS_").replace("_", "-")
    cipher = cipher.replace("AES_", "AES").replace("_CBC", "").replace("_", "-")
    if "CHACHA20" in cipher:
        cipher = cipher.removesuffix("-SHA256")
    return cipher if exchange == "RSA" else f"{exchange}-{cipher}"


def _load(context: ssl.SSLContext, props: Mapping[str, str]) -> bool:
    """Give the context its versions, ciphers and certificates; return whether it has a key."""
    _restrict_versions(context, props)
    # As in Java a certificate that stands in the store is trusted whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    identity, trusted = read_identity(props), read_trusted(props)
    try:
        if ciphers := openssl_ciphers(props.get("ssl.cipher.suites", "")):
            context.set_ciphers(ciphers)
    except ssl.SSLError:
        raise ConfigError.invalid(
            "ssl.cipher.suites", props["ssl.cipher.suites"], "no suite is known here"
        ) from None
    try:
        if trusted is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=trusted)
    except ssl.SSLError as error:
        raise ConfigError(f"ssl.truststore: the certificates cannot be used: {error}") from None
    if identity is not None:
        _load_identity(context, identity)
    return identity is not None


def _restrict_versions(context: ssl.SSLContext, props: Mapping[str, str]) -> None:
    names = parse_list(props.get("ssl.enabled.protocols", ""))
    versions = [_VERSIONS[name] for name in names if name in _VERSIONS]
    if names and not versions:
        raise ConfigError.invalid(
            "ssl.enabled.protocols", names, f"expected some of {', '.join(_VERSIONS)}"
        )
    context.minimum_version = min(versions, default=ssl.TLSVersion.TLSv1_2)
    if versions:
        context.maximum_version = max(versions)


def _load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    try:
        with as_file(identity.key + identity.chain) as path:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(path, password=identity.password or "")
    except ssl.SSLError as error:
        reason = error.reason or "its password, ssl.key.password, is missing or wrong"
        raise ConfigError(f"ssl.keystore: the private key cannot be used: {reason}") from None


@contextlib.contextmanager
def as_file(secret: str) -> Generator[str]:
    """Give a text a path, which OpenSSL insists on; where the system can, in memory only."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("identity")
        with os.fdopen(descriptor, "w") as file:
            file.write(secret)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
            file.write(secret)
            file.flush()
            yield file.name
