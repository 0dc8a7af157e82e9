"""What becomes of a record that cannot be converted, transformed, sent or delivered (KIP-298).

    attempt     try again while the error says that it may help, then   ErrorPolicy
    report      log it, or write it to the dead-letter topic            Reporter
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
from typing import Protocol, TypeVar

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import SinkBatch, SourceBatch

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_DELAY = 0.3


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

    A sink's record is as it came from Kafka, in bytes; a source's as the task polled it.
    """

    record: SourceBatch | SinkBatch
    stage: Stage
    component: str
    error: Exception


class Reporter(Protocol):
    """Tells somebody of a failed record."""

    def report(self, failure: Failure) -> None: ...


class ToleranceExceededError(ConnectError):
    """A record failed and `errors.tolerance` does not allow to skip it; the task fails."""


class ErrorPolicy:
    """The `errors.…` settings of one task at work. For the task's thread."""

    def __init__(
        self,
        config: Mapping[str, str | None],
        reporters: Sequence[Reporter],
        stopping: Event,
    ) -> None:
        self.tolerates = (config.get("errors.tolerance") or "none").strip() == "all"
        self._retry_timeout = _seconds(config, "errors.retry.timeout", 0)
        self._longest_delay = _seconds(config, "errors.retry.delay.max.ms", 60_000)
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
        """
        try:
            return self._with_retries(action)
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises is for the policy
            self.skip_or_fail(Failure(record, stage, component, error))
            return None

    def skip_or_fail(self, failure: Failure) -> None:
        """Report a failed record; return if it may be skipped.

        Reporters are told even if the task fails then, as in Java.

        Raises:
            ToleranceExceededError: It may not be skipped.
        """
        for reporter in self._reporters:
            reporter.report(failure)
        if not self.tolerates:
            raise ToleranceExceededError(
                f"Tolerance exceeded in error handler: {failure.stage.value} with"
                f" {failure.component} failed for {described(failure.record)}: {failure.error}"
            ) from failure.error

    def _with_retries(self, action: Callable[[], T]) -> T:
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                return action()
            except RetriableError:
                waited = time.monotonic() - began
                if self._retry_timeout >= 0 and waited >= self._retry_timeout:
                    raise
                delay = self._delay(attempt)
                if self._retry_timeout >= 0:
                    delay = min(delay, self._retry_timeout - waited)
                if self._stopping.wait(delay):
                    raise
                attempt += 1

    def _delay(self, attempt: int) -> float:
        """Return the pause before the next try: doubling, and at random once it is longest."""
        delay = _FIRST_DELAY * 2**attempt
        if delay > self._longest_delay:
            return random.uniform(0, self._longest_delay)  # noqa: S311
        return delay


class LogReporter:
    """Writes failed records to the log (`errors.log.enable`). Java: LogReporter."""

    def __init__(self, task: str, *, with_record: bool) -> None:
        self._task = task
        self._with_record = with_record

    def report(self, failure: Failure) -> None:
        """Write one line with the error, and what the record is if that is wanted."""
        record = f", {described(failure.record)}" if self._with_record else ""
        log.error(
            "Error encountered in task %s. Executing stage '%s' with class '%s'%s.",
            self._task,
            failure.stage.value,
            failure.component,
            record,
            exc_info=failure.error,
        )


def described(record: SourceBatch | SinkBatch) -> str:
    """Return which record it is, in the words of Java's log, without what it holds."""
    if isinstance(record, SinkBatch):
        timestamp = record.timestamps[0] if record.timestamps is not None else None
        return (
            f"where consumed record is {{topic='{record.original_topic}',"
            f" partition={record.original_partition}, offset={record.offsets[0]},"
            f" timestamp={timestamp}, timestampType={record.timestamp_type}}}"
        )
    offset = record.source_offsets[0] if record.source_offsets is not None else None
    return (
        f"where source record is = SourceRecord{{sourcePartition={record.source_partition},"
        f" sourceOffset={offset}}} to topic {record.topic}"
    )


def _seconds(config: Mapping[str, str | None], key: str, default_ms: int) -> float:
    text = (config.get(key) or "").strip()
    milliseconds = int(text) if text else default_ms
    return milliseconds / 1000
