"""What becomes of a record that cannot be converted, transformed, sent or delivered (KIP-298).

    attempt     try again while the error says that it may help, then   ErrorPolicy
    report      log it, or write it to the dead-letter topic            Reporter, dead_letters.py
    tolerate    skip the record, or fail the task

The data path works on batches and comes here only with a batch of one record, the one that failed.
Java: RetryWithToleranceOperator, ProcessingContext.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Any, Final, Protocol, TypeVar

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.java_text import java_text
from isthmus.api.record import SinkBatch, SourceBatch
from isthmus.api.schema import Schema
from isthmus.config.connector_def import sink_config_def
from isthmus.converters.registry.wire import describe
from isthmus.task.metrics import ErrorCounts

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_DELAY: Final = 0.3
#: Doubling the first delay so often makes it 40 years, longer than any setting allows.
_MOST_DOUBLINGS: Final = 32


class Stage(StrEnum):
    """Where it went wrong, as logs and dead letters name it. Java: Stage."""

    TASK_POLL = "TASK_POLL"
    TASK_PUT = "TASK_PUT"
    TRANSFORMATION = "TRANSFORMATION"
    KEY_CONVERTER = "KEY_CONVERTER"
    VALUE_CONVERTER = "VALUE_CONVERTER"
    HEADER_CONVERTER = "HEADER_CONVERTER"
    KAFKA_PRODUCE = "KAFKA_PRODUCE"
    KAFKA_CONSUME = "KAFKA_CONSUME"


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that failed: the batch of one row as it came in, and what went wrong where.

    A sink's record is as it came from Kafka, in bytes; a source's as the task polled it, or in
    bytes if Kafka refused it. `component` is the name of the class that failed.
    """

    record: SourceBatch | SinkBatch
    stage: Stage
    component: str
    error: Exception


class Reporter(Protocol):
    """Tells somebody of failed records."""

    def report(self, failure: Failure) -> None: ...


class ToleranceExceededError(ConnectError):
    """A record failed and `errors.tolerance` does not allow to skip it; the task fails."""


class TaskStoppedError(Exception):
    """The task is to stop, and what was under way was left undone; it will be done again."""


@dataclass(frozen=True, slots=True)
class ErrorSettings:
    """What a connector's config says about errors; durations in seconds, -1 for ever."""

    tolerates: bool
    retry_timeout: float
    retry_delay_max: float
    log: bool
    log_messages: bool
    #: "" is no dead-letter topic. Java has one for sinks only.
    dead_letter_topic: str
    dead_letter_replication_factor: int
    dead_letter_context: bool

    @classmethod
    def from_config(cls, config: Mapping[str, str | None]) -> "ErrorSettings":
        """Return the settings, with defaults for what `config` leaves open.

        Raises:
            ConfigError: A value is not of its type, or not one of those allowed.
        """
        keys = sink_config_def().keys

        def setting(name: str) -> Any:
            value = keys[f"errors.{name}"].parse(config)
            keys[f"errors.{name}"].check(value)
            return value

        return cls(
            tolerates=setting("tolerance") == "all",
            retry_timeout=setting("retry.timeout") / 1000,
            retry_delay_max=setting("retry.delay.max.ms") / 1000,
            log=setting("log.enable"),
            log_messages=setting("log.include.messages"),
            dead_letter_topic=(setting("deadletterqueue.topic.name") or "").strip(),
            dead_letter_replication_factor=setting("deadletterqueue.topic.replication.factor"),
            dead_letter_context=setting("deadletterqueue.context.headers.enable"),
        )


class ErrorPolicy:
    """The `errors.…` settings of one task at work. For the task's thread."""

    def __init__(
        self,
        settings: ErrorSettings,
        reporters: Sequence[Reporter],
        stopping: Event,
        counts: ErrorCounts | None = None,
    ) -> None:
        self.counts = counts or ErrorCounts()
        self.tolerates = settings.tolerates
        self._retry_timeout = settings.retry_timeout
        self._longest_delay = settings.retry_delay_max
        self._reporters = reporters
        self._stopping = stopping

    def attempt(
        self,
        stage: Stage,
        component: str,
        record: SourceBatch | SinkBatch,
        action: Callable[[], T],
    ) -> T | None:
        """Return what `action` makes of the record, None if the record is to be skipped.

        Raises:
            ToleranceExceededError: It failed, and may not be skipped.
            TaskStoppedError: The task is to stop, and the record was to be tried again.
        """
        try:
            return self._with_retries(action)
        except TaskStoppedError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises is for the policy
            failure = Failure(record, stage, component, error)
        self.skip_or_fail(failure)
        return None

    def skip_or_fail(self, failure: Failure) -> None:
        """Report a failed record; return if it may be skipped. From any thread.

        Reporters are told even if the task fails then, as in Java.

        Raises:
            ToleranceExceededError: It may not be skipped.
        """
        self.counts.total_record_errors += 1
        for reporter in self._reporters:
            reporter.report(failure)
        if not self.tolerates:
            raise ToleranceExceededError(
                f"Tolerance exceeded in error handler: {failure.stage.value} with class"
                f" {failure.component} failed for {_place(failure.record)}: {failure.error}"
                f"{_look(failure)}"
            ) from failure.error
        self.counts.total_records_skipped += 1

    def _with_retries(self, action: Callable[[], T]) -> T:
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                return action()
            except RetriableError:
                self.counts.failed()
                waited = time.monotonic() - began
                if 0 <= self._retry_timeout <= waited:
                    raise
            except Exception:
                self.counts.failed()
                raise
            self.counts.total_retries += 1
            delay = self._delay(attempt)
            if self._retry_timeout >= 0:
                delay = min(delay, self._retry_timeout - waited)
            if self._stopping.wait(delay):
                # The record has not failed yet: skipping it now would lose it.
                raise TaskStoppedError
            attempt += 1

    def _delay(self, attempt: int) -> float:
        """Return the pause before the next try: doubling, and at random once it is longest."""
        delay = _FIRST_DELAY * 2 ** min(attempt, _MOST_DOUBLINGS)
        if delay > self._longest_delay:
            return random.uniform(0, self._longest_delay)
        return delay


class LogReporter:
    """Writes failed records to the log (`errors.log.enable`). Java: LogReporter."""

    def __init__(self, task: str, counts: ErrorCounts, *, with_record: bool) -> None:
        self._task = task
        self._counts = counts
        self._with_record = with_record

    def report(self, failure: Failure) -> None:
        """Write one line with the error, and what the record is if that is wanted."""
        log.error(
            "Error encountered in task %s. Executing stage '%s' with class '%s'%s.",
            self._task,
            failure.stage.value,
            failure.component,
            described(failure.record) if self._with_record else "",
            exc_info=failure.error,
        )
        self._counts.total_errors_logged += 1


def log_reporters(settings: ErrorSettings, task: str, counts: ErrorCounts) -> list[Reporter]:
    """Return the log if the connector's config wants it told of failed records."""
    return [LogReporter(task, counts, with_record=settings.log_messages)] if settings.log else []


def described(record: SourceBatch | SinkBatch) -> str:
    """Return which record it is, in the words of Java's log; a source's with what it holds."""
    if isinstance(record, SinkBatch):
        timestamp = record.timestamps[0] if record.timestamps is not None else None
        when = (
            ""
            if timestamp is None
            else f", timestamp={timestamp}, timestampType={record.timestamp_type}"
        )
        return (
            f", where consumed record is {{topic='{record.original_topic}',"
            f" partition={record.original_partition}, offset={record.offsets[0]}{when}}}"
        )
    row = record.record(0)
    headers = ", ".join(
        f"ConnectHeader(key={key}, value={java_text(value, schema)}, schema={_named(schema)})"
        for key, value, schema in row.headers
    )
    return (
        f", where source record is = SourceRecord{{sourcePartition={_map(row.source_partition)},"
        f" sourceOffset={_map(row.source_offset)}}} ConnectRecord{{topic='{row.topic}',"
        f" kafkaPartition={java_text(row.partition)}, key={java_text(row.key, row.key_schema)},"
        f" keySchema={_named(row.key_schema)}, value={java_text(row.value, row.value_schema)},"
        f" valueSchema={_named(row.value_schema)}, timestamp={java_text(row.timestamp)},"
        f" headers=ConnectHeaders(headers=[{headers}])}}"
    )


def _map(found: Mapping[str, object] | None) -> str:
    return java_text(None if found is None else dict(found))


def _named(schema: Schema | None) -> str:
    if schema is None:
        return "null"
    name = f"{schema.name}:" if schema.name else ""
    return f"Schema{{{name}{schema.type.name}}}"


def _look(failure: Failure) -> str:
    """Return what bytes look like that a sink's converter could not read, if that is not said."""
    record, text = failure.record, str(failure.error)
    columns = {Stage.KEY_CONVERTER: "key", Stage.VALUE_CONVERTER: "value"}
    side = columns.get(failure.stage)
    if not isinstance(record, SinkBatch) or side is None or "looks like" in text:
        return ""
    column = record.keys if side == "key" else record.values
    data = column[0] if column is not None else None
    return f"; the {side} looks like {describe(data)}" if isinstance(data, bytes) else ""


def _place(record: SourceBatch | SinkBatch) -> str:
    """Return which record it is; what it holds may be a secret and is left out."""
    if isinstance(record, SinkBatch):
        place = f"partition {record.original_partition} of topic {record.original_topic}"
        return f"the record at offset {record.offsets[0]} of {place}"
    offset = record.source_offsets[0] if record.source_offsets is not None else None
    return (
        f"a record for topic {record.topic} from source partition {record.source_partition},"
        f" offset {offset}"
    )
