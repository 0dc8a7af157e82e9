"""What the worker knows of itself, its connectors and its tasks.

Java: WorkerMetricsGroup, TaskMetricsGroup of WorkerTask, ConnectorMetricsGroup of WorkerConnector.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import astuple

from isthmus.channel import ConnectorTaskId, State
from isthmus.metrics import Sample
from isthmus.worker.connector import WorkerConnector
from isthmus.worker.memory import resident_memory
from isthmus.worker.task import WorkerTask
from isthmus.worker.watchdog import TaskWatch

_SOURCE = ("source-record-", "poll-batch-", "transaction-size-")
_SINK = ("sink-record-", "put-batch-", "partition-count", "offset-commit-seq-no")
_SINK_COMMITS = ("offset-commit-completion-", "offset-commit-skip-")
_ERRORS = ("total-", "deadletterqueue-", "last-error-")


@dataclass(slots=True)
class Startups:
    """How starts of connectors or of tasks have ended."""

    attempts: int = 0
    successes: int = 0
    failures: int = 0
    _waiting: set[object] = field(default_factory=set[object])

    def attempt(self, what: object) -> None:
        """Count a start of `what`, whose end is to come."""
        self.attempts += 1
        self._waiting.add(what)

    def reached(self, what: object, state: State) -> None:
        """Count how a start ended, when `what` comes to its first state after it."""
        if what not in self._waiting or state not in _STARTED | _FAILED:
            return
        self._waiting.discard(what)
        if state in _STARTED:
            self.successes += 1
        else:
            self.failures += 1

    def samples(self, of: str) -> Iterator[Sample]:
        """Return the worker's attributes of the starts of `connector`s or `task`s."""
        ended = self.successes + self.failures
        values = {
            "attempts-total": self.attempts,
            "success-total": self.successes,
            "failure-total": self.failures,
            "success-percentage": self.successes / ended if ended else 0.0,
            "failure-percentage": self.failures / ended if ended else 0.0,
        }
        for name, value in values.items():
            yield Sample("connect-worker-metrics", f"{of}-startup-{name}", {}, value)


_STARTED = frozenset({State.RUNNING, State.PAUSED, State.STOPPED})
_FAILED = frozenset({State.FAILED})


def connector_samples(connectors: Iterable[WorkerConnector]) -> Iterator[Sample]:
    """Return the metrics of connectors that run here."""
    for connector in connectors:
        labels = {"connector": connector.name}
        texts = {
            "status": connector.state.value.lower(),
            "connector-class": connector.class_name,
            "connector-version": connector.version or "undefined",
        }
        for name, text in texts.items():
            yield Sample.of_text("connector-metrics", name, labels, text)


def task_samples(tasks: Iterable[WorkerTask]) -> Iterator[Sample]:
    """Return the metrics of tasks that run here, as they last reported them."""
    for task in tasks:
        labels = {"connector": task.id.connector, "task": str(task.id.task)}
        group = "connector-task-metrics"
        yield Sample.of_text(group, "status", labels, task.state.value.lower())
        yield Sample(group, "running-ratio", labels, task.times.share(State.RUNNING))
        yield Sample(group, "pause-ratio", labels, task.times.share(State.PAUSED))
        for name, value in task.measured.items():
            yield Sample(_group_of(name), name, labels, value)


def plugin_samples(owners: Iterable[WorkerConnector | WorkerTask]) -> Iterator[Sample]:
    """Return the metrics that plugins have registered, as they were last reported (KIP-877)."""
    for owner in owners:
        for name, labels, value in map(astuple, owner.plugins_measured):
            yield Sample("plugins", name, labels, value)


def watch_samples(watches: Mapping[ConnectorTaskId, TaskWatch]) -> Iterator[Sample]:
    """Return which tasks stand still, and how far sinks are behind; Java has neither."""
    for id, watch in watches.items():
        labels = {"connector": id.connector, "task": str(id.task)}
        yield Sample("connector-task-metrics", "stalled", labels, 1.0 if watch.stall else 0.0)
        if watch.progress is not None and watch.progress.lag is not None:
            yield Sample("sink-task-metrics", "sink-record-lag", labels, watch.progress.lag)


def memory_samples(pids: Mapping[str | ConnectorTaskId, int]) -> Iterator[Sample]:
    """Return the memory of each process of a connector or task; Java has none."""
    for subject, pid in pids.items():
        if (used := resident_memory(pid)) is None:
            continue
        if isinstance(subject, str):
            yield Sample("connector-metrics", "memory-bytes", {"connector": subject}, used)
        else:
            labels = {"connector": subject.connector, "task": str(subject.task)}
            yield Sample("connector-task-metrics", "memory-bytes", labels, used)


def _group_of(attribute: str) -> str:
    if attribute.startswith(_SOURCE):
        return "source-task-metrics"
    if attribute.startswith((*_SINK, *_SINK_COMMITS)):
        return "sink-task-metrics"
    if attribute.startswith(_ERRORS):
        return "task-error-metrics"
    return "connector-task-metrics"
