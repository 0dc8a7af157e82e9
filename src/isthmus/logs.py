"""Log lines as Connect writes them, and levels that can be changed while the process runs.

    [2026-11-22 22:47:09,123] INFO [local-file-sink|task-0] 3 records written (isthmus.task.sink)

The worker and each of its children write to the standard output that they share, so that lines do
not mix, and, where LOG_DIR is set, to `connect.log` there: appended, and not buffered. A settings
file of log4j that KAFKA_LOG4J_OPTS names may say another file; nothing else is read of it. Levels
bear the names that Connect's users know, those of log4j.
"""

import contextlib
import contextvars
import io
import logging
import math
import os
import queue
import re
import select
import stat
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isthmus import secrets

ROOT: Final = "root"
LOG_FILE: Final = "connect.log"
#: How Java is told of a settings file: of log4j 1, and of log4j 2.
_SETTINGS_OPTION: Final = re.compile(
    r"-D(?:log4j\.configuration|log4j2?\.configurationFile)=(?:file:)?([^\s\"']+)"
)
#: The file of an appender there: as properties of either version, or as YAML.
_FILE_NAME: Final = re.compile(
    r"^\s*(?:log4j\.appender\.\w+\.File|appender\.\w+\.fileName|fileName)"
    r"\s*[=:]\s*[\"']?([^\s\"'$]+)[\"']?\s*$",
    re.MULTILINE,
)

#: log4j's levels as Python's numbers.
LEVELS: Final = {
    "OFF": 100,
    "FATAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": 5,
    "ALL": 1,
}
_NAMES: Final = {number: name for name, number in LEVELS.items()}

#: Loggers of libraries that say at INFO what is of no interest to users of Connect.
_TALKATIVE: Final = ("kafka", "urllib3", "asyncio")

_WAITING_LINES: Final = 10_000
_FLUSH_TIMEOUT: Final = 2.0

_REPEAT_SECONDS: Final = 10.0
_MOST_KINDS: Final = 200
_NUMBERS: Final = re.compile(r"\d+")

_context: contextvars.ContextVar[str] = contextvars.ContextVar("connector.context", default="")
_process_context = ""
_changed_at: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class LoggerLevel:
    """A logger's level by log4j's name, and when it was last set here (ms since 1970)."""

    level: str
    last_modified: int | None


class _ConnectFormatter(logging.Formatter):
    """Java: the PatternLayout `[%d] %p %X{connector.context}%m (%c)`."""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        context = _context.get() or _process_context
        line = (
            f"[{when},{int(record.msecs):03d}] {level_name(record.levelno)} "
            f"{f'[{context}] ' if context else ''}{record.getMessage()} ({record.name})"
        )
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            line += f"\n{self.formatStack(record.stack_info)}"
        return secrets.hide(line)


class _DirectHandler(logging.Handler):
    """Writes each line at once; waits if nobody reads there."""

    def __init__(self, file: int | None = None) -> None:
        """Write to an open file, which is closed with the handler, or to standard output."""
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - logging never fails those who log
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: a closed standard output leaves no place to complain."""

    def close(self) -> None:
        super().close()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: str) -> None:
        data = (line + "\n").encode("utf-8", "backslashreplace")
        try:
            descriptor = sys.stdout.fileno() if self._file is None else self._file
        except (AttributeError, ValueError, io.UnsupportedOperation):
            sys.stdout.write(line + "\n")  # it was replaced by something without a descriptor
            return
        write_lines(descriptor, data)


class _BackgroundHandler(_DirectHandler):
    """Writes on a thread of its own, and drops lines rather than make anybody wait.

    Standard output is often a pipe, shared with plugins that print. When nobody reads it, a worker
    that waited there would miss its heartbeats.
    """

    def __init__(self, file: int | None = None) -> None:
        super().__init__(file)
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(_WAITING_LINES)
        self._dropped = 0
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._writer is None:
            # Not in the constructor, so that a process that logs nothing has no thread either.
            self._writer = threading.Thread(target=self._write_lines, name="log", daemon=True)
            self._writer.start()
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1
        except Exception:  # noqa: BLE001 - logging never fails those who log
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all lines are written, but not long."""
        if self._writer is None:
            return
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put(written, timeout=_FLUSH_TIMEOUT)
            written.wait(_FLUSH_TIMEOUT)

    def _write_lines(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with contextlib.suppress(OSError):
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._write(f"{dropped} log lines dropped: nobody took them in time")
                self._write(line)


def configure(level: str = "INFO", *, in_background: bool = False) -> None:
    """Log to standard output, and to `$LOG_DIR/connect.log` where that is set.

    `in_background` is for a process that must never wait for whoever reads there.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _DirectHandler):
            root.removeHandler(handler)
            handler.close()
    path = _log_file(os.environ)
    file, trouble = _open_log(path) if path is not None else (None, "")
    # Each has a queue of its own: a standard output that nobody reads holds up no file.
    for output in (None,) if file is None else (file, None):
        handler = _BackgroundHandler(output) if in_background else _DirectHandler(output)
        handler.setFormatter(_ConnectFormatter())
        root.addHandler(handler)
    root.setLevel(LEVELS[level])
    if trouble:
        logging.getLogger(__name__).warning("%s", trouble)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_failure


def _log_file(environment: Mapping[str, str]) -> Path | None:
    """Return where the log goes besides: where log4j would write it, or below LOG_DIR.

    A name with a variable of log4j's in it is that of its own default, which is below LOG_DIR, too.
    """
    if settings := _SETTINGS_OPTION.search(environment.get("KAFKA_LOG4J_OPTS", "")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if named := _FILE_NAME.search(Path(settings[1]).read_text(encoding="utf-8")):
                return Path(named[1])
    directory = environment.get("LOG_DIR")
    return Path(directory) / LOG_FILE if directory else None


def _open_log(path: Path) -> tuple[int | None, str]:
    """Return the file, open for appending by many processes, or why there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644), ""
    except OSError as error:
        return None, f"The log file {path} cannot be written: {error.strerror}"


def write_lines(descriptor: int, data: bytes) -> None:
    """Write whole lines so that those of other processes come between, not into them.

    The system writes PIPE_BUF bytes to a pipe in one go; to a file, all of them. Waits when a pipe
    takes no more for now. A line that is longer than PIPE_BUF may be torn, if the pipe is full.
    """
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    size = len(data) if is_file else select.PIPE_BUF
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + size) + 1
        if end == 0:
            end = data.find(b"\n", start) + 1 or len(data)
        _write(descriptor, data[start:end])
        start = end


def flush() -> None:
    """Wait until all lines so far are written, two seconds at most; for the end of a process."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def set_process_context(context: str) -> None:
    """Mark all lines of this process, as `name|task-0` or `name|worker`. Java: LoggingContext."""
    global _process_context
    _process_context = context


@contextlib.contextmanager
def context(text: str) -> Generator[None]:
    """Mark the lines of a block, such as `name|task-0|offsets`, on this thread or task."""
    token = _context.set(text)
    try:
        yield
    finally:
        _context.reset(token)


def librdkafka_logger() -> logging.Logger:
    """Return what Kafka clients are given as `logger=`; without it they write to stderr.

    While no broker answers, each client says so some forty times a second.
    """
    logger = logging.getLogger("librdkafka")
    if not logger.filters:
        logger.addFilter(_Repeats())
    return logger


class _Repeats(logging.Filter):
    """Lets a text pass once in ten seconds; texts that differ in numbers only are the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        #: When each text passed last, and how often it has not since.
        self._passed: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record passes; if so it says how many like it did not."""
        text = record.getMessage()
        kind, now = _NUMBERS.sub("#", text), self._clock()
        at, held_back = self._passed.get(kind, (-math.inf, 0))
        if now - at < _REPEAT_SECONDS:
            self._passed[kind] = (at, held_back + 1)
            return False
        if len(self._passed) >= _MOST_KINDS:
            self._passed.clear()
        self._passed[kind] = (now, 0)
        if held_back:
            record.msg, record.args = f"{text} (and {held_back} like it since the last)", None
        return True


def level_name(number: int) -> str:
    """Return log4j's name of a level; what Python knows besides is named by its number."""
    return _NAMES.get(number) or logging.getLevelName(number)


def is_level(name: str) -> bool:
    """Return whether log4j has a level of this name, in any case."""
    return name.upper() in LEVELS


def levels() -> dict[str, LoggerLevel]:
    """Return all loggers that are not off with the levels that hold for them, sorted by name."""
    found = {ROOT: logging.getLogger(), **_known()}
    return {
        name: LoggerLevel(level_name(number), _changed_at.get(name))
        for name, logger in sorted(found.items())
        if (number := logger.getEffectiveLevel()) != LEVELS["OFF"]
    }


def level_of(name: str) -> LoggerLevel | None:
    """Return the level of one logger, `root` in any case; None if there is no such logger."""
    if name.lower() == ROOT:
        name = ROOT
    logger = logging.getLogger() if name == ROOT else _known().get(name)
    if logger is None:
        return None
    return LoggerLevel(level_name(logger.getEffectiveLevel()), _changed_at.get(name))


def set_level(namespace: str, level: str) -> list[str]:
    """Set the level of all loggers whose names start with `namespace`, and of that name itself.

    `root` is every logger. It is a prefix of text: `a.al` sets `a.alpha` as well. Java: Loggers.

    Returns:
        The loggers whose level is another one now, sorted.

    Raises:
        ValueError: There is no such level.
    """
    if not is_level(level):
        raise ValueError(f"invalid log level '{level}'.")
    number = LEVELS[level.upper()]
    before = {name: logger.getEffectiveLevel() for name, logger in _matching(namespace).items()}
    changed = sorted(name for name, was in before.items() if was != number)
    now = int(time.time() * 1000)
    for name, logger in _matching(namespace).items():
        logger.setLevel(number)
        if name in changed:
            _changed_at[name] = now
    return changed


def _matching(namespace: str) -> dict[str, logging.Logger]:
    if namespace.lower() == ROOT:
        return {ROOT: logging.getLogger(), **_known()}
    matching = {name: found for name, found in _known().items() if name.startswith(namespace)}
    return {**matching, namespace: logging.getLogger(namespace)}


def _known() -> dict[str, logging.Logger]:
    known = logging.root.manager.loggerDict.copy()
    return {name: found for name, found in known.items() if isinstance(found, logging.Logger)}


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_type is SystemExit or failure.exc_value is None:
        return
    name = failure.thread.name if failure.thread is not None else "unknown"
    logging.getLogger("isthmus").error(
        "Thread %s ended by an error",
        name,
        exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback),
    )
