"""From what a consumer gives to batches of raw bytes, one for each partition.

This runs for each record of every sink, so nothing of Python is called for a message: the columns
are made by `map` over methods that the client has in C.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from isthmus.api.record import Header, SinkBatch

log = logging.getLogger(__name__)

Key = tuple[str, int]

_TIMESTAMP_TYPES: Final[Mapping[int, str]] = {
    0: "NoTimestampType",
    1: "CreateTime",
    2: "LogAppendTime",
}
#: What Kafka is asked for the first offset of a partition, and for the one after its last.
_RESETS: Final[Mapping[object, int]] = {"earliest": -2, "latest": -1}
#: How long a task waits for its positions while its group waits for it.
_TIMEOUT: Final = 5.0


def raw_batches(messages: Sequence[Message], partitions: int = 0) -> list[SinkBatch]:
    """Return the messages, none of them an error, as one batch for each partition.

    `partitions` is how many they can be of, 0 if nobody knows: of one, none is looked at.
    """
    if partitions == 1:
        return [_raw_batch(messages)]
    return _batches_apart(messages)


def _batches_apart(messages: Sequence[Message]) -> list[SinkBatch]:
    topics, partitions = list(map(Message.topic, messages)), list(map(Message.partition, messages))
    if topics.count(topics[0]) == partitions.count(partitions[0]) == len(messages):
        return [_raw_batch(messages)]
    found: dict[object, list[Message]] = {}
    for key, message in zip(zip(topics, partitions, strict=True), messages, strict=True):
        found.setdefault(key, []).append(message)
    return [_raw_batch(of_one) for of_one in found.values()]


def positions(
    consumer: Consumer, partitions: Sequence[TopicPartition], reset: object
) -> list[TopicPartition]:
    """Return where reading begins: after the last commit, else where `auto.offset.reset` says.

    A position that cannot be found out now is left to the consumer: its offset is below 0.
    """
    try:
        found = consumer.committed(list(partitions), timeout=_TIMEOUT)
        known = [place for place in found if place.offset >= 0]
        fresh = [TopicPartition(*key_of(place)) for place in found if place.offset < 0]
        if fresh and reset in _RESETS:
            for place in fresh:
                place.offset = _RESETS[reset]
            fresh = consumer.offsets_for_times(fresh, timeout=_TIMEOUT)
    except KafkaException as error:
        log.warning("Positions cannot be looked up now: %s", error.args[0].str())
        return list(partitions)
    for place in fresh:
        if place.error is not None or place.offset < 0:
            place.offset = -1001  # OFFSET_INVALID: the consumer looks itself
    return [*known, *(TopicPartition(*key_of(place), place.offset) for place in fresh)]


def key_of(partition: TopicPartition) -> Key:
    """Return the partition as tasks know it."""
    return partition.topic, partition.partition


def _raw_batch(messages: Sequence[Message]) -> SinkBatch:
    first = messages[0]
    topic, partition = cast("str", first.topic()), cast("int", first.partition())
    keys = list(map(Message.key, messages))
    headers = list(map(Message.headers, messages))
    return SinkBatch(
        topic=topic,
        partition=partition,
        values=list(map(Message.value, messages)),
        keys=None if keys.count(None) == len(keys) else keys,
        timestamps=_Timestamps(messages),
        headers=[_raw_headers(found) for found in headers] if any(headers) else None,
        offsets=_offsets(messages),
        timestamp_type=_TIMESTAMP_TYPES.get(_stamp(first)[0], "CreateTime"),
        original_topic=topic,
        original_partition=partition,
    )


def _offsets(messages: Sequence[Message]) -> Sequence[int]:
    """Return the offsets: numbers only where compaction or transactions have left gaps."""
    first, last = cast("int", messages[0].offset()), cast("int", messages[-1].offset())
    if last - first == len(messages) - 1:
        return range(first, last + 1)
    return cast("list[int]", list(map(Message.offset, messages)))


def _raw_headers(found: Any) -> tuple[Header, ...]:
    return tuple(Header(key, data) for key, data in found or ())


def _stamp(message: Message) -> tuple[int, int]:
    return message.timestamp()  # pyright: ignore[reportUnknownMemberType]


class _Timestamps(Sequence[int | None]):
    """The timestamps of messages, read only if somebody wants them; most sinks do not."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Timestamps(self._messages[index])
        kind, timestamp = _stamp(self._messages[cast("int", index)])
        return timestamp if kind else None
