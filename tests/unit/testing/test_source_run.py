"""A source run without Kafka does what a worker would do with the source."""

from collections.abc import Mapping, Sequence

import pytest

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SourceConnector
from isthmus.api.errors import ConfigError, DataError, RetriableError
from isthmus.api.record import SourceRecord
from isthmus.api.task import SourceTask
from isthmus.testing import SourceRun, Transaction
from tests.support.counting import CountingSource


class Counting(SourceConnector):
    """Counts on from the committed offset, three numbers a poll."""

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "topic", Type.STRING, importance=Importance.HIGH, documentation="What it says."
        )

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = dict(config)
        self.stopped = False

    def task_class(self) -> type[SourceTask]:
        return CountingTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self.settings, "counter": str(n)} for n in range(max_tasks)]

    def stop(self) -> None:
        self.stopped = True


class CountingTask(SourceTask):
    def start(self, config: Mapping[str, str]) -> None:
        self.topic = config["topic"]
        self.place = {"counter": config["counter"]}
        offset = self.context.offset_reader.offset(self.place)
        self.next = 0 if offset is None else int(offset["next"])
        self.calls = 0
        self.delivered: list[int] = []
        self.commits = 0

    def poll(self) -> Sequence[SourceRecord]:
        self.calls += 1
        if self.calls == 1:
            raise RetriableError("not yet")
        numbers = range(self.next, self.next + 3)
        self.next += 3
        return [
            SourceRecord(
                topic=self.topic,
                value=number,
                source_partition=self.place,
                source_offset={"next": number + 1},
            )
            for number in numbers
        ]

    def commit_record(self, record: SourceRecord) -> None:
        self.delivered.append(record.value)

    def commit(self) -> None:
        self.commits += 1


def test_records_come_in_order_and_the_rest_of_a_poll_with_the_next_call() -> None:
    with SourceRun(Counting(), {"topic": "t"}) as source:
        assert [record.value for record in source.poll(2)] == [0, 1]
        assert [record.value for record in source.poll(2)] == [2, 3]


def test_a_restart_goes_on_where_the_last_commit_stands() -> None:
    with SourceRun(Counting(), {"topic": "t"}) as source:
        source.poll(3)
        assert source.commit() == {'{"counter":"0"}': {"next": 3}}
        source.poll(3)

        source.restart()

        assert source.offset({"counter": "0"}) == {"next": 3}
        assert [record.value for record in source.poll(1)] == [3]


def test_a_commit_tells_the_task_of_its_records_and_of_the_commit() -> None:
    with SourceRun(Counting(), {"topic": "t"}) as source:
        source.poll(3)
        source.commit()

        task = source.tasks[0]
        assert isinstance(task, CountingTask)
        assert (task.delivered, task.commits) == ([0, 1, 2], 1)


def test_offsets_of_an_earlier_run_are_found_by_their_task() -> None:
    offsets = [({"counter": "1"}, {"next": 40})]

    with SourceRun(Counting(), {"topic": "t"}, tasks_max=2, offsets=offsets) as source:
        values = {record.value for record in source.poll(6)}

    assert values == {0, 1, 2, 40, 41, 42}


def test_a_config_that_a_worker_would_refuse_is_refused() -> None:
    with pytest.raises(ConfigError, match='Missing required configuration "topic"'):
        SourceRun(Counting(), {}).__enter__()


def test_records_that_do_not_come_are_named_when_the_time_is_over() -> None:
    class Silent(CountingTask):
        def poll(self) -> Sequence[SourceRecord]:
            self.context.sleep(60)
            return []

    class SilentConnector(Counting):
        def task_class(self) -> type[SourceTask]:
            return Silent

    with (
        SourceRun(SilentConnector(), {"topic": "t"}) as source,
        pytest.raises(AssertionError, match=r"0 records in 0.05 s, expected 1"),
    ):
        source.poll(1, timeout=0.05)


def test_an_offset_that_kafka_could_not_keep_shows_at_the_commit() -> None:
    class Wrong(CountingTask):
        def poll(self) -> Sequence[SourceRecord]:
            return [
                SourceRecord(
                    topic="t", value=1, source_partition={"p": 1}, source_offset={"when": object()}
                )
            ]

    class WrongConnector(Counting):
        def task_class(self) -> type[SourceTask]:
            return Wrong

    with SourceRun(WrongConnector(), {"topic": "t"}) as source:
        source.poll(1)
        with pytest.raises(DataError, match="when"):
            source.commit()


def test_the_connector_is_stopped_and_its_wishes_are_kept() -> None:
    connector = Counting()
    with SourceRun(connector, {"topic": "t"}) as source:
        connector.context.request_task_reconfiguration()
        connector.context.raise_error(ValueError("lost"))
        assert source.reconfiguration_requested
        assert str(source.raised) == "lost"
    assert connector.stopped


class Pairing(Counting):
    """Ends a transaction behind each even number, and drops the one with the four."""

    def task_class(self) -> type[SourceTask]:
        return PairingTask


class PairingTask(CountingTask):
    def poll(self) -> Sequence[SourceRecord]:
        records = super().poll()
        context = self.context.transaction_context
        assert context is not None
        for record in records:
            if record.value == 4:
                context.abort_transaction(record)
            elif record.value % 2 == 0:
                context.commit_transaction(record)
        return records


def test_a_task_ends_its_transactions_if_the_config_lets_it() -> None:
    config = {"topic": "t", "transaction.boundary": "connector"}

    with SourceRun(Pairing(), config) as source:
        assert [record.value for record in source.poll(6)] == [0, 1, 2, 3, 4, 5]

        ended = [(values_of(done), done.is_committed) for done in source.transactions]
    assert ended == [([0], True), ([1, 2], True), ([3, 4], False)]


def values_of(transaction: Transaction) -> list[int]:
    return [record.value for record in transaction.records]


def test_a_task_has_no_say_in_transactions_otherwise() -> None:
    with SourceRun(Counting(), {"topic": "t"}) as source:
        assert source.tasks[0].context.transaction_context is None


def test_metrics_are_there_by_their_labels_and_begin_anew_with_the_tasks() -> None:
    with SourceRun(CountingSource(), {"topic": "t"}, tasks_max=2) as source:
        source.poll(6)
        assert source.metrics == {
            'tables{schema="public"}': 4,
            'rows-total{task="0"}': 3,
            'row.size-avg{task="0"}': 10,
            'row.size-max{task="0"}': 20,
            'row.size-total{task="0"}': 3,
            **{
                name.replace('"0"', '"1"'): value
                for name, value in source.metrics.items()
                if '"0"' in name
            },
        }
        source.restart()

        assert source.metrics['rows-total{task="0"}'] == 0
