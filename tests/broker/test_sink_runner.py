"""Sink tasks against a broker: what is put, what is committed, and how they end."""

import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from isthmus.api.errors import ConnectError, IllegalWorkerStateError, RetriableError
from isthmus.api.record import SinkRecords
from isthmus.channel import State, TargetState
from tests.support.sink_tasks import Offsets, RunningSink, Script, Start, committed, produce, until


def create(bootstrap_servers: str, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)


def test_a_record_is_put_with_all_that_it_has(
    topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("v", key="k", headers=[("h", b"1"), ("h", b"2")], timestamp=1234567890123)

    sink = start()
    sink.until_put("v")

    record = script.records[0]
    assert (record.topic, record.partition, record.offset) == (topic, 0, 0)
    assert (record.original_topic, record.original_partition) == (topic, 0)
    assert (record.key, record.timestamp, record.timestamp_type) == (
        "k",
        1234567890123,
        "CreateTime",
    )
    assert [(header.key, header.value) for header in record.headers] == [("h", "1"), ("h", "2")]
    assert sink.topics == [topic]
    assert (sink.states, sink.versions) == ([State.RUNNING], ["4.5.6"])


def test_a_task_goes_on_where_the_one_before_it_was_stopped(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a", "b")
    first = start()
    first.until_put("a", "b")
    first.stop()
    assert committed(bootstrap_servers, topic, topic) == 2
    write("c")

    start().until_put("a", "b", "c")

    assert script.values == ["a", "b", "c"]
    assert script.calls[:4] == ["start", "close", "stop", "start"]


def test_offsets_are_committed_at_each_interval(
    bootstrap_servers: str, topic: str, start: Start, write: Callable[..., None]
) -> None:
    write("a", "b", "c")

    start().until_put("a", "b", "c")

    until(lambda: committed(bootstrap_servers, topic, topic) == 3)


def test_put_is_called_without_records_when_there_are_none(
    script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a")
    sink = start()
    sink.until_put("a")

    before = script.puts

    sink.until(lambda: script.puts > before + 2)


def test_a_paused_task_is_given_empty_puts_until_it_is_resumed(
    script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a")
    sink = start()
    sink.until_put("a")

    sink.pause()
    sink.until(lambda: sink.states[-1] is State.PAUSED)
    puts = script.puts
    write("b")
    sink.until(lambda: script.puts > puts + 5)
    assert script.values == ["a"]
    sink.resume()

    sink.until_put("a", "b")
    assert sink.states == [State.RUNNING, State.PAUSED, State.RUNNING]


def test_a_task_that_is_paused_before_its_start_starts_when_it_is_resumed(
    script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a")

    sink = start(state=TargetState.PAUSED)
    sink.until(lambda: sink.states == [State.PAUSED])
    assert script.calls == []
    sink.resume()

    sink.until_put("a")
    assert sink.states == [State.PAUSED, State.RUNNING]


def test_a_task_that_was_never_started_is_not_stopped(script: Script, start: Start) -> None:
    sink = start(state=TargetState.PAUSED)
    sink.until(lambda: sink.states == [State.PAUSED])

    sink.stop()

    assert (sink.failure, script.calls) == (None, [])


def test_records_come_again_after_the_timeout_that_the_task_asked_for(
    script: Script, start: Start, write: Callable[..., None]
) -> None:
    refused: list[tuple[float, list[object]]] = []

    def refuse_twice(records: SinkRecords) -> None:
        if len(records) and len(refused) < 2:
            refused.append((time.monotonic(), [record.value for record in records]))
            assert script.context is not None
            script.context.timeout(0.3)
            raise RetriableError("not now")

    script.on_put = refuse_twice
    write("a", "b")
    sink = start()
    sink.until(lambda: len(refused) == 1)
    write("c")

    sink.until_put("a", "b", "c")

    assert script.values == ["a", "b", "c"]
    assert [values for _, values in refused] == [["a", "b"], ["a", "b"]]
    assert 0.3 <= refused[1][0] - refused[0][0] < 2


def test_a_task_that_waits_to_put_again_keeps_its_place_in_the_group(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    refused = threading.Event()

    def refuse(_records: SinkRecords) -> None:
        if len(_records):
            assert script.context is not None
            script.context.timeout(600)
            refused.set()
            raise RetriableError("not for ten minutes")

    script.on_put = refuse
    create(bootstrap_servers, topic, 2)
    write("a", partition=0)
    write("b", partition=1)
    first, other = start(), Script()
    first.until(refused.is_set)

    second = start(other)

    # Only a member that goes on to poll takes part in a rebalance and gives partitions up.
    second.until(lambda: len(other.values) == 1, 30)
    assert set(other.opened) <= set(script.closed)
    assert first.failure is None


def test_what_put_raises_fails_the_task_and_is_not_committed(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def refuse_b(records: SinkRecords) -> None:
        if any(record.value == "b" for record in records):
            raise ValueError("b is too much")

    script.on_put = refuse_b
    write("a")
    sink = start()
    sink.until_put("a")
    write("b")

    failure = sink.join()

    assert isinstance(failure, ConnectError)
    assert str(failure) == "Exiting WorkerSinkTask due to unrecoverable exception."
    assert str(failure.__cause__) == "b is too much"
    assert committed(bootstrap_servers, topic, topic) == 1
    assert script.calls[-2:] == ["close", "stop"]


def test_what_open_raises_fails_the_task(
    script: Script, start: Start, write: Callable[..., None]
) -> None:
    def refuse(_partitions: object) -> None:
        raise ValueError("no such table")

    script.on_open = refuse
    write("a")

    assert str(start().join()) == "no such table"
    assert (script.values, script.calls[-1]) == ([], "stop")


def test_a_commit_that_the_task_requests_does_not_wait_for_the_interval(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a")
    sink = start(worker={"offset.flush.interval.ms": "3600000"})
    sink.until_put("a")
    assert script.context is not None

    script.context.request_commit()

    until(lambda: committed(bootstrap_servers, topic, topic) == 1)


def test_an_offset_beyond_what_was_consumed_is_ignored_and_others_are_committed(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    create(bootstrap_servers, topic, 2)
    script.on_pre_commit = lambda offsets: {
        (topic, 0): offsets.get((topic, 0), 0) + 100,
        (topic, 1): offsets.get((topic, 1), 0),
        ("other", 0): 7,
    }
    write("a", partition=0)
    write("b", partition=1)

    sink = start()
    sink.until_put("a", "b")

    until(lambda: committed(bootstrap_servers, topic, topic, 1) == 1)
    assert committed(bootstrap_servers, topic, topic, 0) < 0
    sink.stop()
    assert sink.failure is None


def test_reading_goes_back_to_the_last_commit_when_pre_commit_fails(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    failed = threading.Event()

    def fail_once(offsets: Offsets) -> Offsets:
        if offsets.get((topic, 0), 0) == 3 and not failed.is_set():
            failed.set()
            raise ConnectError("cannot flush")
        return offsets

    script.on_pre_commit = fail_once
    write("a")
    sink = start()
    sink.until_put("a")
    until(lambda: committed(bootstrap_servers, topic, topic) == 1)
    write("b", "c")

    sink.until(lambda: len(script.records) == 5)

    assert script.values == ["a", "b", "c", "b", "c"]
    until(lambda: committed(bootstrap_servers, topic, topic) == 3)


def test_close_is_called_and_nothing_committed_when_the_last_pre_commit_fails(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def fail(_offsets: Offsets) -> Offsets:
        raise ConnectError("cannot flush")

    write("a")
    sink = start()
    sink.until_put("a")
    script.on_pre_commit = fail
    sink.stop()

    assert (sink.failure, script.closed) == (None, [(topic, 0)])


def test_a_task_reads_again_from_where_it_wants(
    topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    write("a", "b", "c")
    sink = start()
    sink.until_put("a", "b", "c")

    assert script.context is not None
    script.context.rewind({(topic, 0): 1})

    sink.until(lambda: len(script.records) == 5)
    assert script.values == ["a", "b", "c", "b", "c"]


def test_a_task_chooses_where_to_begin_when_partitions_are_opened(
    topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def begin_at_2(partitions: object) -> None:
        assert script.context is not None
        script.context.rewind({(topic, 0): 2})

    script.on_open = begin_at_2
    write("a", "b", "c")

    start().until_put("c")


def test_partitions_that_the_task_pauses_wait(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    create(bootstrap_servers, topic, 2)
    sink = start()
    sink.until(lambda: len(script.opened) == 2)
    assert script.context is not None
    with pytest.raises(IllegalWorkerStateError, match="SinkTasks may not pause partitions"):
        script.context.pause(("other", 0))

    script.context.pause((topic, 0))
    time.sleep(0.3)  # the pause is done before the next poll
    write("a", partition=0)
    write("b", partition=1)
    sink.until_put("b")
    sink.pause()
    sink.until(lambda: sink.states[-1] is State.PAUSED)
    sink.resume()
    sink.until(lambda: sink.states[-1] is State.RUNNING)
    puts = script.puts
    sink.until(lambda: script.puts > puts + 3)
    assert script.values == ["b"]
    script.context.resume((topic, 0))

    sink.until_put("a", "b")


def test_a_put_that_outlasts_the_poll_interval_costs_partitions_but_does_not_fail_the_task(
    topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def sleep_once(records: SinkRecords) -> None:
        if len(records) and not script.closed and not script.records:
            time.sleep(7.5)

    script.on_put = sleep_once
    write("a")
    sink = start(
        **{
            "consumer.override.max.poll.interval.ms": "6000",
            "consumer.override.session.timeout.ms": "6000",
        }
    )

    sink.until(lambda: script.opened == [(topic, 0), (topic, 0)], 30)

    assert script.closed == [(topic, 0)]
    assert set(script.values) == {"a"}  # once or twice: nothing was committed of what was lost


@pytest.mark.parametrize("assignor", ["RangeAssignor", "CooperativeStickyAssignor"])
def test_partitions_move_to_a_second_task_without_a_loss(
    assignor: str,
    bootstrap_servers: str,
    topic: str,
    script: Script,
    start: Start,
    write: Callable[..., None],
) -> None:
    override = {
        "consumer.override.partition.assignment.strategy": (
            f"org.apache.kafka.clients.consumer.{assignor}"
        )
    }
    create(bootstrap_servers, topic, 2)
    first, other = start(**override), Script()
    write("a", partition=0)
    write("b", partition=1)
    first.until_put("a", "b")

    second = start(other, **override)
    second.until(lambda: len(other.opened) == 1, 30)
    write("c", partition=0)
    write("d", partition=1)

    until(lambda: sorted(script.values + other.values) == ["a", "b", "c", "d"])
    assert len(other.values) == 1
    kept, moved = [(topic, 0), (topic, 1)], other.opened[0]
    kept.remove(moved)
    # Eager: all is given up, and opened anew. Cooperative: what stays is not touched.
    is_eager = assignor == "RangeAssignor"
    assert (kept[0] in script.closed, script.opened.count(kept[0]) > 1) == (is_eager, is_eager)
    assert moved in script.closed


def test_what_arrives_while_partitions_go_and_come_back_within_one_poll_is_not_lost(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    create(bootstrap_servers, topic, 2)
    write("first", partition=0)
    first, ended, written = start(), threading.Event(), ["first"]
    first.until_put("first")

    def feed() -> None:
        producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 0})
        while not ended.wait(0.002):
            written.append(str(len(written)))
            producer.produce(topic, written[-1], partition=0)
            producer.poll(0)
        assert producer.flush(20) == 0

    feeding = threading.Thread(target=feed)
    feeding.start()
    others = [Script(), Script()]
    try:
        for other in others:
            joined = start(other)
            joined.until(lambda other=other: bool(other.opened), 30)
            joined.stop()
    finally:
        ended.set()
        feeding.join()

    def missing() -> set[str]:
        return set(written) - {value for one in (script, *others) for value in one.values}

    until(lambda: not missing(), 20)


def test_topics_that_match_in_full_are_read_also_those_made_later(
    bootstrap_servers: str, topic: str, start: Start
) -> None:
    produce(bootstrap_servers, f"{topic}-1", "a")
    produce(bootstrap_servers, f"{topic}-1x", "not in full")

    sink = start(
        **{
            "topics.regex": rf"{topic}-\d+",
            "consumer.override.metadata.max.age.ms": "500",
        }
    )
    sink.until_put("a")
    produce(bootstrap_servers, f"{topic}-22", "b")

    sink.until_put("a", "b")


def test_a_pattern_of_java_that_python_reads_otherwise_is_refused(start: Start) -> None:
    failure = start(**{"topics.regex": "[a-z&&[^b]]"}).join()

    assert "topics.regex" in str(failure)


def test_a_setting_that_the_worker_does_not_let_connectors_override_is_refused(
    bootstrap_servers: str, topic: str, script: Script
) -> None:
    sink = RunningSink(
        bootstrap_servers,
        script,
        {"name": topic, "topics": topic, "consumer.override.max.poll.records": "1"},
        worker={"connector.client.config.override.policy": "None"},
    )

    assert "Client Config Overrides not allowed" in str(sink.join())
