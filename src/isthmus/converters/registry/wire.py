"""The bytes in front of data whose schema is in a registry, and what other bytes look like.

    0   magic byte
    1   schema id, big-endian, 4 bytes (8 with Apicurio's older default)
    5   the data; Protobuf has the place of its message in the schema first

`describe` is for error texts: most unreadable records were written by another converter.
"""

from typing import Final

MAGIC: Final = b"\0"
ID_BYTES: Final = 4
LONG_ID_BYTES: Final = 8

_SHOWN_BYTES: Final = 8
#: Beginnings of files and of compressed data that ended up in topics.
_KNOWN_BEGINNINGS: Final = (
    (b"Obj\x01", "an Avro data file"),
    (b"\xc3\x01", "Avro with a fingerprint in front (single-object encoding)"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"\xac\xed\x00\x05", "a serialized Java object"),
    (b"PAR1", "a Parquet file"),
)
#: Ids of real registries are small numbers; more is rather an integer or a double.
_PLAUSIBLE_ID: Final = 1 << 24


def frame(schema_id: int, id_bytes: int = ID_BYTES) -> bytes:
    """Return what stands in front of data of this schema."""
    return MAGIC + schema_id.to_bytes(id_bytes, "big")


def describe(data: bytes) -> str:
    """Return what bytes look like, to stand behind "the value looks like"."""
    if not data:
        return "nothing at all (no bytes; a tombstone would be null)"
    if data[:1] == MAGIC and len(data) > ID_BYTES:
        schema_id = int.from_bytes(data[1 : 1 + ID_BYTES], "big")
        if 0 < schema_id < _PLAUSIBLE_ID:
            return f"data with schema id {schema_id} of a registry"
        long_id = int.from_bytes(data[1 : 1 + LONG_ID_BYTES], "big")
        if len(data) > LONG_ID_BYTES + 1 and 0 < long_id < _PLAUSIBLE_ID:
            return f"data with schema id {long_id} of a registry in 8 bytes, as of Apicurio 2.x"
    for beginning, what in _KNOWN_BEGINNINGS:
        if data.startswith(beginning):
            return what
    return _describe_text(data) or f"binary data, beginning with {data[:_SHOWN_BYTES].hex(' ')}"


def _describe_text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8").lstrip()
    except UnicodeDecodeError:
        return None
    if text.startswith(("{", "[")):
        is_envelope = '"schema"' in text[:256] and '"payload"' in text
        return "JSON text with its schema (JsonConverter)" if is_envelope else "JSON text"
    if text.startswith("<"):
        return "XML text"
    return "plain text" if text.isprintable() else None


class VarintError(ValueError):
    """The bytes end within a number, or the number has more than 64 bits."""


_LONGEST_VARINT: Final = 10


def read_zigzag(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length, zigzag-encoded integer at `at`, and the place behind it.

    Raises:
        VarintError: There is none.
    """
    value = shift = 0
    for end in range(at, min(at + _LONGEST_VARINT, len(data))):
        byte = data[end]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), end + 1
        shift += 7
    raise VarintError(f"no variable-length integer at byte {at} of {len(data)}")


def write_zigzag(value: int) -> bytes:
    """Return a signed 64-bit integer in zigzag encoding, variable length."""
    rest = ((value << 1) ^ (value >> 63)) & 0xFFFF_FFFF_FFFF_FFFF
    if rest < 0x80:
        return _ONE_BYTE[rest]
    # The usual lengths without a loop: half the time.
    if rest < 0x4000:
        return bytes((rest & 0x7F | 0x80, rest >> 7))
    if rest < 0x20_0000:
        return bytes((rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14))
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_ONE_BYTE: Final = [bytes([value]) for value in range(0x80)]
