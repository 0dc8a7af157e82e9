"""A source without Kafka: its tasks polled on the test's thread, its offsets in a dict."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from isthmus.api.connector import SourceConnector
from isthmus.api.errors import RetriableError
from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import SourceBatch, SourceOffset, SourcePartition, SourceRecord
from isthmus.api.task import SourceTask
from isthmus.kafka.offset_codec import decode_value, encode_key, encode_value
from isthmus.task.boundaries import ConnectorBoundary, End
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from isthmus.testing.plugins import measured, require_valid

_CONNECTOR = "test"


@dataclass(frozen=True, slots=True)
class Transaction:
    """One that a task has ended: what it holds, and whether readers see it (KIP-618)."""

    records: list[SourceRecord]
    is_committed: bool


class SourceRun:
    """A source connector and its tasks, as a worker would run them. For one thread.

    With `transaction.boundary=connector` in the config the tasks have a `transaction_context`.
    """

    def __init__(
        self,
        connector: SourceConnector,
        config: Mapping[str, str],
        *,
        tasks_max: int = 1,
        offsets: Iterable[tuple[SourcePartition, SourceOffset]] = (),
    ) -> None:
        """Prepare, start nothing.

        Args:
            connector: A new instance.
            config: As in a request to create it.
            tasks_max: As `tasks.max`.
            offsets: Source partitions and offsets that an earlier run has committed.
        """
        self.connector = connector
        self.tasks: list[SourceTask] = []
        #: Whether the connector asked for its tasks to be configured anew.
        self.reconfiguration_requested = False
        #: What the connector gave to `raise_error`.
        self.raised: Exception | None = None
        self._registry = self._tasks_registry = PluginMetricsRegistry(None)
        #: The transactions that the tasks have ended so far; an empty one is none.
        self.transactions: list[Transaction] = []
        self._boundaries: dict[SourceTask, ConnectorBoundary] = {}
        self._open: dict[SourceTask, list[SourceRecord]] = {}
        self._config = {"name": _CONNECTOR, "tasks.max": str(tasks_max), **config}
        self._tasks_max = tasks_max
        self._stopping = False
        self._committed = _Offsets(offsets)
        #: What was polled and not yet returned, and what was returned and not yet committed.
        self._ahead: deque[tuple[SourceTask, SourceBatch]] = deque()
        self._returned: list[tuple[SourceTask, SourceBatch]] = []

    @property
    def metrics(self) -> dict[str, float]:
        """What the connector and its tasks have registered, such as `rows-total{task="0"}`."""
        return {**measured(self._registry), **measured(self._tasks_registry)}

    def __enter__(self) -> Self:
        """Start the connector, then its tasks.

        Raises:
            ConfigError: The connector does not accept the config; the text names all errors.
        """
        require_valid(self.connector, self._config)
        self.connector.context = _ConnectorContext(self, self._registry.of())
        self.connector.start(self._config)
        self._start_tasks()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_tasks()
        self.connector.stop()

    def poll(self, count: int, timeout: float = 10.0) -> list[SourceRecord]:
        """Return the next `count` records; tasks are polled in turn until there are so many.

        Records that a poll gave beyond `count` come with the next call. A wait of the task
        (`context.sleep`) is cut to a hundredth of a second.

        Raises:
            AssertionError: There were not so many in `timeout` seconds; names those there were.
        """
        deadline = time.monotonic() + timeout
        while (found := sum(len(batch) for _, batch in self._ahead)) < count:
            self._poll_tasks()
            if time.monotonic() > deadline:
                values = [value for _, batch in self._ahead for value in batch.values]
                raise AssertionError(f"{found} records in {timeout} s, expected {count}: {values}")
        return self._take(count)

    def poll_once(self) -> list[SourceRecord]:
        """Poll each task once; return all records there are now, perhaps none."""
        self._poll_tasks()
        return self._take(sum(len(batch) for _, batch in self._ahead))

    def commit(self) -> dict[str, SourceOffset]:
        """Commit the offsets of the records returned so far, as after Kafka's answer.

        Tasks are told by `commit_batch` and `commit`. Returns what is new; the keys are source
        partitions as JSON.

        Raises:
            DataError: Kafka could not keep such an offset.
        """
        fresh: dict[str, SourceOffset] = {}
        returned, self._returned = self._returned, []
        for task, batch in returned:
            fresh.update(self._committed.take(batch))
            task.commit_batch(batch)
        for task in self.tasks:
            task.commit()
        return fresh

    def offset(self, partition: SourcePartition) -> SourceOffset | None:
        """Return what is committed for a source partition."""
        return self._committed.offset(partition)

    def restart(self) -> None:
        """Stop the tasks and start new ones where the last commit stands, as after a crash."""
        self._stop_tasks()
        self._ahead.clear()
        self._returned.clear()
        self._start_tasks()

    def _start_tasks(self) -> None:
        self._stopping = False
        self.reconfiguration_requested = False
        self._tasks_registry = PluginMetricsRegistry(None)
        configs = self.connector.task_configs(self._tasks_max)
        assert len(configs) <= self._tasks_max, (
            f"task_configs gave {len(configs)} tasks, tasks.max is {self._tasks_max}"
        )
        for number, config in enumerate(configs):
            task = self.connector.task_class()()
            metrics = self._tasks_registry.of(task=f"{number}")
            task.context = _TaskContext(self, config, metrics, self._boundary(task))
            self.tasks.append(task)
            task.start(config)

    def _boundary(self, task: SourceTask) -> ConnectorBoundary | None:
        if self._config.get("transaction.boundary", "").lower() != "connector":
            return None
        self._open[task] = []
        return self._boundaries.setdefault(task, ConnectorBoundary())

    def _stop_tasks(self) -> None:
        self._stopping = True
        tasks, self.tasks = self.tasks, []
        self._boundaries.clear()
        self._open.clear()
        for task in tasks:
            task.stop()

    def _poll_tasks(self) -> None:
        for task in self.tasks:
            try:
                found = task.poll()
            except RetriableError:
                continue
            if (boundary := self._boundaries.get(task)) is not None:
                for batch, end in boundary.stretches(found):
                    self._open[task].extend(batch)
                    self._end_transaction(task, end)
                self._end_transaction(task, boundary.behind_poll())
            self._ahead.extend((task, batch) for batch in _batches(found))

    def _end_transaction(self, task: SourceTask, end: End | None) -> None:
        if end is not None and (records := self._open[task]):
            self.transactions.append(Transaction(records, end is End.COMMIT))
            self._open[task] = []

    def _take(self, count: int) -> list[SourceRecord]:
        taken: list[SourceRecord] = []
        while len(taken) < count:
            task, batch = self._ahead.popleft()
            wanted = count - len(taken)
            if wanted < len(batch):
                self._ahead.appendleft((task, batch.rows(wanted, len(batch))))
            part = batch.rows(0, wanted)
            self._returned.append((task, part))
            taken.extend(part)
        return taken

    @property
    def offset_reader(self) -> "_Offsets":
        return self._committed

    @property
    def stopping(self) -> bool:
        return self._stopping


def _batches(
    found: Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None,
) -> Iterator[SourceBatch]:
    if found is None:
        return
    if isinstance(found, SourceBatch):
        yield found
        return
    for item in found:
        if isinstance(item, SourceBatch):
            yield item
        else:
            yield SourceBatch.from_records([item])[0]


class _Offsets:
    """Committed offsets, as the bytes that would be in Kafka: what is no JSON shows at once."""

    def __init__(self, offsets: Iterable[tuple[SourcePartition, SourceOffset]]) -> None:
        self._stored: dict[bytes, bytes | None] = {}
        for partition, offset in offsets:
            self._stored[encode_key(_CONNECTOR, partition)] = encode_value(offset)

    def take(self, batch: SourceBatch) -> dict[str, SourceOffset]:
        if batch.source_partition is None or not batch.source_offsets:
            return {}
        last = batch.source_offsets[-1]
        if last is None:
            return {}
        self._stored[encode_key(_CONNECTOR, batch.source_partition)] = encode_value(last)
        return {encode_key("", batch.source_partition).decode()[4:-1]: dict(last)}

    def offset(self, partition: SourcePartition) -> SourceOffset | None:
        return decode_value(self._stored.get(encode_key(_CONNECTOR, partition)))

    def offsets(self, partitions: Sequence[SourcePartition]) -> list[SourceOffset | None]:
        return [self.offset(partition) for partition in partitions]


class _TaskContext:
    def __init__(
        self,
        run: SourceRun,
        config: Mapping[str, str],
        plugin_metrics: PluginMetrics,
        transaction_context: ConnectorBoundary | None,
    ) -> None:
        self._run = run
        self._config = config
        self.plugin_metrics = plugin_metrics
        self.transaction_context = transaction_context

    def configs(self) -> Mapping[str, str]:
        return self._config

    @property
    def offset_reader(self) -> _Offsets:
        return self._run.offset_reader

    def stopping(self) -> bool:
        return self._run.stopping

    def sleep(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.01))
        return self._run.stopping


class _ConnectorContext:
    def __init__(self, run: SourceRun, metrics: PluginMetrics) -> None:
        self._run = run
        self.plugin_metrics = metrics

    @property
    def offset_reader(self) -> _Offsets:
        return self._run.offset_reader

    def request_task_reconfiguration(self) -> None:
        self._run.reconfiguration_requested = True

    def raise_error(self, error: Exception) -> None:
        self._run.raised = error
