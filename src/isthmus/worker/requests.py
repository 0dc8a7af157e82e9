"""Answers what connectors and tasks ask of the worker: offsets, settings, whether to go on."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from isthmus import secrets
from isthmus.api.errors import ConnectError
from isthmus.channel import (
    ReadOffsets,
    ReadTaskConfig,
    ReadyToStart,
    SpellOffsetKeys,
    TaskConfig,
    WriteOffsets,
)

log = logging.getLogger(__name__)

Request: TypeAlias = ReadyToStart | ReadTaskConfig | ReadOffsets | WriteOffsets | SpellOffsetKeys
#: Returns if a task may go on, raises ConnectError with the reason if it may not.
Verify: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TaskAnswers:
    """What only the herder can tell a task: its config as of now, and whether it may go on.

    `verify` is for source tasks that write exactly once; None for all others.
    """

    config: Callable[[], Mapping[str, str | None]]
    verify: Verify | None = None


class OffsetAccess(Protocol):
    """Where the offsets of one connector are, for one of its processes."""

    async def start(self) -> None:
        """Have the offsets there to be read; nothing happens if they are."""
        ...

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    async def spelled(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys as they are where the connector's offsets are written."""
        ...

    async def set(self, records: Sequence[tuple[bytes, bytes | None]]) -> None: ...

    async def set_workers(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write to the worker's own topic alone."""
        ...

    def close(self) -> None:
        """The process has ended."""
        ...


class OffsetStores(Protocol):
    """Where the offsets of all connectors are."""

    def open(self, connector: str, config: Mapping[str, str | None]) -> OffsetAccess:
        """Return those of a connector, to be closed."""
        ...


class Requests:
    """What one connector or task may ask. For the event loop only."""

    def __init__(self, offsets: OffsetAccess, task: TaskAnswers | None = None) -> None:
        """`task` is None for a connector."""
        self._offsets = offsets
        self._task = task

    async def answer(self, request: Request) -> bytes:
        """Return the body of the reply.

        Raises:
            Exception: Its text is the answer.
        """
        match request:
            case ReadyToStart():
                if self._task is not None and self._task.verify is not None:
                    await self._task.verify()
                await self._offsets.start()
            case ReadTaskConfig():
                if self._task is None:
                    raise ConnectError("A connector has no task config")
                config = dict(self._task.config())
                return msgspec.msgpack.encode(TaskConfig(config, secrets.known_in(config)))
            case ReadOffsets(_, keys):
                return msgspec.msgpack.encode(await self._offsets.get(keys))
            case SpellOffsetKeys(_, keys):
                return msgspec.msgpack.encode(await self._offsets.spelled(keys))
            case WriteOffsets(0, records):
                await self._copy(records)
            case WriteOffsets(_, records, only_workers):
                await (self._offsets.set_workers if only_workers else self._offsets.set)(records)
        return b""

    async def _copy(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        try:
            await self._offsets.set_workers(records)
        except ConnectError as error:
            log.warning("Offsets could not be copied to the worker's own topic: %s", error)

    def close(self) -> None:
        """The process has ended."""
        self._offsets.close()
