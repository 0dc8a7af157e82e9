"""What the stores rely on in a topic log, against a real broker."""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportPrivateImportUsage=false

import asyncio
import logging
import statistics
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)
from kafka.partitioner.default import murmur2

from isthmus.api.errors import ConfigError, ConnectError, RetriableError
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.kafka.admin import TopicAdmin
from isthmus.kafka.topic_log import KafkaTopicLog, LogRecord

COMPACT = {"cleanup.policy": "compact"}
CLIENT_LOG = logging.getLogger("librdkafka")


class Reading:
    """Keeps what a log delivers."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def __call__(self, records: Sequence[LogRecord]) -> None:
        self.records += records

    @property
    def keys(self) -> list[bytes | None]:
        return [record.key for record in self.records]


def consumer_config(bootstrap_servers: str, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": "not-used",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "logger": CLIENT_LOG,
        **more,
    }


def producer_config(bootstrap_servers: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap_servers,
        "acks": "all",
        "delivery.timeout.ms": 2**31 - 1,
        "linger.ms": 0,
        "logger": CLIENT_LOG,
        "max.in.flight": 1,
        "partitioner": "murmur2_random",
    }


def ensure(
    admin: TopicAdmin, topic: str, *, partitions: int = 1, replication_factor: int = 1, **more: str
) -> None:
    admin.ensure_compacted_topic(
        topic,
        "offset.storage.topic",
        "source connector offsets",
        partitions,
        replication_factor,
        COMPACT | {key.replace("_", "."): value for key, value in more.items()},
    )


def make_log(
    bootstrap_servers: str, topic: str, *, partitions: int = 1, **consumer: Any
) -> KafkaTopicLog:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})
    return KafkaTopicLog(
        topic,
        admin,
        lambda: ensure(admin, topic, partitions=partitions),
        consumer_config(bootstrap_servers, **consumer),
        producer_config(bootstrap_servers),
    )


@asynccontextmanager
async def running(
    bootstrap_servers: str, topic: str, **more: Any
) -> AsyncGenerator[tuple[KafkaTopicLog, Reading]]:
    log, reading = make_log(bootstrap_servers, topic, **more), Reading()
    async with asyncio.timeout(30):
        await log.start(reading)
    try:
        yield log, reading
    finally:
        await log.stop()


async def until(condition: Callable[[], bool], state: Callable[[], object]) -> None:
    """Wait at most 20 s for the condition; fail with the state it was last in."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"last seen: {state()}"
        await asyncio.sleep(0.02)


def admin_client(bootstrap_servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap_servers})


async def test_all_that_is_in_the_topic_is_delivered_before_the_start_returns(
    bootstrap_servers: str, topic: str
) -> None:
    written = [(f"k{n}".encode(), f"v{n}".encode()) for n in range(3000)]
    async with running(bootstrap_servers, topic, partitions=3) as (log, _):
        await log.send(written)

    async with running(bootstrap_servers, topic) as (_, reading):
        delivered = [(record.key, record.value) for record in reading.records]

    assert sorted(delivered, key=str) == sorted(written, key=str)


async def test_what_others_write_is_delivered_without_being_asked_for(
    bootstrap_servers: str, topic: str
) -> None:
    async with (
        running(bootstrap_servers, topic) as (one, _),
        running(bootstrap_servers, topic) as (_, reading),
    ):
        await one.send([(b"k", b"v"), (b"k", None)])
        await until(lambda: len(reading.records) == 2, lambda: reading.records)

    assert reading.records == [LogRecord(0, 0, b"k", b"v"), LogRecord(0, 1, b"k", None)]


async def test_who_sends_and_reads_has_seen_what_was_sent(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, reading):
        for number in range(20):
            await log.send_and_read([(b"%d" % number, b"v")])
            assert reading.keys[-1] == b"%d" % number


async def test_concurrent_sends_keep_the_order_of_the_calls(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, reading):
        await asyncio.gather(*(log.send([(b"%d" % n, b""), (b"%d'" % n, b"")]) for n in range(50)))
        await log.read_to_end()

    assert reading.keys == [key for n in range(50) for key in (b"%d" % n, b"%d'" % n)]


async def test_a_key_goes_to_the_partition_that_java_puts_it_in(
    bootstrap_servers: str, topic: str
) -> None:
    keys = [f'["connector-{n}",{{"file":"/tmp/{n}"}}]'.encode() for n in range(60)]
    async with running(bootstrap_servers, topic, partitions=5) as (log, reading):
        await log.send([(key, b"{}") for key in keys])
        await log.read_to_end()

    found = {record.key: record.partition for record in reading.records}
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % 5 for key in keys}


async def test_reading_to_the_end_covers_what_others_have_sent(
    bootstrap_servers: str, topic: str
) -> None:
    async with (
        running(bootstrap_servers, topic, partitions=3) as (one, _),
        running(bootstrap_servers, topic) as (other, reading),
    ):
        for number in range(10):
            await one.send([(b"%d" % number, b"v")])
            await other.read_to_end()
            assert len(reading.records) == number + 1


async def test_reading_to_the_end_takes_milliseconds(bootstrap_servers: str, topic: str) -> None:
    async with running(bootstrap_servers, topic, partitions=5) as (log, _):
        await log.read_to_end()
        taken: list[float] = []
        for _ in range(20):
            begin = time.perf_counter()
            await log.read_to_end()
            taken.append(time.perf_counter() - begin)

    # 1.5 ms on an idle machine. A question that waits behind a fetch takes 100 ms and more.
    assert statistics.median(taken) < 0.05, taken


async def test_many_who_read_to_the_end_at_once_share_the_question(
    bootstrap_servers: str, topic: str
) -> None:
    questions = 0

    class Counting(TopicAdmin):
        def end_offsets(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
            nonlocal questions
            questions += 1
            return super().end_offsets(topic, partitions)

    admin = Counting({"bootstrap.servers": bootstrap_servers})
    log = KafkaTopicLog(
        topic,
        admin,
        lambda: ensure(admin, topic),
        consumer_config(bootstrap_servers),
        producer_config(bootstrap_servers),
    )
    await log.start(Reading())
    questions = 0
    await asyncio.gather(*(log.read_to_end() for _ in range(100)))
    await log.stop()

    assert questions <= 2


async def in_transaction(
    bootstrap_servers: str, topic: str, action: Callable[[Producer], None]
) -> None:
    def run() -> None:
        producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "transactional.id": uuid.uuid4().hex}
        )
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, b"v", b"k")
        producer.flush(20)
        action(producer)

    await asyncio.to_thread(run)


async def test_the_marker_of_a_transaction_at_the_end_does_not_hold_up_the_reader(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, reading):
        await in_transaction(bootstrap_servers, topic, lambda p: p.commit_transaction(20))
        async with asyncio.timeout(10):
            await log.read_to_end()

        assert reading.keys == [b"k"]


@pytest.mark.parametrize(
    ("isolation", "expected"), [("read_committed", []), ("read_uncommitted", [b"k"])]
)
async def test_an_aborted_transaction_at_the_end_does_not_hold_up_the_reader(
    bootstrap_servers: str, topic: str, isolation: str, expected: list[bytes]
) -> None:
    more = {"isolation.level": isolation}
    async with running(bootstrap_servers, topic, **more) as (log, reading):
        await in_transaction(bootstrap_servers, topic, lambda p: p.abort_transaction(20))
        async with asyncio.timeout(10):
            await log.read_to_end()

        assert reading.keys == expected


async def test_a_reader_of_what_is_committed_waits_for_an_open_transaction(
    bootstrap_servers: str, topic: str
) -> None:
    more = {"isolation.level": "read_committed"}
    open_ones: list[Producer] = []
    async with running(bootstrap_servers, topic, **more) as (log, reading):
        await in_transaction(bootstrap_servers, topic, open_ones.append)
        waiting = asyncio.create_task(log.read_to_end())
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()

        await asyncio.to_thread(open_ones[0].commit_transaction, 20)
        async with asyncio.timeout(10):
            await waiting

        assert reading.keys == [b"k"]


async def test_a_partition_whose_records_are_all_gone_does_not_hold_up_the_start(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, _):
        await log.send([(b"k", b"v")] * 5)
    admin = admin_client(bootstrap_servers)
    # Only a topic that may delete can be told to.
    admin.incremental_alter_configs([policy(topic, "delete")])[policy(topic, "delete")].result(20)
    end = TopicPartition(topic, 0, 5)
    admin.delete_records([end])[end].result(20)
    admin.incremental_alter_configs([policy(topic, "compact")])[policy(topic, "compact")].result(20)

    async with running(bootstrap_servers, topic) as (log, reading):
        await log.send_and_read([(b"new", b"v")])

    assert reading.records == [LogRecord(0, 5, b"new", b"v")]


def policy(topic: str, value: str) -> Any:
    entry = ConfigEntry("cleanup.policy", value, incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])


async def test_a_topic_made_anew_is_read_from_its_beginning(
    bootstrap_servers: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    admin = admin_client(bootstrap_servers)
    async with running(bootstrap_servers, topic) as (log, reading):
        await log.send_and_read([(b"old", b"v")] * 20)

        await asyncio.to_thread(admin.delete_topics([topic])[topic].result, 20)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(ensure, TopicAdmin({"bootstrap.servers": bootstrap_servers}), topic)
        async with asyncio.timeout(30):
            await log.send_and_read([(b"new", b"v")])
        assert reading.keys[20:] == [b"new"]
        async with asyncio.timeout(30):
            await log.read_to_end()

    assert "made anew" in caplog.text


@pytest.mark.parametrize("partitions_of_others", [None, 3])
async def test_a_topic_that_can_be_written_again_is_looked_for_and_made_anew(
    bootstrap_servers: str,
    topic: str,
    partitions_of_others: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the log, or by others whose topic has more records and partitions than the old one."""
    admin = admin_client(bootstrap_servers)
    log, reading, made_anew = make_log(bootstrap_servers, topic), Reading(), asyncio.Event()
    await log.start(reading, made_anew.set)
    try:
        await log.send_and_read([(b"old", b"v")])
        await asyncio.to_thread(admin.delete_topics([topic])[topic].result, 20)
        if partitions_of_others is not None:
            other = make_log(bootstrap_servers, topic, partitions=partitions_of_others)
            await other.start(Reading())
            await other.send([(b"new%d" % number, b"v") for number in range(20)])
            await other.stop()

        async with asyncio.timeout(30):
            await made_anew.wait()
            await log.read_to_end()
            if partitions_of_others is None:
                await log.send_and_read([(b"new0", b"v")])
    finally:
        await log.stop()

    expected = {b"new%d" % number for number in range(20 if partitions_of_others else 1)}
    assert set(reading.keys) - {b"old"} == expected
    assert topic_config(bootstrap_servers, topic)["cleanup.policy"] == "compact"
    told = [line for line in caplog.messages if "deleted" in line]
    assert told == [f"Topic {topic} was deleted while in use; it was made anew"]


async def test_a_handler_that_raises_does_not_end_the_reading(
    bootstrap_servers: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes | None] = []

    def handle(records: Sequence[LogRecord]) -> None:
        seen.extend(record.key for record in records)
        raise RuntimeError("a bug in the store")

    log = make_log(bootstrap_servers, topic)
    await log.start(handle)
    await log.send_and_read([(b"a", b"")])
    await log.send_and_read([(b"b", b"")])
    await log.stop()

    assert seen == [b"a", b"b"]
    assert "a bug in the store" in caplog.text


async def test_a_record_that_is_too_large_can_never_be_written(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, reading):
        with pytest.raises(ConnectError, match="could not be written") as raised:
            await log.send([(b"big", b"x" * 2_000_000)])
        await log.send_and_read([(b"small", b"x")])

    assert not isinstance(raised.value, RetriableError)
    assert reading.keys == [b"small"]


async def test_who_waits_when_the_log_stops_gets_an_error(
    bootstrap_servers: str, topic: str
) -> None:
    more = {"isolation.level": "read_committed"}
    open_ones: list[Producer] = []
    async with running(bootstrap_servers, topic, **more) as (log, _):
        await in_transaction(bootstrap_servers, topic, open_ones.append)
        waiting = asyncio.create_task(log.read_to_end())
        await asyncio.wait([waiting], timeout=0.3)

        await log.stop()

        for refused in (waiting, log.send([(b"k", b"v")]), log.read_to_end()):
            await expect_stopped(refused)
    await asyncio.to_thread(open_ones[0].abort_transaction, 20)


async def expect_stopped(action: Awaitable[None]) -> None:
    with pytest.raises(ConnectError, match="the worker is stopping"):
        async with asyncio.timeout(5):
            await action


async def test_one_who_gives_up_waiting_takes_nobody_along(
    bootstrap_servers: str, topic: str
) -> None:
    async with running(bootstrap_servers, topic) as (log, _):
        impatient = asyncio.create_task(log.read_to_end())
        patient = asyncio.create_task(log.read_to_end())
        await asyncio.sleep(0)
        impatient.cancel()

        async with asyncio.timeout(10):
            await patient

        with pytest.raises(asyncio.CancelledError):
            await impatient


def test_a_topic_is_created_as_asked(bootstrap_servers: str, topic: str) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})

    ensure(admin, topic, partitions=4, retention_ms="12345")

    partitions = admin_client(bootstrap_servers).list_topics(topic, 20).topics[topic].partitions
    assert len(partitions) == 4
    assert topic_config(bootstrap_servers, topic) == {
        "cleanup.policy": "compact",
        "retention.ms": "12345",
    }


def topic_config(bootstrap_servers: str, topic: str) -> Mapping[str, str]:
    """Return the settings that were made for this topic."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = admin_client(bootstrap_servers)
    found: dict[str, Any] = client.describe_configs([resource])[resource].result(20)
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in found.items() if entry.source == own}


def test_a_compacted_topic_is_taken_as_it_is(bootstrap_servers: str, topic: str) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})
    ensure(admin, topic, partitions=2)

    ensure(admin, topic, partitions=4)

    partitions = admin_client(bootstrap_servers).list_topics(topic, 20).topics[topic].partitions
    assert len(partitions) == 2


@pytest.mark.parametrize("found", ["delete", "compact,delete"])
def test_a_topic_that_is_not_only_compacted_is_refused_in_javas_words(
    bootstrap_servers: str, topic: str, found: str
) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})
    ensure(admin, topic, cleanup_policy=found)

    with pytest.raises(ConfigError) as raised:
        ensure(admin, topic)

    assert str(raised.value) == (
        f"Topic '{topic}' supplied via the 'offset.storage.topic' property is required to have"
        " 'cleanup.policy=compact' to guarantee consistency and durability of source connector"
        f" offsets, but found the topic currently has 'cleanup.policy={found}'. Continuing would"
        " likely result in eventually losing source connector offsets and problems restarting this"
        " Connect cluster in the future. Change the 'offset.storage.topic' property in the Connect"
        " worker configurations to use a topic with 'cleanup.policy=compact'."
    )


def test_a_config_topic_of_several_partitions_is_refused_in_javas_words(
    bootstrap_servers: str, topic: str
) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})
    ensure(admin, topic, partitions=2)

    with pytest.raises(ConfigError) as raised:
        admin.ensure_single_partition(topic, "config.storage.topic")

    assert str(raised.value) == (
        f"Topic '{topic}' supplied via the 'config.storage.topic' property is required to have a"
        " single partition in order to guarantee consistency of connector configurations, but"
        " found 2 partitions."
    )


def test_too_few_brokers_are_waited_for_and_then_named(
    bootstrap_servers: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers}, api_timeout=1.0)

    with pytest.raises(ConnectError, match=f"Unable to create topic.s. '{topic}': .*replica"):
        ensure(admin, topic, replication_factor=3)

    assert len([line for line in caplog.records if line.levelno == logging.WARNING]) == 1


def test_a_setting_that_no_topic_has_is_named(bootstrap_servers: str, topic: str) -> None:
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})

    with pytest.raises(ConnectError, match=f"Unable to create topic.s. '{topic}': .*no.such"):
        ensure(admin, topic, no_such="1")


def test_brokers_that_cannot_be_reached_are_named_in_time() -> None:
    admin = TopicAdmin({"bootstrap.servers": "127.0.0.1:1"}, api_timeout=1.0)

    with pytest.raises(ConnectError, match="Failed to connect to and describe Kafka") as raised:
        admin.cluster_id(1.0)
    assert "127.0.0.1:1" in str(raised.value)
    assert "refused" in str(raised.value)

    with pytest.raises(ConnectError) as raised:
        ensure(admin, "t")
    assert str(raised.value) == (
        "Timed out while checking for or creating topic(s) 't'. This could indicate a connectivity"
        " issue, unavailable topic partitions, or if this is your first use of the topic it may"
        " have taken too long to create."
    )


async def test_a_log_goes_on_when_its_broker_comes_back(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, short_lived=True) as kafka:
        async with running(kafka.bootstrap_servers, "log", partitions=3) as (log, reading):
            await log.send([(b"before", b"v")])
            await log.read_to_end()
            await asyncio.to_thread(kafka.stop)
            sending = asyncio.create_task(log.send([(b"during", b"v")]))
            reading_on = asyncio.create_task(log.read_to_end())
            await asyncio.wait([sending, reading_on], timeout=1.0)
            assert not sending.done()
            assert not reading_on.done()

            await asyncio.to_thread(kafka.start)
            async with asyncio.timeout(40):
                await asyncio.gather(sending, reading_on)
                await log.send([(b"after", b"v")])
                await log.read_to_end()

        assert sorted(reading.keys, key=str) == [b"after", b"before", b"during"]
