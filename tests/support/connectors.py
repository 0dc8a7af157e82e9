"""Connectors that misbehave on purpose; loaded by name, as `tests.support.connectors:Class`.

What they do, and where, is their setting `behave`, as `start=hang`: the place is `start`,
`task_configs`, `stop` or `validate` of the connector, or `task.start`, `task.poll`, `task.put`,
`task.stop` of its tasks; the deed is one of `DEEDS`. Several are separated by commas.
"""

import contextlib
import ctypes
import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isthmus.api.config_def import ConfigDef, ConfigValue, Importance, Range, Type
from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.errors import ConnectError
from isthmus.api.record import SinkRecords, SourceRecord
from isthmus.api.task import SinkTask, SourceTask

log = logging.getLogger(__name__)

_memory: list[bytearray] = []


def hang() -> None:
    """Block for ever, deaf to everything but SIGKILL."""
    while True:
        time.sleep(3600)


def spin() -> None:
    """Burn a processor for ever."""
    while True:
        pass


def fail() -> None:
    """Raise an error of Connect's."""
    raise ConnectError("failed on purpose")


def crash() -> None:
    """Read where no memory is."""
    ctypes.string_at(0)


def leave() -> None:
    """End the process from within."""
    os._exit(3)


def exit_politely() -> None:
    """Call what scripts end themselves with."""
    sys.exit(5)


def chatter() -> None:
    """Print ten megabytes, the first time."""
    if not _memory:
        allocate()
        for _ in range(10 * 1024):
            print("x" * 1023)


def allocate() -> None:
    """Take 64 MB of memory."""
    _memory.append(bytearray(os.urandom(1024)) * 64 * 1024)


def exhaust() -> None:
    """Take memory without end, of 256 MB that this process may have more than now."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = now + 256 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    while True:
        # By pieces that are large to the threads of librdkafka, which abort if they get nothing.
        _memory.append(bytearray(1 << 20))


def fork() -> None:
    """Leave a process behind that does nothing, each time."""
    if os.fork() == 0:
        hang()


def multiply() -> None:
    """Leave 200 processes behind, every other one outside the process group, then do nothing."""
    for number in range(200):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
            hang()
    hang()


def spawn() -> None:
    """Start two programs, one of which leaves the process group."""
    for new_session in (False, True):
        subprocess.Popen(["sleep", "1000"], start_new_session=new_session)


def garbage() -> None:
    """Write into every socket of the process what no worker understands."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\xff" * 64)


DEEDS: dict[str, Callable[[], None]] = {
    "hang": hang,
    "spin": spin,
    "fail": fail,
    "crash": crash,
    "leave": leave,
    "exit": exit_politely,
    "chatter": chatter,
    "allocate": allocate,
    "exhaust": exhaust,
    "fork": fork,
    "multiply": multiply,
    "spawn": spawn,
    "garbage": garbage,
}


def behave(config: Mapping[str, str | None], place: str) -> None:
    """Do at this place what the config asks for."""
    for entry in (config.get("behave") or "").split(","):
        where, _, deed = entry.partition("=")
        if where == place:
            DEEDS[deed]()


def definition() -> ConfigDef:
    """Return the settings that all of these connectors have."""
    return (
        ConfigDef()
        .define("behave", Type.STRING, "", importance=Importance.LOW, documentation="What to do.")
        .define(
            "count",
            Type.INT,
            1,
            validator=Range.at_least(0),
            importance=Importance.HIGH,
            documentation="How many tasks to ask for.",
        )
    )


class TestSource(SourceConnector):
    """A source whose tasks have nothing to read."""

    __test__ = False
    version = "1.2.3"

    def config(self) -> ConfigDef:
        return definition()

    def validate(self, config: Mapping[str, str | None]) -> Sequence[ConfigValue]:
        behave(config, "validate")
        return super().validate(config)

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        behave(config, "start")
        log.debug("started at level DEBUG")
        self.offset = self.context.offset_reader.offset({"file": "a"})
        if config.get("ask.again") == "true":
            self.context.request_task_reconfiguration()
        if config.get("flood") == "true":
            threading.Thread(target=self.flood, daemon=True).start()
        if config.get("fail.later") == "true":
            error = ConnectError("noticed on another thread")
            threading.Thread(target=self.context.raise_error, args=[error]).start()

    def flood(self) -> None:
        while True:
            self.context.request_task_reconfiguration()

    def task_class(self) -> type[SourceTask]:
        return IdleSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        behave(self.settings, "task_configs")
        count = int(self.settings.get("count", "1"))
        found = {**self.settings, "offset": str(self.offset)}
        return [{**found, "number": str(number)} for number in range(count)]

    def stop(self) -> None:
        behave(self.settings, "stop")


class IdleSourceTask(SourceTask):
    """Reads nothing, slowly."""

    version = "1.2.3"

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        behave(config, "task.start")

    def poll(self) -> Sequence[SourceRecord] | None:
        behave(self.settings, "task.poll")
        self.context.sleep(0.1)
        return None

    def stop(self) -> None:
        behave(self.settings, "task.stop")


class TestSink(SinkConnector):
    """A sink that forgets what it is given."""

    __test__ = False
    version = "1.2.3"

    def config(self) -> ConfigDef:
        return definition()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        behave(config, "start")

    def task_class(self) -> type[SinkTask]:
        return ForgettingSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self.settings] * max_tasks


class ForgettingSinkTask(SinkTask):
    """Forgets all records."""

    version = "1.2.3"

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        behave(config, "task.start")

    def put(self, records: SinkRecords) -> None:
        behave(self.settings, "task.put")

    def stop(self) -> None:
        behave(self.settings, "task.stop")
