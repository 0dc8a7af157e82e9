"""Zombies on a real broker: what was fenced out writes no more (KIP-618)."""

import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import KafkaException, Producer

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.config.clients import (
    fencing_producer_config,
    leader_producer_config,
    source_producer_config,
    task_transactional_id,
)
from isthmus.config.worker import WorkerConfig
from isthmus.kafka.fencing import fence_producers
from isthmus.kafka.transactional_writer import PrivilegedWriteError, TransactionalWriter
from isthmus.storage.config_store import ConfigStore
from tests.broker.test_topic_log import CLIENT_LOG, make_log
from tests.unit.config.workers import worker
from tests.unit.storage.told import Told

Group = WorkerConfig


@pytest.fixture
def group(bootstrap_servers: str) -> Group:
    """The settings of a worker in a group that nobody else is in."""
    return worker({"bootstrap.servers": bootstrap_servers, "group.id": f"g-{uuid.uuid4().hex[:8]}"})


def task_producer(group: Group, connector: str, task: int) -> Producer:
    """Return the producer of a task that has just started."""
    config = source_producer_config(group, {}, connector, task, transactional=True)
    producer = Producer({**config.settings, "logger": CLIENT_LOG})
    producer.init_transactions(30)
    return producer


def write(producer: Producer, topic: str) -> None:
    producer.begin_transaction()
    producer.produce(topic, b"value")
    producer.commit_transaction(30)


def fence(group: Group, connector: str, tasks: int) -> None:
    settings = fencing_producer_config(group, {}, connector).settings
    ids = [task_transactional_id(group, connector, task) for task in range(tasks)]
    fence_producers(settings, ids, 30)


def test_the_producers_of_all_earlier_tasks_are_fenced_out_and_of_no_others(
    group: Group, topic: str
) -> None:
    first, second, third = (task_producer(group, "c", task) for task in range(3))
    other = task_producer(group, "d", 0)

    fence(group, "c", 2)

    for fenced in (first, second):
        with pytest.raises(KafkaException, match=r"fenced|newer instance"):
            write(fenced, topic)
    write(third, topic)
    write(other, topic)


def test_what_a_zombie_has_not_committed_is_aborted(group: Group, topic: str) -> None:
    zombie = task_producer(group, "c", 0)
    zombie.begin_transaction()
    zombie.produce(topic, b"value")
    zombie.flush(30)

    fence(group, "c", 1)

    with pytest.raises(KafkaException):
        zombie.commit_transaction(30)


def test_a_fencing_that_cannot_be_done_in_time_says_so() -> None:
    nowhere = worker({"bootstrap.servers": "127.0.0.1:1"})
    began = time.monotonic()

    with pytest.raises(
        ConnectError, match=r"Failed to perform zombie fencing: .*connect-cluster-c"
    ):
        fence_producers(
            {**fencing_producer_config(nowhere, {}, "c").settings, "logger": CLIENT_LOG},
            [task_transactional_id(nowhere, "c", 0)],
            0.5,
        )

    assert time.monotonic() - began < 20


@asynccontextmanager
async def leader(group: Group, topic: str) -> AsyncGenerator[ConfigStore]:
    """Make the store of a worker that has just been elected."""
    servers = str(group.originals["bootstrap.servers"])
    writer = TransactionalWriter(
        topic, {**leader_producer_config(group).settings, "logger": CLIENT_LOG}
    )
    store = ConfigStore(make_log(servers, topic), leader_writer=writer)
    await store.start(Told())
    try:
        await store.claim_write_privileges(30)
        yield store
    finally:
        await store.stop()


@pytest.fixture
async def elected(group: Group, topic: str) -> AsyncIterator[ConfigStore]:
    async with leader(group, topic) as store:
        yield store


async def test_a_leader_reads_back_what_it_wrote_in_a_transaction(elected: ConfigStore) -> None:
    await elected.put_connector("c", {"name": "c"}, None)
    await elected.put_task_configs("c", [{"k": "0"}, {"k": "1"}])
    await elected.put_task_count_record("c", 2)

    state = elected.snapshot()
    assert state.task_count("c") == 2
    assert state.task_count_records == {"c": 2}


async def test_a_new_leader_fences_out_the_old_one_which_may_not_write_until_it_leads_again(
    group: Group, topic: str, elected: ConfigStore
) -> None:
    async with leader(group, topic) as successor:
        with pytest.raises(
            ConnectError,
            match=r"^Failed to write to config topic; this may be due to a transient error and the"
            r" request can be safely retried$",
        ):
            await elected.put_connector("zombie", {}, None)
        assert not elected.may_write
        await successor.put_connector("c", {}, None)
        await elected.refresh()
        assert elected.snapshot().connectors() == ["c"]

        await elected.claim_write_privileges(30)
        await elected.put_connector("d", {}, None)

        await successor.refresh()
        assert successor.snapshot().connectors() == ["c", "d"]


async def test_who_does_not_lead_may_write_target_states_and_nothing_else(
    elected: ConfigStore,
) -> None:
    await elected.put_connector("c", {}, None)
    await elected.relinquish_write_privileges()

    await elected.put_target_state("c", TargetState.PAUSED)

    with pytest.raises(ConnectError, match="safely retried"):
        await elected.put_connector("d", {}, None)


async def test_a_claim_that_nobody_answers_can_be_made_again() -> None:
    nowhere = worker({"bootstrap.servers": "127.0.0.1:1"})
    writer = TransactionalWriter(
        "t", {**leader_producer_config(nowhere).settings, "logger": CLIENT_LOG}
    )

    for _ in range(2):
        with pytest.raises(
            ConnectError, match=r"^Failed to create and initialize fencable producer for topic t: "
        ):
            await writer.claim(0.2)

    with pytest.raises(PrivilegedWriteError, match="without claiming write privileges first"):
        await writer.write([(b"k", b"v")], 1)
    await writer.stop()
