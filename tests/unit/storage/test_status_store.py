import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.channel import ConnectorTaskId, State
from isthmus.storage.status_store import Status, StatusStore
from tests.support.memory_log import MemoryLog, Record

TASK = ConnectorTaskId("c", 0)
TOPIC_KEY = b"status-topic-t:connector-c"
TOPIC_VALUE = b'{"topic":{"name":"t","connector":"c","task":0,"discoverTimestamp":1}}'


def status(
    state: State = State.RUNNING,
    *,
    worker: str = "me",
    generation: int = 4,
    trace: str | None = None,
    version: str | None = None,
) -> Status:
    return Status(state, trace, worker, generation, version)


def said(
    state: str = "RUNNING", *, worker: str = "other", generation: int = 4, **more: Any
) -> bytes:
    """Return a status as another worker writes it."""
    fields = {"state": state, "trace": None, "worker_id": worker, "generation": generation, **more}
    return json.dumps(fields).encode()


async def started(*records: Record, first_retry: float = 0.0) -> tuple[StatusStore, MemoryLog]:
    log = MemoryLog(records)
    store = StatusStore(log, lambda: 1700000000.0, first_retry)
    await store.start()
    return store, log


async def put(action: Callable[[StatusStore], None], *before: Record) -> list[Record]:
    """Return the records that the action adds to those before."""
    store, log = await started(*before)
    action(store)
    await store.flush()
    await store.stop()
    return log.records[len(before) :]


async def test_a_connectors_status_has_the_bytes_that_java_writes() -> None:
    records = await put(lambda store: store.put_connector("foo", status(version="1.0")))

    assert records == [
        (
            b"status-connector-foo",
            b'{"state":"RUNNING","trace":null,"worker_id":"me","generation":4,"version":"1.0"}',
        )
    ]


async def test_a_tasks_status_has_the_bytes_that_java_writes() -> None:
    failed = status(State.FAILED, trace="java.lang.X\n\tat y")

    records = await put(lambda store: store.put_task(ConnectorTaskId("my-foo", 10), failed))

    assert records == [
        (
            b"status-task-my-foo-10",
            b'{"state":"FAILED","trace":"java.lang.X\\n\\tat y","worker_id":"me","generation":4,'
            b'"version":null}',
        )
    ]


async def test_a_topic_in_use_has_the_bytes_that_java_writes() -> None:
    records = await put(lambda store: store.put_topic("tp", ConnectorTaskId("foo", 0)))

    assert records == [
        (
            b"status-topic-tp:connector-foo",
            b'{"topic":{"name":"tp","connector":"foo","task":0,"discoverTimestamp":1700000000000}}',
        )
    ]


async def test_destroyed_is_written_as_a_deletion() -> None:
    def destroy(store: StatusStore) -> None:
        store.put_connector("c", status(State.DESTROYED))
        store.put_task(TASK, status(State.DESTROYED))
        assert store.connector("c") is None
        assert store.task(TASK) is None

    before = [(b"status-connector-c", said()), (b"status-task-c-0", said())]

    assert await put(destroy, *before) == [
        (b"status-connector-c", None),
        (b"status-task-c-0", None),
    ]


async def test_statuses_of_other_workers_are_read_with_and_without_a_version() -> None:
    store, _ = await started(
        (b"status-connector-c", said(version="2.0", more="ignored")),
        (b"status-task-my-c-10", said("FAILED", trace="why", generation=7)),
    )

    assert store.connector("c") == status(worker="other", version="2.0")
    failed = status(State.FAILED, worker="other", generation=7, trace="why")
    assert store.tasks("my-c") == {ConnectorTaskId("my-c", 10): failed}
    assert store.connectors() == ["c", "my-c"]


async def test_tasks_are_listed_in_their_order() -> None:
    store, _ = await started(*((f"status-task-c-{n}".encode(), said()) for n in (10, 2, 0)))

    assert [task.task for task in store.tasks("c")] == [0, 2, 10]


async def test_a_record_without_a_value_deletes() -> None:
    store, _ = await started(
        (b"status-connector-c", said()),
        (b"status-task-c-0", said()),
        (TOPIC_KEY, TOPIC_VALUE),
        (b"status-connector-c", None),
        (b"status-task-c-0", None),
        (TOPIC_KEY, None),
    )

    assert store.connectors() == []
    assert store.connector("c") is None
    assert store.tasks("c") == {}
    assert store.topics("c") == []


async def test_what_is_put_blindly_is_written_whoever_wrote_before() -> None:
    newer = (b"status-connector-c", said(generation=9))

    assert len(await put(lambda store: store.put_connector("c", status()), newer)) == 1


@pytest.mark.parametrize(
    ("before", "is_written"),
    [
        (None, True),
        (said(worker="me", generation=9), True),
        (said(worker="other", generation=3), True),
        (said(worker="other", generation=4), True),
        (said(worker="other", generation=5), False),
    ],
)
async def test_what_is_put_safely_gives_way_to_a_later_generation_of_another_worker(
    before: bytes | None, is_written: bool
) -> None:
    def put_both(store: StatusStore) -> None:
        store.put_connector_safe("c", status(State.FAILED))
        store.put_task_safe(TASK, status(State.FAILED))

    known = [(b"status-connector-c", before), (b"status-task-c-0", before)] if before else []

    assert len(await put(put_both, *known)) == (2 if is_written else 0)


@pytest.mark.parametrize(
    ("running", "unassigned", "expected"),
    [
        (4, 3, State.RUNNING),
        (4, 4, State.RUNNING),
        (4, 5, State.UNASSIGNED),
    ],
)
async def test_a_late_unassigned_does_not_hide_that_a_task_runs(
    running: int, unassigned: int, expected: State
) -> None:
    late = said("UNASSIGNED", worker="old", generation=unassigned)
    store, _ = await started(
        (b"status-task-c-0", said(generation=running)),
        (b"status-task-c-0", late),
        (b"status-connector-c", said(generation=running)),
        (b"status-connector-c", late),
    )

    assert store.tasks("c")[TASK].state is expected


@pytest.mark.parametrize(
    ("worker", "generation", "expected"),
    [
        ("old", 3, State.PAUSED),
        ("old", 4, State.UNASSIGNED),
        ("w:8083", 3, State.UNASSIGNED),
    ],
)
async def test_a_late_unassigned_of_another_worker_does_not_hide_what_a_connector_is(
    worker: str, generation: int, expected: State
) -> None:
    store, _ = await started(
        (b"status-connector-c", said("PAUSED", worker="w:8083", generation=4)),
        (b"status-connector-c", said("UNASSIGNED", worker=worker, generation=generation)),
    )

    found = store.connector("c")
    assert found is not None
    assert found.state is expected


async def test_what_a_late_unassigned_came_behind_is_said_again_by_who_said_it() -> None:
    store, log = await started()
    store.put_connector("c", status(State.RUNNING))
    store.put_task(TASK, status(State.RUNNING))
    await store.flush()
    written = list(log.records)

    late = said("UNASSIGNED", worker="old", generation=status(State.RUNNING).generation - 1)
    log.append((b"status-connector-c", late))
    log.append((b"status-task-c-0", late))
    await log.read_to_end()
    await store.flush()

    assert log.records[-2:] == written
    assert len(log.records) == 6
    await store.stop()


async def test_a_late_unassigned_replaces_every_state_but_running() -> None:
    store, _ = await started(
        (b"status-task-c-0", said("PAUSED", generation=9)),
        (b"status-task-c-0", said("UNASSIGNED", generation=1)),
    )

    assert store.tasks("c")[TASK].state is State.UNASSIGNED


async def test_deleting_a_connector_deletes_its_tasks_too() -> None:
    before = [(b"status-connector-c", said()), (b"status-task-c-0", said())]

    records = await put(lambda store: store.delete_connector("c"), *before)

    assert records == [(b"status-task-c-0", None), (b"status-connector-c", None)]


async def test_a_connector_of_which_only_a_tasks_status_is_left_can_still_be_found() -> None:
    store, _ = await started((b"status-task-c-0", said("UNASSIGNED")))

    assert store.connectors() == ["c"]


async def test_a_topic_is_written_once_until_it_is_forgotten() -> None:
    store, log = await started((b"status-topic-old:connector-c", TOPIC_VALUE))

    store.put_topic("old", TASK)
    store.put_topic("t", TASK)
    store.put_topic("t", ConnectorTaskId("c", 1))
    await store.flush()
    assert store.topics("c") == ["old", "t"]
    assert log.keys[1:] == ["status-topic-t:connector-c"]

    store.delete_topics("c")
    await store.flush()
    assert store.topics("c") == []
    assert sorted(log.records[2:]) == [
        (b"status-topic-old:connector-c", None),
        (b"status-topic-t:connector-c", None),
    ]

    store.put_topic("t", TASK)
    await store.flush()
    assert store.topics("c") == ["t"]
    await store.stop()


async def test_many_statuses_are_sent_together_in_the_order_in_which_they_were_put() -> None:
    store, log = await started()
    names = [f"c{number:03}" for number in range(200)]

    for name in names:
        store.put_connector(name, status())
    await store.flush()

    assert len(log.sends) == 1
    assert log.keys == [f"status-connector-{name}" for name in names]
    await store.stop()


async def test_what_is_put_while_a_send_is_under_way_is_sent_after_it() -> None:
    store, log = await started()
    log.hold()
    store.put_task(TASK, status(State.RUNNING))
    await asyncio.sleep(0)
    store.put_task(TASK, status(State.PAUSED))
    store.put_task(TASK, status(State.STOPPED))
    log.release()
    await store.flush()

    written = [json.loads(value)["state"] for _, value in log.records if value is not None]

    assert written == ["RUNNING", "STOPPED"]
    await store.stop()


async def test_a_send_that_failed_is_repeated_in_its_order() -> None:
    store, log = await started()
    log.fail_next = 2

    store.put_connector("a", status())
    store.put_connector("b", status())
    await store.flush()

    assert log.keys == ["status-connector-a", "status-connector-b"]
    assert len(log.sends) == 3
    await store.stop()


async def until_failed(log: MemoryLog) -> None:
    """Let the store's sender run until the log has refused what it was given."""
    for _ in range(100):
        if not log.fail_next:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{log.fail_next} sends have still to fail, sent so far: {log.sends}")


async def test_what_was_put_since_a_send_failed_is_sent_instead() -> None:
    store, log = await started(first_retry=0.05)
    log.fail_next = 1
    store.put_task(TASK, status(State.RUNNING))
    await until_failed(log)

    store.put_task(TASK, status(State.PAUSED))
    await store.flush()

    assert [json.loads(value or b"")["state"] for _, value in log.records] == ["PAUSED"]
    await store.stop()


@pytest.mark.parametrize("said_since", [None, said("RUNNING", generation=5)])
async def test_a_send_that_failed_is_not_repeated_if_it_has_been_overtaken(
    said_since: bytes | None,
) -> None:
    store, log = await started(first_retry=0.05)
    log.fail_next = 1
    store.put_task(TASK, status(State.FAILED))
    await until_failed(log)

    log.append((b"status-task-c-0", said_since))
    await log.read_to_end()
    await store.flush()

    assert log.records == [(b"status-task-c-0", said_since)]
    known = store.task(TASK)
    assert (known and known.worker_id) == (said_since and "other")
    await store.stop()


@pytest.mark.parametrize("ended", [State.UNASSIGNED, State.FAILED])
async def test_an_end_that_is_still_to_be_written_gives_way_to_the_next_owner(
    ended: State,
) -> None:
    store, log = await started()
    store.put_task(TASK, status(ended, generation=4))
    store.put_connector("c", status(ended, generation=4))

    owned = said("RUNNING", worker="other", generation=5)
    log.append((b"status-task-c-0", owned))
    log.append((b"status-connector-c", owned))
    await log.read_to_end()
    await store.flush()

    assert [value for _, value in log.records] == [owned, owned]
    known = store.task(TASK)
    assert known is not None
    assert known.state is State.RUNNING
    await store.stop()


async def test_a_send_that_failed_is_repeated_over_what_an_older_generation_said() -> None:
    store, log = await started(first_retry=0.05)
    log.fail_next = 1
    store.put_task(TASK, status(State.FAILED))
    await until_failed(log)

    log.append((b"status-task-c-0", said("UNASSIGNED", generation=3)))
    await log.read_to_end()
    await store.flush()

    assert len(log.records) == 2
    known = store.task(TASK)
    assert known is not None
    assert known.state is State.FAILED
    await store.stop()


async def test_a_status_that_brokers_never_take_costs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, log = await started()
    log.max_value = 1000

    store.put_connector("a", status())
    store.put_connector("big", status(State.FAILED, trace="x" * 2000))
    store.put_connector("b", status())
    await store.flush()

    assert set(log.keys) == {"status-connector-a", "status-connector-b"}
    assert [line.levelno for line in caplog.records] == [logging.ERROR]
    assert "status-connector-big" in caplog.text
    await store.stop()


async def test_waiting_for_statuses_to_be_written_ends_in_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, log = await started()
    log.hold()
    store.put_connector("c", status())

    await store.flush(0.01)

    assert len(caplog.records) == 1
    await store.stop()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"", said()),
        (b"other", said()),
        (b"status-connector-", said()),
        (b"status-task-c", said()),
        (b"status-task-c-x", said()),
        (b"status-task-c-1_0", said()),
        (b"status-task-c-" + b"1" * 5000, said()),
        (b"status-connector-c", b"{no json"),
        (b"status-connector-c", b"[]"),
        (b"status-connector-c", said("FLYING")),
        (b"status-connector-c", said(generation=1.5)),  # pyright: ignore[reportArgumentType]
        (b"status-connector-c", b'{"state":"RUNNING","generation":1}'),
        (b"status-connector-c", b'{"state":["RUNNING"],"worker_id":"w","generation":1}'),
        (b"status-topic-t", TOPIC_VALUE),
        (b"status-topic-:connector-c", TOPIC_VALUE),
        (b"status-topic-t:connector-", TOPIC_VALUE),
        (TOPIC_KEY, b'{"topic":[]}'),
    ],
)
async def test_an_unusable_record_is_logged_once_and_changes_nothing(
    key: bytes, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = await started((key, value))

    assert store.connectors() == []
    assert store.topics("c") == []
    (line,) = caplog.records
    assert "partition 0, offset 0, key" in line.getMessage()
    assert "expected" in line.getMessage() or "is not JSON" in line.getMessage()
    await store.stop()


async def test_what_a_worker_said_is_written_again_when_the_topic_is_made_anew() -> None:
    ours, task = Status(State.RUNNING, None, "us", 2), ConnectorTaskId("c", 0)
    store, log = await started((b"status-connector-other", said()))
    store.put_connector("c", ours)
    store.put_task(task, ours)
    store.put_topic("t", task)
    store.put_connector("gone", ours)
    store.delete_connector("gone")
    store.put_topic("forgotten", ConnectorTaskId("gone", 0))
    store.delete_topics("gone")
    await store.flush()

    log.lose_all()
    await store.flush()

    assert log.keys == ["status-connector-c", "status-task-c-0", TOPIC_KEY.decode()]
    assert store.connectors() == ["c", "other"]
    await store.stop()


async def test_what_another_worker_has_taken_over_is_not_said_again() -> None:
    store, log = await started()
    store.put_connector("c", Status(State.RUNNING, None, "us", 2))
    await store.flush()
    log.append((b"status-connector-c", said(generation=3)))
    store.put_connector("d", Status(State.RUNNING, None, "us", 2))
    await store.flush()

    log.lose_all()
    await store.flush()

    assert log.keys == ["status-connector-d"]
    await store.stop()


KEYS = st.sampled_from(
    [b"status-connector-c", b"status-task-c-0", b"status-task-", TOPIC_KEY, b"status-topic-", b"x"]
)
STATUS_VALUES = st.none() | st.binary(max_size=20) | st.sampled_from([said(), b"{}", TOPIC_VALUE])


@given(st.lists(st.tuples(KEYS | st.none() | st.binary(max_size=20), STATUS_VALUES), max_size=10))
async def test_no_records_whatever_make_the_store_raise(records: list[Any]) -> None:
    store, _ = await started(*records)

    for name in store.connectors():
        store.tasks(name)
    await store.stop()
