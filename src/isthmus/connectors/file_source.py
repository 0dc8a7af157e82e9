r"""Lines of a file, or of standard input, as records. Java: FileStreamSourceConnector.

    read      a chunk of bytes                                  _Reader
    cut       behind its last line end; the rest waits          _Lines
    split     at \n, \r\n and \r, and decode, a chunk at once   _Lines
    poll      at most `batch.size` lines as a `SourceBatch`     FileStreamSourceTask

The offset of a line is the number of **bytes** up to the end of the line, so that a task that
starts again reads every line once. Java counts characters, and skips as many bytes: for text
beyond ASCII it repeats a part, though the offsets of both mean the same for ASCII.

A line counts once its end is there: what follows the last line end waits for more, also a `\r`
that may be half of `\r\n`. At the end of standard input no more can come, and what waits is the
last line. Malformed UTF-8 becomes U+FFFD.

A file that was moved away is read on under its new name, until the task starts again. A file that
shrank was emptied to be written anew (`copytruncate`): it is read again from the start, with a
warning. If it has outgrown its old length by the time of the next look, nobody can tell.
"""

import logging
import os
import select
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final, overload

from isthmus import CONNECT_VERSION
from isthmus.api.config_def import ConfigDef, Importance, NonEmptyString, Type
from isthmus.api.connector import ExactlyOnceSupport, SourceConnector
from isthmus.api.errors import ConnectError
from isthmus.api.record import SourceBatch, SourceOffset, SourcePartition
from isthmus.api.schema import STRING
from isthmus.api.task import SourceTask

_FILE: Final = "file"
_TOPIC: Final = "topic"
_BATCH_SIZE: Final = "batch.size"
_FILENAME: Final = "filename"
_POSITION: Final = "position"

_STDIN: Final = 0
_CHUNK_BYTES: Final = 1 << 20
#: How long a poll waits for a line, and how often it looks meanwhile; Java looks once a second.
_POLL_WAIT: Final = 1.0
_LOOK_INTERVAL: Final = 0.1

log = logging.getLogger(__name__)


def _config_def() -> ConfigDef:
    return (
        ConfigDef()
        .define(
            _FILE,
            Type.STRING,
            None,
            importance=Importance.HIGH,
            documentation="The file to read; standard input if there is none.",
        )
        .define(
            _TOPIC,
            Type.STRING,
            validator=NonEmptyString(),
            importance=Importance.HIGH,
            documentation="The topic to write lines to.",
        )
        .define(
            _BATCH_SIZE,
            Type.INT,
            2000,
            importance=Importance.LOW,
            documentation="The largest number of lines that one poll returns.",
        )
    )


class FileStreamSourceConnector(SourceConnector):
    """One task that reads one file. Java: FileStreamSourceConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        return _config_def()

    def start(self, config: Mapping[str, str]) -> None:
        file = self.config().parse(config)[_FILE]
        log.info("Starting file source connector reading from %s", file or "standard input")
        self._config = dict(config)

    def task_class(self) -> type[SourceTask]:
        return FileStreamSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config]

    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        """Return whether there is a file to come back to, which standard input is not."""
        file = self.config().parse(config)[_FILE]
        return ExactlyOnceSupport.SUPPORTED if file else ExactlyOnceSupport.UNSUPPORTED

    def alter_offsets(
        self,
        config: Mapping[str, str],
        offsets: Sequence[tuple[SourcePartition, SourceOffset | None]],
    ) -> bool:
        """Check the form of the offsets; the task finds out whether the file is that long."""
        if not self.config().parse(config)[_FILE]:
            raise ConnectError(
                f"Offsets cannot be modified if the '{_FILE}' configuration is unspecified."
                " This is because stdin is used for input and offsets are not tracked."
            )
        for partition, offset in offsets:
            if offset is not None:  # None removes the offset, also that of an earlier file
                _check_offset(partition, offset)
        return True


def _check_offset(partition: SourcePartition | None, offset: SourceOffset) -> None:
    if _POSITION not in offset:
        raise ConnectError(f"Offset objects should either be null or contain the key '{_POSITION}'")
    position = offset[_POSITION]
    if not _is_integer(position):
        raise ConnectError(
            f"The value for the '{_POSITION}' key in the offset is expected to be a Long value"
        )
    if position < 0:
        raise ConnectError(
            f"The value for the '{_POSITION}' key in the offset should be a non-negative value"
        )
    if partition is None:
        raise ConnectError("Partition objects cannot be null")
    if _FILENAME not in partition:
        raise ConnectError(f"Partition objects should contain the key '{_FILENAME}'")


def _is_integer(position: object) -> bool:
    return isinstance(position, int) and not isinstance(position, bool)


class FileStreamSourceTask(SourceTask):
    """Reads one file and follows it as it grows. Java: FileStreamSourceTask."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._topic = ""
        self._batch_size = 0
        self._partition: SourcePartition | None = None
        self._reader: _Reader | None = None
        self._lines: _Lines | None = None
        self._next_line = 0

    def start(self, config: Mapping[str, str]) -> None:
        parsed = _config_def().parse(config)
        file = str(parsed[_FILE] or "")
        self._topic = str(parsed[_TOPIC])
        self._batch_size = int(str(parsed[_BATCH_SIZE]))
        if file:
            self._partition = {_FILENAME: file}
            self._reader = _Reader(file, self._committed_position(self._partition))
        else:
            self._reader = _Reader(None, 0)

    def _committed_position(self, partition: SourcePartition) -> int:
        offset = self.context.offset_reader.offset(partition)
        position = None if offset is None else offset.get(_POSITION)
        if position is None:
            return 0
        if not _is_integer(position):
            raise ConnectError("Offset position is the incorrect type")
        return int(position)

    def poll(self) -> SourceBatch | None:
        assert self._reader is not None, "poll comes after start"
        if self._lines is None:
            self._lines = self._wait_for_lines(self._reader)
            self._next_line = 0
        return None if self._lines is None else self._batch(self._lines)

    def _wait_for_lines(self, reader: "_Reader") -> "_Lines | None":
        """Return the lines of the next chunk; None when none came for a while."""
        deadline = time.monotonic() + _POLL_WAIT
        while True:
            lines = reader.read_lines()
            if lines is not None:
                return lines
            if reader.is_idle and (
                time.monotonic() >= deadline or self.context.sleep(_LOOK_INTERVAL)
            ):
                return None

    def _batch(self, lines: "_Lines") -> SourceBatch:
        start, stop = self._next_line, self._next_line + max(self._batch_size, 1)
        if stop >= len(lines.texts):
            stop = len(lines.texts)
            self._lines = None
        self._next_line = stop
        return SourceBatch(
            topic=self._topic,
            values=lines.texts[start:stop],
            value_schema=STRING,
            timestamps=[time.time_ns() // 1_000_000] * (stop - start),
            source_partition=self._partition,
            source_offsets=None if self._partition is None else _LineOffsets(lines, start, stop),
        )

    def stop(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Lines:
    """Whole lines that were read at once: their texts, and on demand where each of them ends."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # Decoding all lines at once is three times as fast as one by one. A line end also ends a
        # malformed sequence, so the result is the same.
        self.texts = data.decode("utf-8", "replace").split("\n")
        self.texts.pop()  # what follows the last line end: nothing

    def end(self, row: int) -> int:
        """Return the position in the file behind a line."""
        # The end of all is asked for the most, and of long lines it is the only one.
        return self._start + len(self._data) if row == len(self.texts) - 1 else self._ends[row]

    @cached_property
    def _ends(self) -> list[int]:
        # Unlike that of texts, `splitlines` of bytes knows the same line ends as we.
        lengths = map(len, self._data.splitlines(keepends=True))
        return list(accumulate(lengths, initial=self._start))[1:]


@dataclass(frozen=True, slots=True)
class _LineOffsets(Sequence[SourceOffset | None]):
    """The source offsets of some lines of a chunk, made when they are asked for."""

    lines: _Lines
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, index: int) -> SourceOffset: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SourceOffset | None]: ...
    def __getitem__(self, index: int | slice) -> SourceOffset | Sequence[SourceOffset | None]:
        if isinstance(index, slice):
            rows = range(self.start, self.stop)[index]
            if rows.step == 1:
                return _LineOffsets(self.lines, rows.start, max(rows.start, rows.stop))
            return [self._offset(row) for row in rows]
        return self._offset(range(self.start, self.stop)[index])

    def _offset(self, row: int) -> SourceOffset:
        return {_POSITION: self.lines.end(row)}


class _Reader:
    """Reads whole lines from a file or standard input, without waiting for more to come."""

    def __init__(self, path: str | None, position: int) -> None:
        self._path = path
        self._descriptor: int | None = _STDIN if path is None else None
        #: Where the bytes in `_rest` begin: behind the last line that was handed out.
        self._position = position
        self._rest = b""
        self._is_regular = False
        self._said_missing = False
        #: Whether the last read found nothing, so that it is time to wait.
        self.is_idle = False

    def read_lines(self) -> _Lines | None:
        """Return the lines that are there; None if there is no whole line yet.

        Raises:
            ConnectError: The file is there, but cannot be read.
        """
        if self._descriptor is None and not self._open():
            self.is_idle = True
            return None
        # A long line is read in steps that grow with it, so that it is copied only a few times.
        data = self._read(max(_CHUNK_BYTES, len(self._rest)))
        self.is_idle = not data
        if data:
            return self._cut(self._rest + data)
        if self._is_regular:
            self._start_again_if_emptied()
        return None

    def _open(self) -> bool:
        assert self._path is not None
        try:
            # Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            if not self._said_missing:
                log.warning("File %s is not there yet; waiting for it", self._path)
                self._said_missing = True
            return False
        except OSError as error:
            raise self._cannot("open", error) from error
        self._descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ConnectError(f"Cannot read lines from {self._path}: it is a directory")
        self._is_regular = stat.S_ISREG(mode)
        if self._is_regular:
            os.lseek(descriptor, self._position, os.SEEK_SET)
        log.info("Opened file %s at position %d", self._path, self._position)
        return True

    def _read(self, size: int) -> bytes:
        assert self._descriptor is not None
        try:
            if self._path is None:
                return self._read_stdin(self._descriptor, size)
            return os.read(self._descriptor, size)
        except BlockingIOError:  # a named pipe with nothing in it
            return b""
        except OSError as error:
            raise self._cannot("read", error) from error

    def _read_stdin(self, descriptor: int, size: int) -> bytes:
        readable, _, _ = select.select([descriptor], [], [], 0)
        if not readable:
            return b""
        data = os.read(descriptor, size)
        if not data and self._rest:
            return b"\n"  # the end of standard input is the end of its last line
        return data

    def _cut(self, data: bytes) -> _Lines | None:
        end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        if end == 0:
            self._rest = data
            return None
        lines = _Lines(data[:end], self._position)
        self._rest = data[end:]
        self._position += end
        return lines

    def _start_again_if_emptied(self) -> None:
        assert self._descriptor is not None
        size = os.fstat(self._descriptor).st_size
        if size >= self._position + len(self._rest):
            return
        log.warning(
            "File %s has %d bytes, less than the position %d up to which it was read; it is taken"
            " for a new file and read from its start",
            self._path,
            size,
            self._position + len(self._rest),
        )
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._position, self._rest = 0, b""
        self.is_idle = False

    def _cannot(self, action: str, error: OSError) -> ConnectError:
        return ConnectError(
            f"Could not {action} {self._path or 'standard input'} at position {self._position}:"
            f" {error.strerror}"
        )

    def close(self) -> None:
        """Close the file; standard input stays open, since it belongs to the process."""
        if self._descriptor is not None and self._path is not None:
            os.close(self._descriptor)
        self._descriptor = None
