"""Records at once, offsets behind them now and then. Java: WorkerSourceTask.

    producer.send()           librdkafka sends in the background              record_producer.py
    submission.delivered()    Kafka's answer for each record                  submitted.py
    offsets.commit()          what is safe, through the worker                offsets.py

An offset is committed only after its record and all earlier ones of the same source partition are
in Kafka.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

from isthmus.api.record import SourceBatch
from isthmus.config.worker import WorkerConfig
from isthmus.task.delivery import SourceParts
from isthmus.task.offsets import OffsetCommitter
from isthmus.task.polled import Polled, batches_of
from isthmus.task.record_producer import RecordProducer
from isthmus.task.submitted import SubmittedRecords

log = logging.getLogger(__name__)

#: The part of the time for a stop that may go into waiting for Kafka; the rest is for offsets.
_FLUSH_SHARE: Final = 0.7
_SHORTEST_COMMIT: Final = 0.5


class AtLeastOnce:
    """For the task's thread."""

    transaction_context = None

    def __init__(self, parts: SourceParts, producer: RecordProducer, worker: WorkerConfig) -> None:
        self._parts = parts
        self._producer = producer
        self._submitted = SubmittedRecords(
            parts.id.connector, producer.refused, keep_batches=parts.wants_batches
        )
        self._offsets = OffsetCommitter(parts.link, self._submitted)
        self._interval = worker.offset_flush_interval
        self._timeout = worker.offset_flush_timeout
        self._stop_timeout = min(worker.task_shutdown_graceful_timeout, self._timeout)
        self._next_commit = time.monotonic() + self._interval

    def prepare(self) -> None:
        """Nothing to prepare."""

    def send(self, polled: Polled) -> int:
        batches = batches_of(polled)
        for batch in batches:
            self._send(batch)
        return sum(map(len, batches))

    def _send(self, polled: SourceBatch) -> None:
        batches = self._parts.pipeline.convert(polled)
        submission = self._submitted.submit(polled, batches)
        for batch in batches:
            self._parts.ensure_topic(batch.topic)
            self._producer.send(batch, submission.delivered)

    def look(self) -> None:
        self._producer.poll()
        self._tell_of_acknowledged()
        if time.monotonic() >= self._next_commit:
            self._commit(self._timeout)

    def rest(self) -> None:
        """Offsets of what is under way are committed while the task is paused."""

    def finish(self, *, intact: bool) -> None:
        """Wait for what is under way, and commit; also after a failure.

        Without it, what Kafka took before we were asked to stop would be read again by the next
        owner of this task.
        """
        deadline = time.monotonic() + self._stop_timeout
        left = self._producer.flush(self._stop_timeout * _FLUSH_SHARE)
        if left:
            log.error("%d records were not acknowledged in time, and will be read again", left)
        self._tell_of_acknowledged()
        self._commit(max(_SHORTEST_COMMIT, deadline - time.monotonic()))

    def close(self) -> None:
        self._producer.close()

    def measured(self) -> Mapping[str, float]:
        settled = self._submitted.settled
        return self._parts.metrics.values(settled, self._submitted.submitted - settled)

    def _commit(self, timeout: float) -> None:
        """Commit what is safe; the task is told even if there was nothing, as in Java.

        Nothing is safe before the dead letters are in Kafka: an offset stands for them as well.
        """
        began = time.monotonic()
        succeeded = self._write_offsets(timeout)
        self._parts.metrics.commits.add(time.monotonic() - began, succeeded=succeeded)
        if succeeded:
            self._parts.tell_of_commit()
        self._next_commit = time.monotonic() + self._interval

    def _write_offsets(self, timeout: float) -> bool:
        letters = self._parts.dead_letters
        if letters is not None and not letters.flush(timeout):
            log.error("Offsets are not committed now, since dead letters are not in Kafka yet")
            return False
        return self._offsets.commit(timeout)

    def _tell_of_acknowledged(self) -> None:
        for batch in self._submitted.take_acknowledged():
            self._parts.tell_of_batch(batch)
