"""A `HashMap<byte[], byte[]>` as Java serializes it: the file of a standalone worker's offsets.

Only this one class is read and written, so that nothing in a file can make anything else. A file
of ours is what Java's worker reads, and the other way round. The grammar is that of the Java Object
Serialization Specification, version 5.
"""

import struct
from collections.abc import Mapping

from isthmus.api.errors import DataError

_MAGIC = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _OBJECT, _ARRAY, _BLOCK, _END = b"\x70\x71\x72\x73\x75\x77\x78"
#: Name, serialVersionUID, flags (serializable, with a writeObject of its own) and the two fields.
_MAP_CLASS = (
    b"\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02"
    b"F\x00\x0aloadFactorI\x00\x09threshold\x78\x70"
)
_BYTES_CLASS = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70"
#: What may be referred to again has a number: the map's class, the map, the class of byte arrays.
_FIRST_HANDLE = 0x7E0000
_BYTES_CLASS_HANDLE = _FIRST_HANDLE + 2
_LOAD_FACTOR = 0.75
_FEWEST_BUCKETS = 16


def write_map(entries: Mapping[bytes, bytes]) -> bytes:
    """Return the map as Java's ObjectOutputStream writes it."""
    buckets = _FEWEST_BUCKETS
    while len(entries) > buckets * _LOAD_FACTOR:
        buckets *= 2
    parts = [
        _MAGIC,
        bytes([_OBJECT]),
        _MAP_CLASS,
        struct.pack(">fi", _LOAD_FACTOR, int(buckets * _LOAD_FACTOR)),
        struct.pack(">BBii", _BLOCK, 8, buckets, len(entries)),
    ]
    array_class = _BYTES_CLASS
    for pair in entries.items():
        for data in pair:
            parts += [bytes([_ARRAY]), array_class, struct.pack(">i", len(data)), data]
            array_class = struct.pack(">BI", _REFERENCE, _BYTES_CLASS_HANDLE)
    return b"".join([*parts, bytes([_END])])


def read_map(data: bytes) -> dict[bytes | None, bytes | None]:
    """Return the map that Java has written; Java's may hold null.

    Raises:
        DataError: It is something else, or damaged.
    """
    reader = _Reader(data)
    reader.expect(_MAGIC + bytes([_OBJECT]) + _MAP_CLASS)
    reader.take(8)  # load factor and threshold: how large the table was
    reader.expect(bytes([_BLOCK, 8]))
    reader.take(4)
    entries = reader.integer()
    found = {reader.array(): reader.array() for _ in range(entries)}
    reader.expect(bytes([_END]))
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        #: Objects by their number; None for a class.
        self._handles: list[bytes | None] = [None, None]

    def take(self, size: int) -> bytes:
        taken = self._data[self._position : self._position + size]
        if size < 0 or len(taken) < size:
            raise DataError(f"it ends after {len(self._data)} bytes, in the middle of its content")
        self._position += size
        return taken

    def expect(self, wanted: bytes) -> None:
        if not self._data.startswith(wanted, self._position):
            raise self._no_map()
        self._position += len(wanted)

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def array(self) -> bytes | None:
        """Return the next byte array, or null."""
        kind = self.take(1)[0]
        if kind == _NULL:
            return None
        if kind == _REFERENCE:
            return self._handles[self._handle()]
        if kind != _ARRAY:
            raise self._no_map()
        if self.take(1)[0] == _CLASS:
            self._position -= 1
            self.expect(_BYTES_CLASS)
            self._handles.append(None)
        elif self._handle() != _BYTES_CLASS_HANDLE - _FIRST_HANDLE:
            raise self._no_map()
        content = self.take(self.integer())
        self._handles.append(content)
        return content

    def _handle(self) -> int:
        number = self.integer() - _FIRST_HANDLE
        if not 0 <= number < len(self._handles):
            raise self._no_map()
        return number

    def _no_map(self) -> DataError:
        return DataError(
            f"byte {self._position}: expected a java.util.HashMap of byte arrays, as Java writes it"
        )
