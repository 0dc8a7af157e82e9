"""An exactly-once source task (KIP-618) against a real broker, with a scripted worker."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from isthmus.channel import WriteOffsets
from isthmus.kafka.offset_codec import decode_key, decode_value
from isthmus.plugins import Plugins
from isthmus.task.source import SourceRunner
from tests.support.scripted_link import RunningTask, start_task, worker_config
from tests.support.source_tasks import FedTask, Feed, batch

PLUGINS = Plugins.discover()

Poll = Callable[[FedTask], Any]


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
    """Reads a topic with one partition from its beginning; for `with`."""

    def __init__(
        self, bootstrap_servers: str, topic: str, isolation: str = "read_committed"
    ) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "reader",
                "isolation.level": isolation,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self.records: list[tuple[bytes | None, bytes | None]] = []

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def values(self) -> list[int]:
        """All values so far."""
        for message in self._consumer.consume(1000, 0.05):
            assert message.error() is None, message.error()
            self.records.append((message.key(), message.value()))
        return [int(value or b"-1") for _, value in self.records]

    @property
    def offsets(self) -> list[tuple[Any, Any]]:
        """All source partitions and offsets so far."""
        self.values_of_offsets()
        return [(decode_key(key or b"")[1], decode_value(value)) for key, value in self.records]

    def values_of_offsets(self) -> None:
        for message in self._consumer.consume(1000, 0.05):
            assert message.error() is None, message.error()
            self.records.append((message.key(), message.value()))


@pytest.fixture
def offsets_topic(bootstrap_servers: str, topic: str) -> str:
    create(bootstrap_servers, topic, f"offsets-{topic}")
    return f"offsets-{topic}"


def test_records_and_offsets_of_a_poll_become_visible_together(
    bootstrap_servers: str, topic: str, feed: Feed, offsets_topic: str
) -> None:
    with (
        source(bootstrap_servers, topic) as task,
        Reader(bootstrap_servers, topic) as records,
        Reader(bootstrap_servers, offsets_topic) as offsets,
    ):
        feed.give(batch(topic, range(1000)), batch(topic, range(1000, 1500)))

        task.expect("records", lambda: records.values, list(range(1500)))
        wanted = [({"file": "a"}, {"position": 999}), ({"file": "a"}, {"position": 1499})]
        task.expect("offsets", lambda: offsets.offsets, wanted)
    assert task.worker.of(WriteOffsets) == []
    assert "commit" in feed.calls
    assert [len(done) for done in feed.acknowledged] == [1000, 500]
