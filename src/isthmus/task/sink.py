"""The way out of Kafka, top to bottom: consume, convert, transform, put, commit.

    consumer.consume()        messages of the assigned partitions
    _batches()                one batch of raw bytes a partition
    pipeline.convert()        converters, then transformations          pipeline.py
    task.put()                the connector's own code; may block
    _commit()                 what `task.pre_commit` says is safe

At least once: the offset of a record is committed only after it was put and `pre_commit` let it
pass. Records that were filtered or skipped count as put.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from isthmus import logs
from isthmus.api.errors import ConnectError, IllegalWorkerStateError, RetriableError
from isthmus.api.record import Header, SinkBatch, SinkRecords
from isthmus.api.task import ErrantRecordReporter, SinkTask
from isthmus.channel import StartTask, State, StateChanged, TargetState, TopicsUsed
from isthmus.config.clients import sink_consumer_config
from isthmus.config.connector import sink_topics
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import CONNECTORS, Plugins
from isthmus.task.errors import ErrorPolicy
from isthmus.task.link import Link
from isthmus.task.pipeline import sink_pipeline
from isthmus.task.reporters import reporters

log = logging.getLogger(__name__)

#: One wait for records; orders of the worker are looked at in between.
_POLL_SECONDS = 0.1
_DEFAULT_BACKOFF = 1.0
_METADATA_TIMEOUT = 10.0
_TIMESTAMP_TYPES = {0: "NoTimestampType", 1: "CreateTime", 2: "LogAppendTime"}
#: What a consumer gets over by itself.
_PASSING = frozenset(
    {
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001  # the group goes on without us: we rejoin
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
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
        connector = plugins.create(plugins.find(CONNECTORS, config.get("connector.class") or ""))
        self._version: str = connector.version
        self._task: SinkTask = connector.task_class()()
        self._config = {key: value for key, value in job.config.items() if value is not None}
        self._link = link
        name = f"{job.connector}-{job.task}"
        self._errors = ErrorPolicy(config, reporters(name, config), link.stopping)
        self._pipeline = sink_pipeline(config, worker, plugins, self._errors)
        self._topics = sink_topics(config)
        client = sink_consumer_config(worker, config, job.connector, job.task)
        if client.ignored:
            log.warning("Consumer settings without effect: %s", ", ".join(client.ignored))
        self._most = client.max_poll_records
        self._consumer = Consumer(
            {
                **client.settings,
                "on_commit": self._committed,
                "logger": logs.librdkafka_logger(),
            }
        )
        self._context = _Context(self._consumer)
        self._task.context = self._context
        self._interval = worker.offset_flush_interval
        self._next_commit = time.monotonic() + self._interval
        #: The offset after the last record put, and the one last committed, a partition.
        self._current: dict[Key, int] = {}
        self._last_committed: dict[Key, int] = {}
        self._pending: list[SinkBatch] = []
        self._retry_at: float | None = None
        self._paused = False
        self._known_topics: set[str] = set()
        self._failure: Exception | None = None

    def run(self) -> None:
        """Run the task to its end.

        Raises:
            Exception: What made the task fail.
        """
        started = False
        try:
            if not self._wait_for_start():
                return
            started = True
            self._task.start(self._config)
            self._consumer.subscribe(
                [f"^({self._topics.regex})$"] if self._topics.regex else [*self._topics.topics],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            self._report(State.RUNNING)
            while not self._link.stopping.is_set():
                self._follow_target_state()
                self._iterate()
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
        paused = self._link.target_state is TargetState.PAUSED
        if paused == self._paused:
            return
        self._paused = paused
        if paused:
            self._consumer.pause(self._consumer.assignment())
            self._context.commit_requested = True
        else:
            self._resume()
        self._report(State.PAUSED if paused else State.RUNNING)

    def _resume(self) -> None:
        wanted = [p for p in self._consumer.assignment() if _key(p) not in self._context.paused]
        self._consumer.resume(wanted)

    def _iterate(self) -> None:
        """Commit if it is time, then consume once and put what came."""
        now = time.monotonic()
        if self._context.commit_requested or now >= self._next_commit:
            self._context.commit_requested = False
            self._commit(self._current, synchronous=False)
            self._next_commit = now + self._interval
        self._rewind()
        messages = self._consume(self._wait_seconds(now))
        if self._failure is not None:
            raise self._failure
        for batch in self._batches(messages):
            self._pending.extend(self._pipeline.convert(batch))
            self._note(batch)
        self._put()

    def _wait_seconds(self, now: float) -> float:
        until = (
            self._next_commit if self._retry_at is None else min(self._next_commit, self._retry_at)
        )
        return max(0.0, min(_POLL_SECONDS, until - now))

    def _consume(self, wait: float) -> Sequence[Message]:
        """Return the next messages; the first ends the wait, the others are taken along."""
        first = self._consumer.poll(wait)
        if first is None:
            return ()
        messages = [first, *self._consumer.consume(self._most - 1, 0)]
        failed = [message for message in messages if message.error() is not None]
        for message in failed:
            self._take_error(message)
        return [m for m in messages if m.error() is None] if failed else messages

    def _take_error(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        if error.code() not in _PASSING:
            raise ConnectError(f"Records cannot be consumed: {error.str()}")
        log.warning("Nothing can be consumed now: %s", error.str())

    def _batches(self, messages: Sequence[Message]) -> Iterator[SinkBatch]:
        """Return the messages as batches of raw bytes, one for each run of a partition."""
        if not messages:
            return
        if len(self._current) == 1:
            yield _raw_batch(messages)
            return
        for _, run in groupby(messages, lambda message: (message.topic(), message.partition())):
            yield _raw_batch([*run])

    def _note(self, batch: SinkBatch) -> None:
        """Remember how far we are; what the pipeline dropped or skipped is behind us as well."""
        key = (batch.original_topic, batch.original_partition)
        self._current[key] = batch.offsets[-1] + 1
        if key[0] not in self._known_topics:
            self._known_topics.add(key[0])
            self._link.send(TopicsUsed([key[0]]))

    def _put(self) -> None:
        """Give the task what is pending, perhaps nothing; keep it if the task cannot take it now."""
        if self._retry_at is not None and time.monotonic() < self._retry_at:
            return
        try:
            self._task.put(SinkRecords(self._pending))
        except RetriableError as error:
            delay = self._context.take_timeout() or _DEFAULT_BACKOFF
            log.warning("The task could not take records, again in %.1f s: %s", delay, error)
            self._retry_at = time.monotonic() + delay
            self._consumer.pause(self._consumer.assignment())
            return
        except Exception:
            log.error("Exiting WorkerSinkTask due to unrecoverable exception.")
            raise
        self._pending = []
        if self._retry_at is not None:
            self._retry_at = None
            if not self._paused:
                self._resume()

    def _rewind(self) -> None:
        for key, offset in self._context.take_rewinds().items():
            if key in self._context.assignment:
                self._consumer.seek(TopicPartition(*key, offset))
                self._current[key] = offset
                self._pending = [b for b in self._pending if _origin(b) != key]

    def _commit(self, current: Mapping[Key, int], *, synchronous: bool) -> None:
        """Commit what the task says is safe of these partitions."""
        held_back = {_origin(batch) for batch in self._pending}
        offsets = {key: offset for key, offset in current.items() if key not in held_back}
        try:
            safe = self._task.pre_commit(dict(offsets))
        except Exception as error:
            if synchronous:
                log.exception("The last offsets could not be flushed")
                return
            log.error("Offsets could not be flushed; reading again from the last commit: %s", error)
            self._back_to_last_commit(offsets)
            return
        wanted = {
            key: offset
            for key, offset in (safe or {}).items()
            if key in offsets and offset <= offsets[key] and self._last_committed.get(key) != offset
        }
        if not wanted:
            return
        partitions = [TopicPartition(*key, offset) for key, offset in wanted.items()]
        if synchronous:
            self._consumer.commit(offsets=partitions, asynchronous=False)
            self._last_committed.update(wanted)
        else:
            self._consumer.commit(offsets=partitions, asynchronous=True)

    def _back_to_last_commit(self, offsets: Mapping[Key, int]) -> None:
        partitions = [TopicPartition(*key) for key in offsets]
        for found in self._consumer.committed(partitions, _METADATA_TIMEOUT):
            key = _key(found)
            offset = found.offset if found.offset >= 0 else self._first_offset(found)
            self._context.rewind({key: offset})
        self._rewind()

    def _first_offset(self, partition: TopicPartition) -> int:
        return self._consumer.get_watermark_offsets(partition, timeout=_METADATA_TIMEOUT)[0]

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Take the answer to a commit; called within `poll`."""
        if error is not None:
            log.error("Offsets could not be committed, the next commit tries again: %s", error)
            return
        for partition in partitions:
            if partition.error is None and partition.offset >= 0:
                self._last_committed[_key(partition)] = partition.offset

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take new partitions; called within `poll`. Errors wait until `poll` has returned."""
        keys = [_key(partition) for partition in partitions]
        log.info("Assigned %s", keys)
        self._context.partitions |= set(keys)
        try:
            if keys:
                self._task.open(keys)
            if self._paused or self._retry_at is not None:
                # The pause must follow the assignment, which else comes after this callback.
                assign = consumer.incremental_assign if self._is_cooperative() else consumer.assign
                assign(partitions)
                consumer.pause(partitions)
        except Exception as error:  # noqa: BLE001  # raised again outside the callback
            self._failure = self._failure or error

    def _is_cooperative(self) -> bool:
        return len(self._context.partitions) > 0 and bool(self._current)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit and give partitions back; called within `poll` or `close`."""
        keys = [_key(partition) for partition in partitions]
        log.info("Revoked %s", keys)
        self._give_up(keys, commit=True)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give partitions up that are somebody else's by now; nothing may be committed."""
        keys = [_key(partition) for partition in partitions]
        log.warning("Lost %s", keys)
        self._give_up(keys, commit=False)

    def _give_up(self, keys: Sequence[Key], *, commit: bool) -> None:
        mine = [key for key in keys if key in self._context.partitions]
        if not mine:
            return
        try:
            if commit:
                offsets = {key: self._current[key] for key in mine if key in self._current}
                self._commit(offsets, synchronous=True)
        except KafkaException as error:
            log.error("The last offsets of %s could not be committed: %s", mine, error)
        finally:
            self._context.partitions -= set(mine)
            self._context.paused -= set(mine)
            self._pending = [b for b in self._pending if _origin(b) not in mine]
            for key in mine:
                self._current.pop(key, None)
                self._last_committed.pop(key, None)
            try:
                self._task.close(mine)
            except Exception as error:  # noqa: BLE001  # raised again outside the callback
                self._failure = self._failure or error

    def _end(self, *, started: bool) -> None:
        """Commit what is safe, and let everything go; also after a failure."""
        try:
            self._give_up(sorted(self._context.partitions), commit=True)
            if started:
                self._task.stop()
        except Exception:
            log.exception("The task could not be stopped in order")
        finally:
            self._pipeline.close()
            self._consumer.close()

    def _report(self, state: State) -> None:
        self._link.send(StateChanged(state, None, self._version))


class _Context:
    """What the task may ask for (SinkTaskContext)."""

    def __init__(self, consumer: Consumer) -> None:
        self.partitions: set[Key] = set()
        self.paused: set[Key] = set()
        self.commit_requested = False
        self._consumer = consumer
        self._rewinds: dict[Key, int] = {}
        self._timeout: float | None = None

    @property
    def assignment(self) -> frozenset[Key]:
        return frozenset(self.partitions)

    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None:
        return None

    def rewind(self, offsets: Mapping[Key, int]) -> None:
        self._rewinds.update(offsets)

    def take_rewinds(self) -> dict[Key, int]:
        rewinds, self._rewinds = self._rewinds, {}
        return rewinds

    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def take_timeout(self) -> float | None:
        timeout, self._timeout = self._timeout, None
        return timeout

    def pause(self, *partitions: Key) -> None:
        self._require_assigned(partitions, "pause")
        self.paused.update(partitions)
        self._consumer.pause([TopicPartition(*partition) for partition in partitions])

    def resume(self, *partitions: Key) -> None:
        self._require_assigned(partitions, "resume")
        self.paused.difference_update(partitions)
        self._consumer.resume([TopicPartition(*partition) for partition in partitions])

    def _require_assigned(self, partitions: Sequence[Key], verb: str) -> None:
        if not self.partitions.issuperset(partitions):
            raise IllegalWorkerStateError(
                f"SinkTasks may not {verb} partitions that are not currently assigned to them."
            )

    def request_commit(self) -> None:
        self.commit_requested = True


class _Timestamps(Sequence[int | None]):
    """The timestamps of messages, read only if somebody wants them."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Timestamps(self._messages[index])
        kind, timestamp = self._messages[index].timestamp()
        return timestamp if kind else None


def _raw_batch(messages: Sequence[Message]) -> SinkBatch:
    """Return messages of one partition as a batch of the bytes they hold."""
    first = messages[0]
    topic, partition = first.topic(), first.partition()
    assert topic is not None
    assert partition is not None
    keys = [message.key() for message in messages]
    headers = [message.headers() for message in messages]
    has_headers = headers.count(None) != len(headers)
    return SinkBatch(
        topic=topic,
        partition=partition,
        values=[message.value() for message in messages],
        keys=None if keys.count(None) == len(keys) else keys,
        timestamps=_Timestamps(messages),
        headers=[_raw_headers(found) for found in headers] if has_headers else None,
        offsets=[message.offset() for message in messages],
        timestamp_type=_TIMESTAMP_TYPES.get(first.timestamp()[0], "CreateTime"),
        original_topic=topic,
        original_partition=partition,
    )


def _raw_headers(found: Any) -> tuple[Header, ...]:
    return tuple(Header(key, data) for key, data in found or ())


def _origin(batch: SinkBatch) -> Key:
    return batch.original_topic, batch.original_partition


def _key(partition: TopicPartition) -> Key:
    return partition.topic, partition.partition
