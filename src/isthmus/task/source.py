"""The way into Kafka, top to bottom: poll, transform, convert, produce, commit.

    task.poll()               the connector's own code; may block
    pipeline.convert()        transformations, then converters                pipeline.py
    producer.send()           librdkafka sends in the background              record_producer.py
    submission.delivered()    Kafka's answer for each record                  submitted.py
    offsets.commit()          what is safe, through the worker                offsets.py

At least once: an offset is committed only after its record and all earlier ones of the same source
partition are in Kafka.
"""

import gc
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from isthmus.api.errors import RetriableError
from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.api.task import SourceTask
from isthmus.channel import (
    Measured,
    ReadyToStart,
    StartTask,
    State,
    StateChanged,
    TargetState,
    TopicsUsed,
)
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import source_producer_config
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import Plugins
from isthmus.task.dead_letters import DeadLetterQueue
from isthmus.task.errors import ErrorPolicy, ErrorSettings, TaskStoppedError, log_reporters
from isthmus.task.link import Link
from isthmus.task.metrics import ErrorCounts, SourceMetrics, TaskMetrics
from isthmus.task.offset_reader import LinkOffsetReader
from isthmus.task.offsets import OffsetCommitter
from isthmus.task.pipeline import source_pipeline
from isthmus.task.record_producer import RecordProducer
from isthmus.task.submitted import SubmittedRecords
from isthmus.task.topic_creation import TopicCreation

log = logging.getLogger(__name__)

#: A source that returns nothing at once would otherwise be asked again at once, for ever.
_IDLE_PAUSE: Final = 0.01
_QUICK_POLL: Final = 0.001
_RETRY_PAUSE: Final = 0.5
#: How often a paused task looks after what it has sent before.
_PAUSED_LOOK: Final = 0.5
#: The part of the time for a stop that may go into waiting for Kafka; the rest is for offsets.
_FLUSH_SHARE: Final = 0.7
_SHORTEST_COMMIT: Final = 0.5
#: Batches come and go by reference counting; a collection each 700 objects finds nothing.
_GC_THRESHOLD: Final = 100_000

Polled = Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None


class SourceRunner:
    """Runs one source task until told to stop. For the task's thread.

    Java: WorkerSourceTask, AbstractWorkerSourceTask.
    """

    def __init__(self, job: StartTask, link: Link, plugins: Plugins) -> None:
        worker = WorkerConfig.from_properties(job.worker_config)
        config = job.connector_config
        worker.override_policy.check(config, ClientKind.PRODUCER)
        connector = plugins.create(plugins.find_connector(config))
        self._version: str = connector.version
        self._task: SourceTask = connector.task_class()()
        self._config = {key: value for key, value in job.config.items() if value is not None}
        self._link = link
        errors = ErrorSettings.from_config(config)
        counts = ErrorCounts()
        reporters = log_reporters(errors, f"{job.connector}-{job.task}", counts)
        self._dead_letters: DeadLetterQueue | None = None
        if errors.dead_letter_topic:
            self._dead_letters = DeadLetterQueue(errors, job, worker, link.stopping, counts)
            reporters.append(self._dead_letters)
        self._errors = ErrorPolicy(errors, reporters, link.stopping, counts)
        self._pipeline = source_pipeline(config, worker, plugins, self._errors)
        client = source_producer_config(worker, config, job.connector, job.task)
        self._producer = RecordProducer(client, self._errors, link.stopping)
        self._topics = TopicCreation(worker, config, job.connector, job.task)
        wants_batches = _is_told_of_records(type(self._task))
        self._submitted = SubmittedRecords(
            job.connector, self._producer.refused, keep_batches=wants_batches
        )
        self._offsets = OffsetCommitter(link, self._submitted)
        self._context = _Context(job.connector, link, config)
        self._interval = worker.offset_flush_interval
        self._timeout = worker.offset_flush_timeout
        self._stop_timeout = min(worker.task_shutdown_graceful_timeout, self._timeout)
        self._next_commit = time.monotonic() + self._interval
        self._known_topics: set[str] = set()
        self._metrics = SourceMetrics()
        self._reporting = TaskMetrics(
            lambda values: link.send(Measured(dict(values))), self._measured, counts
        )

    def run(self) -> None:
        """Run the task to its end.

        Raises:
            Exception: What made the task fail.
        """
        gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
        started = False
        try:
            if not self._wait_while_paused():
                return
            self._link.ask_until_stopped(ReadyToStart(0))
            started = True
            self._task.context = self._context
            self._task.start(self._config)
            self._report(State.RUNNING)
            while not self._link.stopping.is_set():
                if self._link.target_state is TargetState.PAUSED:
                    if not self._wait_while_paused(self._look_after_sent):
                        break
                    self._report(State.RUNNING)
                self._iterate()
        except TaskStoppedError:
            log.debug("Told to stop amid a batch, which the next owner of this task reads again")
        finally:
            self._end(started=started)

    def _iterate(self) -> None:
        """Poll once, send what came, and commit if it is time."""
        began = time.monotonic()
        batches = self._poll()
        if batches:
            self._metrics.polled(sum(map(len, batches)), time.monotonic() - began)
        for batch in batches:
            self._send(batch)
        self._look_after_sent()
        if not batches and time.monotonic() - began < _QUICK_POLL:
            self._context.sleep(_IDLE_PAUSE)

    def _poll(self) -> Sequence[SourceBatch]:
        try:
            polled = self._task.poll()
        except RetriableError as error:
            log.warning("Nothing could be polled now, trying again: %s", error)
            self._context.sleep(_RETRY_PAUSE)
            return ()
        return _as_batches(polled)

    def _send(self, polled: SourceBatch) -> None:
        """Give the records of one polled batch to the producer, in their order."""
        batches = self._pipeline.convert(polled)
        submission = self._submitted.submit(polled, batches)
        for batch in batches:
            if batch.topic not in self._known_topics:
                self._topics.ensure(batch.topic)
                self._known_topics.add(batch.topic)
                self._link.send(TopicsUsed([batch.topic]))
            self._producer.send(batch, submission.delivered)

    def _look_after_sent(self) -> None:
        """Take Kafka's answers, and commit if it is time."""
        self._producer.poll()
        self._tell_of_acknowledged()
        self._reporting.report()
        if time.monotonic() >= self._next_commit:
            self._commit(self._timeout)

    def _measured(self) -> dict[str, float]:
        settled = self._submitted.settled
        return self._metrics.values(settled, self._submitted.submitted - settled)

    def _commit(self, timeout: float) -> None:
        """Commit what is safe; the task is told even if there was nothing, as in Java.

        Nothing is safe before the dead letters are in Kafka: an offset stands for them as well.
        """
        began = time.monotonic()
        succeeded = self._write_offsets(timeout)
        self._metrics.commits.add(time.monotonic() - began, succeeded=succeeded)
        if succeeded:
            self._tell(self._task.commit)
        self._next_commit = time.monotonic() + self._interval

    def _write_offsets(self, timeout: float) -> bool:
        if self._dead_letters is not None and not self._dead_letters.flush(timeout):
            log.error("Offsets are not committed now, since dead letters are not in Kafka yet")
            return False
        return self._offsets.commit(timeout)

    def _tell_of_acknowledged(self) -> None:
        for batch in self._submitted.take_acknowledged():
            self._tell(lambda acknowledged=batch: self._task.commit_batch(acknowledged))

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("The task could not take the news of a commit; it goes on")

    def _wait_while_paused(self, meanwhile: Callable[[], None] | None = None) -> bool:
        """Stand still while the user wants it; return False if the task is to end."""
        told = False
        while self._link.target_state is TargetState.PAUSED and not self._link.stopping.is_set():
            if not told:
                told = True
                self._report(State.PAUSED)
            self._link.wait_for_order(TargetState.PAUSED, _PAUSED_LOOK)
            if meanwhile is not None:
                meanwhile()
        return not self._link.stopping.is_set()

    def _end(self, *, started: bool) -> None:
        """Commit what is safe, and let everything go; also after a failure."""
        try:
            if started:
                self._commit_last()
        except Exception:
            log.exception("The last offsets could not be committed")
        finally:
            if started:
                self._stop_task()
            self._pipeline.close()
            self._producer.close()
            if self._dead_letters is not None:
                self._dead_letters.close()

    def _commit_last(self) -> None:
        """Wait for what is under way, and commit.

        Without it, what Kafka took before we were asked to stop would be read again by the next
        owner of this task.
        """
        deadline = time.monotonic() + self._stop_timeout
        left = self._producer.flush(self._stop_timeout * _FLUSH_SHARE)
        if left:
            log.error("%d records were not acknowledged in time, and will be read again", left)
        self._tell_of_acknowledged()
        self._reporting.report(at_once=True)
        self._commit(max(_SHORTEST_COMMIT, deadline - time.monotonic()))

    def _stop_task(self) -> None:
        try:
            self._task.stop()
        except Exception:
            log.exception("The task could not be stopped in order")

    def _report(self, state: State) -> None:
        self._link.send(StateChanged(state, None, self._version))


class _Context:
    """What the task may ask for (SourceTaskContext)."""

    def __init__(self, connector: str, link: Link, config: Mapping[str, str | None]) -> None:
        self._link = link
        self._reader = LinkOffsetReader(connector, link)
        self.config = config

    @property
    def offset_reader(self) -> LinkOffsetReader:
        return self._reader

    def stopping(self) -> bool:
        return self._link.stopping.is_set()

    def sleep(self, seconds: float) -> bool:
        return self._link.stopping.wait(seconds)


def _is_told_of_records(task: type[SourceTask]) -> bool:
    """Return whether the task overrides what is called of records that are in Kafka."""
    overridden = task.commit_batch, task.commit_record
    return overridden != (SourceTask.commit_batch, SourceTask.commit_record)


def _as_batches(polled: Polled) -> Sequence[SourceBatch]:
    if polled is None:
        return ()
    if isinstance(polled, SourceBatch):
        return (polled,) if len(polled) else ()
    if not polled:
        return ()
    if isinstance(polled[0], SourceBatch):
        return [batch for batch in cast("Sequence[SourceBatch]", polled) if len(batch)]
    return SourceBatch.from_records(cast("Sequence[SourceRecord]", polled))
