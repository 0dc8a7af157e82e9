"""How far a sink task is with each of its partitions. Java: WorkerSinkTask, in part.

    consumed     the offset after the last record that was read from Kafka
    current      the offset after the last record that was put
    committed    what was committed last; until then, where reading began

A record that was filtered or skipped counts as put together with those around it.
"""

import logging
import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, TopicPartition

from isthmus.task.metrics import SinkMetrics

log = logging.getLogger(__name__)

Key = tuple[str, int]


class SinkOffsets:
    """The offsets of the partitions that a task has. For the task's thread."""

    def __init__(self, metrics: SinkMetrics | None = None) -> None:
        self._metrics = metrics or SinkMetrics()
        #: Only of partitions whose position is known: none has been read, perhaps, but it has one.
        self.current: dict[Key, int] = {}
        self._consumed: dict[Key, int] = {}
        self._committed: dict[Key, int] = {}
        #: What is being committed, and since when: a commit without an answer yet.
        self._under_way: dict[Key, int] = {}
        self._sent_at: float | None = None

    def start(self, key: Key, offset: int) -> None:
        """Note where reading of a partition begins, or begins again."""
        self.forget(key)
        self.current[key] = self._committed[key] = offset

    def consume(self, key: Key, first: int, last: int) -> None:
        """Note records that are to be put, by their offsets."""
        self._consumed[key] = last + 1
        self._committed.setdefault(key, first)

    def put(self) -> None:
        """Note that all that was consumed has been put."""
        self.current |= self._consumed
        self._consumed.clear()

    def forget(self, key: Key) -> None:
        """Drop what is known of a partition; an answer to a commit of it comes too late."""
        for offsets in (self.current, self._consumed, self._committed, self._under_way):
            offsets.pop(key, None)

    def of(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Return the current offsets of these partitions, as far as they are known."""
        return {key: self.current[key] for key in keys if key in self.current}

    def committed(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Return what was committed last of these partitions, or where reading began."""
        return {key: self._committed[key] for key in keys}

    @property
    def active(self) -> int:
        """How many records were read and are not yet committed."""
        read = self.current | self._consumed
        return sum(offset - self._committed.get(key, offset) for key, offset in read.items())

    def committable(
        self, safe: Mapping[Key, int] | None, offered: Mapping[Key, int]
    ) -> list[TopicPartition]:
        """Return what is to be committed of that which `pre_commit` says is safe."""
        found: list[TopicPartition] = []
        for key, offset in (safe or {}).items():
            if key not in offered:
                log.warning("Ignoring an offset of a partition that is not assigned: %s", key)
            elif offset > offered[key]:
                log.warning(
                    "Ignoring an offset that is not yet consumed: partition=%s offset=%d"
                    " consumed=%d",
                    key,
                    offset,
                    offered[key],
                )
            elif self._committed.get(key) != offset:
                found.append(TopicPartition(*key, offset))
        return found

    def send(self, offsets: Iterable[TopicPartition]) -> None:
        """Note a commit whose answer is to come."""
        self._metrics.began_commit()
        self._sent_at = time.monotonic()
        self._under_way = {(p.topic, p.partition): p.offset for p in offsets}

    def is_committing(self, timeout: float) -> bool:
        """Return whether an answer is due; after `timeout` seconds nobody waits for it any more."""
        if self._sent_at is None:
            return False
        if time.monotonic() - self._sent_at < timeout:
            return True
        log.warning("A commit of offsets was not answered within %g s", timeout)
        self._sent_at = None
        return False

    def answer(self, error: KafkaError | None, partitions: Iterable[TopicPartition]) -> None:
        """Take the answer to a commit."""
        sent_at, self._sent_at = self._sent_at, None
        succeeded = error is None
        for partition in partitions:
            key = (partition.topic, partition.partition)
            failed = error or partition.error
            sent = self._under_way.pop(key, None)
            succeeded &= failed is None
            if failed is not None:
                log.error("Offsets of %s were not committed, to be tried again: %s", key, failed)
            elif sent == partition.offset:
                self._committed[key] = partition.offset
        if sent_at is not None:
            self._metrics.ended_commit(time.monotonic() - sent_at, succeeded=succeeded)
