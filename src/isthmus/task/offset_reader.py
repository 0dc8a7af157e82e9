"""Reads the offsets of source partitions, for connectors and tasks. Java: OffsetStorageReaderImpl.

The worker reads the offsets topic; a child asks it over its channel.
"""

from collections.abc import Sequence

import msgspec

from isthmus.api.errors import ConnectError, DataError
from isthmus.api.record import SourceOffset, SourcePartition
from isthmus.channel import ReadOffsets
from isthmus.kafka.offset_codec import decode_value, encode_key
from isthmus.task.errors import TaskStoppedError
from isthmus.task.link import Link


class LinkOffsetReader:
    """The offsets of one connector; from any thread."""

    def __init__(self, connector: str, link: Link) -> None:
        self._connector = connector
        self._link = link

    def offset(self, partition: SourcePartition) -> SourceOffset | None:
        """Return the last committed offset of this source partition, or None."""
        return self.offsets([partition])[0]

    def offsets(self, partitions: Sequence[SourcePartition]) -> list[SourceOffset | None]:
        """Return the last committed offset of each, in their order; one request for all.

        It takes as long as it takes: an open transaction that nobody ends holds up all readers of
        committed offsets until it expires.

        Raises:
            ConnectError: The worker cannot read them, a partition is no JSON, a stored offset makes
                no sense, or the process was told to end meanwhile.
        """
        keys = [encode_key(self._connector, partition) for partition in partitions]
        is_ending = self._link.stopping.is_set()
        try:
            if is_ending:
                reply = self._link.ask(ReadOffsets(0, keys))
            else:
                reply = self._link.ask_until_stopped(ReadOffsets(0, keys))
        except TaskStoppedError as error:
            raise ConnectError("Failed to fetch offsets. The process was told to end") from error
        except ConnectError as error:
            raise ConnectError(f"Failed to fetch offsets. {error}") from error
        values = msgspec.msgpack.decode(reply.body, type=list[bytes | None])
        return [_decoded(*entry) for entry in zip(partitions, values, strict=True)]


def _decoded(partition: SourcePartition, value: bytes | None) -> SourceOffset | None:
    """Return the offset.

    Where Java logs and goes on as if there were none, which starts the source from its beginning.

    Raises:
        ConnectError: It is none; the text says how to get rid of it.
    """
    try:
        return decode_value(value)
    except DataError as error:
        raise ConnectError(
            f"The stored offset of source partition {dict(partition)} cannot be used: {error}."
            " Stop the connector, and alter or reset its offsets"
        ) from error
