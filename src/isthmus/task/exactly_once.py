"""Records and their offsets in transactions (KIP-618). Java: ExactlyOnceWorkerSourceTask.

    boundary.stretches()      what was polled, cut where a transaction ends   boundaries.py
    producer.send()           within a transaction that the first record opens   transactions.py
    offsets.note()            the offset of the last record, also if it is dropped
    … where the boundary says so:
    producer.send_offsets()   records of the offsets topic, in the same transaction
    producer.commit()         readers of committed records see all of it at once, or nothing ever

Whoever owns the task next begins with the transactional id: from then on an older process cannot
write, and what it has left open is aborted. So offsets that are read after that are where the
records that count end.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

from isthmus.api.errors import ConnectError
from isthmus.api.record import SourceBatch
from isthmus.api.task import TransactionContext
from isthmus.config.offsets_topic import OffsetsTopic
from isthmus.task.boundaries import Boundary, ConnectorBoundary, End
from isthmus.task.delivery import SourceParts
from isthmus.task.errors import TaskStoppedError
from isthmus.task.polled import Polled
from isthmus.task.transaction_offsets import TransactionOffsets
from isthmus.task.transactions import TransactionalProducer

log = logging.getLogger(__name__)

_LETTERS_TIMEOUT: Final = 5.0


class ExactlyOnce:
    """For the task's thread."""

    def __init__(
        self,
        parts: SourceParts,
        producer: TransactionalProducer,
        boundary: Boundary,
        offsets_topic: OffsetsTopic,
    ) -> None:
        self._parts = parts
        self._producer = producer
        self._boundary = boundary
        self._offsets = TransactionOffsets(parts.id.connector, parts.link, offsets_topic)
        self._offsets_topic = offsets_topic.name
        #: What was polled since the last commit, for a task that wants to be told of it.
        self._polled: list[SourceBatch] = []
        #: Records in the transaction that is open.
        self._size = 0

    @property
    def transaction_context(self) -> TransactionContext | None:
        return self._boundary if isinstance(self._boundary, ConnectorBoundary) else None

    def prepare(self) -> None:
        self._producer.prepare()
        self._boundary.start()

    def send(self, polled: Polled) -> int:
        records = 0
        for batch, end in self._boundary.stretches(polled):
            records += len(batch)
            if len(batch):
                self._send(batch)
            self._end(end)
        self._end(self._boundary.behind_poll())
        return records

    def _send(self, polled: SourceBatch) -> None:
        batches = self._parts.pipeline.convert(polled)
        for batch in batches:
            if batch.topic == self._offsets_topic:
                raise ConnectError(
                    "Source tasks may not produce to their own offsets topics when exactly-once"
                    " support is enabled"
                )
            self._parts.ensure_topic(batch.topic)
            self._producer.begin()
            self._producer.send(batch)
            self._size += len(batch)
        self._offsets.note(polled)
        if self._parts.wants_batches:
            self._polled.append(polled)

    def _end(self, end: End | None) -> None:
        if end is End.ABORT:
            self._abort()
        if end is not None:
            # What was aborted is not to come again: its offsets go into a transaction of their own.
            self._commit()

    def look(self) -> None:
        self._producer.poll()

    def rest(self) -> None:
        """End the transaction if the boundary allows it: it could expire during a pause."""
        self._end(self._boundary.at_rest())

    def finish(self, *, intact: bool) -> None:
        if intact:
            self._end(self._boundary.at_rest())

    def close(self) -> None:
        self._producer.close()

    def measured(self) -> Mapping[str, float]:
        submitted, acknowledged = self._producer.submitted, self._producer.acknowledged
        metrics = self._parts.metrics
        return {
            **metrics.values(acknowledged, submitted - acknowledged),
            **metrics.transactions.values(),
        }

    def _abort(self) -> None:
        if not self._producer.is_open:
            log.warning(
                "Ignoring request by task to abort transaction as the current transaction is empty"
            )
            return
        log.debug("Aborting a transaction of %d records as the task wants it", self._size)
        self._producer.abort()
        self._size = 0

    def _commit(self) -> None:
        """Commit records and offsets; the task is told even if there was nothing, as in Java."""
        began = time.monotonic()
        succeeded = False
        try:
            self._flush_dead_letters()
            if self._producer.is_open or self._offsets.is_noted:
                self._commit_transaction()
            succeeded = True
        finally:
            self._parts.metrics.commits.add(time.monotonic() - began, succeeded=succeeded)
        polled, self._polled = self._polled, []
        for batch in polled:
            self._parts.tell_of_batch(batch)
        self._parts.tell_of_commit()

    def _commit_transaction(self) -> None:
        self._producer.begin()
        self._producer.send_offsets(self._offsets_topic, self._offsets.take())
        self._producer.commit()
        self._offsets.committed()
        self._parts.metrics.transactions.committed(self._size)
        self._size = 0

    def _flush_dead_letters(self) -> None:
        """Wait for dead letters, which are in no transaction: offsets stand for them as well."""
        letters = self._parts.dead_letters
        while letters is not None and not letters.flush(_LETTERS_TIMEOUT):
            if self._parts.link.stopping.is_set():
                raise TaskStoppedError
