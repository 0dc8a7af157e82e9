"""Members of a real group: joining, sharing, leaving, and losing membership."""

import asyncio
import gc
import itertools
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import kafka.admin
import pytest
from kafka.consumer import KafkaConsumer

from isthmus.channel import ConnectorTaskId
from isthmus.group.leader import Leader
from isthmus.group.member import GroupMember
from isthmus.group.membership import Election, GroupSettings
from isthmus.group.protocol import Assignment, ConnectProtocol, WorkerState
from tests.support.connect_proxy import ConnectProxy

# kafka-python 3.0.12 leaves the socket of a connection that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed <socket.*'0\.0\.0\.0':ResourceWarning")

FAST = GroupSettings(
    group_id="",
    session_timeout=6.0,
    rebalance_timeout=10.0,
    heartbeat_interval=0.1,
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Connectors `c0`, `c1`, …, each with one task."""

    size: int
    offset: int = 7

    def connectors(self) -> Sequence[str]:
        return [f"c{number}" for number in range(self.size)]

    def tasks(self, connector: str) -> Sequence[ConnectorTaskId]:
        return [ConnectorTaskId(connector, 0)]


@dataclass(eq=False)
class Worker:
    """A listener that runs nothing but keeps the books, as a herder would."""

    url: str
    configuration: Configuration
    max_delay: float = 0.0
    events: list[str] = field(default_factory=list[str])
    running: set[str] = field(default_factory=set[str])
    last: Assignment | None = None
    protocol: ConnectProtocol | None = None
    joins: int = 0
    slow_join: float = 0.0
    lease_until: float = 0.0
    trouble: list[Exception] = field(default_factory=list[Exception])
    #: All workers of a group: what one starts, no other may run.
    peers: Sequence["Worker"] = ()

    def __post_init__(self) -> None:
        self.leader = Leader(self.max_delay)

    async def prepare_join(self) -> WorkerState:
        self.events.append("prepare")
        if self.trouble:
            raise self.trouble.pop()
        if self.protocol is ConnectProtocol.EAGER:
            self.running.clear()
        return WorkerState(self.url, self.configuration.offset, self._allocation())

    def perform_assignment(self, election: Election) -> Mapping[str, Assignment]:
        self.events.append("perform")
        decision = self.leader.decide(election, self.configuration, lambda: self.configuration)
        return decision.assignments

    async def joined(
        self, generation: int, member_id: str, protocol: ConnectProtocol, assignment: Assignment
    ) -> None:
        self.events.append("joining")
        await asyncio.sleep(self.slow_join)
        self.running -= {*assignment.revoked_connectors, *map(str, assignment.revoked_tasks)}
        started = {*assignment.connectors, *map(str, assignment.tasks)}
        for peer in self.peers:
            assert peer is self or not started & peer.running, (started, peer.running)
        self.running |= started
        self.last, self.protocol = assignment, protocol
        self.joins += 1
        self.events.append(f"joined {generation} {member_id}")

    def session_renewed(self, until: float) -> None:
        self.lease_until = until

    async def coordinator_lost(self) -> None:
        self.events.append("lost")
        self.running.clear()

    def _allocation(self) -> Assignment | None:
        if self.last is None:
            return None
        tasks = [name for name in self.running if "-" in name]
        return replace(
            self.last,
            connectors=tuple(sorted(self.running.difference(tasks))),
            tasks=tuple(ConnectorTaskId(name.split("-")[0], 0) for name in sorted(tasks)),
            revoked_connectors=(),
            revoked_tasks=(),
            delay=0.0,
        )


class Group:
    """One group's members, stopped when the test ends."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.group_id = f"group-{uuid.uuid4().hex[:8]}"
        self.members: list[GroupMember] = []

    def member(
        self, worker: Worker, settings: GroupSettings = FAST, proxy_url: str | None = None
    ) -> GroupMember:
        member = GroupMember(
            {
                "bootstrap_servers": self.bootstrap_servers,
                "client_id": worker.url,
                "proxy_url": proxy_url,
            },
            replace(settings, group_id=self.group_id),
            worker,
            asyncio.get_running_loop(),
        )
        self.members.append(member)
        member.start()
        return member

    async def stop(self, worker: Worker, member: GroupMember) -> None:
        """Stop the worker's work, then its membership, as a herder does."""
        worker.running.clear()
        await member.leave_and_stop()

    async def remove_from_group(self, member: GroupMember) -> None:
        """Have the coordinator forget the member, as after a session timeout."""

        def remove() -> None:
            # Type checkers bring stubs of an older kafka-python.
            kafka_admin: Any = kafka.admin
            admin = kafka_admin.KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
            try:
                gone = kafka_admin.MemberToRemove(member.member_id)
                admin.remove_group_members(self.group_id, [gone])
            finally:
                admin.close()

        await asyncio.to_thread(remove)


@pytest.fixture
async def group(bootstrap_servers: str) -> AsyncIterator[Group]:
    group = Group(bootstrap_servers)
    yield group
    await asyncio.gather(*(member.leave_and_stop() for member in group.members))
    gc.collect()  # within this test's warning filter


@pytest.fixture
async def proxy() -> AsyncIterator[ConnectProxy]:
    proxy = ConnectProxy()
    await proxy.start()
    yield proxy
    await proxy.cut()


async def expect(
    condition: Callable[[], bool], last: Callable[[], object], limit: float = 15.0
) -> None:
    """Wait until the condition holds."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, f"after {limit} s: {last()}"
        await asyncio.sleep(0.005)


async def two_workers(
    group: Group, size: int = 2, **settings: float
) -> tuple[Worker, Worker, GroupMember, GroupMember]:
    """A group of two that shares its work; the first leads."""
    first = worker("a", size=size, **settings)
    second = worker("b", size=size, **settings)
    first.peers = second.peers = (first, second)
    one = group.member(first)
    await expect(lambda: one.is_stable, lambda: first.events)
    two = group.member(second)
    await expect(
        lambda: one.is_stable and two.is_stable and len(first.running) == len(second.running),
        lambda: (first, second),
    )
    return first, second, one, two


def worker(name: str, size: int = 2, max_delay: float = 0.0) -> Worker:
    return Worker(f"http://{name}:8083/", Configuration(size), max_delay)


EVERYTHING = {"c0", "c1", "c0-0", "c1-0"}


async def test_a_member_alone_leads_and_gets_all_the_work(group: Group) -> None:
    only = worker("a")

    member = group.member(only)
    await expect(lambda: member.is_stable, lambda: only.events)

    assert only.running == EVERYTHING
    assert only.events == ["prepare", "perform", "joining", f"joined 1 {member.member_id}"]
    assert only.protocol is ConnectProtocol.SESSIONED
    assert only.last is not None
    assert (only.last.leader, only.last.leader_url) == (member.member_id, only.url)
    assert only.last.config_offset == 7
    assert member.generation == 1
    assert member.member_id.startswith("http://a:8083/")


async def test_two_members_share_the_work_and_never_both_have_it(group: Group) -> None:
    first, second, _, _ = await two_workers(group)

    assert first.running | second.running == EVERYTHING
    assert not first.running & second.running
    assert "perform" not in second.events
    assert second.last is not None
    assert second.last.leader_url == first.url


async def test_a_leader_that_stops_leaves_at_once_and_its_work_moves(group: Group) -> None:
    first, second, one, _ = await two_workers(group)

    left = time.monotonic()
    await group.stop(first, one)
    await expect(lambda: second.running == EVERYTHING, lambda: second.events, limit=5.0)

    assert time.monotonic() - left < 5.0, "the session timeout is 6 s"
    assert (one.member_id, one.generation, one.is_stable) == ("", -1, False)


async def test_the_work_of_a_member_that_left_waits_for_the_delay(group: Group) -> None:
    first, second, one, two = await two_workers(group, max_delay=1.5)
    generation = one.generation

    await group.stop(second, two)
    await expect(lambda: one.generation > generation and one.is_stable, lambda: first.events)
    delayed = set(first.running)
    started = time.monotonic()
    await expect(lambda: first.running == EVERYTHING, lambda: first.events)

    assert len(delayed) == 2
    assert 1.0 < time.monotonic() - started < 3.0


async def test_a_rejoin_that_was_requested_offers_the_newest_state(group: Group) -> None:
    only = worker("a")
    member = group.member(only)
    await expect(lambda: member.is_stable, lambda: only.events)

    only.configuration = Configuration(3, offset=9)
    member.request_rejoin("a connector was added")
    assert not member.is_stable
    await expect(lambda: member.is_stable, lambda: only.events)

    assert only.joins == 2
    assert only.last is not None
    assert (only.last.connectors, only.last.config_offset) == (("c2",), 9)
    assert len(only.running) == 6


async def test_requests_while_the_worker_joins_lead_to_one_more_rebalance(group: Group) -> None:
    only = worker("a")
    only.slow_join = 0.3
    member = group.member(only)
    await expect(lambda: "joining" in only.events, lambda: only.events)

    for _ in range(3):
        member.request_rejoin("a connector was added")
    await expect(lambda: member.is_stable and only.joins == 2, lambda: only.events)

    assert [event.split()[0] for event in only.events] == [
        "prepare", "perform", "joining", "joined", "prepare", "perform", "joining", "joined"
    ]  # fmt: skip


async def test_a_member_that_knows_only_the_eager_protocol_brings_it_to_all(group: Group) -> None:
    modern, old = worker("a"), worker("b")
    member = group.member(modern)
    await expect(lambda: member.is_stable, lambda: modern.events)

    older = group.member(old, replace(FAST, protocol=ConnectProtocol.EAGER))
    await expect(lambda: older.is_stable and member.is_stable, lambda: (modern, old))

    assert modern.protocol is old.protocol is ConnectProtocol.EAGER
    assert modern.last is not None
    assert old.last is not None
    assert len(modern.last.connectors) == len(old.last.connectors) == 1


async def test_a_leader_behind_the_configuration_of_others_gives_no_work(group: Group) -> None:
    first, second, one, two = await two_workers(group)

    second.configuration = Configuration(2, offset=8)
    two.request_rejoin("its configuration is newer")
    await expect(
        lambda: first.last is not None and first.last.failed and second.last == first.last,
        lambda: (first, second),
    )
    assert first.last is not None
    assert first.last.config_offset == 8

    first.configuration = Configuration(2, offset=8)
    one.request_rejoin("it has read the configuration")
    await expect(
        lambda: all(each.last is not None and not each.last.failed for each in (first, second)),
        lambda: (first, second),
    )
    assert first.running | second.running == EVERYTHING


async def test_a_member_whose_broker_appears_later_joins_then(
    group: Group, proxy: ConnectProxy
) -> None:
    only = worker("a")
    await proxy.cut()
    member = group.member(only, proxy_url=proxy.url)
    await asyncio.sleep(0.5)
    assert only.events == []

    await proxy.start()

    await expect(lambda: member.is_stable, lambda: only.events)
    assert only.running == EVERYTHING


async def test_work_is_given_up_when_the_coordinator_stays_away(
    group: Group, proxy: ConnectProxy
) -> None:
    only = worker("a")
    member = group.member(only, proxy_url=proxy.url)
    await expect(lambda: member.is_stable, lambda: only.events)
    member_id = member.member_id

    await proxy.cut()
    cut = time.monotonic()
    await expect(lambda: "lost" in only.events, lambda: only.events)
    noticed = time.monotonic() - cut
    assert only.running == set()
    await proxy.start()
    await expect(lambda: member.is_stable, lambda: only.events)

    assert noticed < 3.0, "heartbeat.interval.ms is 100 ms"
    assert member.member_id == member_id
    assert only.running == EVERYTHING


async def test_work_is_given_up_when_the_session_times_out_in_a_frozen_network(
    group: Group, proxy: ConnectProxy
) -> None:
    first, second = worker("a"), worker("b")
    first.peers = second.peers = (first, second)
    one = group.member(first, proxy_url=proxy.url)
    await expect(lambda: one.is_stable, lambda: first.events)

    proxy.freeze()
    frozen = time.monotonic()
    two = group.member(second)
    await expect(lambda: "lost" in first.events, lambda: first.events)
    noticed = time.monotonic() - frozen
    await expect(lambda: second.running == EVERYTHING, lambda: second.events)
    proxy.thaw()
    await expect(
        lambda: one.is_stable and two.is_stable and len(first.running) == 2,
        lambda: (first, second),
    )

    assert noticed < 6.5, "session.timeout.ms is 6 s"
    assert first.running | second.running == EVERYTHING


async def test_a_member_that_was_suspended_gives_up_its_work_before_it_rejoins(
    group: Group,
) -> None:
    first, second, one, two = await two_workers(group)
    thread_is_free = threading.Event()
    first.peers = second.peers = ()  # the suspended one cannot stop what others start

    suspend(two, thread_is_free)
    await expect(lambda: first.running == EVERYTHING, lambda: first.events)
    second.events.clear()
    thread_is_free.set()
    resumed = time.monotonic()
    await expect(lambda: "lost" in second.events, lambda: second.events, limit=1.0)

    assert time.monotonic() - resumed < 0.5
    assert second.events[0] == "lost"
    await expect(
        lambda: one.is_stable and two.is_stable and len(second.running) == 2,
        lambda: (first, second),
    )
    assert first.running | second.running == EVERYTHING


def suspend(member: GroupMember, until: threading.Event) -> None:
    """Stop the member's thread, as SIGSTOP does, for up to 20 s."""
    coordinator = member._coordinator
    assert coordinator is not None
    coordinator._net.call_soon_threadsafe(lambda: until.wait(20))


async def test_a_member_that_the_group_forgot_gives_up_its_work_before_it_rejoins(
    group: Group,
) -> None:
    only = worker("a")
    member = group.member(only)
    await expect(lambda: member.is_stable, lambda: only.events)
    only.events.clear()
    former = member.member_id

    await group.remove_from_group(member)
    await expect(lambda: only.joins == 2 and member.is_stable, lambda: only.events)

    assert only.events[:2] == ["lost", "prepare"]
    assert member.member_id != former
    assert only.running == EVERYTHING


async def test_heartbeats_go_on_while_the_worker_starts_its_work(group: Group) -> None:
    only = worker("a")
    only.slow_join = 7.0
    member = group.member(only)

    await expect(lambda: member.is_stable, lambda: only.events)

    assert [event.split()[0] for event in only.events] == [
        "prepare", "perform", "joining", "joined"
    ], "the session timeout is 6 s"  # fmt: skip


async def test_a_worker_that_takes_too_long_loses_its_membership(group: Group) -> None:
    only = worker("a")
    only.slow_join = 60.0
    member = group.member(only, replace(FAST, rebalance_timeout=1.0))
    await expect(lambda: "lost" in only.events, lambda: only.events)

    only.slow_join = 0.0

    await expect(lambda: member.is_stable, lambda: only.events)
    assert [event.split()[0] for event in only.events][:5] == [
        "prepare", "perform", "joining", "lost", "prepare"
    ]  # fmt: skip


async def test_a_worker_whose_event_loop_hangs_leaves_its_work_to_others(group: Group) -> None:
    only = worker("a")
    member = group.member(only, replace(FAST, rebalance_timeout=1.0))
    await expect(lambda: member.is_stable, lambda: only.events)
    former = member.member_id

    time.sleep(2.0)  # noqa: ASYNC251 - the point of the test
    assert member.member_id == "", "it has left meanwhile"

    await expect(lambda: only.joins == 2 and member.is_stable, lambda: only.events)
    assert "lost" in only.events
    assert member.member_id != former


async def test_a_worker_that_fails_to_prepare_is_asked_again(group: Group) -> None:
    only = worker("a")
    only.trouble = [RuntimeError("not yet"), RuntimeError("not yet")]

    member = group.member(only)
    await expect(lambda: member.is_stable, lambda: only.events)

    assert only.events[:4] == ["prepare", "prepare", "prepare", "perform"]


async def test_a_member_that_left_stays_out_until_it_is_asked_to_rejoin(group: Group) -> None:
    first, second, _, two = await two_workers(group)

    second.running.clear()
    two.leave_group("its configuration cannot be read")
    await expect(lambda: first.running == EVERYTHING, lambda: first.events, limit=2.0)
    joins = second.joins
    assert "lost" not in second.events
    assert not two.is_stable
    await asyncio.sleep(0.5)
    assert second.joins == joins

    two.request_rejoin("its configuration was read")
    await expect(lambda: two.is_stable and len(second.running) == 2, lambda: second.events)


async def test_a_group_of_consumers_is_not_joined_and_the_member_still_stops(
    group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    def consume() -> KafkaConsumer:
        consumer = KafkaConsumer(
            "connect-test", bootstrap_servers=group.bootstrap_servers, group_id=group.group_id
        )
        consumer.poll(2000)
        return consumer

    consumer = await asyncio.to_thread(consume)
    only = worker("a")
    try:
        member = group.member(only)
        await expect(
            lambda: "The group cannot be joined" in caplog.text, lambda: caplog.text[-2000:]
        )
        await member.leave_and_stop()
    finally:
        await asyncio.to_thread(consumer.close)

    assert "InconsistentGroupProtocolError" in caplog.text
    assert only.joins == 0


async def test_no_thread_is_left_after_a_stop_at_any_moment(
    group: Group, proxy: ConnectProxy
) -> None:
    before = set(threading.enumerate())
    for moment in (0.0, 0.01, 0.02, 0.05, 0.2):
        member = group.member(worker("a"))
        await asyncio.sleep(moment)
        await member.leave_and_stop()
    await proxy.cut()
    unreachable = group.member(worker("b"), proxy_url=proxy.url)
    await asyncio.sleep(0.2)

    started = time.monotonic()
    await unreachable.leave_and_stop()

    assert time.monotonic() - started < 3.0
    assert set(threading.enumerate()) <= before


async def test_a_member_that_waits_for_others_to_join_stops_at_once(group: Group) -> None:
    first, second, _, two = await two_workers(group)
    first.slow_join = 5.0
    before = second.events.count("prepare")
    two.request_rejoin("the first member will keep it waiting")
    await expect(lambda: first.events[-1] == "joining", lambda: first.events)
    two.request_rejoin("now it waits")
    await expect(lambda: second.events.count("prepare") > before + 1, lambda: second.events)

    started = time.monotonic()
    await two.leave_and_stop()

    assert time.monotonic() - started < 3.0


async def test_a_member_that_was_never_started_stops(bootstrap_servers: str) -> None:
    member = GroupMember(
        {"bootstrap_servers": bootstrap_servers}, FAST, worker("a"), asyncio.get_running_loop()
    )

    await member.leave_and_stop()

    assert member.generation == -1


async def test_joining_takes_tens_of_milliseconds(group: Group) -> None:
    """A member alone: bootstrap, find the coordinator, join, sync."""
    took: list[float] = []
    for attempt in itertools.count():
        only = worker("a")
        started = time.monotonic()
        member = group.member(only)
        await expect(lambda member=member: member.is_stable, lambda only=only: only.events)
        took.append(time.monotonic() - started)
        await member.leave_and_stop()
        if attempt == 2:
            break

    assert min(took) < 0.5, took
