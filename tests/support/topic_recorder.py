"""All that is written to a cluster's three topics, as raw bytes, from the first record on."""

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

_LOOKUP_TIMEOUT = 30.0


class Written(NamedTuple):
    """One record of an internal topic."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[object, ...] = ()


class TopicRecorder:
    """Follows topics that exist. For one thread, which must call it often enough.

    `topics` are by the names that the tests call them.
    """

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"recorder-of-{next(iter(topics.values()))}",
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
            }
        )
        self._names = {topic: name for name, topic in topics.items()}
        self.partitions: dict[str, int] = {}
        self.records: defaultdict[str, list[Written]] = defaultdict(list)
        found: list[TopicPartition] = []
        for topic, name in self._names.items():
            metadata = self._consumer.list_topics(topic, _LOOKUP_TIMEOUT).topics[topic]
            self.partitions[name] = len(metadata.partitions)
            found += [TopicPartition(topic, n, OFFSET_BEGINNING) for n in metadata.partitions]
        self._consumer.assign(found)

    def close(self) -> None:
        self._consumer.close()

    def read_until_quiet(self, quiet: float = 0.5, timeout: float = 30.0) -> None:
        """Read until nothing has been written for `quiet` seconds."""
        deadline = time.monotonic() + timeout
        while (message := self._consumer.poll(quiet)) is not None:
            assert message.error() is None, message.error()
            record = Written(
                message.partition() or 0,
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
            )
            self.records[self._names[str(message.topic())]].append(record)
            assert time.monotonic() < deadline, f"still being written to: {record}"

    def by_key(self, name: str) -> dict[bytes | None, list[Written]]:
        """Return the topic's records of each key, in their order."""
        found: defaultdict[bytes | None, list[Written]] = defaultdict(list)
        for record in self.records[name]:
            found[record.key].append(record)
        return dict(found)
