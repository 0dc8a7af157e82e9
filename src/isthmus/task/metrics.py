"""What a task has done, for the worker's metrics: Java's attributes, under Java's names.

Counted once a batch or a commit, never once a record, and reported to the worker at most once
a second, when something has changed. Rates, averages and maxima are over the last 30 to 60
seconds, as in Java. Java: SourceTaskMetricsGroup, SinkTaskMetricsGroup, ErrorHandlingMetrics.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Final

_SAMPLE_SECONDS: Final = 30.0
_SAMPLES: Final = 2
_REPORT_SECONDS: Final = 1.0

Clock = Callable[[], float]


@dataclass(slots=True)
class _Sample:
    began: float
    total: float = 0.0
    count: int = 0
    minimum: float = inf
    maximum: float = 0.0


class Window:
    """Sum, number and maximum of what was measured in the last 30 to 60 seconds."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[_Sample] = deque()

    def add(self, value: float) -> None:
        """Take one measurement."""
        now = self._clock()
        samples = self._samples
        if not samples or now - samples[-1].began >= _SAMPLE_SECONDS:
            samples.append(_Sample(now))
        newest = samples[-1]
        newest.total += value
        newest.count += 1
        newest.minimum = min(newest.minimum, value)
        newest.maximum = max(newest.maximum, value)
        self._forget(now)

    @property
    def rate(self) -> float:
        """The sum per second."""
        now = self._clock()
        self._forget(now)
        if not self._samples:
            return 0.0
        elapsed = max(now - self._samples[0].began, _SAMPLE_SECONDS * (_SAMPLES - 1))
        return sum(sample.total for sample in self._samples) / elapsed

    @property
    def count(self) -> int:
        self._forget(self._clock())
        return sum(sample.count for sample in self._samples)

    @property
    def average(self) -> float:
        count = self.count
        return sum(sample.total for sample in self._samples) / count if count else 0.0

    @property
    def minimum(self) -> float:
        self._forget(self._clock())
        return min((sample.minimum for sample in self._samples), default=0.0)

    @property
    def maximum(self) -> float:
        self._forget(self._clock())
        return max((sample.maximum for sample in self._samples), default=0.0)

    def _forget(self, now: float) -> None:
        while self._samples and now - self._samples[0].began >= _SAMPLES * _SAMPLE_SECONDS:
            self._samples.popleft()


class Meter:
    """A total and its rate."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.total = 0
        self._window = Window(clock)

    def add(self, count: int) -> None:
        if count:
            self.total += count
            self._window.add(count)

    @property
    def rate(self) -> float:
        return self._window.rate


@dataclass(slots=True)
class ErrorCounts:
    """What went wrong, and what became of it; callbacks of clients count here too."""

    total_record_failures: int = 0
    total_record_errors: int = 0
    total_records_skipped: int = 0
    total_retries: int = 0
    total_errors_logged: int = 0
    deadletterqueue_produce_requests: int = 0
    deadletterqueue_produce_failures: int = 0
    #: Milliseconds since the epoch.
    last_error_timestamp: int = 0

    def failed(self) -> None:
        """Count one attempt that failed."""
        self.total_record_failures += 1
        self.last_error_timestamp = int(time.time() * 1000)


class Commits:
    """How long commits took, and how many there were."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._seconds = Window(clock)
        self._succeeded = Window(clock)
        #: When the last one succeeded, by the clock; None if none has.
        self.last: float | None = None

    def add(self, seconds: float, *, succeeded: bool) -> None:
        self._succeeded.add(1.0 if succeeded else 0.0)
        if succeeded:
            self._seconds.add(seconds)
            self.last = self._clock()

    def values(self) -> dict[str, float]:
        share = self._succeeded.average
        return {
            "offset-commit-max-time-ms": self._seconds.maximum * 1000,
            "offset-commit-avg-time-ms": self._seconds.average * 1000,
            "offset-commit-success-percentage": share,
            "offset-commit-failure-percentage": 1 - share if self._succeeded.count else 0.0,
        }


class TaskMetrics:
    """Sends what `measure` returns to the worker, now and then. For the task's thread."""

    def __init__(
        self,
        send: Callable[[Mapping[str, float]], None],
        measure: Callable[[], Mapping[str, float]],
        errors: ErrorCounts,
        clock: Clock = time.monotonic,
    ) -> None:
        self._send = send
        self._measure = measure
        self._errors = errors
        self._clock = clock
        self._next = 0.0
        self._sent: Mapping[str, float] = {}

    def report(self, *, at_once: bool = False) -> None:
        """Send what has changed, but not more often than each second unless `at_once`."""
        now = self._clock()
        if now < self._next and not at_once:
            return
        self._next = now + _REPORT_SECONDS
        values = {**self._measure(), **error_values(self._errors)}
        if values != self._sent:
            self._sent = values
            self._send(values)


def error_values(errors: ErrorCounts) -> dict[str, float]:
    """Return the counts by the names of Java's attributes."""
    return {name.replace("_", "-"): count for name, count in asdict(errors).items()}


class Transactions:
    """How many records were committed in one transaction. Java: TransactionMetricsGroup."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._sizes = Window(clock)

    def committed(self, records: int) -> None:
        """Count a transaction."""
        self._sizes.add(records)

    def values(self) -> dict[str, float]:
        return {
            "transaction-size-min": self._sizes.minimum,
            "transaction-size-max": self._sizes.maximum,
            "transaction-size-avg": self._sizes.average,
        }


class SourceMetrics:
    """What a source task has read and written."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.commits = Commits(clock)
        self.transactions = Transactions(clock)
        self._polled = Meter(clock)
        self._written = Meter(clock)
        self._poll_seconds = Window(clock)
        self._batches = Window(clock)

    def polled(self, records: int, seconds: float) -> None:
        """Count a poll that gave records."""
        self._polled.add(records)
        self._poll_seconds.add(seconds)
        self._batches.add(records)

    def values(self, written: int, active: int) -> dict[str, float]:
        """Return all attributes; `written` records are in Kafka, `active` on their way."""
        self._written.add(written - self._written.total)
        return {
            "source-record-poll-total": self._polled.total,
            "source-record-poll-rate": self._polled.rate,
            "source-record-write-total": self._written.total,
            "source-record-write-rate": self._written.rate,
            "source-record-active-count": active,
            "poll-batch-max-time-ms": self._poll_seconds.maximum * 1000,
            "poll-batch-avg-time-ms": self._poll_seconds.average * 1000,
            "batch-size-max": self._batches.maximum,
            "batch-size-avg": self._batches.average,
            **self.commits.values(),
        }


class SinkMetrics:
    """What a sink task has consumed and put."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.commits = Commits(clock)
        self._read = Meter(clock)
        self._sent = Meter(clock)
        self._completed = Meter(clock)
        self._skipped = Meter(clock)
        self._put_seconds = Window(clock)
        self._batches = Window(clock)
        self._sequence = 0

    def consumed(self, records: int) -> None:
        """Count records from Kafka, before converters and transformations."""
        self._read.add(records)
        self._batches.add(records)

    def put(self, records: int, seconds: float) -> None:
        """Count records that the task took in one call."""
        self._sent.add(records)
        self._put_seconds.add(seconds)

    def began_commit(self) -> None:
        self._sequence += 1

    def ended_commit(self, seconds: float, *, succeeded: bool) -> None:
        """Count the answer to a commit."""
        self.commits.add(seconds, succeeded=succeeded)
        (self._completed if succeeded else self._skipped).add(1)

    def values(self, partitions: int, active: int) -> dict[str, float]:
        """Return all attributes; `active` records were consumed and not yet committed."""
        return {
            "sink-record-read-total": self._read.total,
            "sink-record-read-rate": self._read.rate,
            "sink-record-send-total": self._sent.total,
            "sink-record-send-rate": self._sent.rate,
            "sink-record-active-count": active,
            "partition-count": partitions,
            "offset-commit-seq-no": self._sequence,
            "offset-commit-completion-total": self._completed.total,
            "offset-commit-completion-rate": self._completed.rate,
            "offset-commit-skip-total": self._skipped.total,
            "offset-commit-skip-rate": self._skipped.rate,
            "put-batch-max-time-ms": self._put_seconds.maximum * 1000,
            "put-batch-avg-time-ms": self._put_seconds.average * 1000,
            "batch-size-max": self._batches.maximum,
            "batch-size-avg": self._batches.average,
            **self.commits.values(),
        }
