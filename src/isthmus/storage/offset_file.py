"""The offsets of a standalone worker: a log whose newest values are kept in a file.

The file is Java's (`java_map.py`), so a standalone worker of either kind goes on where the other
stopped. Java: FileOffsetBackingStore.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from isthmus.api.errors import ConnectError, DataError
from isthmus.kafka.topic_log import LogRecord
from isthmus.storage.java_map import read_map, write_map
from isthmus.storage.memory_log import MemoryLog, Record

log = logging.getLogger(__name__)


class OffsetFile(MemoryLog):
    """A log that starts with what the file holds. For the event loop only.

    A write is acknowledged when it is in the file, which is replaced as a whole: a crash leaves the
    old one or the new one.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._values: dict[bytes, bytes] = {}
        self._writing = asyncio.Lock()

    async def start(
        self,
        on_records: Callable[[Sequence[LogRecord]], None],
        on_made_anew: Callable[[], None] | None = None,
    ) -> None:
        """Read the file; none, or an empty one, is a worker's first start.

        Raises:
            ConnectError: The file cannot be read, or is no file of offsets.
        """
        await super().start(on_records)
        self._values = await asyncio.to_thread(self._read)
        self.deliver(list(self._values.items()))

    async def send(self, records: Sequence[Record]) -> None:
        """Write the records, all at once.

        Raises:
            ConnectError: The file cannot be written; the offsets are then as they were.
        """
        async with self._writing:
            values = dict(self._values)
            for key, value in records:
                if value is None:
                    values.pop(key, None)
                else:
                    values[key] = value
            try:
                await asyncio.to_thread(self._write, write_map(values))
            except OSError as error:
                raise ConnectError(f"Offsets could not be written: {error}") from error
            self._values = values
            self.deliver(records)

    def _read(self) -> dict[bytes, bytes]:
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConnectError(f"Offsets could not be read: {error}") from error
        if not data:
            return {}
        try:
            entries = read_map(data)
        except DataError as error:
            raise ConnectError(f"{self._file} is no file of offsets: {error}") from error
        return {k: v for k, v in entries.items() if k is not None and v is not None}

    def _write(self, data: bytes) -> None:
        beside = self._file.with_name(f"{self._file.name}.new")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)
