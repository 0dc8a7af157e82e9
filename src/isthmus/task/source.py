"""The way into Kafka, top to bottom: poll, transform, convert, produce, commit.

    task.poll()               the connector's own code; may block
    pipeline.convert()        transformations, then converters                pipeline.py
    producer.produce()        librdkafka sends in the background
    _delivered()              the broker's refusals, served by producer.poll()
    commit()                  once nothing is under way any more: the offsets  offsets.py

At least once: offsets are committed behind a barrier. When a commit is due, nothing is submitted
until the producer has had an answer for all that it was given; then the newest offset of each
source partition is safe. Measured on one core shared with the broker: with a callback for errors
only, 0.9 to 1.1 million records a second are submitted, with one for each record 0.8 million.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from isthmus import logs
from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.api.task import SourceTask
from isthmus.channel import StartTask, State, StateChanged, TargetState, TopicsUsed
from isthmus.config.clients import source_producer_config
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import CONNECTORS, Plugins
from isthmus.task.errors import ErrorPolicy
from isthmus.task.link import Link
from isthmus.task.offset_reader import LinkOffsetReader
from isthmus.task.offsets import OffsetCommitter
from isthmus.task.pipeline import source_pipeline
from isthmus.task.reporters import reporters
from isthmus.task.topic_creation import TopicCreation

log = logging.getLogger(__name__)

#: A source that returns nothing at once would otherwise be asked again at once, for ever.
_IDLE_PAUSE = 0.01
_QUICK_POLL = 0.001
_BARRIER_SLICE = 0.5
#: With `commit_batch` the batches are kept until they are in Kafka; so many records at most.
_KEPT_RECORDS = 20_000

Polled = Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None


class SourceRunner:
    """Runs one source task until told to stop. For the task's thread.

    Java: WorkerSourceTask, AbstractWorkerSourceTask.
    """

    def __init__(self, job: StartTask, link: Link, plugins: Plugins) -> None:
        worker = WorkerConfig.from_properties(job.worker_config)
        config = job.connector_config
        connector = plugins.create(plugins.find(CONNECTORS, config.get("connector.class") or ""))
        self._version: str = connector.version
        self._task: SourceTask = connector.task_class()()
        self._config = {key: value for key, value in job.config.items() if value is not None}
        self._link = link
        name = f"{job.connector}-{job.task}"
        self._errors = ErrorPolicy(config, reporters(name, config), link.stopping)
        self._pipeline = source_pipeline(config, worker, plugins, self._errors)
        client = source_producer_config(worker, config, job.connector, job.task)
        if client.ignored:
            log.warning("Producer settings without effect: %s", ", ".join(client.ignored))
        self._producer = Producer(
            {
                **client.settings,
                "delivery.report.only.error": True,
                "logger": logs.librdkafka_logger(),
            }
        )
        self._topics = TopicCreation(worker, config, job.connector, job.task)
        self._offsets = OffsetCommitter(job.connector, link)
        self._context = _Context(job.connector, link, config)
        self._interval = worker.offset_flush_interval
        self._timeout = worker.offset_flush_timeout
        self._next_commit = time.monotonic() + self._interval
        self._known_topics: set[str] = set()
        self._failure: Exception | None = None
        self._kept: list[SourceBatch] = []
        self._kept_records = 0
        self._wants_batches = type(self._task).commit_batch is not SourceTask.commit_batch

    def run(self) -> None:
        """Run the task to its end.

        Raises:
            Exception: What made the task fail.
        """
        started = False
        try:
            if not self._wait_while_paused():
                return
            started = True
            self._task.context = self._context
            self._task.start(self._config)
            self._report(State.RUNNING)
            while not self._link.stopping.is_set():
                if self._link.target_state is TargetState.PAUSED:
                    if not self._wait_while_paused():
                        break
                    self._report(State.RUNNING)
                self._iterate()
        finally:
            self._end(started=started)

    def _iterate(self) -> None:
        """Poll once, send what came, and commit if it is time."""
        began = time.monotonic()
        batches = self._poll()
        for batch in batches:
            self._send(batch)
        self._producer.poll(0)
        self._raise_failure()
        if time.monotonic() >= self._next_commit:
            self._commit()
        if not batches and time.monotonic() - began < _QUICK_POLL:
            self._link.stopping.wait(_IDLE_PAUSE)

    def _poll(self) -> Sequence[SourceBatch]:
        try:
            polled = self._task.poll()
        except RetriableError as error:
            log.warning("Nothing could be polled now, trying again: %s", error)
            return ()
        return _as_batches(polled)

    def _send(self, batch: SourceBatch) -> None:
        """Give the records of one polled batch to the producer, in their order."""
        for converted in self._pipeline.convert(batch):
            if converted.topic not in self._known_topics:
                self._topics.ensure(converted.topic)
                self._known_topics.add(converted.topic)
                self._link.send(TopicsUsed([converted.topic]))
            self._produce(converted)
        # Dropped and skipped records have no offset of their own: it moves with the batch.
        self._offsets.submitted(batch)
        if self._wants_batches:
            self._kept.append(batch)
            self._kept_records += len(batch)
            if self._kept_records >= _KEPT_RECORDS:
                self._barrier()

    def _produce(self, batch: SourceBatch) -> None:
        topic, partition = batch.topic, -1 if batch.partition is None else batch.partition
        produce, delivered = self._producer.produce, self._delivered
        nothing = [None] * len(batch)
        keys, stamps = batch.keys or nothing, batch.timestamps or nothing
        headers = batch.headers
        for row, (value, key, stamp) in enumerate(zip(batch.values, keys, stamps, strict=True)):
            arguments: tuple[Any, ...] = (topic, value, key, partition, delivered, None, stamp or 0)
            if headers is not None:
                sent = [(name, data) for name, data, _ in headers[row]]
                arguments = (*arguments, sent)
            try:
                produce(*arguments)
            except BufferError:
                self._produce_when_there_is_room(arguments)
            except KafkaException as error:
                self._delivered(error.args[0], None)

    def _produce_when_there_is_room(self, arguments: tuple[Any, ...]) -> None:
        """Wait for the broker to take some of what is queued; the order of records is kept."""
        while True:
            self._producer.poll(0.05)
            self._raise_failure()
            try:
                self._producer.produce(*arguments)
                return
            except BufferError:
                continue

    def _delivered(self, error: KafkaError | None, message: Message | None) -> None:
        """Take a refusal of the broker, or of librdkafka itself; called within `poll`."""
        if error is None or self._failure is not None:
            return
        if self._errors.tolerates:
            log.error("A record was not written, and is skipped: %s", _explained(error))
            return
        topic = f" to topic {message.topic()}" if message is not None else ""
        self._failure = ConnectError(
            f"Unrecoverable exception from producer send callback: a record{topic} was not written:"
            f" {_explained(error)}"
        )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _barrier(self, deadline: float | None = None) -> bool:
        """Wait until the broker has answered for all records; False if time runs out first."""
        began = time.monotonic()
        told = False
        while (left := self._producer.flush(_BARRIER_SLICE)) > 0:
            self._raise_failure()
            now = time.monotonic()
            if deadline is not None and now > deadline:
                log.error("%d records were not acknowledged in time; no offsets committed", left)
                return False
            if now - began > self._timeout and not told:
                told = True
                log.warning(
                    "%d records are not acknowledged after %.0f s; reading nothing until they are",
                    left,
                    now - began,
                )
            if deadline is None and self._link.stopping.is_set():
                return False
        self._raise_failure()
        if self._wants_batches:
            kept, self._kept, self._kept_records = self._kept, [], 0
            for batch in kept:
                self._tell_task(lambda b=batch: self._task.commit_batch(b))
        return True

    def _commit(self, deadline: float | None = None) -> None:
        """Commit the offsets of all that was sent so far."""
        if self._barrier(deadline) and self._offsets.commit(self._timeout):
            self._tell_task(self._task.commit)
        self._next_commit = time.monotonic() + self._interval

    def _tell_task(self, call: Any) -> None:
        try:
            call()
        except Exception:
            log.exception("The task could not take the news of a commit; it goes on")

    def _wait_while_paused(self) -> bool:
        """Stand still while the user wants it; return False if the task is to end."""
        told = False
        while self._link.target_state is TargetState.PAUSED and not self._link.stopping.is_set():
            if not told:
                told = True
                self._report(State.PAUSED)
            self._link.wait_for_order(TargetState.PAUSED, self._interval)
            self._producer.poll(0)
            if time.monotonic() >= self._next_commit:
                self._commit()
        return not self._link.stopping.is_set()

    def _end(self, *, started: bool) -> None:
        """Commit what is safe, and let everything go; also after a failure."""
        try:
            # Offsets of records that the broker took before we were asked to stop would otherwise
            # be read again by the next owner of this task.
            if started and self._failure is None:
                self._commit(time.monotonic() + self._timeout)
        except (ConnectError, KafkaException) as error:
            log.error("The last offsets could not be committed: %s", error)
        finally:
            if started:
                self._stop_task()
            self._pipeline.close()
            self._producer.purge()
            self._producer.flush(1.0)

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


def _explained(error: KafkaError) -> str:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return (
            f"{error.str()}; raise producer.override.max.request.size of the connector, and"
            " max.message.bytes of the topic"
        )
    return error.str()
