"""Answers what connectors and tasks ask of the worker: about offsets, and whether to go on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from isthmus.channel import ReadOffsets, ReadyToStart, WriteOffsets

Request: TypeAlias = ReadyToStart | ReadOffsets | WriteOffsets
#: Returns if a task may go on, raises ConnectError with the reason if it may not.
Verify: TypeAlias = Callable[[], Awaitable[None]]


class OffsetAccess(Protocol):
    """Where source offsets are, for the connectors and source tasks among the children."""

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    async def set(self, records: Sequence[tuple[bytes, bytes | None]]) -> None: ...


class Requests:
    """What one child may ask. For the event loop only."""

    def __init__(self, offsets: OffsetAccess, verify: Verify | None = None) -> None:
        """Have `verify` asked before a source task starts."""
        self._offsets = offsets
        self._verify = verify

    async def answer(self, request: Request) -> bytes:
        """Return the body of the reply.

        Raises:
            Exception: Its text is the answer.
        """
        match request:
            case ReadyToStart():
                if self._verify is not None:
                    await self._verify()
            case ReadOffsets(_, keys):
                return msgspec.msgpack.encode(await self._offsets.get(keys))
            case WriteOffsets(_, records):
                await self._offsets.set(records)
        return b""
