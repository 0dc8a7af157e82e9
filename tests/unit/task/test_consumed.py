"""Messages as batches of bytes."""

from typing import Any

from confluent_kafka import Message

from isthmus.task.consumed import raw_batches


def message(partition: int, offset: int, **more: Any) -> Message:
    more = {"timestamp": (1, 1000 + offset), **more}
    return Message(topic="t", partition=partition, offset=offset, value=b"%d" % offset, **more)


def test_messages_of_one_partition_are_one_batch() -> None:
    (batch,) = raw_batches([message(3, 5), message(3, 6)])

    assert (batch.topic, batch.partition, batch.original_partition) == ("t", 3, 3)
    assert (batch.values, list(batch.offsets)) == ([b"5", b"6"], [5, 6])
    assert (batch.keys, batch.headers) == (None, None)


def test_messages_of_several_partitions_are_a_batch_each_in_their_order() -> None:
    batches = raw_batches([message(0, 5), message(1, 7), message(0, 6), message(1, 8)])

    assert [(batch.partition, batch.values) for batch in batches] == [
        (0, [b"5", b"6"]),
        (1, [b"7", b"8"]),
    ]


def test_offsets_may_have_gaps() -> None:
    (batch,) = raw_batches([message(0, 5), message(0, 9), message(0, 10)])

    assert list(batch.offsets) == [5, 9, 10]


def test_a_column_is_there_if_one_record_has_something_for_it() -> None:
    headers = [("h", b"1"), ("h", None)]
    (batch,) = raw_batches([message(0, 1), message(0, 2, key=b"k", headers=headers)])

    assert batch.keys == [None, b"k"]
    assert batch.headers is not None
    assert [[tuple(h[:2]) for h in found] for found in batch.headers] == [[], headers]


def test_timestamps_are_read_when_they_are_wanted() -> None:
    (batch,) = raw_batches([message(0, 1), message(0, 2, timestamp=(0, -1)), message(0, 3)])

    assert batch.timestamps is not None
    assert list(batch.timestamps) == [1001, None, 1003]
    assert batch.rows(2, 3).record(0).timestamp == 1003
    assert batch.timestamp_type == "CreateTime"


def test_the_type_of_timestamps_is_named_as_in_java() -> None:
    (batch,) = raw_batches([message(0, 1, timestamp=(2, 5))])

    assert batch.timestamp_type == "LogAppendTime"


def test_messages_that_can_only_be_of_one_partition_are_one_batch_without_a_look() -> None:
    messages = [message(3, 5), message(3, 6)]

    (batch,) = raw_batches(messages, 1)

    assert (batch.topic, batch.partition, batch.offsets) == ("t", 3, range(5, 7))
