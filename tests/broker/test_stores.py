"""The three stores on real topics: what one worker writes, another one knows."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.kafka.offset_codec import decode_value, encode_key, encode_value
from isthmus.storage.cluster_state import SessionKey
from isthmus.storage.config_store import ConfigStore, RestartRequest
from isthmus.storage.offset_store import OffsetStore
from isthmus.storage.status_store import Status, StatusStore
from tests.broker.test_topic_log import make_log
from tests.unit.storage.told import Told


async def until(condition: Callable[[], bool], state: Callable[[], object]) -> None:
    """Wait at most 20 s for the condition; fail with the state it was last in."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"last seen: {state()}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def configs(servers: str, topic: str, told: Told) -> AsyncGenerator[ConfigStore]:
    store = ConfigStore(make_log(servers, topic))
    await store.start(told)
    try:
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def statuses(servers: str, topic: str) -> AsyncGenerator[StatusStore]:
    store = StatusStore(make_log(servers, topic, partitions=5))
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def offsets(servers: str, topic: str) -> AsyncGenerator[OffsetStore]:
    store = OffsetStore(make_log(servers, topic, partitions=5))
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def test_workers_agree_on_configs_and_their_offset(
    bootstrap_servers: str, topic: str
) -> None:
    key = SessionKey(b"k" * 32, "HmacSHA256", 1700000000000)
    follower_told = Told()
    async with (
        configs(bootstrap_servers, topic, Told()) as leader,
        configs(bootstrap_servers, topic, follower_told) as follower,
    ):
        await leader.put_connector("c-1", {"name": "c-1", "nul": None}, TargetState.PAUSED)
        await leader.put_task_configs("c-1", [{"k": "0"}, {"k": "1"}])
        await follower.put_target_state("c-1", TargetState.STOPPED)
        await leader.put_session_key(key)
        await leader.put_restart_request(RestartRequest("c-1", True, False))
        await follower.refresh()

        assert follower.snapshot() == leader.snapshot()
        state = follower.snapshot()
        assert state.offset == 8
        assert state.connector_config("c-1") == {"name": "c-1", "nul": None}
        assert state.target_state("c-1") is TargetState.STOPPED
        assert state.task_config(ConnectorTaskId("c-1", 1)) == {"k": "1"}
        assert state.session_key == key
        assert follower_told.events == [("updated", "c-1"), ("tasks", "c-1"), ("state", "c-1")]
        assert follower_told.restarts == [RestartRequest("c-1", True, False)]


async def test_a_worker_that_starts_later_knows_all_and_acts_on_nothing(
    bootstrap_servers: str, topic: str
) -> None:
    async with configs(bootstrap_servers, topic, Told()) as leader:
        await leader.put_connector("kept", {}, None)
        await leader.put_connector("gone", {}, None)
        await leader.put_task_configs("gone", [{}])
        await leader.remove_connector("gone")
        await leader.put_restart_request(RestartRequest("kept", False, True))
        expected = leader.snapshot()

    told = Told()
    async with configs(bootstrap_servers, topic, told) as newcomer:
        assert newcomer.snapshot() == expected
        assert newcomer.snapshot().connectors() == ["kept"]

    assert told.events == []
    assert told.restarts == []


async def test_two_hundred_statuses_reach_another_worker_together(
    bootstrap_servers: str, topic: str
) -> None:
    running = Status(State.RUNNING, None, "h:8083", 1, "1.0")
    async with (
        statuses(bootstrap_servers, topic) as one,
        statuses(bootstrap_servers, topic) as other,
    ):
        for number in range(200):
            one.put_connector(f"c{number}", running)
            one.put_task(ConnectorTaskId(f"c{number}", 0), running)
        one.put_topic("t", ConnectorTaskId("c0", 0))
        await one.flush()

        await until(lambda: len(other.connectors()) == 200, other.connectors)
        await until(lambda: other.topics("c0") == ["t"], lambda: other.topics("c0"))
        assert other.task(ConnectorTaskId("c199", 0)) == running


async def test_the_last_status_of_each_key_is_what_remains(
    bootstrap_servers: str, topic: str
) -> None:
    task = ConnectorTaskId("c", 0)
    async with statuses(bootstrap_servers, topic) as one:
        one.put_task(task, Status(State.RUNNING, None, "one", 1))
        one.put_task(task, Status(State.FAILED, "why\n\tat x", "one", 1))
        one.put_connector("gone", Status(State.RUNNING, None, "one", 1))
        await one.flush()
        one.delete_connector("gone")
        await one.flush()

    async with statuses(bootstrap_servers, topic) as other:
        assert other.task(task) == Status(State.FAILED, "why\n\tat x", "one", 1)
        assert other.connectors() == ["c"]


async def test_offsets_written_by_one_worker_are_read_by_another_at_once(
    bootstrap_servers: str, topic: str
) -> None:
    keys = [encode_key("c", {"file": f"/tmp/{number}"}) for number in range(50)]
    async with (
        offsets(bootstrap_servers, topic) as one,
        offsets(bootstrap_servers, topic) as other,
    ):
        for position in (1, 2):
            values = [encode_value({"position": position, "n": n}) for n in range(50)]
            await one.set(list(zip(keys, values, strict=True)))
            assert await other.get(keys) == values

        await one.set([(keys[0], None)])
        found = await other.offsets_of("c")

        assert len(found) == 49
        assert ({"file": "/tmp/7"}, {"position": 2, "n": 7}) in found
        assert await other.get([keys[0]]) == [None]


async def test_a_key_in_javas_order_keeps_its_bytes_and_its_partition(
    bootstrap_servers: str, topic: str
) -> None:
    javas = b'["c",{"table":"t","db":"d"}]'
    ours = encode_key("c", {"db": "d", "table": "t"})
    async with offsets(bootstrap_servers, topic) as one:
        await one.set([(javas, b'{"p":1}')])
        await one.get([javas])
        await one.set([(ours, b'{"p":2}')])

    async with offsets(bootstrap_servers, topic) as other:
        (value,) = await other.get([javas])
        assert decode_value(value) == {"p": 2}
        assert await other.offsets_of("c") == [({"table": "t", "db": "d"}, {"p": 2})]
