"""Numbers through a topic into files, for those who count what arrived.

A source task counts upwards as far as the file `until` says, and carries on where its offset is. A
sink task writes one line for each record into a file of its own process, so a process that should
be dead by then cannot spoil what another one has written.
"""

import errno
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import SinkRecords, SourceRecord
from isthmus.api.schema import STRING
from isthmus.api.task import SinkTask, SourceTask
from tests.support.connectors import exhaust

SOURCE = "tests.faults.numbered:NumberedSource"
SINK = "tests.faults.numbered:NumberedSink"


def _definition(**documentation: str) -> ConfigDef:
    definition = ConfigDef()
    for key, text in documentation.items():
        definition.define(key, Type.STRING, importance=Importance.HIGH, documentation=text)
    return definition


class NumberedSource(SourceConnector):
    """As many sequences as tasks."""

    version = "1"

    def config(self) -> ConfigDef:
        return _definition(
            topic="Where the numbers go.",
            until="The file with the number to stop before; one that is missing means no end.",
            rate="Records per second of each task.",
            memory="The file that asks the next task that sees it to run out of memory.",
        )

    def start(self, config: Mapping[str, str]) -> None:
        self._config = config

    def task_class(self) -> type[SourceTask]:
        return NumberedSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self._config, "task": f"{number}"} for number in range(max_tasks)]


class NumberedSourceTask(SourceTask):
    """One sequence, in ten batches a second."""

    version = "1"

    def start(self, config: Mapping[str, str]) -> None:
        self._topic, self._task = config["topic"], config["task"]
        self._until, self._memory = Path(config["until"]), Path(config["memory"])
        self._batch = max(1, int(config["rate"]) // 10)
        offset = self.context.offset_reader.offset({"task": self._task})
        self._next = 0 if offset is None else int(offset["next"])

    def poll(self) -> Sequence[SourceRecord] | None:
        self.context.sleep(0.1)
        if self._is_asked_to_exhaust():
            exhaust()
        begin = self._next
        self._next = min(begin + self._batch, max(begin, self._end()))
        return [self._record(number) for number in range(begin, self._next)] or None

    def _is_asked_to_exhaust(self) -> bool:
        try:
            self._memory.unlink()
        except FileNotFoundError:
            return False
        return True

    def _end(self) -> int:
        try:
            return int(self._until.read_text())
        except FileNotFoundError:
            return self._next + self._batch

    def _record(self, number: int) -> SourceRecord:
        return SourceRecord(
            topic=self._topic,
            key=self._task,
            key_schema=STRING,
            value=str(number),
            value_schema=STRING,
            source_partition={"task": self._task},
            source_offset={"next": number + 1},
        )


class NumberedSink(SinkConnector):
    version = "1"

    def config(self) -> ConfigDef:
        return _definition(directory="Where the files are.")

    def start(self, config: Mapping[str, str]) -> None:
        self._config = config

    def task_class(self) -> type[SinkTask]:
        return NumberedSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config] * max_tasks


class NumberedSinkTask(SinkTask):
    """Writes what it is given before it says so; a write that came short is taken back."""

    version = "1"

    def start(self, config: Mapping[str, str]) -> None:
        self._file = Path(config["directory"]) / f"{os.getpid()}-{time.monotonic_ns()}"

    def put(self, records: SinkRecords) -> None:
        lines = "".join(
            f"{batch.keys[row] if batch.keys is not None else None} {value}\n"
            for batch in records.batches
            for row, value in enumerate(batch.values)
        )
        if not lines:
            return
        try:
            self._append(lines.encode())
        except OSError as error:
            # A full disk may have room again; who may not write at all had better fail.
            if error.errno == errno.EROFS:
                raise ConnectError(f"Cannot write to {self._file}") from error
            raise RetriableError(f"Cannot write to {self._file}") from error

    def _append(self, data: bytes) -> None:
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            before = os.fstat(file).st_size
            try:
                while data:
                    data = data[os.write(file, data) :]
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
