"""A source and a sink in trouble of a kind that their setting `trouble` names.

What happens to a task is one line in the file `diary`, so that it is known after its end.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.api.record import SinkRecords, SourceRecord
from isthmus.api.task import SinkTask, SourceTask

SOURCE = "tests.support.troubled:TroubledSource"
SINK = "tests.support.troubled:TroubledSink"

_CHUNK = 32 << 20


def definition() -> ConfigDef:
    """Return the settings of both."""
    return (
        ConfigDef()
        .define("trouble", Type.STRING, "", importance=Importance.LOW, documentation="Which.")
        .define("times", Type.INT, 1, importance=Importance.LOW, documentation="How often.")
        .define("diary", Type.STRING, importance=Importance.LOW, documentation="A file.")
    )


def entries(diary: Path) -> list[str]:
    """Return what is in a diary."""
    return diary.read_text().split() if diary.exists() else []


class Diary:
    """Where a task writes down what happens to it."""

    def __init__(self, config: Mapping[str, str]) -> None:
        self.path = Path(config["diary"])
        self.times = int(config.get("times", "1"))

    def write(self, what: str) -> int:
        """Add an entry; return how many there are of its kind."""
        with self.path.open("a") as file:
            file.write(f"{what}\n")
        return entries(self.path).count(what)

    def is_young(self, what: str) -> bool:
        """Add an entry; return whether trouble is still to come."""
        return self.write(what) <= self.times


def wait_for_the_database() -> None:
    """Block for ever."""
    threading.Event().wait()


class TroubledSource(SourceConnector):
    """Fails itself for `connector`; else its tasks do."""

    version = "1"

    def config(self) -> ConfigDef:
        return definition()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        if config["trouble"] == "connector" and Diary(config).is_young("connector"):
            raise ConnectError("the connector fails on purpose")

    def task_class(self) -> type[SourceTask]:
        return TroubledSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self.settings, "number": str(number)} for number in range(max_tasks)]


class TroubledSourceTask(SourceTask):
    """The first of the tasks is in trouble; the others have nothing to do."""

    version = "1"

    def start(self, config: Mapping[str, str]) -> None:
        self.trouble = config["trouble"] if config["number"] == "0" else ""
        self.diary = Diary(config)
        self.taken: list[bytes] = []
        if self.trouble == "fail" and self.diary.is_young("start"):
            raise ConnectError("fails on purpose")
        if self.trouble == "die" and self.diary.is_young("start"):
            os._exit(3)
        if self.trouble == "config":
            self.diary.write("start")
            raise ConfigError.invalid("trouble", "config", "expected peace")

    def poll(self) -> Sequence[SourceRecord] | None:
        if self.trouble == "block" and self.diary.is_young("poll"):
            wait_for_the_database()
        if self.trouble == "grow":
            self.taken.append(b"x" * _CHUNK)
        self.context.sleep(0.1)
        return None


class TroubledSink(SinkConnector):
    """Its tasks are in trouble."""

    version = "1"

    def config(self) -> ConfigDef:
        return definition()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config

    def task_class(self) -> type[SinkTask]:
        return TroubledSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self.settings] * max_tasks


class TroubledSinkTask(SinkTask):
    """For `hoard`, keeps 32 MB for each record until it is flushed; for `pause`, reads nothing."""

    version = "1"

    def start(self, config: Mapping[str, str]) -> None:
        self.trouble = config["trouble"]
        self.diary = Diary(config)
        self.hoard: list[bytes] = []

    def open(self, partitions: Sequence[tuple[str, int]]) -> None:
        if self.trouble == "pause":
            self.context.pause(*partitions)

    def put(self, records: SinkRecords) -> None:
        if self.trouble == "hoard":
            self.hoard += [b"x" * _CHUNK for _ in range(len(records))]

    def flush(self, offsets: Mapping[tuple[str, int], int]) -> None:
        if self.hoard:
            self.hoard.clear()
            self.diary.write("flushed")
