"""How what a source task polls comes into Kafka: what both ways of delivery have in common.

    at_least_once.py    records at once, offsets behind them now and then
    exactly_once.py     records and offsets in transactions (KIP-618)

Java: AbstractWorkerSourceTask.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from isthmus.api.record import SourceBatch
from isthmus.api.task import SourceTask, TransactionContext
from isthmus.channel import ConnectorTaskId, TopicsUsed
from isthmus.task.dead_letters import DeadLetterQueue
from isthmus.task.link import Link
from isthmus.task.metrics import SourceMetrics
from isthmus.task.pipeline import Pipeline
from isthmus.task.polled import Polled
from isthmus.task.topic_creation import TopicCreation

log = logging.getLogger(__name__)


class Delivery(Protocol):
    """One way into Kafka. For the task's thread."""

    @property
    def transaction_context(self) -> TransactionContext | None:
        """By which the task says where transactions end, if it may."""
        ...

    def prepare(self) -> None:
        """Get ready, before the task reads where it stands.

        Raises:
            ConnectError: It cannot be.
            TaskStoppedError: The task is to stop.
        """
        ...

    def send(self, polled: Polled) -> int:
        """Give what was polled to Kafka, in its order; return how many records were polled.

        Raises:
            ConnectError: A record cannot be written, perhaps one of an earlier poll.
            TaskStoppedError: The task is to stop, and some of the records are left undone.
        """
        ...

    def look(self) -> None:
        """Take what Kafka has answered, and do what it is time for; also while paused.

        Raises:
            ConnectError: A record was not written, which may not be skipped.
        """
        ...

    def rest(self) -> None:
        """The task is paused: nothing is sent for a while."""
        ...

    def finish(self, *, intact: bool) -> None:
        """Write the last offsets; not `intact` is a task that failed, or left records undone."""
        ...

    def close(self) -> None:
        """Drop what is not in Kafka, and let the client go."""
        ...

    def measured(self) -> Mapping[str, float]:
        """Return the task's metrics, by the names of Java's attributes."""
        ...


@dataclass(frozen=True, slots=True)
class SourceParts:
    """What a source task consists of, whichever way its records take."""

    id: ConnectorTaskId
    task: SourceTask
    link: Link
    pipeline: Pipeline
    topic_creation: TopicCreation
    dead_letters: DeadLetterQueue | None
    metrics: SourceMetrics
    _known_topics: set[str] = field(default_factory=set[str])

    @property
    def wants_batches(self) -> bool:
        """Whether the task overrides what is called of records that are in Kafka."""
        task = type(self.task)
        overridden = task.commit_batch, task.commit_record
        return overridden != (SourceTask.commit_batch, SourceTask.commit_record)

    def ensure_topic(self, topic: str) -> None:
        """Have the topic there before the first record goes to it, and note its use.

        Raises:
            ConnectError: It cannot be created.
        """
        if topic not in self._known_topics:
            self.topic_creation.ensure(topic)
            self._known_topics.add(topic)
            self.link.send(TopicsUsed([topic]))

    def tell_of_batch(self, batch: SourceBatch) -> None:
        """Tell the task that a batch is settled."""
        self._tell(lambda: self.task.commit_batch(batch))

    def tell_of_commit(self) -> None:
        """Tell the task that offsets were committed."""
        self._tell(self.task.commit)

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("The task could not take the news of a commit; it goes on")
