"""A source that a test feeds, in the test's own process; `tests.support.source_tasks:FedSource`."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SourceConnector
from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.api.task import SourceTask

Polled = Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None


class Feed:
    """What one test and its task share. The test writes into `polls`, the task notes the rest."""

    def __init__(self) -> None:
        #: What polls return, or raise, or call.
        self.polls: queue.Queue[Any] = queue.Queue()
        #: What has been called, in order, and the threads that called.
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.acknowledged: list[Any] = []
        self.on_start: Callable[[FedTask], None] = lambda _task: None

    def give(self, *polls: Polled | BaseException | Callable[["FedTask"], Polled]) -> None:
        """Have the next polls return these; errors are raised, functions called."""
        for poll in polls:
            self.polls.put(poll)


class FedSource(SourceConnector):
    """Has one task, which takes what the test gives."""

    version = "1.0"

    def config(self) -> ConfigDef:
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        """Nothing is needed."""

    def task_class(self) -> type[SourceTask]:
        return FedTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]


class TellingSource(FedSource):
    """The same for a task that wants to be told of batches."""

    def task_class(self) -> type[SourceTask]:
        return TellingTask


class TellingOfRecordsSource(FedSource):
    """The same for a task that wants to be told of records."""

    def task_class(self) -> type[SourceTask]:
        return TellingOfRecordsTask


class FedTask(SourceTask):
    """Polls what the feed named in its config has for it."""

    feeds: ClassVar[dict[str, Feed]] = {}

    def start(self, config: Mapping[str, str]) -> None:
        self.feed = self.feeds[config["feed"]]
        self.feed.calls.append("start")
        self.feed.on_start(self)

    def poll(self) -> Polled:
        try:
            polled = self.feed.polls.get(timeout=0.02)
        except queue.Empty:
            return None
        if isinstance(polled, BaseException):
            raise polled
        return cast("Polled", polled(self) if callable(polled) else polled)

    def commit(self) -> None:
        self.feed.calls.append("commit")

    def stop(self) -> None:
        self.feed.threads.add(threading.get_ident())
        self.feed.calls.append("stop")


class TellingTask(FedTask):
    """Notes the batches that are in Kafka."""

    def commit_batch(self, batch: SourceBatch) -> None:
        self.feed.acknowledged.append(batch)


class TellingOfRecordsTask(FedTask):
    """Notes the records that are in Kafka."""

    def commit_record(self, record: SourceRecord) -> None:
        self.feed.acknowledged.append(record.value)


def batch(topic: str, values: Sequence[Any], *, file: str = "a", **columns: Any) -> SourceBatch:
    """Return values that are numbers, each its own offset in `file`."""
    return SourceBatch(
        topic=topic,
        values=[str(value) for value in values],
        source_partition={"file": file},
        source_offsets=[{"position": int(value)} for value in values],
        **columns,
    )
