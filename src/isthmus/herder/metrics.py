"""All metrics of this worker, collected when they are asked for.

Java: HerderMetrics of DistributedHerder, ConnectorStatusMetricsGroup of Worker.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Protocol

from isthmus.channel import State
from isthmus.herder.local_work import LocalWork
from isthmus.metrics import Sample
from isthmus.storage.status_store import StatusStore

_REBALANCE = "connect-worker-rebalance-metrics"
_STATES = (
    State.RUNNING,
    State.PAUSED,
    State.FAILED,
    State.UNASSIGNED,
    State.DESTROYED,
    State.RESTARTING,
)
#: Rebalances are rare; Java's window of a minute would mostly be empty.
_REMEMBERED = 100


class Rebalances:
    """How many rebalances there were, how long they took, and whether one goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._ended: float | None = None
        self._completed = 0
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def began(self) -> None:
        """Note that this worker joins the group, anew or again."""
        if self._began is None:
            self._began = self._clock()

    def ended(self) -> None:
        """Note that this worker has its assignment, and has acted on it."""
        self._ended = self._clock()
        if self._began is not None:
            self._seconds.append(self._ended - self._began)
            self._completed += 1
        self._began = None

    def values(self) -> dict[str, float]:
        """Return Java's attributes; times are milliseconds."""
        count = len(self._seconds)
        since = math.inf if self._ended is None else self._clock() - self._ended
        return {
            "completed-rebalances-total": self._completed,
            "rebalancing": 0.0 if self._began is None else 1.0,
            "rebalance-max-time-ms": max(self._seconds, default=0.0) * 1000,
            "rebalance-avg-time-ms": sum(self._seconds) / count * 1000 if count else 0.0,
            "time-since-last-rebalance-ms": since * 1000,
        }


class MeasuredWorker(Protocol):
    """What the metrics ask of the worker."""

    @property
    def connector_names(self) -> list[str]: ...

    def samples(self) -> Iterator[Sample]: ...


class MeasuredHerder(Protocol):
    """What the metrics ask of the herder."""

    rebalances: Rebalances
    statuses: StatusStore
    work: LocalWork

    @property
    def generation(self) -> int: ...

    @property
    def protocol_name(self) -> str: ...

    def leader_url(self) -> str | None: ...


class Metrics:
    """The metrics of one worker. For the event loop only."""

    def __init__(self, herder: MeasuredHerder, worker: MeasuredWorker) -> None:
        self._herder = herder
        self._worker = worker

    def samples(self) -> Iterator[Sample]:
        """Return all of them as they are now."""
        yield from self._worker.samples()
        yield from self._herder.work.restarts.samples()
        yield from self._of_the_group()
        for name in self._worker.connector_names:
            yield from self._task_counts(name)

    def _of_the_group(self) -> Iterator[Sample]:
        for name, value in self._herder.rebalances.values().items():
            yield Sample(_REBALANCE, name, {}, value)
        yield Sample(_REBALANCE, "epoch", {}, self._herder.generation)
        yield Sample.of_text(_REBALANCE, "connect-protocol", {}, self._herder.protocol_name)
        yield Sample.of_text(_REBALANCE, "leader-name", {}, self._herder.leader_url() or "")

    def _task_counts(self, name: str) -> Iterator[Sample]:
        """Return how many tasks of a connector that runs here are in each state, anywhere."""
        statuses = self._herder.statuses.tasks(name).values()
        counts = Counter(status.state for status in statuses)
        wanted = {"total": counts.total(), **{s.value.lower(): counts[s] for s in _STATES}}
        for state, count in wanted.items():
            attribute = f"connector-{state}-task-count"
            yield Sample("connect-worker-metrics", attribute, {"connector": name}, count)
