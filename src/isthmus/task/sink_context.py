"""What a sink task asks of the runtime. Java: WorkerSinkTaskContext."""

from collections.abc import Callable, Mapping, Sequence

from isthmus.api.errors import IllegalWorkerStateError
from isthmus.api.metrics import PluginMetrics
from isthmus.api.task import ErrantRecordReporter

Key = tuple[str, int]


class WorkerSinkTaskContext:
    """The `SinkTaskContext` of one task. For the task's thread.

    It takes note of what the task wants; the runner does it before it consumes the next time.
    """

    def __init__(
        self,
        reporter: ErrantRecordReporter | None,
        configs: Callable[[], Mapping[str, str]],
        plugin_metrics: PluginMetrics,
    ) -> None:
        #: Kept by the runner.
        self.partitions: set[Key] = set()
        #: Those that the task has paused, not those that the runtime pauses for a while.
        self.paused: set[Key] = set()
        self.commit_requested = False
        self._reporter = reporter
        self._configs = configs
        self.plugin_metrics = plugin_metrics
        self._rewinds: dict[Key, int] = {}
        self._timeout: float | None = None

    def configs(self) -> Mapping[str, str]:
        return self._configs()

    @property
    def assignment(self) -> frozenset[Key]:
        return frozenset(self.partitions)

    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None:
        return self._reporter

    def rewind(self, offsets: Mapping[Key, int]) -> None:
        self._rewinds.update(offsets)

    def take_rewinds(self) -> dict[Key, int]:
        """Return where the task wants to read on, and begin anew."""
        rewinds, self._rewinds = self._rewinds, {}
        return rewinds

    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def take_timeout(self) -> float | None:
        """Return how long the task wants to be left alone, and begin anew."""
        timeout, self._timeout = self._timeout, None
        return timeout

    def pause(self, *partitions: Key) -> None:
        self._require_assigned(partitions, "pause")
        self.paused.update(partitions)

    def resume(self, *partitions: Key) -> None:
        self._require_assigned(partitions, "resume")
        self.paused.difference_update(partitions)

    def request_commit(self) -> None:
        self.commit_requested = True

    def _require_assigned(self, partitions: Sequence[Key], verb: str) -> None:
        if not self.partitions.issuperset(partitions):
            raise IllegalWorkerStateError(
                f"SinkTasks may not {verb} partitions that are not currently assigned to them."
            )
