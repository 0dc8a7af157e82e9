"""Keys and certificates in the stores that Java clients name: PEM, PKCS12, JKS; all become PEM.

read_identity()    ssl.keystore.*     who we are: a private key and its certificates
read_trusted()     ssl.truststore.*   whom we trust

Both take the settings of one client or listener, without a prefix. As in Java, a file of type JKS
may be PKCS12 and the other way round: the bytes say what it is. Nothing is written to disk.
"""

import base64
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConfigError
from isthmus.config.jks import JKS_MAGIC, JksError, read_jks

_TYPES: Final = ("PEM", "PKCS12", "JKS")
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
#: DER's SEQUENCE, with which each PKCS12 file begins.
_DER_SEQUENCE: Final = 0x30


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and its certificates, our own first, as PEM; `password` is that of the key."""

    key: str = field(repr=False)
    chain: str
    password: str | None = field(default=None, repr=False)


def read_identity(props: Mapping[str, str]) -> Identity | None:
    """Return what `ssl.keystore.*` holds, None if none of it is set.

    Raises:
        ConfigError: The store cannot be read, or holds no key with a certificate.
    """
    key, chain = props.get("ssl.keystore.key"), props.get("ssl.keystore.certificate.chain")
    location = props.get("ssl.keystore.location", "").strip()
    if key:
        if not chain:
            raise ConfigError(
                "ssl.keystore.key is set without ssl.keystore.certificate.chain, which is needed"
                " with it"
            )
        return _pem_identity(f"{key}\n{chain}", props, "ssl.keystore.key")
    if not location:
        return None
    data = _read(props, "keystore", location)
    if _kind(props, "keystore", data) == "PEM":
        return _pem_identity(_text(data, "keystore", location), props, "ssl.keystore.location")
    return _java_identity(data, props, location)


def read_trusted(props: Mapping[str, str]) -> str | None:
    """Return the certificates of `ssl.truststore.*` as PEM, None if none of it is set.

    Raises:
        ConfigError: The store cannot be read, or holds no certificate.
    """
    location = props.get("ssl.truststore.location", "").strip()
    if text := props.get("ssl.truststore.certificates"):
        return _certificates(text, "ssl.truststore.certificates", "[hidden]")
    if not location:
        return None
    data = _read(props, "truststore", location)
    if _kind(props, "truststore", data) == "PEM":
        text = _text(data, "truststore", location)
        return _certificates(text, "ssl.truststore.location", location)
    password = props.get("ssl.truststore.password") or None
    certificates = (
        _jks_trusted(data, password, location)
        if data.startswith(JKS_MAGIC)
        else _pkcs12_trusted(data, password, location)
    )
    if not certificates:
        raise ConfigError.invalid(
            "ssl.truststore.location", location, "the store holds no trusted certificate"
        )
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates))


def _read(props: Mapping[str, str], store: str, location: str) -> bytes:
    kind = props.get(f"ssl.{store}.type", "JKS").strip()
    if kind.upper() not in _TYPES:
        raise ConfigError.invalid(f"ssl.{store}.type", kind, f"expected one of {', '.join(_TYPES)}")
    try:
        return Path(location).read_bytes()
    except OSError as error:
        raise ConfigError.invalid(
            f"ssl.{store}.location", location, f"cannot be read: {error.strerror}"
        ) from None


def _kind(props: Mapping[str, str], store: str, data: bytes) -> str:
    """Return what to read the store as, PEM or JAVA.

    Raises:
        ConfigError: It is none of the formats that its type stands for.
    """
    kind = props.get(f"ssl.{store}.type", "JKS").strip().upper()
    if kind == "PEM":
        return kind
    if not data.startswith(JKS_MAGIC) and data[:1] != bytes([_DER_SEQUENCE]):
        hint = f"; set ssl.{store}.type=PEM" if b"-----BEGIN " in data else ""
        raise ConfigError.invalid(
            f"ssl.{store}.location",
            props[f"ssl.{store}.location"],
            f"the file is no {kind} store{hint}",
        )
    return "JAVA"


def _text(data: bytes, store: str, location: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError.invalid(
            f"ssl.{store}.location", location, "the file is not PEM, which is text"
        ) from None


def _pem_identity(text: str, props: Mapping[str, str], setting: str) -> Identity:
    blocks = list(_PEM_BLOCK.finditer(text))
    keys = [block[0] for block in blocks if block[1].endswith("PRIVATE KEY")]
    chain = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    if len(keys) != 1 or not chain:
        raise ConfigError.invalid(
            setting,
            "[hidden]" if setting.endswith(".key") else props[setting],
            f"expected one private key and its certificates as PEM; there are {len(keys)} keys"
            f" and {len(chain)} certificates",
        )
    password = props.get("ssl.key.password") or None
    return Identity(f"{keys[0]}\n", "\n".join([*chain, ""]), password)


def _certificates(text: str, setting: str, shown: str) -> str:
    found = [block[0] for block in _PEM_BLOCK.finditer(text) if block[1] == "CERTIFICATE"]
    if not found:
        raise ConfigError.invalid(setting, shown, "expected certificates as PEM")
    return "\n".join([*found, ""])


def _java_identity(data: bytes, props: Mapping[str, str], location: str) -> Identity:
    password = props.get("ssl.keystore.password") or None
    if password is None:
        raise ConfigError(
            f"ssl.keystore.password is missing; the store {location} cannot be read without it"
        )
    key, chain = (
        _jks_key(data, password, props.get("ssl.key.password") or password, location)
        if data.startswith(JKS_MAGIC)
        else _pkcs12_key(data, password, location)
    )
    encoded = base64.encodebytes(key).decode("ascii")
    pem = f"-----BEGIN PRIVATE KEY-----\n{encoded}-----END PRIVATE KEY-----\n"
    return Identity(pem, "".join(map(ssl.DER_cert_to_PEM_cert, chain)))


def _jks_key(
    data: bytes, password: str, key_password: str, location: str
) -> tuple[bytes, tuple[bytes, ...]]:
    try:
        keys = read_jks(data, password).keys
        decrypted = [(key.decrypted(key_password), key.chain) for key in keys[:1]]
    except JksError as error:
        raise ConfigError.invalid("ssl.keystore.location", location, str(error)) from None
    if not decrypted:
        raise ConfigError.invalid("ssl.keystore.location", location, "it holds no private key")
    return decrypted[0]


def _jks_trusted(data: bytes, password: str | None, location: str) -> tuple[bytes, ...]:
    try:
        store = read_jks(data, password)
    except JksError as error:
        raise ConfigError.invalid("ssl.truststore.location", location, str(error)) from None
    # Java trusts the chains of keys in the store as well, by the first certificate of each.
    return store.certificates + tuple(key.chain[0] for key in store.keys if key.chain)


def _pkcs12_key(data: bytes, password: str, location: str) -> tuple[bytes, tuple[bytes, ...]]:
    # Megabytes of memory, for those alone who have such a store.
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        pkcs12,
    )

    try:
        store = pkcs12.load_pkcs12(data, password.encode())
    except ValueError as error:
        raise ConfigError.invalid("ssl.keystore.location", location, str(error)) from None
    if store.key is None or store.cert is None:
        raise ConfigError.invalid(
            "ssl.keystore.location", location, "the store holds no private key with a certificate"
        )
    chain = [store.cert, *store.additional_certs]
    return (
        store.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        tuple(each.certificate.public_bytes(Encoding.DER) for each in chain),
    )


def _pkcs12_trusted(data: bytes, password: str | None, location: str) -> tuple[bytes, ...]:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  # see _pkcs12_key
        Encoding,
        pkcs12,
    )

    try:
        store = pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except ValueError as error:
        raise ConfigError.invalid("ssl.truststore.location", location, str(error)) from None
    own = () if store.cert is None else (store.cert,)
    return tuple(
        each.certificate.public_bytes(Encoding.DER) for each in (*own, *store.additional_certs)
    )
