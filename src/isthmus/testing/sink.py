"""A sink without Kafka: records made by the test, offsets counted as Kafka would."""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from isthmus.api.connector import SinkConnector
from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import Headers, SinkBatch, SinkRecord, SinkRecords
from isthmus.api.schema import Schema
from isthmus.api.task import SinkTask, TopicPartition
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from isthmus.task.sink_context import WorkerSinkTaskContext
from isthmus.testing.plugins import measured, require_valid


class Reported(NamedTuple):
    """A record that the sink gave to the errant record reporter, and why."""

    record: SinkRecord
    error: Exception


class SinkRun:
    """A sink connector and one task of it that reads all partitions. For one thread."""

    def __init__(
        self,
        connector: SinkConnector,
        config: Mapping[str, str],
        *,
        topics: Sequence[str] = ("topic",),
        partitions: int = 1,
        reporter: bool = True,
    ) -> None:
        """Prepare, start nothing.

        Args:
            connector: A new instance.
            config: As in a request to create it.
            topics: What it reads.
            partitions: Of each topic.
            reporter: Whether a dead-letter topic is configured; without, there is none.
        """
        self.connector = connector
        #: What the task reported, in order.
        self.reported: list[Reported] = []
        #: Whether the connector asked for its tasks to be configured anew.
        self.reconfiguration_requested = False
        #: What the connector gave to `raise_error`.
        self.raised: Exception | None = None
        self._config = {"name": "test", "tasks.max": "1", "topics": ",".join(topics), **config}
        self._assigned = [(topic, number) for topic in topics for number in range(partitions)]
        #: How many records were made of each partition, and the offsets after those put.
        self._made: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._task_config: Mapping[str, str] = {}
        self._registry = PluginMetricsRegistry(None)
        self._context = WorkerSinkTaskContext(
            _Reporter(self.reported) if reporter else None,
            lambda: self._task_config,
            self._registry.of(task="0"),
        )
        self.task: SinkTask

    @property
    def metrics(self) -> dict[str, float]:
        """What the connector and its tasks have registered, such as `rows-total{task="0"}`."""
        return measured(self._registry)

    def __enter__(self) -> Self:
        """Start the connector, then its task, and open the partitions.

        Raises:
            ConfigError: The connector does not accept the config; the text names all errors.
        """
        require_valid(self.connector, self._config)
        self.connector.context = _ConnectorContext(self, self._registry.of())
        self.connector.start(self._config)
        self.task = self.connector.task_class()()
        self.task.context = self._context
        self._task_config = self.connector.task_configs(1)[0]
        self.task.start(self._task_config)
        self.assign(*self._assigned)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.revoke(*sorted(self._context.partitions))
        finally:
            self.task.stop()
            self.connector.stop()

    @property
    def committed(self) -> dict[TopicPartition, int]:
        """The committed offsets: of the first record not yet safe, by topic and partition."""
        return dict(self._committed)

    @property
    def paused(self) -> frozenset[TopicPartition]:
        """The partitions that the task has paused."""
        return frozenset(self._context.paused)

    @property
    def commit_requested(self) -> bool:
        """Whether the task asked for a commit since the last one."""
        return self._context.commit_requested

    def take_rewinds(self) -> dict[TopicPartition, int]:
        """Return from where the task wants to read again, since the last call."""
        return self._context.take_rewinds()

    def take_timeout(self) -> float | None:
        """Return the seconds that the task wants to be left alone, since the last call."""
        return self._context.take_timeout()

    def assign(self, *partitions: TopicPartition) -> None:
        """Give the task these partitions on top."""
        self._context.partitions.update(partitions)
        self.task.open(list(partitions))

    def revoke(self, *partitions: TopicPartition) -> None:
        """Commit, then take these partitions away, as in a rebalance."""
        self.commit()
        self.task.close(list(partitions))
        self._context.partitions.difference_update(partitions)
        self._context.paused.difference_update(partitions)

    def put(self, *values: Any) -> None:
        """Put records: each a `SinkRecord` from `record`, or the value of one of the first topic.

        With none, it is the call that the runtime makes when there was nothing for a while.
        """
        records = [
            value if isinstance(value, SinkRecord) else self.record(value) for value in values
        ]
        self.put_records(records)

    def put_records(self, records: Iterable[SinkRecord]) -> None:
        """Put these records in one call; those of a RetriableError may be put again."""
        batches = SinkBatch.from_records(records)
        self.task.put(SinkRecords(batches))
        for batch in batches:
            place = (batch.original_topic, batch.original_partition)
            self._ends[place] = max(self._ends.get(place, 0), batch.offsets[-1] + 1)

    def record(
        self,
        value: Any,
        schema: Schema | None = None,
        *,
        key: Any = None,
        key_schema: Schema | None = None,
        topic: str | None = None,
        partition: int = 0,
        timestamp: int | None = None,
        headers: Headers = (),
    ) -> SinkRecord:
        """Return a record with the next offset of its partition."""
        place = (topic or self._assigned[0][0], partition)
        offset = self._next_offset(place)
        return SinkRecord(
            topic=place[0],
            partition=partition,
            offset=offset,
            key=key,
            key_schema=key_schema,
            value=value,
            value_schema=schema,
            timestamp=timestamp,
            headers=headers,
            original_topic=place[0],
            original_partition=partition,
        )

    def commit(self) -> dict[TopicPartition, int]:
        """Ask the task what may be committed of all it was given; return all that is committed.

        As at run time, what the task says beyond what it was given is ignored.
        """
        self._context.commit_requested = False
        allowed = self.task.pre_commit(dict(self._ends))
        for place, offset in allowed.items():
            if place in self._context.partitions and offset <= self._ends.get(place, 0):
                self._committed[place] = offset
        return self.committed

    def _next_offset(self, place: TopicPartition) -> int:
        offset = self._made.get(place, 0)
        self._made[place] = offset + 1
        return offset


class _Reporter:
    def __init__(self, reported: list[Reported]) -> None:
        self._reported = reported

    def report(self, record: SinkRecord, error: Exception) -> None:
        self._reported.append(Reported(record, error))


class _ConnectorContext:
    def __init__(self, run: SinkRun, metrics: PluginMetrics) -> None:
        self._run = run
        self.plugin_metrics = metrics

    def request_task_reconfiguration(self) -> None:
        self._run.reconfiguration_requested = True

    def raise_error(self, error: Exception) -> None:
        self._run.raised = error
