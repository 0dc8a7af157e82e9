import base64
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.storage.cluster_state import SessionKey
from isthmus.storage.config_store import ConfigStore, RestartRequest
from tests.support.memory_log import MemoryLog
from tests.unit.storage.told import Told

CONFIG: Mapping[str, str | None] = {"name": "c", "tasks.max": "1", "nul": None}
KEY = SessionKey(b"0123456789abcdef0123456789abcdef", "HmacSHA256", 1700000000000)
RESTART = RestartRequest("c", only_failed=False, include_tasks=True)

Write = Callable[[ConfigStore], Awaitable[None]]


async def started(log: MemoryLog, told: Told | None = None, timeout: float = 30.0) -> ConfigStore:
    store = ConfigStore(log, timeout)
    await store.start(told or Told())
    return store


async def written(
    write: Write, *before: tuple[bytes, bytes | None]
) -> list[tuple[str, str | None]]:
    """Return the records that `write` adds to those before, as text."""
    log = MemoryLog(before)
    await write(await started(log))
    new = log.records[len(before) :]
    return [(key.decode(), None if value is None else value.decode()) for key, value in new]


async def test_a_connector_is_one_record() -> None:
    records = await written(lambda store: store.put_connector("c", CONFIG, None))

    assert records == [("connector-c", '{"properties":{"name":"c","tasks.max":"1","nul":null}}')]


async def test_an_initial_state_is_written_before_the_connector() -> None:
    records = await written(lambda store: store.put_connector("c", {}, TargetState.STOPPED))

    assert records == [
        ("target-state-c", '{"state":"PAUSED","state.v2":"STOPPED"}'),
        ("connector-c", '{"properties":{}}'),
    ]


async def test_deleting_writes_two_tombstones_and_no_more() -> None:
    records = await written(lambda store: store.remove_connector("c"))

    assert records == [("connector-c", None), ("target-state-c", None)]


async def test_task_configs_are_written_before_the_commit_that_counts_them() -> None:
    log = MemoryLog()
    store = await started(log)
    await store.put_connector("c", CONFIG, None)

    await store.put_task_configs("c", [{"k": "a"}, {"k": "b"}])

    assert log.records[1:] == [
        (b"task-c-0", b'{"properties":{"k":"a"}}'),
        (b"task-c-1", b'{"properties":{"k":"b"}}'),
        (b"commit-c", b'{"tasks":2}'),
    ]
    # Two sends: the configs are acknowledged and read before the commit is written.
    assert [len(send) for send in log.sends] == [1, 2, 1]
    assert store.snapshot().task_config(ConnectorTaskId("c", 1)) == {"k": "b"}


async def test_stopping_all_tasks_writes_the_commit_alone() -> None:
    records = await written(lambda store: store.put_task_configs("c", []))

    assert records == [("commit-c", '{"tasks":0}')]


async def test_what_another_leader_wrote_is_read_before_tasks_are_written() -> None:
    log = MemoryLog()
    store = await started(log)
    log.append((b"connector-c", b'{"properties":{}}'))

    await store.put_task_configs("c", [{"k": "a"}])

    assert log.calls == ["read", "send", "send"]
    assert store.snapshot().tasks("c") == [ConnectorTaskId("c", 0)]


BYTES: Sequence[tuple[Write, tuple[str, str]]] = [
    (
        lambda store: store.put_target_state("c", TargetState.STARTED),
        ("target-state-c", '{"state":"STARTED","state.v2":"STARTED"}'),
    ),
    (
        lambda store: store.put_target_state("c", TargetState.PAUSED),
        ("target-state-c", '{"state":"PAUSED","state.v2":"PAUSED"}'),
    ),
    (
        lambda store: store.put_session_key(KEY),
        (
            "session-key",
            f'{{"key":"{base64.b64encode(KEY.key).decode()}","algorithm":"HmacSHA256",'
            '"creation-timestamp":1700000000000}',
        ),
    ),
    (
        lambda store: store.put_restart_request(RESTART),
        ("restart-connector-c", '{"include-tasks":true,"only-failed":false}'),
    ),
    (
        lambda store: store.put_task_count_record("c", 3),
        ("tasks-fencing-c", '{"task-count":3}'),
    ),
    (
        lambda store: store.put_logger_level("org.x", "DEBUG"),
        ("logger-cluster-org.x", '{"level":"DEBUG"}'),
    ),
]


@pytest.mark.parametrize(("write", "expected"), BYTES)
async def test_each_kind_of_record_has_the_bytes_that_java_writes(
    write: Write, expected: tuple[str, str]
) -> None:
    assert await written(write) == [expected]


async def test_who_returns_from_a_write_sees_it_and_the_listener_was_told() -> None:
    told = Told()
    store = await started(MemoryLog(), told)

    await store.put_connector("c", CONFIG, TargetState.PAUSED)
    await store.put_restart_request(RESTART)
    await store.put_session_key(KEY)

    assert store.snapshot().connector_config("c") == CONFIG
    assert store.snapshot().target_state("c") is TargetState.PAUSED
    assert store.snapshot().session_key == KEY
    assert store.snapshot().offset == 4
    assert told.events == [("updated", "c")]
    assert told.restarts == [RESTART]
    assert told.keys == [KEY]


async def test_what_was_in_the_topic_at_the_start_is_known_but_not_told() -> None:
    told = Told()
    log = MemoryLog(
        [
            (b"connector-c", b'{"properties":{}}'),
            (b"restart-connector-c", b"{}"),
            (b"logger-cluster-org.x", b'{"level":"DEBUG"}'),
        ]
    )

    store = await started(log, told)

    assert store.snapshot().connectors() == ["c"]
    assert store.snapshot().offset == 3
    assert told.events == []
    assert told.restarts == []


async def test_a_snapshot_may_be_had_before_the_start() -> None:
    assert ConfigStore(MemoryLog()).snapshot().offset == -1


async def test_the_same_snapshot_is_given_until_a_record_is_read() -> None:
    log = MemoryLog()
    store = await started(log)
    log.append((b"connector-c", b'{"properties":{}}'))

    before = store.snapshot()
    assert store.snapshot() is before
    await store.refresh()

    assert before.connectors() == []
    assert store.snapshot().connectors() == ["c"]


async def test_a_listener_is_told_when_the_snapshot_has_it() -> None:
    seen: list[list[str]] = []

    class Looking(Told):
        def connector_config_updated(self, name: str) -> None:
            seen.append(store.snapshot().connectors())

    store = await started(MemoryLog(), Looking())
    await store.put_connector("c", CONFIG, None)

    assert seen == [["c"]]


async def test_a_listener_that_raises_is_told_of_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    class Raising(Told):
        def connector_config_updated(self, name: str) -> None:
            super().connector_config_updated(name)
            raise RuntimeError(name)

    log, told = MemoryLog(), Raising()
    store = await started(log, told)
    log.append((b"connector-a", b'{"properties":{}}'), (b"connector-b", b'{"properties":{}}'))

    await store.refresh()

    assert told.events == [("updated", "a"), ("updated", "b")]
    assert [line.levelno for line in caplog.records] == [logging.ERROR] * 2


WRITES: Mapping[str, Write] = {
    "Error writing connector configuration to Kafka": (
        lambda store: store.put_connector("c", CONFIG, None)
    ),
    "Error removing connector configuration from Kafka": (
        lambda store: store.remove_connector("c")
    ),
    "Error writing task configurations to Kafka": lambda store: store.put_task_configs("c", [{}]),
    "Error writing root configuration to Kafka": lambda store: store.put_task_configs("c", []),
    "Error writing target state to Kafka": (
        lambda store: store.put_target_state("c", TargetState.PAUSED)
    ),
    "Error writing session key to Kafka": lambda store: store.put_session_key(KEY),
    "Error writing restart request for {connectorName='c', onlyFailed=false, includeTasks=true}"
    " to Kafka": lambda store: store.put_restart_request(RESTART),
    "Error writing task count record to Kafka": lambda store: store.put_task_count_record("c", 1),
    "Error writing logger level to Kafka": lambda store: store.put_logger_level("x", "INFO"),
}


@pytest.mark.parametrize("text", WRITES)
async def test_a_write_that_fails_says_what_java_says_and_logs_the_cause(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = MemoryLog()
    store = await started(log)
    log.fail_next = 1

    with pytest.raises(ConnectError) as raised:
        await WRITES[text](store)

    assert str(raised.value) == text
    assert caplog.messages == [f"{text}: the broker is away"]


@pytest.mark.parametrize("text", WRITES)
async def test_a_write_that_nobody_answers_ends_in_time(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = MemoryLog()
    store = await started(log, timeout=0.01)
    log.hold()

    with pytest.raises(ConnectError):
        await WRITES[text](store)

    assert "no answer within 0.01 s" in caplog.text


async def test_reading_to_the_end_ends_in_time() -> None:
    log = MemoryLog()
    store = await started(log)
    log.hold()

    with pytest.raises(ConnectError, match=r"within 0\.01 s"):
        await store.refresh(0.01)
