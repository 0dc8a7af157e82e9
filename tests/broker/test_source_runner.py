"""A source task and its runner against a real broker, with a scripted worker in place of ours."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import Header, SourceBatch, SourceRecord
from isthmus.api.schema import STRING
from isthmus.channel import StartTask, State, TargetState
from isthmus.plugins import Plugins
from isthmus.task.source import SourceRunner
from tests.support.scripted_link import RunningTask, start_task, worker_config
from tests.support.source_tasks import FedTask, Feed, batch
from tests.support.transformations import PACKAGE

PLUGINS = Plugins.discover()


@pytest.fixture
def feed(topic: str) -> Iterator[Feed]:
    FedTask.feeds[topic] = Feed()
    yield FedTask.feeds[topic]
    del FedTask.feeds[topic]


def source(bootstrap_servers: str, topic: str, **config: str) -> RunningTask:
    """Return a task that polls what the feed of this topic has; `_` in a name stands for `.`."""
    return RunningTask(job(bootstrap_servers, topic, config), SourceRunner, PLUGINS)


def paused_source(bootstrap_servers: str, topic: str) -> RunningTask:
    """Return a task that is to begin paused."""
    paused = job(bootstrap_servers, topic, {}, TargetState.PAUSED)
    return RunningTask(paused, SourceRunner, PLUGINS)


def job(
    bootstrap_servers: str,
    topic: str,
    config: Mapping[str, str],
    target_state: TargetState = TargetState.STARTED,
) -> StartTask:
    connector = {
        "connector.class": "tests.support.source_tasks:FedSource",
        "feed": topic,
        **{key.replace("_", "."): value for key, value in config.items()},
    }
    worker = worker_config(bootstrap_servers)
    return start_task(worker, connector, name=f"c-{topic}", target_state=target_state)


def dead_letters_to(topic: str) -> dict[str, str]:
    return {
        "errors_deadletterqueue_topic_name": topic,
        "errors_deadletterqueue_topic_replication_factor": "1",
        "errors_deadletterqueue_context_headers_enable": "true",
    }


def read(bootstrap_servers: str, topic: str, partitions: int = 1) -> list[Message]:
    """Return all records of a topic that exists, partition by partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reader"})
    try:
        found: list[Message] = []
        for number in range(partitions):
            place = TopicPartition(topic, number, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            deadline = time.monotonic() + 20
            left = end
            while left > 0:
                assert time.monotonic() < deadline, f"{left} of {end} records of {place} missing"
                some = consumer.consume(min(left, 1000), 1.0)
                left -= len(some)
                found += some
        return found
    finally:
        consumer.close()


def values(bootstrap_servers: str, topic: str, partitions: int = 1) -> list[int]:
    return [int(record.value() or b"-1") for record in read(bootstrap_servers, topic, partitions)]


def create(bootstrap_servers: str, topic: str, partitions: int, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    settings = {key.replace("_", "."): value for key, value in config.items()}
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)
    admin.create_topics([new])[topic].result(20)


def test_records_arrive_in_order_and_their_offset_is_committed(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic) as task:
        feed.give(batch(topic, range(1000)), batch(topic, range(1000, 1500)))

        task.expect(
            "offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 1499})]
        )

    assert values(bootstrap_servers, topic) == list(range(1500))
    assert task.worker.states == [State.RUNNING]
    assert task.worker.topics == {topic}
    assert (feed.calls[0], feed.calls[-1]) == ("start", "stop")


def test_nothing_is_lost_or_repeated_by_a_stop_in_the_middle(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    feed.give(*(batch(topic, range(start, start + 500)) for start in range(0, 20_000, 500)))
    with source(bootstrap_servers, topic) as task:
        task.expect("topics", lambda: task.worker.topics, {topic})
        task.stop()
    ((_, offset),) = task.worker.offset_list
    assert offset is not None
    taken = offset["position"] + 1

    assert values(bootstrap_servers, topic) == list(range(taken))


def test_records_keep_their_order_when_the_producer_has_no_room(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic, producer_override_buffer_memory="20000") as task:
        feed.give(batch(topic, range(20_000)))
        last = [({"file": "a"}, {"position": 19_999})]
        task.expect("offsets", lambda: task.worker.offset_list, last)

    assert values(bootstrap_servers, topic) == list(range(20_000))


def test_everything_that_was_sent_by_a_stop_is_delivered_and_committed(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic, producer_override_linger_ms="2000") as task:
        feed.give(batch(topic, range(10)), lambda _running: task.worker.stop())
        task.join()

    assert values(bootstrap_servers, topic) == list(range(10))
    assert task.worker.offset_list == [({"file": "a"}, {"position": 9})]


def test_a_task_reads_the_offsets_of_its_last_run(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    seen: list[Any] = []

    def note(running: FedTask) -> None:
        seen.append(running.context.offset_reader.offset({"file": "a"}))

    feed.on_start = note
    task = source(bootstrap_servers, topic)
    task.worker.set_offset({"file": "a"}, {"position": 7})

    with task:
        task.expect("offset", lambda: seen, [{"position": 7}])


def test_a_refused_record_fails_the_task_names_the_key_and_keeps_its_offset_back(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic, producer_override_max_request_size="2000") as task:
        feed.give(batch(topic, range(5)))
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 4})])
        feed.give(batch(topic, [5]), batch(topic, [6 * 10**3000]))

        failure = str(task.failure())

    assert "Unrecoverable exception from producer send callback" in failure
    assert "producer.override.max.request.size" in failure
    assert "message.max.bytes of the brokers" in failure
    assert task.worker.offset_list == [({"file": "a"}, {"position": 5})]


def test_a_record_that_the_broker_refuses_keeps_its_offset_back(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    create(bootstrap_servers, topic, 1, max_message_bytes="2000")
    with source(bootstrap_servers, topic) as task:
        feed.give(batch(topic, [1]))
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 1})])
        feed.give(batch(topic, [10**3000]), batch(topic, [2], file="b"))

        failure = str(task.failure())

    assert "max.message.bytes of the topic" in failure
    assert ({"file": "a"}, {"position": 1}) in task.worker.offset_list


def test_a_refused_record_is_skipped_if_errors_are_tolerated(
    bootstrap_servers: str, topic: str, feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {
        "errors_tolerance": "all",
        "errors_log_enable": "true",
        "producer_override_max_request_size": "2000",
    }
    with source(bootstrap_servers, topic, **settings) as task:
        feed.give(batch(topic, [1, 10**3000, 3]))
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 3})])

    assert values(bootstrap_servers, topic) == [1, 3]
    assert "Executing stage 'KAFKA_PRODUCE'" in caplog.text


def test_partitions_keys_nulls_timestamps_and_headers_arrive_as_given(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    create(bootstrap_servers, topic, 3)
    headers = (Header("kind", "new", STRING), Header("kind", "later", STRING))
    with source(bootstrap_servers, topic) as task:
        given = SourceRecord(
            topic=topic,
            partition=2,
            key="k",
            value="v",
            timestamp=1_700_000_000_123,
            headers=headers,
        )
        tombstone = SourceRecord(topic=topic, partition=1, key="k", value=None)
        nothing = SourceRecord(topic=topic, partition=0, key=None, value=None)
        feed.give([given, tombstone, nothing])
        task.expect("commits", lambda: feed.calls.count("commit") > 2, True)

    empty, dead, found = read(bootstrap_servers, topic, 3)
    assert (empty.key(), empty.value()) == (None, None)
    assert time.time() - 60 < empty.timestamp()[1] / 1000 < time.time() + 60  # when it was sent
    assert (found.partition(), found.key(), found.value()) == (2, b"k", b"v")
    assert found.timestamp() == (1, 1_700_000_000_123)
    assert found.headers() == [("kind", b"new"), ("kind", b"later")]
    assert (dead.partition(), dead.key(), dead.value(), dead.headers()) == (1, b"k", None, None)


def test_keys_go_where_javas_partitioner_puts_them(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    create(bootstrap_servers, topic, 10)
    with source(bootstrap_servers, topic) as task:
        keys = ["a", "bc", "key-123"]
        feed.give(SourceBatch(topic=topic, values=["v"] * 3, keys=keys))
        task.expect("commits", lambda: feed.calls.count("commit") > 2, True)

    found = {record.key(): record.partition() for record in read(bootstrap_servers, topic, 10)}
    assert found == {key.encode(): murmur2(key.encode()) % 10 for key in keys}


def test_transformations_cut_and_drop_rows_in_order(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {
        "transforms": "drop,route,mark",
        "transforms_drop_type": f"{PACKAGE}DropDivisible",
        "transforms_drop_by": "5",
        "transforms_route_type": f"{PACKAGE}RouteByParity",
        "transforms_mark_type": f"{PACKAGE}Suffix",
        "transforms_mark_suffix": "0",
        "transforms_mark_predicate": "odd",
        "predicates": "odd",
        "predicates_odd_type": f"{PACKAGE}IsOdd",
    }
    with source(bootstrap_servers, topic, **settings) as task:
        feed.give(batch(topic, range(100)))
        # 99 is the last that is sent.
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 99})])

    kept = [number for number in range(100) if number % 5]
    assert values(bootstrap_servers, f"{topic}-even") == [n for n in kept if n % 2 == 0]
    assert values(bootstrap_servers, f"{topic}-odd") == [n * 10 for n in kept if n % 2]


def test_offsets_of_records_that_were_dropped_move_too(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {"transforms_drop_type": f"{PACKAGE}DropDivisible", "transforms_drop_by": "2"}
    with source(bootstrap_servers, topic, transforms="drop", **settings) as task:
        feed.give(batch(topic, [1, 2]), batch(topic, [4, 6]))
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 6})])

    assert values(bootstrap_servers, topic) == [1]


def test_a_bad_record_is_found_within_its_batch_and_skipped(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {"transforms_fail_type": f"{PACKAGE}Fail", "transforms_fail_on": "137"}
    with source(
        bootstrap_servers, topic, transforms="fail", errors_tolerance="all", **settings
    ) as task:
        feed.give(batch(topic, range(500)))
        task.expect(
            "offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 499})]
        )

    assert values(bootstrap_servers, topic) == [n for n in range(500) if n != 137]


def test_a_bad_record_of_a_source_becomes_a_dead_letter_before_offsets_pass_it(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    dead = f"{topic}-dead"
    settings = {
        "transforms_fail_type": f"{PACKAGE}Fail",
        "transforms_fail_on": "137",
        "errors_tolerance": "all",
        **dead_letters_to(dead),
    }
    with source(bootstrap_servers, topic, transforms="fail", **settings) as task:
        feed.give(batch(topic, range(500)))
        task.expect(
            "offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 499})]
        )
        (letter,) = read(bootstrap_servers, dead)

    assert json.loads(letter.value() or b"") == "137"
    headers = dict(letter.headers() or [])
    assert headers["__connect.errors.topic"] == topic.encode()
    assert headers["__connect.errors.stage"] == b"TRANSFORMATION"
    assert headers["__connect.errors.source.partition"] == b'{"file":"a"}'
    assert headers["__connect.errors.source.offset"] == b'{"position":137}'


def test_the_dead_letter_of_a_source_is_written_though_the_task_fails(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    dead = f"{topic}-dead"
    settings = {
        "transforms_fail_type": f"{PACKAGE}Fail",
        "transforms_fail_on": "1",
        **dead_letters_to(dead),
    }
    with source(bootstrap_servers, topic, transforms="fail", **settings) as task:
        feed.give(batch(topic, [1]))
        task.failure()

    assert len(read(bootstrap_servers, dead)) == 1


def test_a_record_that_kafka_refused_is_a_dead_letter_in_the_bytes_that_it_refused(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    dead = f"{topic}-dead"
    create(bootstrap_servers, topic, 1, **{"max.message.bytes": "1000"})
    settings = {"errors_tolerance": "all", **dead_letters_to(dead)}
    with source(bootstrap_servers, topic, **settings) as task:
        feed.give(batch(topic, [1]).replace(values=["x" * 2000]))
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 1})])
        (letter,) = read(bootstrap_servers, dead)

    assert (letter.value() or b"").count(b"x") == 2000
    assert dict(letter.headers() or [])["__connect.errors.stage"] == b"KAFKA_PRODUCE"


def test_a_bad_record_fails_the_task_after_what_came_before_is_committed(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {"transforms_fail_type": f"{PACKAGE}Fail", "transforms_fail_on": "137"}
    with source(bootstrap_servers, topic, transforms="fail", **settings) as task:
        feed.give(batch(topic, range(100)), batch(topic, range(100, 200)))
        failure = task.failure()

    assert str(failure).startswith("Tolerance exceeded in error handler: TRANSFORMATION with class")
    assert "'position': 137" in str(failure)
    assert isinstance(failure.__cause__, ConnectError)
    assert task.worker.offset_list == [({"file": "a"}, {"position": 99})]
    assert values(bootstrap_servers, topic) == list(range(100))


def test_a_paused_task_polls_nothing_until_it_is_resumed(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic) as task:
        task.expect_state(State.RUNNING)
        task.worker.order(TargetState.PAUSED)
        task.expect_state(State.PAUSED)
        feed.give(batch(topic, [1]))
        commits = feed.calls.count("commit")
        task.expect("commits", lambda: feed.calls.count("commit") > commits + 1, True)
        assert feed.polls.qsize() == 1

        task.worker.order(TargetState.STARTED)
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 1})])

    assert task.worker.states == [State.RUNNING, State.PAUSED, State.RUNNING]


def test_a_task_that_begins_paused_is_started_when_it_is_resumed(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with paused_source(bootstrap_servers, topic) as task:
        task.expect_state(State.PAUSED)
        assert feed.calls == []

        task.worker.order(TargetState.STARTED)
        task.expect_state(State.RUNNING)

    assert feed.calls[0] == "start"


def test_a_task_that_was_never_started_is_not_stopped(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with paused_source(bootstrap_servers, topic) as task:
        task.expect_state(State.PAUSED)

    assert feed.calls == []


def test_a_task_is_stopped_on_its_own_thread_once_its_poll_is_over(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    def poll_until_told_to_stop(task: FedTask) -> None:
        feed.threads.add(threading.get_ident())
        feed.calls.append("poll begins")
        while not task.context.stopping():
            time.sleep(0.01)
        time.sleep(0.1)
        feed.calls.append("poll ends")

    with source(bootstrap_servers, topic) as task:
        feed.give(poll_until_told_to_stop)
        task.expect("a poll", lambda: "poll begins" in feed.calls, True)
        task.stop()

    told = [call for call in feed.calls if call != "commit"]
    assert told == ["start", "poll begins", "poll ends", "stop"]
    assert len(feed.threads) == 1


def test_a_task_whose_start_fails_is_stopped_and_the_error_is_its_own(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    error = ConnectError("no such file")

    def fail(_task: FedTask) -> None:
        raise error

    feed.on_start = fail
    with source(bootstrap_servers, topic) as task:
        failure = task.failure()

    assert failure is error
    assert failure.__context__ is None
    assert feed.calls[-1] == "stop"
    assert State.RUNNING not in task.worker.states


def test_an_error_of_poll_is_the_tasks_failure_and_a_retriable_one_is_not(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    error = ValueError("broken")
    with source(bootstrap_servers, topic) as task:
        feed.give(RetriableError("away"), batch(topic, [1]), error)
        failure = task.failure()

    assert failure is error
    assert values(bootstrap_servers, topic) == [1]
    assert task.worker.offset_list == [({"file": "a"}, {"position": 1})]


def test_offsets_that_could_not_be_written_are_written_by_the_next_commit(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    with source(bootstrap_servers, topic) as task:
        task.worker.offset_error = "the offsets topic is away"
        feed.give(batch(topic, [1], file="a"))
        commits = len(task.worker.heard)
        task.expect("writes", lambda: len(task.worker.heard) > commits + 3, True)
        assert task.worker.offset_list == []

        task.worker.offset_error = ""
        task.expect("offsets", lambda: task.worker.offset_list, [({"file": "a"}, {"position": 1})])


def test_a_task_that_asks_for_it_is_told_of_records_that_are_in_kafka(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    of = "tests.support.source_tasks:TellingOfRecordsSource"
    with source(bootstrap_servers, topic, connector_class=of) as task:
        feed.give(batch(topic, [1, 2]), batch(topic, [4]))
        task.expect("records", lambda: feed.acknowledged, ["1", "2", "4"])


def test_a_task_that_asks_for_it_is_told_of_batches_that_are_in_kafka(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {
        "connector_class": "tests.support.source_tasks:TellingSource",
        "transforms": "drop",
        "transforms_drop_type": f"{PACKAGE}DropDivisible",
        "transforms_drop_by": "2",
    }
    first, dropped = batch(topic, [1, 2]), batch(topic, [4])
    with source(bootstrap_servers, topic, **settings) as task:
        feed.give(first, dropped)
        task.expect("batches", lambda: feed.acknowledged, [first, dropped])


def test_topics_are_created_as_the_config_says(
    bootstrap_servers: str, topic: str, feed: Feed
) -> None:
    settings = {
        "topic_creation_default_partitions": "1",
        "topic_creation_default_replication_factor": "1",
        "topic_creation_groups": "wide",
        "topic_creation_wide_include": ".*-wide",
        "topic_creation_wide_partitions": "4",
        "topic_creation_wide_retention_ms": "-1",
    }
    config = {
        key.replace("replication_factor", "replication.factor"): v for key, v in settings.items()
    }
    with source(bootstrap_servers, topic, **config) as task:
        feed.give(batch(f"{topic}-wide", [1]), batch(topic, [1]))
        task.expect("topics", lambda: task.worker.topics, {topic, f"{topic}-wide"})

    found = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=10).topics
    assert {name: len(found[name].partitions) for name in (topic, f"{topic}-wide")} == {
        topic: 1,
        f"{topic}-wide": 4,
    }


def test_a_task_stops_in_time_though_no_broker_answers(topic: str, feed: Feed) -> None:
    with source("127.0.0.1:1", topic, producer_override_buffer_memory="100000") as task:
        feed.give(*(batch(topic, range(1000)) for _ in range(20)))
        task.expect("topics", lambda: task.worker.topics, {topic})
        began = time.monotonic()
        task.stop()

    assert time.monotonic() - began < 5.5
    assert task.worker.offset_list == []
    assert feed.calls[-1] == "stop"


def murmur2(data: bytes) -> int:
    """Return what Kafka's Java clients hash a key to, made positive as they do it."""
    mask, mixer = 0xFFFFFFFF, 0x5BD1E995
    found = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        part = int.from_bytes(data[start : start + 4], "little") * mixer & mask
        part = (part ^ part >> 24) * mixer & mask
        found = found * mixer & mask ^ part
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * mixer & mask
    found = (found ^ found >> 13) * mixer & mask
    return (found ^ found >> 15) & 0x7FFFFFFF
