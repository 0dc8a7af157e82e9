"""The herder's decisions in turn, over real stores in memory and a worker that only takes notes."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.group.protocol import ConnectProtocol
from isthmus.herder.errors import NotLeaderError, RestError
from isthmus.kafka.transactional_writer import PrivilegedWriteError
from tests.unit.herder.bench import SETTINGS, TASK, Bench, make_bench


async def test_assigned_work_starts_when_the_config_offsets_are_equal(bench: Bench) -> None:
    await bench.create()

    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    assert bench.work.notes == ["start c", "start c-0"]
    assert bench.herder.is_ready


async def test_nothing_starts_while_this_worker_is_ahead_of_the_assignment(bench: Bench) -> None:
    await bench.create()

    await bench.join(bench.assignment(connectors=("c",), config_offset=1))

    assert bench.work.notes == []
    assert bench.member.rejoins[-1] == "config offset 3 does not match the group's 1"


async def test_a_worker_behind_the_assignment_reads_on_before_it_starts_anything(
    bench: Bench,
) -> None:
    await bench.join(bench.assignment(leader="other"))
    # Another worker has written this, and it has not come here yet.
    bench.log.append((b"connector-c", b'{"properties":{"name":"c"}}'))

    await bench.join(bench.assignment(leader="other", connectors=("c",), config_offset=1))

    assert bench.work.notes == ["start c"]
    assert bench.herder.state.connectors() == ["c"]
    assert bench.member.rejoins == []


async def test_an_assignment_by_configs_that_nobody_can_read_is_not_acted_on(bench: Bench) -> None:
    await bench.create()

    await bench.join(bench.assignment(leader="other", connectors=("c",), config_offset=9))

    assert bench.work.notes == []
    assert bench.member.rejoins == ["config offset 3 does not match the group's 9"]


async def test_a_worker_that_cannot_read_on_leaves_the_group_for_a_while() -> None:
    async with make_bench(SETTINGS | {"worker.sync.timeout.ms": "10"}) as bench:
        await bench.join(bench.assignment(leader="other"))
        bench.log.hold()

        await bench.join(bench.assignment(leader="other", connectors=("c",), config_offset=1))

        assert bench.work.notes == []
        assert bench.member.left == ["taking too long to read the log"]
        bench.log.release()


async def test_a_later_assignment_adds_to_what_runs_and_revokes_from_it(bench: Bench) -> None:
    await bench.create("a")
    await bench.create("b")
    await bench.join(bench.assignment(connectors=("a",)))

    await bench.join(bench.assignment(connectors=("b",), revoked_connectors=("a",)))

    assert bench.work.notes == ["start a", "stop a", "start b"]
    assert bench.herder.assignment is not None
    assert bench.herder.assignment.connectors == ("b",)


async def test_under_the_eager_protocol_all_work_stops_before_each_join(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)), ConnectProtocol.EAGER)

    offer = await bench.herder.prepare_join()

    assert bench.work.notes == ["start c", "stop c"]
    assert offer.allocation is None


async def test_a_downgrade_to_eager_stops_what_was_given_to_others(bench: Bench) -> None:
    await bench.create("a")
    await bench.create("b")
    await bench.join(bench.assignment(connectors=("a",)))

    await bench.join(bench.assignment(connectors=("b",)), ConnectProtocol.EAGER)

    assert bench.work.notes == ["start a", "stop a", "start b"]


async def test_a_lost_membership_stops_all_work_at_once(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    await bench.herder.coordinator_lost()

    assert bench.work.notes[-2:] == ["stop c", "stop c-0"]
    assert bench.herder.leader_url() is None


async def test_a_new_connector_asks_for_a_rebalance(bench: Bench) -> None:
    await bench.join(bench.assignment())

    await bench.herder.configs.put_connector("new", {"name": "new"}, None)
    await bench.settle()

    assert bench.member.rejoins == ["connectors or task configs have changed"]


async def test_a_changed_connector_restarts_where_it_runs_without_a_rebalance(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))
    bench.member.rejoins.clear()

    await bench.herder.configs.put_connector("c", {"name": "c", "x": "1"}, None)
    await bench.settle()

    assert bench.work.notes[-1] == "restart c"
    assert bench.member.rejoins == []


async def test_new_task_configs_stop_the_running_tasks_and_ask_for_a_rebalance(
    bench: Bench,
) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",), tasks=(TASK,)))

    await bench.herder.configs.put_task_configs("c", [{"n": "other"}])
    await bench.settle()

    assert bench.work.notes[-1] == "stop c-0"
    assert bench.member.rejoins == ["connectors or task configs have changed"]


async def test_a_pause_reaches_the_connector(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))

    await bench.herder.configs.put_target_state("c", TargetState.PAUSED)
    await bench.settle()

    assert bench.work.notes[-1] == "change c"


async def test_only_the_leader_does_what_is_the_leaders(bench: Bench) -> None:
    await bench.join(bench.assignment(leader="other", leader_url="http://other:8083/"))

    with pytest.raises(NotLeaderError) as refused:
        bench.herder.require_leader()

    assert refused.value.url == "http://other:8083/"


@pytest.mark.parametrize(
    ("worker", "leader", "left"),
    [("other:8083", "me", []), ("me:8083", "me", ["c"]), ("other:8083", "it", ["c"])],
    ids=["a leader, of others", "a leader, of itself", "a follower"],
)
async def test_a_last_word_about_a_deleted_connector_is_deleted_by(
    bench: Bench, worker: str, leader: str, left: list[str]
) -> None:
    # What a worker says of its own work is deleted with the rebalance in which that stops.
    await bench.join(bench.assignment(leader=leader))
    said = {"state": "UNASSIGNED", "trace": None, "worker_id": worker, "generation": 1}
    value = json.dumps(said).encode()

    bench.status_log.append((b"status-connector-c", value), (b"status-task-c-0", value))
    await bench.status_log.read_to_end()
    await bench.settle()

    assert bench.herder.statuses.connectors() == left
    deleted = [key for key, value in bench.status_log.records if value is None]
    assert deleted == ([] if left else [b"status-connector-c", b"status-task-c-0"])


async def test_a_last_word_about_a_connector_that_exists_stays(bench: Bench) -> None:
    await bench.create(tasks=1)
    await bench.join(bench.assignment())
    said = {"state": "FAILED", "trace": None, "worker_id": "other:8083", "generation": 1}
    value = json.dumps(said).encode()

    bench.status_log.append((b"status-task-c-0", value), (b"status-task-c-1", value))
    await bench.status_log.read_to_end()
    await bench.settle()

    assert list(bench.herder.statuses.tasks("c")) == [TASK]


async def test_requests_wait_until_this_worker_is_in_the_group(bench: Bench) -> None:
    async def answer() -> str:
        return "done"

    request = asyncio.create_task(bench.herder.request(answer))
    await bench.settle()
    assert not request.done()

    await bench.join(bench.assignment())

    assert await asyncio.wait_for(request, 5) == "done"


async def test_a_stopping_worker_refuses_requests_and_offers_nothing(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))

    await bench.herder.stop_work()

    assert bench.work.notes[-2:] == ["abandon preflights", "stop c"]
    assert (await bench.herder.prepare_join()).allocation is None
    with pytest.raises(RestError, match="Worker is shutting down"):
        await bench.herder.request(bench.herder.current)


async def test_work_can_be_stopped_after_the_herder_has_failed(bench: Bench) -> None:
    await bench.create()
    await bench.join(bench.assignment(connectors=("c",)))
    bench.herder.halt()
    await bench.settle()

    await asyncio.wait_for(bench.herder.stop_work(), 5)

    assert bench.work.notes[-1] == "stop c"


class NotedWriter:
    """Stands in for the leader's transactional producer: keeps what it is given."""

    def __init__(self) -> None:
        self.is_claimed = False
        self.is_fenced = False
        self.claims = 0
        self.written: list[bytes] = []

    async def claim(self, timeout: float) -> None:
        self.is_claimed, self.is_fenced = True, False
        self.claims += 1

    async def relinquish(self) -> None:
        self.is_claimed = False

    async def write(self, records: Sequence[tuple[bytes, bytes | None]], timeout: float) -> None:
        if self.is_fenced:
            self.is_claimed = False
            raise PrivilegedWriteError("fenced")
        self.written += [key for key, _ in records]


async def test_who_leads_claims_the_privilege_to_write_and_who_follows_gives_it_up() -> None:
    writer = NotedWriter()
    async with make_bench(leader_writer=writer) as bench:  # pyright: ignore[reportArgumentType]
        await bench.join(bench.assignment(leader="other"))
        await bench.settle()
        assert not writer.is_claimed

        await bench.join(bench.assignment())
        await bench.settle()
        await bench.join(bench.assignment())
        await bench.settle()
        assert (writer.is_claimed, writer.claims) == (True, 1)

        await bench.join(bench.assignment(leader="other"))
        assert not writer.is_claimed


async def test_a_leader_that_was_fenced_out_fails_one_write_and_claims_anew() -> None:
    writer = NotedWriter()
    async with make_bench(leader_writer=writer) as bench:  # pyright: ignore[reportArgumentType]
        await bench.join(bench.assignment())
        await bench.settle()
        writer.is_fenced = True

        async def write() -> None:
            await bench.herder.configs.put_task_count_record("c", 1)

        with pytest.raises(ConnectError, match=r"Failed to write to config topic; this may be due"):
            await bench.herder.request(write)
        await bench.herder.request(write)

        assert (writer.written, writer.claims) == ([b"tasks-fencing-c"], 2)
