"""A sink run without Kafka does what a worker would do with the sink."""

from collections.abc import Mapping, Sequence

import pytest

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SinkConnector
from isthmus.api.errors import ConfigError, IllegalWorkerStateError, RetriableError
from isthmus.api.record import SinkRecords
from isthmus.api.task import SinkTask, TopicPartition
from isthmus.testing import SinkRun


class Keeping(SinkConnector):
    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "table", Type.STRING, importance=Importance.HIGH, documentation="What it says."
        )

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = dict(config)

    def task_class(self) -> type[SinkTask]:
        return KeepingTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self.settings] * max_tasks


class KeepingTask(SinkTask):
    def start(self, config: Mapping[str, str]) -> None:
        self.events: list[object] = []
        self.safe = 10**9

    def open(self, partitions: Sequence[TopicPartition]) -> None:
        self.events.append(("open", list(partitions)))

    def put(self, records: SinkRecords) -> None:
        for record in records:
            if record.value == "bad":
                assert self.context.errant_record_reporter is not None
                self.context.errant_record_reporter.report(record, ValueError("bad"))
            elif record.value == "later":
                self.context.timeout(5.0)
                raise RetriableError("later")
            else:
                self.events.append((record.topic, record.offset, record.value))

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        return {place: min(offset, self.safe) for place, offset in offsets.items()}

    def close(self, partitions: Sequence[TopicPartition]) -> None:
        self.events.append(("close", list(partitions)))


def events(sink: SinkRun) -> list[object]:
    assert isinstance(sink.task, KeepingTask)
    return sink.task.events


def test_values_become_records_with_offsets_that_count_up() -> None:
    with SinkRun(Keeping(), {"table": "x"}, topics=["orders"]) as sink:
        sink.put("a", "b")
        sink.put("c")
        assert events(sink)[1:] == [("orders", 0, "a"), ("orders", 1, "b"), ("orders", 2, "c")]


def test_partitions_are_opened_and_closed_after_a_commit() -> None:
    with SinkRun(Keeping(), {"table": "x"}, topics=["a", "b"], partitions=2) as sink:
        sink.put("one")
        sink.revoke(("a", 0))
        assert events(sink)[0] == ("open", [("a", 0), ("a", 1), ("b", 0), ("b", 1)])
        assert events(sink)[-1] == ("close", [("a", 0)])
        assert sink.committed == {("a", 0): 1}


def test_only_what_the_task_says_is_safe_is_committed() -> None:
    with SinkRun(Keeping(), {"table": "x"}) as sink:
        sink.put("a", "b", "c")
        assert isinstance(sink.task, KeepingTask)
        sink.task.safe = 2
        assert sink.commit() == {("topic", 0): 2}


def test_reported_records_are_kept_with_their_errors() -> None:
    with SinkRun(Keeping(), {"table": "x"}) as sink:
        sink.put("a", "bad")
        assert [(r.record.offset, str(r.error)) for r in sink.reported] == [(1, "bad")]


def test_a_retry_puts_the_same_records_and_has_its_timeout() -> None:
    with SinkRun(Keeping(), {"table": "x"}) as sink:
        with pytest.raises(RetriableError):
            sink.put_records([sink.record("later")])
        assert sink.take_timeout() == 5.0
        assert sink.commit() == {}


def test_what_the_task_asks_of_its_context_can_be_seen() -> None:
    with SinkRun(Keeping(), {"table": "x"}) as sink:
        sink.task.context.pause(("topic", 0))
        sink.task.context.rewind({("topic", 0): 4})
        sink.task.context.request_commit()
        assert sink.paused == {("topic", 0)}
        assert sink.take_rewinds() == {("topic", 0): 4}
        assert sink.commit_requested
        with pytest.raises(IllegalWorkerStateError):
            sink.task.context.pause(("other", 0))


def test_a_config_that_a_worker_would_refuse_is_refused() -> None:
    with pytest.raises(ConfigError, match='Missing required configuration "table"'):
        SinkRun(Keeping(), {}).__enter__()
