"""An exactly-once source task (KIP-618) against a real broker, with a scripted worker."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from isthmus.api.errors import ConnectError
from isthmus.api.record import SourceBatch, SourceRecord
from isthmus.api.task import TransactionContext
from isthmus.channel import Measured, State, TargetState, WriteOffsets
from isthmus.kafka.offset_codec import decode_key, decode_value
from isthmus.plugins import Plugins
from isthmus.task.source import SourceRunner
from tests.support.scripted_link import RunningTask, start_task, worker_config
from tests.support.source_tasks import FedTask, Feed, batch

PLUGINS = Plugins.discover()

#: As long as no test lasts.
HOUR_MS = "3600000"


@pytest.fixture
def feed(topic: str) -> Iterator[Feed]:
    FedTask.feeds[topic] = Feed()
    yield FedTask.feeds[topic]
    del FedTask.feeds[topic]


def source(bootstrap_servers: str, topic: str, **config: str) -> RunningTask:
    """Return a task that polls what the feed of this topic has; `_` in a name stands for `.`."""
    connector = {
        "connector.class": "tests.support.source_tasks:TellingSource",
        "feed": topic,
        **{key.replace("_", "."): value for key, value in config.items()},
    }
    worker = worker_config(
        bootstrap_servers,
        exactly_once_source_support="enabled",
        group_id=f"g-{topic}",
        offset_storage_topic=f"offsets-{topic}",
    )
    return RunningTask(start_task(worker, connector, name="c"), SourceRunner, PLUGINS)


def create(bootstrap_servers: str, *topics: str, **config: str) -> None:
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for name in topics:
        new = NewTopic(name, num_partitions=1, replication_factor=1, config=settings)
        admin.create_topics([new])[name].result(20)


class Reader:
    """Reads a topic with one partition from its beginning, what is committed; for `with`."""

    def __init__(self, bootstrap_servers: str, topic: str, isolation: str = "read_committed"):
        settings = {"bootstrap.servers": bootstrap_servers, "isolation.level": isolation}
        self._consumer = Consumer({**settings, "group.id": "reader", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self._records: list[tuple[bytes | None, bytes | None]] = []

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def records(self) -> list[tuple[bytes | None, bytes | None]]:
        """Return keys and values of all records so far."""
        for message in self._consumer.consume(1000, 0.1):
            assert message.error() is None, message.error()
            self._records.append((message.key(), message.value()))
        return self._records

    def values(self) -> list[int]:
        return [int(value or b"-1") for _, value in self.records()]

    def positions(self) -> list[Any]:
        """Return the position in each record of an offsets topic, None for a tombstone."""
        offsets = [decode_value(value) for _, value in self.records()]
        return [None if offset is None else offset["position"] for offset in offsets]


@pytest.fixture
def offsets_topic(bootstrap_servers: str, topic: str) -> str:
    """Make the task's topics, and return that of its offsets."""
    create(bootstrap_servers, topic)
    create(bootstrap_servers, f"offsets-{topic}", cleanup_policy="compact")
    return f"offsets-{topic}"


@pytest.fixture
def records(bootstrap_servers: str, topic: str, offsets_topic: str) -> Iterator[Reader]:
    with Reader(bootstrap_servers, topic) as reader:
        yield reader


@pytest.fixture
def offsets(bootstrap_servers: str, offsets_topic: str) -> Iterator[Reader]:
    with Reader(bootstrap_servers, offsets_topic) as reader:
        yield reader


@pytest.fixture
def uncommitted(bootstrap_servers: str, topic: str, offsets_topic: str) -> Iterator[Reader]:
    """Read all records of the topic, also those of transactions that are open or aborted."""
    with Reader(bootstrap_servers, topic, "read_uncommitted") as reader:
        yield reader


def transactions(task: FedTask) -> TransactionContext:
    context = task.context.transaction_context
    assert context is not None
    return context


def other_producer(bootstrap_servers: str, topic: str) -> None:
    """Take over the transactional id of the task, as the next owner does."""
    settings = {"bootstrap.servers": bootstrap_servers, "transactional.id": f"g-{topic}-c-0"}
    Producer(settings).init_transactions(30)


def test_records_and_offsets_of_a_poll_become_visible_together(
    bootstrap_servers: str, topic: str, feed: Feed, records: Reader, offsets: Reader
) -> None:
    with source(bootstrap_servers, topic) as task:
        feed.give([batch(topic, range(500)), batch(topic, range(500, 1000))])
        feed.give(batch(topic, range(1000, 1500)))

        task.expect("records", records.values, list(range(1500)))
        task.expect("offsets", offsets.positions, [999, 1499])
        sizes = {"transaction-size-min": 500, "transaction-size-max": 1000}
        task.expect("sizes", lambda: sizes.items() <= measured(task).items(), True)

    assert decode_key(offsets.records()[0][0] or b"") == ("c", {"file": "a"})
    assert task.worker.of(WriteOffsets) == []
    assert [len(done) for done in feed.acknowledged] == [500, 500, 500]
    assert feed.calls[0] == "start"
    assert set(feed.calls[1:-1]) == {"commit"}


def measured(task: RunningTask) -> dict[str, float]:
    return dict(task.worker.of(Measured)[-1].values) if task.worker.of(Measured) else {}


def test_what_an_interval_has_brought_is_seen_at_its_end_a_pause_or_a_stop(
    bootstrap_servers: str,
    topic: str,
    feed: Feed,
    records: Reader,
    offsets: Reader,
    uncommitted: Reader,
) -> None:
    interval = {"transaction_boundary": "interval", "transaction_boundary_interval_ms": HOUR_MS}
    with source(bootstrap_servers, topic, **interval) as task:
        feed.give(batch(topic, [1]), batch(topic, [2]))
        task.expect("what is written", uncommitted.values, [1, 2])
        assert (records.values(), offsets.positions(), feed.acknowledged) == ([], [], [])

        task.worker.order(TargetState.PAUSED)
        task.expect("what a pause commits", records.values, [1, 2])
        task.expect("its offsets", offsets.positions, [2])
        task.worker.order(TargetState.STARTED)
        feed.give(batch(topic, [3]))
        task.expect("what is written", uncommitted.values, [1, 2, 3])

        task.stop()
        task.expect("what a stop commits", records.values, [1, 2, 3])
        task.expect("its offsets", offsets.positions, [2, 3])


def test_a_connector_ends_transactions_where_it_wants(
    bootstrap_servers: str, topic: str, feed: Feed, records: Reader, offsets: Reader
) -> None:
    def commit_behind_the_second(task: FedTask) -> list[SourceRecord]:
        found = list(batch(topic, [1, 2, 3]))
        transactions(task).commit_transaction(found[1])
        return found

    def abort_all(task: FedTask) -> list[SourceRecord]:
        transactions(task).abort_transaction()
        return list(batch(topic, [4]))

    def commit_all(task: FedTask) -> SourceBatch:
        transactions(task).commit_transaction()
        return batch(topic, [5])

    with source(bootstrap_servers, topic, transaction_boundary="connector") as task:
        feed.give(commit_behind_the_second)
        task.expect("records", records.values, [1, 2])

        feed.give(abort_all)
        task.expect("offsets of what was aborted", offsets.positions, [2, 4])
        feed.give(commit_all)
        task.expect("records", records.values, [1, 2, 5])

        task.expect("offsets", offsets.positions, [2, 4, 5])


def test_what_a_connector_leaves_open_is_aborted_at_the_end(
    bootstrap_servers: str, topic: str, feed: Feed, offsets: Reader, uncommitted: Reader
) -> None:
    with source(bootstrap_servers, topic, transaction_boundary="connector") as task:
        feed.give(batch(topic, [1]))
        task.expect("what is written", uncommitted.values, [1])
        task.worker.order(TargetState.PAUSED)
        task.expect_state(State.PAUSED)
        task.stop()

    assert offsets.positions() == []
    assert feed.acknowledged == []
    with Reader(bootstrap_servers, topic) as reader:
        written_later(bootstrap_servers, topic)
        task.expect("what is seen, without waiting for the open transaction", reader.values, [9])


def written_later(bootstrap_servers: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce(topic, b"9")
    assert producer.flush(30) == 0


def test_an_abort_of_nothing_commits_the_offsets(
    bootstrap_servers: str, topic: str, feed: Feed, offsets: Reader
) -> None:
    def drop(task: FedTask) -> SourceBatch:
        transactions(task).abort_transaction()
        return batch(topic, [4])

    dropping = {
        "transforms": "drop",
        "transforms_drop_type": "tests.support.transformations:DropDivisible",
        "transforms_drop_by": "2",
    }
    with source(bootstrap_servers, topic, transaction_boundary="connector", **dropping) as task:
        feed.give(drop)

        task.expect("offsets", offsets.positions, [4])


def test_a_task_that_fails_commits_nothing_of_what_is_open(
    bootstrap_servers: str, topic: str, feed: Feed, offsets: Reader, uncommitted: Reader
) -> None:
    interval = {"transaction_boundary": "interval", "transaction_boundary_interval_ms": HOUR_MS}
    with source(bootstrap_servers, topic, **interval) as task:
        feed.give(batch(topic, [1]))
        task.expect("what is written", uncommitted.values, [1])
        feed.give(ConnectError("no more"))
        assert str(task.failure()) == "no more"

        with Reader(bootstrap_servers, topic) as reader:
            written_later(bootstrap_servers, topic)
            task.expect("what is seen", reader.values, [9])
    assert offsets.positions() == []


def test_the_next_owner_fences_out_a_task_which_fails_and_writes_nothing_more(
    bootstrap_servers: str, topic: str, feed: Feed, records: Reader
) -> None:
    with source(bootstrap_servers, topic) as task:
        feed.give(batch(topic, [1]))
        task.expect("records", records.values, [1])

        other_producer(bootstrap_servers, topic)
        feed.give(batch(topic, [2]))

        failure = str(task.failure())
    assert failure.endswith(
        ": There is a newer producer with the same transactionalId which fences the current one."
    )
    assert failure.startswith(
        (
            "Failed to flush offsets and/or records for task c-0",
            "Unrecoverable exception trying to send",
        )
    )
    written_later(bootstrap_servers, topic)
    task.expect("records", records.values, [1, 9])


def test_an_open_transaction_of_the_last_owner_is_aborted_before_offsets_are_read(
    bootstrap_servers: str, topic: str, feed: Feed, records: Reader, uncommitted: Reader
) -> None:
    settings = {"bootstrap.servers": bootstrap_servers, "transactional.id": f"g-{topic}-c-0"}
    zombie = Producer(settings)
    zombie.init_transactions(30)
    zombie.begin_transaction()
    zombie.produce(topic, b"7")
    assert zombie.flush(30) == 0

    with source(bootstrap_servers, topic) as task:
        feed.give(batch(topic, [8]))

        task.expect("records", records.values, [8])
    assert uncommitted.values() == [7, 8]


def test_a_transaction_that_expired_says_what_to_do(
    bootstrap_servers: str, topic: str, feed: Feed, uncommitted: Reader
) -> None:
    config = {
        "transaction_boundary": "interval",
        "transaction_boundary_interval_ms": HOUR_MS,
        "producer_override_transaction_timeout_ms": "1000",
    }
    with source(bootstrap_servers, topic, **config) as task:
        feed.give(batch(topic, [1]))
        task.expect("what is written", uncommitted.values, [1])
        written_later(bootstrap_servers, topic)
        with Reader(bootstrap_servers, topic) as reader:
            # The broker looks for such transactions each ten seconds only.
            task.expect("what is seen, the transaction being aborted", reader.values, [9])
        feed.give(batch(topic, [2]))

        assert str(task.failure()).startswith(
            "The task c-0 was unable to finish writing records to Kafka before its producer"
            " transaction expired. It may be necessary to reconfigure this connector"
        )


def test_a_record_that_is_too_large_fails_the_task_whatever_is_tolerated(
    bootstrap_servers: str, topic: str, feed: Feed, records: Reader, offsets: Reader
) -> None:
    with source(bootstrap_servers, topic, errors_tolerance="all") as task:
        too_large = batch(topic, [1, 2, 3])
        too_large.values = ["1", "2" * 2_000_000, "3"]
        feed.give(too_large)

        assert str(task.failure()).startswith("Unrecoverable exception trying to send: ")
    assert (records.values(), offsets.positions()) == ([], [])


def test_what_the_broker_refuses_fails_the_task_whatever_is_tolerated(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    create(bootstrap_servers, topic, max_message_bytes="100")
    create(bootstrap_servers, f"offsets-{topic}", cleanup_policy="compact")
    with source(bootstrap_servers, topic, errors_tolerance="all") as task:
        feed.give(batch(topic, [1, 10**1000, 3]))

        failure = str(task.failure())
    assert failure.startswith("Failed to flush offsets and/or records for task c-0: ")
    assert "Message size too large" in failure


def test_a_task_may_not_write_to_its_own_offsets_topic(
    bootstrap_servers: str, topic: str, feed: Feed, offsets_topic: str
) -> None:
    with source(bootstrap_servers, topic) as task:
        feed.give(batch(offsets_topic, [1]))

        assert str(task.failure()) == (
            "Source tasks may not produce to their own offsets topics when exactly-once support is"
            " enabled"
        )


def test_offsets_in_a_topic_of_the_connector_are_copied_to_the_workers(
    bootstrap_servers: str, topic: str, feed: Feed, offsets: Reader
) -> None:
    own = f"own-{topic}"
    create(bootstrap_servers, own, cleanup_policy="compact")
    gone = batch(topic, [2])
    gone.source_offsets = [None]
    with (
        source(bootstrap_servers, topic, offsets_storage_topic=own) as task,
        Reader(bootstrap_servers, own) as positions,
    ):
        feed.give(batch(topic, [1]), gone)

        task.expect("offsets", positions.positions, [1, None])
    copies = task.worker.of(WriteOffsets)
    assert [(c.request > 0, [decode_value(v) for _, v in c.records]) for c in copies] == [
        (False, [{"position": 1}]),
        (True, [None]),  # removed in the worker's topic first: the task waits for that
    ]
    assert all(copy.only_workers for copy in copies)
    assert offsets.positions() == []
