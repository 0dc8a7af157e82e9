"""Records as lines at the end of a file, or on standard output. Java: FileStreamSinkConnector.

A value becomes the text that Java prints for it, and bytes are written as they are. All lines of
a `put` are written within it, in pieces of whole lines, so nothing waits to be flushed, and several
tasks can append to one file without tearing each other's lines. Neither `put` nor `flush` waits for
the disk (`fsync`): the end of the machine may lose lines whose offsets are committed, as with Java.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from isthmus import CONNECT_VERSION
from isthmus.api.columnar import Columnar
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SinkConnector
from isthmus.api.errors import ConnectError
from isthmus.api.java_text import java_text, java_texts
from isthmus.api.record import SinkBatch, SinkRecords
from isthmus.api.schema import Schema
from isthmus.api.task import SinkTask
from isthmus.logs import write_lines

_FILE: Final = "file"
_STDOUT: Final = 1
#: Bytes that are joined, encoded and written while the processor's cache still holds them: lines of
#: a megabyte would else be copied from memory to memory, a hundred at a time.
_PIECE: Final = 2 << 20

log = logging.getLogger(__name__)


def _config_def() -> ConfigDef:
    return ConfigDef().define(
        _FILE,
        Type.STRING,
        None,
        importance=Importance.HIGH,
        documentation="The file to append to; standard output if there is none.",
    )


class FileStreamSinkConnector(SinkConnector):
    """As many equal tasks as allowed, all for one file. Java: FileStreamSinkConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        return _config_def()

    def start(self, config: Mapping[str, str]) -> None:
        file = self.config().parse(config)[_FILE]
        log.info("Starting file sink connector writing to %s", file or "standard output")
        self._config = dict(config)

    def task_class(self) -> type[SinkTask]:
        return FileStreamSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config] * max_tasks

    def alter_offsets(
        self, config: Mapping[str, str], offsets: Mapping[tuple[str, int], int | None]
    ) -> bool:
        return True


class FileStreamSinkTask(SinkTask):
    """Appends the values of records to a file, a line each. Java: FileStreamSinkTask."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._path: str | None = None
        self._descriptor: int | None = None

    def start(self, config: Mapping[str, str]) -> None:
        path = _config_def().parse(config)[_FILE]
        if not path:
            self._descriptor = _STDOUT
            return
        self._path = str(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise ConnectError(
                f"Couldn't find or create file '{self._path}' for FileStreamSinkTask:"
                f" {error.strerror}"
            ) from error

    def put(self, records: SinkRecords) -> None:
        assert self._descriptor is not None, "put comes after start"
        try:
            for piece in _pieces(records.batches):
                write_lines(self._descriptor, piece)
        except OSError as error:
            raise ConnectError(
                f"Could not write {len(records)} records to {self._path or 'standard output'}:"
                f" {error.strerror}"
            ) from error

    def stop(self) -> None:
        if self._descriptor is not None and self._path:
            os.close(self._descriptor)
        self._descriptor = None


def _pieces(batches: Iterable[SinkBatch]) -> Iterator[bytes]:
    """Return the lines of all batches, in as few pieces as that size allows."""
    held: list[bytes] = []
    for lines in chain.from_iterable(map(_lines, batches)):
        held.append(lines)
        if sum(map(len, held)) >= _PIECE:
            yield b"".join(held)
            held.clear()
    if held:
        yield b"".join(held)


def _lines(batch: SinkBatch) -> Iterator[bytes]:
    """Return the values of a batch as text, each with a line end."""
    if not batch.values:
        return
    is_columnar = isinstance(batch.values, Columnar)
    kinds: set[type] = set() if is_columnar else set(map(type, batch.values))
    if bytes in kinds:
        yield b"".join(_line(value, batch.value_schema) for value in batch.values)
        return
    are_text = kinds == {str}
    texts = batch.values if are_text else java_texts(batch.values, batch.value_schema)
    rows = 1 + _PIECE // (1 + len(texts[0]))  # a guess for all
    for start in range(0, len(texts), rows):
        # Half of a surrogate pair is the only text without a UTF-8 form; Java writes `?` as well.
        yield "\n".join([*texts[start : start + rows], ""]).encode("utf-8", "replace")


def _line(value: Any, schema: Schema | None) -> bytes:
    if isinstance(value, bytes):
        return value + b"\n"
    return java_text(value, schema).encode("utf-8", "replace") + b"\n"
