"""Java's own key store format, JKS: read, never written.

A store is, in big-endian order and sealed by a digest at its end:

    0xFEEDFEED  version  count  entry …  SHA-1(password, "Mighty Aphrodite", all before it)

    entry of a private key           1  alias  time  the protected key  count  certificate …
    entry of a trusted certificate   2  alias  time  certificate

Version 2 writes the type of a certificate, `X.509`, before it. Text is a length of two bytes and
UTF-8, bytes are a length of four and themselves. Passwords enter digests as UTF-16.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

#: What the bytes of a store begin with.
JKS_MAGIC = b"\xfe\xed\xfe\xed"

_SEAL = b"Mighty Aphrodite"
_DIGEST_BYTES = 20
_KEY, _CERTIFICATE = 1, 2
#: The object identifier of the key protection, 1.3.6.1.4.1.42.2.17.1.1, in DER.
_PROTECTION = bytes.fromhex("060a2b060104012a02110101")


class JksError(Exception):
    """The bytes are no such store, or the password is another one."""


@dataclass(frozen=True, slots=True)
class JksKey:
    """A private key, still protected by its password, and its certificates in DER."""

    alias: str
    protected: bytes
    chain: tuple[bytes, ...]

    def decrypted(self, password: str) -> bytes:
        """Return the key as PKCS #8 in DER.

        Raises:
            JksError: The password is not that of the key.
        """
        data = _protected_bytes(self.protected)
        salt, cipher, check = (
            data[:_DIGEST_BYTES],
            data[_DIGEST_BYTES:-_DIGEST_BYTES],
            data[-_DIGEST_BYTES:],
        )
        secret = password.encode("utf-16-be")
        stream, block = bytearray(), salt
        while len(stream) < len(cipher):
            block = hashlib.sha1(secret + block).digest()
            stream += block
        plain = bytes(a ^ b for a, b in zip(cipher, stream, strict=False))
        if not hmac.compare_digest(hashlib.sha1(secret + plain).digest(), check):
            raise JksError("the password of its key is another one")
        return plain


@dataclass(frozen=True, slots=True)
class JksStore:
    """What a store holds: private keys, and trusted certificates in DER, in the file's order."""

    keys: tuple[JksKey, ...]
    certificates: tuple[bytes, ...]


def read_jks(data: bytes, password: str | None) -> JksStore:
    """Return what the store holds; without a password its seal is not checked, as in Java.

    Raises:
        JksError: The bytes are no such store, or were sealed with another password.
    """
    body, seal = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if password is not None:
        expected = hashlib.sha1(password.encode("utf-16-be") + _SEAL + body).digest()
        if not hmac.compare_digest(expected, seal):
            raise JksError("its password is another one, or the file is damaged")
    try:
        return _read_entries(_Reader(body))
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise JksError("the file is damaged") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f">{code}", self._data, self._at)
        self._at += struct.calcsize(code)
        return value

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise IndexError(size)
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self) -> str:
        return self.take(self.number("H")).decode("utf-8")

    def sized(self) -> bytes:
        return self.take(self.number("i"))


def _read_entries(reader: _Reader) -> JksStore:
    if reader.take(4) != JKS_MAGIC:
        raise JksError("the file is no JKS store")
    version = reader.number("i")
    keys: list[JksKey] = []
    certificates: list[bytes] = []
    for _ in range(reader.number("i")):
        tag, alias, _time = reader.number("i"), reader.text(), reader.number("q")
        if tag == _KEY:
            protected, count = reader.sized(), reader.number("i")
            chain = tuple(_read_certificate(reader, version) for _ in range(count))
            keys.append(JksKey(alias, protected, chain))
        elif tag == _CERTIFICATE:
            certificates.append(_read_certificate(reader, version))
        else:
            raise JksError(f"its entry {alias} is of the unknown kind {tag}")
    return JksStore(tuple(keys), tuple(certificates))


def _read_certificate(reader: _Reader, version: int) -> bytes:
    kind = reader.text() if version > 1 else "X.509"
    if kind != "X.509":
        raise JksError(f"it holds a certificate of type {kind}; expected X.509")
    return reader.sized()


def _protected_bytes(encrypted_info: bytes) -> bytes:
    """Return what an EncryptedPrivateKeyInfo (RFC 5208) holds, which is protected as JKS does."""
    if _PROTECTION not in encrypted_info[:32]:
        raise JksError("its key is not protected as JKS does")
    try:
        info, _ = _der_value(encrypted_info)
        _, after_algorithm = _der_value(info)
        octets, _ = _der_value(after_algorithm)
    except IndexError as error:
        raise JksError("the file is damaged") from error
    return octets


def _der_value(data: bytes) -> tuple[bytes, bytes]:
    """Return the content of the first DER element, and what follows it."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return data[start : start + length], data[start + length :]
