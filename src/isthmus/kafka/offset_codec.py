"""Keys and values of the offsets topic, for the tasks that write them and the worker."""

from collections.abc import Mapping
from typing import Any, cast

from isthmus.api.errors import DataError
from isthmus.kafka.jackson import jackson_dumps, jackson_loads

_PRIMITIVES = (str, int, float, bool, bytes, bytearray, memoryview, type(None))
#: Enough of a broken record to know it again.
_MAX_SHOWN = 200
#: What Java calls the schema types of the others; it has no type for the rest.
_SCHEMA_TYPES: Mapping[type, str] = {dict: "MAP", list: "ARRAY", tuple: "ARRAY"}


def encode_key(connector: str, partition: Mapping[str, Any] | None) -> bytes:
    """Return the key of a source partition: a JSON array of connector and partition.

    Raises:
        DataError: The partition is not a map from strings to primitive values.
    """
    return jackson_dumps([connector, _checked(partition)])


def encode_value(offset: Mapping[str, Any] | None) -> bytes | None:
    """Return the value of a source offset; None, which deletes, for None.

    Bytes become Base64 text, and come back as text, as with Java.

    Raises:
        DataError: The offset is not a map from strings to primitive values.
    """
    return None if offset is None else jackson_dumps(_checked(offset))


def decode_key(key: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return connector and partition.

    Raises:
        DataError: The bytes are no key of the offsets topic.
    """
    try:
        decoded = jackson_loads(key)
    except ValueError as error:
        raise DataError(f"the key is not JSON: {error}") from error
    if isinstance(decoded, list) and len(items := cast("list[Any]", decoded)) == 2:
        connector, partition = items
        if isinstance(connector, str) and (partition is None or isinstance(partition, dict)):
            return connector, cast("dict[str, Any] | None", partition)
    raise DataError("expected a key that is an array of a connector and a partition")


def decode_value(value: bytes | None) -> dict[str, Any] | None:
    """Return the offset, None where there is none.

    Raises:
        DataError: The bytes are no value of the offsets topic.
    """
    if value is None:
        return None
    try:
        decoded = jackson_loads(value)
    except ValueError as error:
        raise DataError(f"offset {value[:_MAX_SHOWN]!r} is not JSON: {error}") from error
    if decoded is not None and not isinstance(decoded, dict):
        raise DataError(f"offset {value[:_MAX_SHOWN]!r}: expected a JSON object")
    return cast("dict[str, Any] | None", decoded)


def _checked(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if data is None:
        return None
    if not isinstance(data, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DataError("Offsets must be specified as a Map")
    for key, value in data.items():
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DataError("Offsets may only use String keys")
        if not isinstance(value, _PRIMITIVES):
            kind = _SCHEMA_TYPES.get(type(cast("object", value)), "null")
            raise DataError(
                "Offsets may only contain primitive types as values, but field"
                f" {key} contains {kind}"
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            # It would be read back as another number.
            raise DataError(f"Offset field {key} is {value}, expected at most 64 bits")
    return dict(data)
