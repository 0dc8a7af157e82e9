"""Signatures of the requests that workers send each other (KIP-507).

The MAC covers the bytes of the body as sent, and nothing else. Java: InternalRequestSignature.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from isthmus.herder.errors import BadRequestError, RestError

SIGNATURE_HEADER = "X-Connect-Authorization"
SIGNATURE_ALGORITHM_HEADER = "X-Connect-Request-Signature-Algorithm"

MISSING_SIGNATURE = "Internal request missing required signature"

#: The hash of each MAC that a JVM knows, by the JVM's name in lower case: it ignores case there.
_DIGESTS = {
    "hmacmd5": "md5",
    "hmacsha1": "sha1",
    "hmacsha224": "sha224",
    "hmacsha256": "sha256",
    "hmacsha384": "sha384",
    "hmacsha512": "sha512",
    "hmacsha512/224": "sha512_224",
    "hmacsha512/256": "sha512_256",
    "hmacsha3-224": "sha3_224",
    "hmacsha3-256": "sha3_256",
    "hmacsha3-384": "sha3_384",
    "hmacsha3-512": "sha3_512",
}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """What a worker demands of requests that only workers may send.

    `key` is None until this worker has read a session key; `algorithms` are those of
    `inter.worker.verification.algorithms`.
    """

    key: bytes | None = field(repr=False)
    algorithms: Sequence[str]

    def check(self, signature: "RequestSignature | None") -> None:
        """Let only requests of other workers pass.

        Raises:
            RestError: 400 there is no signature, or not of an accepted algorithm; 503 this worker
                has no key to check it with; 403 it is wrong.
        """
        if signature is None:
            raise BadRequestError(MISSING_SIGNATURE)
        if signature.algorithm not in self.algorithms:
            raise BadRequestError(
                f"This worker does not support the '{signature.algorithm}' key signing algorithm"
                " used by other workers. This worker is currently configured to use:"
                f" [{', '.join(self.algorithms)}]. Check that all workers' configuration files"
                " permit the same set of signature algorithms, and correct any misconfigured"
                " worker and restart it."
            )
        if self.key is None:
            raise RestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "This worker is still starting up and has not been able to read a session key"
                " from the config topic yet",
            )
        if not signature.is_valid(self.key):
            raise RestError(HTTPStatus.FORBIDDEN, "Internal request contained invalid signature.")


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """A request's body, and what its sender claims to be the MAC of it."""

    body: bytes
    mac: bytes
    algorithm: str

    @classmethod
    def of_request(cls, body: bytes, headers: Mapping[str, str]) -> "RequestSignature | None":
        """Return the signature that came with a request, None if there is none.

        Raises:
            BadRequestError: No JVM has this algorithm, or the MAC is not base64.
        """
        mac = headers.get(SIGNATURE_HEADER)
        algorithm = headers.get(SIGNATURE_ALGORITHM_HEADER)
        if mac is None or algorithm is None:
            return None
        if algorithm.lower() not in _DIGESTS:
            raise BadRequestError(f"Algorithm {algorithm} not available")
        return cls(body, _decode_base64(mac.encode()), algorithm)

    def is_valid(self, key: bytes) -> bool:
        """Tell whether the sender had this session key."""
        return hmac.compare_digest(_mac(self.body, key, self.algorithm), self.mac)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to other workers with a session key."""

    key: bytes = field(repr=False)
    algorithm: str

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the two headers that go with this body."""
        mac = _mac(body, self.key, self.algorithm)
        return {
            SIGNATURE_HEADER: base64.b64encode(mac).decode(),
            SIGNATURE_ALGORITHM_HEADER: self.algorithm,
        }


def _mac(body: bytes, key: bytes, algorithm: str) -> bytes:
    return hmac.digest(key, body, _DIGESTS[algorithm.lower()])


def _decode_base64(text: bytes) -> bytes:
    """Decode as Java's basic decoder does, with its errors: padding may be missing or right."""
    if len(text) == 1:
        raise BadRequestError("Input byte[] should at least have 2 bytes for base64 bytes")
    digits, padding, _ = text.partition(b"=")
    end, last_unit = len(digits), len(digits) % 4
    wrong = _NOT_BASE64.search(digits)
    if wrong is not None:
        raise BadRequestError(f"Illegal base64 character {wrong[0][0]:x}")
    if padding:
        if last_unit == 0 or (last_unit == 2 and not text.startswith(b"==", end)):
            raise BadRequestError("Input byte array has wrong 4-byte ending unit")
        end += 4 - last_unit
    if last_unit == 1:
        raise BadRequestError("Last unit does not have enough valid bits")
    if end < len(text):
        raise BadRequestError(f"Input byte array has incorrect ending byte at {end}")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))
