"""The way into Kafka, top to bottom: poll, transform, convert, produce, commit.

    task.poll()               the connector's own code; may block
    pipeline.convert()        transformations, then converters                pipeline.py
    delivery.send()           records and offsets into Kafka                  delivery.py

Which delivery it is, says the worker's `exactly.once.source.support`.
"""

import gc
import logging
import time
from collections.abc import Mapping
from typing import Final

from isthmus.api.errors import RetriableError
from isthmus.api.metrics import PluginMetrics
from isthmus.api.task import SourceTask, TransactionContext
from isthmus.channel import (
    ConnectorTaskId,
    Measured,
    ReadyToStart,
    StartTask,
    State,
    StateChanged,
    TargetState,
)
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import source_producer_config
from isthmus.config.offsets_topic import offsets_topic
from isthmus.config.worker import WorkerConfig
from isthmus.heap import give_back_memory
from isthmus.plugins import Plugins
from isthmus.task.at_least_once import AtLeastOnce
from isthmus.task.boundaries import boundary_of
from isthmus.task.current_config import current_config
from isthmus.task.dead_letters import DeadLetterQueue
from isthmus.task.delivery import Delivery, SourceParts
from isthmus.task.errors import ErrorPolicy, ErrorSettings, TaskStoppedError, log_reporters
from isthmus.task.exactly_once import ExactlyOnce
from isthmus.task.link import Link
from isthmus.task.metrics import ErrorCounts, SourceMetrics, TaskMetrics
from isthmus.task.offset_reader import LinkOffsetReader
from isthmus.task.pipeline import source_pipeline
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from isthmus.task.polled import Polled
from isthmus.task.record_producer import RecordProducer
from isthmus.task.topic_creation import TopicCreation
from isthmus.task.transactions import TransactionalProducer

log = logging.getLogger(__name__)

#: A source that returns nothing at once would otherwise be asked again at once, for ever.
_IDLE_PAUSE: Final = 0.01
_QUICK_POLL: Final = 0.001
_RETRY_PAUSE: Final = 0.5
#: How often a paused task looks after what it has sent before.
_PAUSED_LOOK: Final = 0.5
#: How long a task polls nothing to need less memory, and how often it looks meanwhile.
_RELIEF_TIMEOUT: Final = 10.0
_RELIEF_LOOK: Final = 0.1
#: Batches come and go by reference counting; a collection each 700 objects finds nothing.
_GC_THRESHOLD: Final = 100_000


class SourceRunner:
    """Runs one source task until told to stop. For the task's thread.

    Java: AbstractWorkerSourceTask.
    """

    def __init__(self, job: StartTask, link: Link, plugins: Plugins) -> None:
        worker = WorkerConfig.from_properties(job.worker_config)
        connector = plugins.create(plugins.find_connector(job.connector_config))
        self._version: str = connector.version
        self._task: SourceTask = connector.task_class()()
        self._config = {key: value for key, value in job.config.items() if value is not None}
        self._link = link
        counts = ErrorCounts()
        registry = PluginMetricsRegistry(link, connector=job.connector, task=str(job.task))
        self._parts, self._delivery = _assemble(
            job, link, plugins, self._task, worker, counts, registry
        )
        self._context = _Context(
            job.connector, link, registry.of(), self._delivery.transaction_context
        )
        self._reporting = TaskMetrics(
            lambda values: link.send(Measured(dict(values))), self._measured, counts
        )

    def run(self) -> None:
        """Run the task to its end.

        Raises:
            Exception: What made the task fail.
        """
        gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
        started = intact = False
        try:
            if not self._wait_while_paused():
                return
            self._delivery.prepare()
            self._link.ask_until_stopped(ReadyToStart(0))
            started = True
            self._link.progress.enter("start")
            self._task.context = self._context
            self._task.start(self._config)
            self._report(State.RUNNING)
            while not self._link.stopping.is_set():
                if self._link.target_state is TargetState.PAUSED:
                    self._delivery.rest()
                    if not self._wait_while_paused(looking=True):
                        break
                    self._link.progress.enter("poll")
                    self._report(State.RUNNING)
                self._relieve()
                self._iterate()
            intact = True
        except TaskStoppedError:
            log.debug("Told to stop amid a batch, which the next owner of this task reads again")
        finally:
            self._end(started=started, intact=intact)

    def _iterate(self) -> None:
        """Poll once, send what came, and commit if it is time."""
        progress = self._link.progress
        began = time.monotonic()
        progress.enter("poll")
        polled = self._poll()
        progress.polled()
        seconds = time.monotonic() - began
        progress.enter("send")
        records = self._delivery.send(polled)
        if records:
            self._parts.metrics.polled(records, seconds)
        self._look()
        if not records and time.monotonic() - began < _QUICK_POLL:
            self._context.sleep(_IDLE_PAUSE)

    def _poll(self) -> Polled:
        try:
            return self._task.poll()
        except RetriableError as error:
            log.warning("Nothing could be polled now, trying again: %s", error)
            self._context.sleep(_RETRY_PAUSE)
            return ()

    def _measured(self) -> Mapping[str, float]:
        values = self._delivery.measured()
        self._link.progress.look(
            values["source-record-write-total"],
            values["source-record-active-count"],
            self._parts.metrics.commits.last,
        )
        return values

    def _relieve(self) -> None:
        """Wait until all records are in Kafka, but not long, if the worker wants memory back."""
        if not self._link.wants_relief.is_set():
            return
        self._link.wants_relief.clear()
        log.warning("Polling nothing more until all records are in Kafka, to need less memory")
        self._delivery.rest()
        deadline = time.monotonic() + _RELIEF_TIMEOUT
        while self._measured()["source-record-active-count"] and time.monotonic() < deadline:
            self._look()
            if self._context.sleep(_RELIEF_LOOK):
                break
        give_back_memory()

    def _look(self) -> None:
        self._delivery.look()
        self._reporting.report()

    def _wait_while_paused(self, *, looking: bool = False) -> bool:
        """Stand still while the user wants it; return False if the task is to end."""
        told = False
        while self._link.target_state is TargetState.PAUSED and not self._link.stopping.is_set():
            if not told:
                told = True
                self._report(State.PAUSED)
            self._link.wait_for_order(TargetState.PAUSED, _PAUSED_LOOK)
            if looking:
                self._look()
        return not self._link.stopping.is_set()

    def _end(self, *, started: bool, intact: bool) -> None:
        """Commit what is safe, and let everything go; also after a failure."""
        try:
            if started:
                self._delivery.finish(intact=intact)
                self._reporting.report(at_once=True)
        except Exception:
            log.exception("The last offsets could not be committed")
        finally:
            if started:
                self._stop_task()
            self._parts.pipeline.close()
            self._delivery.close()
            if self._parts.dead_letters is not None:
                self._parts.dead_letters.close()

    def _stop_task(self) -> None:
        try:
            self._task.stop()
        except Exception:
            log.exception("The task could not be stopped in order")

    def _report(self, state: State) -> None:
        self._link.send(StateChanged(state, None, self._version))


def _assemble(
    job: StartTask,
    link: Link,
    plugins: Plugins,
    task: SourceTask,
    worker: WorkerConfig,
    counts: ErrorCounts,
    registry: PluginMetricsRegistry,
) -> tuple[SourceParts, Delivery]:
    """Put together what records pass through on their way into Kafka.

    Raises:
        ConfigError: A setting cannot be used.
        ConnectError: The dead-letter topic cannot be made.
    """
    config = job.connector_config
    worker.override_policy.check(config, ClientKind.PRODUCER)
    id = ConnectorTaskId(job.connector, job.task)
    settings = ErrorSettings.from_config(config)
    reporters = log_reporters(settings, str(id), counts)
    letters: DeadLetterQueue | None = None
    if settings.dead_letter_topic:
        letters = DeadLetterQueue(settings, job, worker, link.stopping, counts)
        reporters.append(letters)
    errors = ErrorPolicy(settings, reporters, link.stopping, counts)
    parts = SourceParts(
        id=id,
        task=task,
        link=link,
        pipeline=source_pipeline(config, worker, plugins, errors, registry),
        topic_creation=TopicCreation(worker, config, job.connector, job.task),
        dead_letters=letters,
        metrics=SourceMetrics(),
    )
    exactly_once = worker.exactly_once_source_support == "enabled"
    client = source_producer_config(
        worker, config, job.connector, job.task, transactional=exactly_once
    )
    if exactly_once:
        producer = TransactionalProducer(client, errors, link.stopping, id)
        boundary = boundary_of(worker, config)
        return parts, ExactlyOnce(parts, producer, boundary, offsets_topic(worker, config))
    return parts, AtLeastOnce(parts, RecordProducer(client, errors, link.stopping), worker)


class _Context:
    """What the task may ask for (SourceTaskContext)."""

    def __init__(
        self,
        connector: str,
        link: Link,
        plugin_metrics: PluginMetrics,
        transaction_context: TransactionContext | None,
    ) -> None:
        self._link = link
        self._reader = LinkOffsetReader(connector, link)
        self.plugin_metrics = plugin_metrics
        self.transaction_context = transaction_context

    def configs(self) -> dict[str, str]:
        return current_config(self._link)

    @property
    def offset_reader(self) -> LinkOffsetReader:
        return self._reader

    def stopping(self) -> bool:
        return self._link.stopping.is_set()

    def sleep(self, seconds: float) -> bool:
        return self._link.stopping.wait(seconds)
