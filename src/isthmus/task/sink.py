"""The way out of Kafka, top to bottom: consume, convert, transform, put, commit.

    consumer.consume()        messages of the assigned partitions       subscription.py
    raw_batches()             one batch of raw bytes a partition        consumed.py
    pipeline.convert()        converters, then transformations          pipeline.py
    task.put()                the connector's own code; may block
    _commit()                 what `task.pre_commit` says is safe       sink_offsets.py

At least once: the offset of a record is committed only after it was put and `pre_commit` let it
pass. Records that were filtered or skipped count as put.

A `put` that takes longer than `max.poll.interval.ms` costs the task its partitions: they are lost,
given out again, and records that were not committed come again. That is no failure, as in Java.
"""

import gc
import logging
import time
from collections.abc import Sequence
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from isthmus import logs
from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import SinkBatch, SinkRecords
from isthmus.api.task import SinkTask
from isthmus.channel import Measured, StartTask, State, StateChanged, TargetState, TopicsUsed
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import sink_consumer_config
from isthmus.config.connector import SinkTopics, sink_topics
from isthmus.config.supervision import Supervision
from isthmus.config.worker import WorkerConfig
from isthmus.heap import give_back_memory
from isthmus.plugins import Plugins
from isthmus.task.consumed import key_of, positions, raw_batches
from isthmus.task.current_config import current_config
from isthmus.task.dead_letters import DeadLetterQueue
from isthmus.task.errant import ErrantRecords
from isthmus.task.errors import ErrorPolicy, ErrorSettings, TaskStoppedError, log_reporters
from isthmus.task.link import Link
from isthmus.task.metrics import ErrorCounts, SinkMetrics, TaskMetrics
from isthmus.task.pipeline import sink_pipeline
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from isthmus.task.progress import Lag
from isthmus.task.sink_context import WorkerSinkTaskContext
from isthmus.task.sink_offsets import SinkOffsets
from isthmus.task.subscription import Subscription

log = logging.getLogger(__name__)

#: One wait for records; orders of the worker are looked at in between.
_POLL_SECONDS: Final = 0.1
_DEFAULT_BACKOFF: Final = 1.0
#: Batches come and go by reference counting; a collection each 700 objects finds nothing.
_GC_THRESHOLD: Final = 100_000
#: What a consumer gets over by itself.
_PASSING: Final = frozenset(
    {
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)

Key = tuple[str, int]


class SinkRunner:
    """Runs one sink task until told to stop. For the task's thread. Java: WorkerSinkTask."""

    def __init__(self, job: StartTask, link: Link, plugins: Plugins) -> None:
        worker = WorkerConfig.from_properties(job.worker_config)
        config = job.connector_config
        worker.override_policy.check(config, ClientKind.CONSUMER)
        connector = plugins.create(plugins.find_connector(config))
        self._version: str = connector.version
        self._task: SinkTask = connector.task_class()()
        self._config = {key: value for key, value in job.config.items() if value is not None}
        self._link = link
        settings = ErrorSettings.from_config(config)
        counts = ErrorCounts()
        reporters = log_reporters(settings, f"{job.connector}-{job.task}", counts)
        self._dead_letters: DeadLetterQueue | None = None
        if settings.dead_letter_topic:
            self._dead_letters = DeadLetterQueue(settings, job, worker, link.stopping, counts)
            reporters.append(self._dead_letters)
        errors = ErrorPolicy(settings, reporters, link.stopping, counts)
        registry = PluginMetricsRegistry(link, connector=job.connector, task=str(job.task))
        self._pipeline = sink_pipeline(config, worker, plugins, errors, registry)
        self._errant = ErrantRecords(errors, self._pipeline.to_bytes) if reporters else None
        self._task.context = self._context = WorkerSinkTaskContext(
            self._errant, lambda: current_config(link), registry.of()
        )
        self._build_consumer(worker, job)
        stall = Supervision.of(config, worker.originals).stall
        self._lag = Lag(self._consumer, stall.timeout)
        self._interval = worker.offset_flush_interval
        self._commit_timeout = worker.offset_flush_timeout
        self._stop_timeout = min(worker.task_shutdown_graceful_timeout, self._commit_timeout)
        self._next_commit = time.monotonic() + self._interval
        self._metrics = SinkMetrics()
        self._reporting = TaskMetrics(
            lambda values: link.send(Measured(dict(values))), self._measured, counts
        )
        self._offsets = SinkOffsets(self._metrics)
        #: What is to be put: more than one poll's only while the task cannot take it.
        self._pending: list[SinkBatch] = []
        self._retry_at: float | None = None
        self._is_paused = False
        #: Nothing is read until a commit has given memory back.
        self._relieving = False
        #: Partitions that the consumer has been told to leave alone.
        self._left_alone: set[Key] = set()
        #: Partitions given up within the running call of the consumer.
        self._given_up: set[Key] = set()
        #: Those of them that came back within the same call, and where they begin.
        self._came_back: dict[Key, int] = {}
        self._known_topics: set[str] = set()
        self._failure: Exception | None = None

    def _build_consumer(self, worker: WorkerConfig, job: StartTask) -> None:
        topics: SinkTopics = sink_topics(job.connector_config)
        client = sink_consumer_config(worker, job.connector_config, job.connector, job.task)
        if client.ignored:
            log.warning("Consumer settings without effect: %s", ", ".join(client.ignored))
        settings = dict(client.settings)
        if topics.regex is not None:
            # Else a topic that is deleted would be made again by those who still ask for it.
            settings["allow.auto.create.topics"] = False
        self._most = client.max_poll_records
        self._reset = settings.get("auto.offset.reset")
        # KIP-429: a rebalance tells only what has changed.
        self._is_cooperative = (
            settings.get("partition.assignment.strategy") == "cooperative-sticky"
            or settings.get("group.protocol") == "consumer"
        )
        self._consumer = Consumer(
            {
                **settings,
                "error_cb": self._client_failed,
                "logger": logs.librdkafka_logger(),
                "on_commit": self._committed,
            }
        )
        refresh = int(settings.get("topic.metadata.refresh.interval.ms", 300_000)) / 1000
        self._subscription = Subscription(
            self._consumer,
            topics,
            refresh,
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def run(self) -> None:
        """Run the task to its end.

        Raises:
            Exception: What made the task fail.
        """
        gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
        started = False
        try:
            if not self._wait_for_start():
                return
            started = True
            self._link.progress.enter("start")
            self._task.start(self._config)
            self._subscription.start()
            self._report(State.RUNNING)
            while not self._link.stopping.is_set():
                self._follow_target_state()
                self._iterate()
        except TaskStoppedError:
            log.debug("Told to stop amid records, which the next owner of this task reads again")
        finally:
            self._end(started=started)

    def _wait_for_start(self) -> bool:
        if self._link.target_state is TargetState.PAUSED:
            self._report(State.PAUSED)
        while self._link.target_state is TargetState.PAUSED and not self._link.stopping.is_set():
            self._link.wait_for_order(TargetState.PAUSED)
        return not self._link.stopping.is_set()

    def _follow_target_state(self) -> None:
        """Pause or resume. A paused task stays in its group and is given empty puts."""
        is_paused = self._link.target_state is TargetState.PAUSED
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            self._context.commit_requested |= is_paused
            self._report(State.PAUSED if is_paused else State.RUNNING)

    def _iterate(self) -> None:
        """Commit if it is time, then consume once and put what came."""
        progress = self._link.progress
        self._relieve()
        progress.enter("commit")
        self._commit_if_due()
        progress.enter("poll")
        self._subscription.refresh()
        self._rewind()
        self._pause_or_resume()
        messages = self._consume(self._wait_seconds())
        progress.polled()
        if self._failure is not None:
            raise self._failure
        progress.enter("put")
        if messages:
            self._metrics.consumed(len(messages))
            self._convert(messages)
        self._put()
        self._reporting.report()

    def _measured(self) -> dict[str, float]:
        values = self._metrics.values(len(self._context.partitions), self._offsets.active)
        progress = self._link.progress
        if self._is_paused:
            progress.rest()
            return values
        lag = self._lag.of(self._offsets.current, progress.stands_for)
        pending = sum(map(len, self._pending))
        read, committed = values["sink-record-read-total"], self._metrics.commits.last
        progress.look(read, pending, committed, lag)
        return values

    def _relieve(self) -> None:
        """Read nothing more until what was put is committed, if the worker wants memory back."""
        if self._link.wants_relief.is_set():
            self._link.wants_relief.clear()
            log.warning("Reading nothing more until all is committed, to need less memory")
            self._relieving = self._context.commit_requested = True
        elif self._relieving and not (
            self._context.commit_requested or self._offsets.is_committing(self._commit_timeout)
        ):
            self._relieving = False
            give_back_memory()

    def _wait_seconds(self) -> float:
        if self._retry_at is None:
            return _POLL_SECONDS
        return max(0.0, min(_POLL_SECONDS, self._retry_at - time.monotonic()))

    def _consume(self, wait: float) -> Sequence[Message]:
        """Return the next messages; the first ends the wait, the others are taken along.

        A call of `consume` for all of them would wait until they are as many as it may return.
        """
        self._given_up.clear()
        self._came_back.clear()
        first = self._consumer.poll(wait)
        if first is None:
            return ()
        messages = [first, *self._consumer.consume(self._most - 1, 0)]
        errors = list(filter(None, map(Message.error, messages)))
        for error in errors:
            if error.code() not in _PASSING:
                raise ConnectError(f"Records cannot be consumed: {error.str()}")
            log.warning("Nothing can be consumed now: %s", error.str())
        if not errors and not self._given_up:
            return messages
        return self._without_given_up(messages)

    def _without_given_up(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Drop what a rebalance within the call makes doubtful: another task may be reading it.

        A partition that came back within the same call is read again from where it began: nobody
        can tell its messages of before from those of after.
        """
        kept: list[Message] = []
        for message in messages:
            if message.error() is not None:
                continue
            key = cast("Key", (message.topic(), message.partition()))
            if key not in self._given_up:
                kept.append(message)
            elif key in self._came_back:
                self._context.rewind({key: self._came_back[key]})
        return kept

    def _convert(self, messages: Sequence[Message]) -> None:
        """Make the messages ready to be put, and remember how far we are.

        What the pipeline dropped or skipped is behind us as well.
        """
        consumed = raw_batches(messages, len(self._context.partitions))
        if self._errant is not None:
            self._errant.keep(consumed)
        for batch in consumed:
            self._pending += self._pipeline.convert(batch)
            self._offsets.consume(_origin(batch), batch.offsets[0], batch.offsets[-1])
            if batch.topic not in self._known_topics:
                self._known_topics.add(batch.topic)
                self._link.send(TopicsUsed([batch.topic]))

    def _put(self) -> None:
        """Give the task what is pending, perhaps nothing; keep it if it cannot be taken now."""
        if self._retry_at is not None and time.monotonic() < self._retry_at:
            return
        records = SinkRecords([*self._pending])
        began = time.monotonic()
        try:
            self._task.put(records)
        except RetriableError as error:
            timeout = self._context.take_timeout()
            delay = _DEFAULT_BACKOFF if timeout is None else timeout
            log.warning("The task could not take records, again in %.1f s: %s", delay, error)
            self._retry_at = time.monotonic() + delay
            return
        except Exception as error:
            raise ConnectError("Exiting WorkerSinkTask due to unrecoverable exception.") from error
        if self._errant is not None:
            self._errant.raise_failure()
        if self._pending:
            self._metrics.put(len(records), time.monotonic() - began)
        self._pending.clear()
        self._retry_at = None
        self._offsets.put()
        self._link.progress.put()

    def _wanted_alone(self) -> set[Key]:
        """Return the partitions that are not to be read now.

        While a put is to be tried again, and while the task is PAUSED or gives memory back, that is
        all of them: the consumer is polled nevertheless, so that it stays in its group.
        """
        if self._is_paused or self._relieving or self._retry_at is not None:
            return set(self._context.partitions)
        return self._context.paused & self._context.partitions

    def _pause_or_resume(self) -> None:
        wanted = self._wanted_alone()
        if wanted == self._left_alone:
            return
        mine = self._context.partitions
        self._consumer.pause(_partitions(wanted - self._left_alone))
        self._consumer.resume(_partitions((self._left_alone - wanted) & mine))
        self._left_alone = wanted

    def _rewind(self) -> None:
        """Read on where the task wants; for partitions that are somebody else's, not at all."""
        for key, offset in self._context.take_rewinds().items():
            if key not in self._context.partitions:
                continue
            try:
                self._consumer.seek(TopicPartition(*key, offset))
            except KafkaException as error:
                if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001
                    raise
                self._context.rewind({key: offset})  # it is only being assigned: try again later
                continue
            self._drop_pending({key})
            self._offsets.start(key, offset)

    def _drop_pending(self, keys: set[Key]) -> None:
        self._pending = [batch for batch in self._pending if _origin(batch) not in keys]

    def _commit_if_due(self) -> None:
        if self._offsets.is_committing(self._commit_timeout):
            return
        now = time.monotonic()
        if self._context.commit_requested or now >= self._next_commit:
            self._context.commit_requested = False
            self._next_commit = now + self._interval
            self._commit()

    def _commit(self) -> None:
        """Commit what is safe, without waiting for the answer."""
        offered = self._offsets.of(self._context.partitions)
        if not offered or not self._flush_dead_letters(self._commit_timeout):
            return
        try:
            safe = self._task.pre_commit(dict(offered))
        except Exception:
            log.exception("Offset commit failed, reading again from the last commit")
            self._context.rewind(self._offsets.committed(offered))
            return
        offsets = self._offsets.committable(safe, offered)
        if offsets:
            self._offsets.send(offsets)
            try:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:
                self._offsets.answer(error.args[0], offsets)

    def _commit_last(self, keys: Sequence[Key]) -> None:
        """Commit what is safe of partitions that are about to be given up, and wait for it."""
        offered = self._offsets.of(keys)
        if not offered or not self._flush_dead_letters(self._stop_timeout):
            return
        try:
            safe = self._task.pre_commit(dict(offered))
            offsets = self._offsets.committable(safe, offered)
            if offsets:
                self._offsets.send(offsets)
                answered = self._consumer.commit(offsets=offsets, asynchronous=False)
                self._offsets.answer(None, answered or ())
        except Exception:
            log.exception("The last offsets could not be committed: partitions=%s", keys)

    def _flush_dead_letters(self, timeout: float) -> bool:
        """Wait until skipped records are safe; without that their offsets must not be committed."""
        if self._dead_letters is None or self._dead_letters.flush(timeout):
            return True
        log.error("Offsets are not committed now, since dead letters are not in Kafka yet")
        return False

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Take the answer to a commit; called within `poll`."""
        self._offsets.answer(error, partitions)

    def _client_failed(self, error: KafkaError) -> None:
        """Take what concerns the whole consumer; called within `poll`."""
        if error.fatal() or error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001
            text = f"The consumer cannot go on: {error.str()}"
            self._failure = self._failure or ConnectError(text)
        else:
            log.warning("The consumer has trouble, and tries again: %s", error.str())

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take new partitions; called within `poll`. Errors wait until `poll` has returned."""
        keys = [key_of(partition) for partition in partitions]
        if not keys:
            return
        log.info("Assigned: partitions=%s", keys)
        try:
            starts = {key_of(p): p for p in positions(consumer, partitions, self._reset)}
            self._context.partitions.update(keys)
            self._task.open(keys)
            for key, offset in self._context.take_rewinds().items():
                if key in starts:
                    starts[key].offset = offset
                else:
                    self._context.rewind({key: offset})
            for key, start in starts.items():
                if start.offset >= 0:
                    self._offsets.start(key, start.offset)
                    if key in self._given_up:
                        self._came_back[key] = start.offset
                else:  # rather some twice than none
                    self._given_up.discard(key)
            # To be assigned here, since the library does it only after this callback.
            assign = consumer.incremental_assign if self._is_cooperative else consumer.assign
            assign(list(starts.values()))
            # A pause outlives its assignment.
            wanted = self._wanted_alone()
            consumer.pause(_partitions(wanted.intersection(keys)))
            consumer.resume(_partitions(set(keys) - wanted))
            self._left_alone = (self._left_alone - set(keys)) | wanted.intersection(keys)
        except Exception as error:  # noqa: BLE001  # raised again outside the callback
            self._failure = self._failure or error

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit and give partitions back; called within `poll` or `close`."""
        self._give_up([key_of(partition) for partition in partitions], commit=True)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give partitions up that are somebody else's by now; nothing may be committed."""
        self._give_up([key_of(partition) for partition in partitions], commit=False)

    def _give_up(self, keys: Sequence[Key], *, commit: bool) -> None:
        mine = [key for key in keys if key in self._context.partitions]
        if not mine:
            return
        log.info("%s: partitions=%s", "Revoked" if commit else "Lost", mine)
        self._given_up.update(mine)
        if commit:
            self._commit_last(mine)
        try:
            self._task.close(mine)
        except Exception as error:
            log.exception("The task could not close partitions: %s", mine)
            self._failure = self._failure or error
        self._context.partitions.difference_update(mine)
        self._context.paused.difference_update(mine)
        self._left_alone.difference_update(mine)
        self._drop_pending(set(mine))
        for key in mine:
            self._offsets.forget(key)

    def _end(self, *, started: bool) -> None:
        """Commit what is safe, and let everything go; also after a failure."""
        self._reporting.report(at_once=True)
        self._give_up(sorted(self._context.partitions), commit=True)
        steps = [self._pipeline.close, self._consumer.close]
        if started:
            steps.insert(0, self._task.stop)
        if self._dead_letters is not None:
            steps.append(self._dead_letters.close)
        for step in steps:
            try:
                step()
            except Exception:
                log.exception("The task could not be stopped in order")

    def _report(self, state: State) -> None:
        self._link.send(StateChanged(state, None, self._version))


def _origin(batch: SinkBatch) -> Key:
    return batch.original_topic, batch.original_partition


def _partitions(keys: set[Key]) -> list[TopicPartition]:
    return [TopicPartition(*key) for key in keys]
