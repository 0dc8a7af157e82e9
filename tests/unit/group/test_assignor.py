"""Who gets what: `group/assignor.py` alone, and in simulated groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isthmus.channel import ConnectorTaskId
from isthmus.group.assignor import (
    EagerAssignor,
    IncrementalCooperativeAssignor,
    LeaderMemory,
    Round,
    Work,
)
from isthmus.group.protocol import Assignment, WorkerState, delay_to_ms

DELAY = 300.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """Connectors by name with their number of tasks."""

    task_counts: dict[str, int]
    offset: int = 1

    def connectors(self) -> Sequence[str]:
        return list(self.task_counts)

    def tasks(self, connector: str) -> Sequence[ConnectorTaskId]:
        return [ConnectorTaskId(connector, n) for n in range(self.task_counts[connector])]


@dataclass
class Member:
    """One worker of a simulated group; every one could lead."""

    assignor: IncrementalCooperativeAssignor
    connectors: list[str] = field(default_factory=list[str])
    tasks: list[ConnectorTaskId] = field(default_factory=list[ConnectorTaskId])
    last_completed: int = -1

    @property
    def work(self) -> set[str | ConnectorTaskId]:
        return {*self.connectors, *self.tasks}

    def state(self) -> WorkerState:
        allocation = Assignment(
            0, "", "", 1, connectors=tuple(self.connectors), tasks=tuple(self.tasks)
        )
        return WorkerState("http://h:8083/", 1, allocation)

    def revoke(self, work: Work) -> None:
        self.connectors = [name for name in self.connectors if name not in work.connectors]
        self.tasks = [task for task in self.tasks if task not in work.tasks]

    def assign(self, work: Work) -> None:
        self.connectors += sorted(work.connectors)
        self.tasks += sorted(work.tasks)


class Group:
    """A group under the cooperative protocol: members, a configuration, a clock of its own."""

    def __init__(self, task_counts: dict[str, int], delay: float = DELAY) -> None:
        self.configuration = Configuration(task_counts)
        self.delay = delay
        self.now = 1000.0
        self.generation = 0
        self.members: dict[str, Member] = {}

    def join(self, *names: str) -> None:
        for name in names:
            self.members[name] = Member(IncrementalCooperativeAssignor(self.delay))

    def leave(self, name: str) -> None:
        del self.members[name]

    def rebalance(self) -> Round:
        """Go through one rebalance; the member that is longest in the group leads."""
        self.generation += 1
        leader = next(iter(self.members.values()))
        decided = leader.assignor.perform(
            {name: member.state() for name, member in self.members.items()},
            self.configuration,
            generation=self.generation,
            last_completed_generation=leader.last_completed,
            now=self.now,
        )
        # The broker gives nobody its assignment before all have stopped what was revoked earlier,
        # but members stop and start at their own pace: the first may start before others stop.
        before = {name: member.work for name, member in self.members.items()}
        for name, member in self.members.items():
            for other, had in before.items():
                started = {*decided.assigned[name].connectors, *decided.assigned[name].tasks}
                assert other == name or not started & had, (name, other)
            member.revoke(decided.revoked[name])
            member.assign(decided.assigned[name])
            member.last_completed = self.generation
        assert decided.owned == {
            name: Work(frozenset(member.connectors), frozenset(member.tasks))
            for name, member in self.members.items()
        }
        return decided

    def settle(self) -> list[Round]:
        """Rebalance as members do by themselves, until they stop; return all rounds."""
        rounds: list[Round] = []
        while True:
            decided = self.rebalance()
            rounds.append(decided)
            assert len(rounds) < 20, [round_.delay for round_ in rounds]
            if any(decided.revoked.values()):
                continue
            if decided.delay == 0:
                return rounds
            self.now += delay_to_ms(decided.delay) / 1000

    def owners(self) -> dict[str, str]:
        return {str(item): name for name, member in self.members.items() for item in member.work}

    def counts(self) -> list[tuple[int, int]]:
        return [(len(member.connectors), len(member.tasks)) for member in self.members.values()]

    def assert_settled(self) -> None:
        owned = [item for member in self.members.values() for item in member.work]
        wanted = {
            *self.configuration.connectors(),
            *(task for name in self.configuration.connectors()
              for task in self.configuration.tasks(name)),
        }  # fmt: skip
        assert set(owned) == wanted
        assert len(owned) == len(wanted)
        connectors, tasks = zip(*self.counts(), strict=True)
        assert max(connectors) - min(connectors) <= 1, self.counts()
        assert max(tasks) - min(tasks) <= 1, self.counts()


def settled(task_counts: dict[str, int], *names: str, delay: float = DELAY) -> Group:
    group = Group(task_counts, delay)
    group.join(*names)
    group.settle()
    group.assert_settled()
    return group


def task(text: str) -> ConnectorTaskId:
    connector, _, number = text.rpartition("-")
    return ConnectorTaskId(connector, int(number))


# Eager


def test_the_eager_assignor_deals_connectors_then_tasks_in_one_circle() -> None:
    members = dict.fromkeys(["w2", "w1", "w3"], WorkerState("http://h:8083/", 1))

    decided = EagerAssignor().perform(members, Configuration({"b": 2, "a": 1}))

    assert decided.assigned == decided.owned
    assert decided.assigned == {
        "w1": Work(frozenset({"a"}), frozenset({task("b-0")})),
        "w2": Work(frozenset({"b"}), frozenset({task("b-1")})),
        "w3": Work(frozenset(), frozenset({task("a-0")})),
    }
    assert not any(decided.revoked.values())
    assert decided.delay == 0


# Incremental cooperative


def test_new_work_goes_to_who_has_least_and_then_by_member_id() -> None:
    group = Group({"a": 3, "b": 1})
    group.join("w2", "w1", "w3")

    decided = group.rebalance()

    assert {name: sorted(map(str, member.work)) for name, member in group.members.items()} == {
        "w1": ["a", "a-0", "b-0"],
        "w2": ["a-1", "b"],
        "w3": ["a-2"],
    }
    assert (decided.delay, any(decided.revoked.values())) == (0, False)


def test_a_joining_worker_gets_its_share_in_a_second_rebalance() -> None:
    group = settled({"a": 4}, "w1")

    group.join("w2")
    first, second = group.rebalance(), group.rebalance()

    assert first.revoked["w1"] == Work(tasks=frozenset({task("a-0"), task("a-1")}))
    assert not any(first.assigned.values())
    assert second.assigned["w2"] == first.revoked["w1"]
    assert not any(second.revoked.values())


def test_work_that_a_worker_left_behind_waits_for_the_delay() -> None:
    group = settled({"a": 4}, "w1", "w2")
    group.leave("w2")

    first = group.rebalance()
    group.now += 100
    second = group.rebalance()
    missing = 4 - len(group.members["w1"].tasks)
    group.now += 200
    third = group.rebalance()

    assert [first.delay, second.delay, third.delay] == [DELAY, 200, 0]
    assert missing == 2
    assert len(third.assigned["w1"].tasks) == 2
    group.assert_settled()


def test_a_worker_that_came_back_empty_gets_all_that_was_lost_when_the_delay_is_over() -> None:
    group = settled({"a": 4, "b": 2}, "w1", "w2")
    lost = group.members["w2"].work
    group.leave("w2")
    group.rebalance()

    group.now += 10
    group.join("w2 again")
    second = group.rebalance()
    group.now += 290
    third = group.rebalance()

    assert not any(second.assigned.values())
    assert second.delay == 290
    assert group.members["w2 again"].work == lost
    assert (third.delay, any(third.revoked.values())) == (0, False)


def test_lost_work_goes_to_all_if_the_candidate_left_again() -> None:
    group = settled({"a": 6}, "w1", "w2", "w3")
    group.leave("w3")
    group.join("w4")
    group.rebalance()
    group.leave("w4")

    group.now += DELAY
    group.settle()

    group.assert_settled()


def test_lost_work_is_dealt_to_the_candidates_in_turn() -> None:
    group = settled({"a": 8}, "w1", "w2")
    lost = sorted(group.members["w2"].tasks)
    group.leave("w2")
    group.join("w3", "w4")
    group.rebalance()
    group.now += DELAY

    group.rebalance()

    assert group.members["w3"].tasks == [lost[0], lost[2]]
    assert group.members["w4"].tasks == [lost[1], lost[3]]


def test_without_a_delay_lost_work_is_assigned_at_once() -> None:
    group = settled({"a": 4}, "w1", "w2", delay=0)
    group.leave("w2")

    decided = group.rebalance()

    assert decided.delay == 0
    group.assert_settled()


def test_an_assignment_that_did_not_arrive_is_given_again_at_once() -> None:
    group = settled({"a": 4}, "w1", "w2")
    group.members["w2"].tasks.clear()

    decided = group.rebalance()

    assert decided.delay == 0
    group.assert_settled()


def test_deleted_work_is_revoked_even_while_a_delay_runs() -> None:
    group = settled({"a": 2, "b": 2}, "w1", "w2")
    group.leave("w2")
    group.rebalance()
    group.configuration = Configuration({"b": 2})

    decided = group.rebalance()

    assert all(item.connector == "a" for item in decided.revoked["w1"].tasks)
    assert {str(item).split("-")[0] for item in group.members["w1"].work} <= {"b"}
    assert decided.delay == DELAY


def test_work_that_two_members_have_is_revoked_from_both_and_then_assigned_anew() -> None:
    group = settled({"a": 4}, "w1", "w2")
    group.members["w2"].tasks.append(group.members["w1"].tasks[0])

    decided = group.rebalance()
    group.settle()

    assert all(round_.tasks for round_ in decided.revoked.values())
    group.assert_settled()


def test_a_revocation_that_was_not_followed_is_repeated() -> None:
    group = settled({"a": 4}, "w1")
    group.join("w2")
    kept = list(group.members["w1"].tasks)
    group.rebalance()
    group.members["w1"].tasks = kept

    group.settle()

    group.assert_settled()


def test_revoking_rounds_that_follow_each_other_wait_ever_longer() -> None:
    group = settled({"a": 840}, "w0")
    delays: list[float] = []

    for number in range(1, 6):
        group.join(f"w{2 * number - 1}")
        assert any(group.rebalance().revoked.values())
        group.join(f"w{2 * number}")
        decided = group.rebalance()
        assert not any(decided.revoked.values())
        delays.append(decided.delay)
        group.now += decided.delay

    assert delays == [0.04, 1.6, 64, DELAY, DELAY]


def test_without_a_delay_revoking_rounds_do_not_wait() -> None:
    group = settled({"a": 840}, "w0", delay=0)
    for number in range(1, 5):
        group.join(f"w{number}")

        decided = group.rebalance()

        assert any(decided.revoked.values())
        assert decided.delay == 0


def test_a_round_without_revocations_lets_the_next_revoke_at_once() -> None:
    group = settled({"a": 4}, "w1")
    group.join("w2")
    group.settle()

    group.join("w3")
    decided = group.rebalance()

    assert any(decided.revoked.values())
    assert decided.delay == 0


def test_the_work_of_a_leader_that_left_is_new_to_the_next() -> None:
    group = settled({"a": 4}, "w1", "w2")
    group.leave("w1")

    decided = group.rebalance()

    assert decided.delay == 0
    assert len(decided.assigned["w2"].tasks) == 2
    group.assert_settled()


def test_a_new_leader_revokes_what_was_deleted_meanwhile() -> None:
    group = settled({"a": 4, "b": 4}, "w1", "w2")
    group.leave("w1")
    group.configuration = Configuration({"a": 4})

    group.settle()

    group.assert_settled()


def test_what_a_leader_remembers_does_not_count_after_a_generation_led_by_another() -> None:
    group = settled({"a": 4}, "w1", "w2", "w3")
    first = group.members.pop("w1")
    group.members["w1"] = first  # no longer the first: w2 leads
    group.rebalance()
    group.leave("w2")
    first_again = group.members.pop("w1")
    group.members = {"w1": first_again, **group.members}

    decided = group.rebalance()

    assert decided.delay == 0
    group.settle()
    group.assert_settled()


def test_a_group_without_connectors_has_nothing_to_do() -> None:
    group = settled({"a": 2}, "w1", "w2")
    group.configuration = Configuration({})

    group.settle()

    assert group.counts() == [(0, 0), (0, 0)]


def test_connectors_and_tasks_are_balanced_separately() -> None:
    group = settled({"a": 1, "b": 1, "c": 0, "d": 0}, "w1")

    group.join("w2")
    group.settle()

    assert group.counts() == [(2, 1), (2, 1)]


@pytest.mark.parametrize("name", ["previous_assignment", "previous_revocation", "candidates"])
def test_a_fresh_leader_remembers_nothing(name: str) -> None:
    assert not getattr(LeaderMemory(), name)


# Random groups

configurations = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 7), max_size=8)


@dataclass(frozen=True)
class Join:
    count: int


@dataclass(frozen=True)
class Leave:
    position: int


@dataclass(frozen=True)
class Configure:
    task_counts: dict[str, int]


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Settle:
    pass


Event = Join | Leave | Configure | Wait | Settle

histories = st.lists(
    st.one_of(
        st.builds(Join, st.integers(1, 2)),
        st.builds(Leave, st.integers(0, 9)),
        st.builds(Configure, configurations),
        st.builds(Wait, st.sampled_from([0.0, 0.001, 10.0, DELAY / 2, DELAY])),
        st.builds(Settle),
    ),
    max_size=14,
)


def play(group: Group, history: Iterable[Event]) -> None:
    """Let things happen to the group, each followed by one rebalance."""
    joined = 0
    for event in history:
        match event:
            case Join(count):
                group.join(*(f"m{joined + n}" for n in range(count)))
                joined += count
            case Leave(position) if len(group.members) > 1:
                group.leave(list(group.members)[position % len(group.members)])
            case Leave():
                continue
            case Configure(task_counts):
                group.configuration = Configuration(task_counts)
            case Wait(seconds):
                group.now += seconds
            case Settle():
                group.settle()
                group.assert_settled()
        group.rebalance()


@settings(max_examples=300, deadline=None)
@given(configurations, histories, st.sampled_from([0.0, 0.05, DELAY]))
def test_every_history_settles_with_each_item_owned_once_and_evenly(
    task_counts: dict[str, int], history: list[Event], delay: float
) -> None:
    group = Group(task_counts, delay)
    group.join("first")

    play(group, history)
    group.settle()

    group.assert_settled()
    again = group.rebalance()
    assert not any(again.assigned.values())
    assert not any(again.revoked.values())
    assert again.delay == 0


@settings(max_examples=100, deadline=None)
@given(configurations, st.integers(1, 5), st.sampled_from(["a new one", "z new one"]))
def test_only_what_a_joining_worker_gets_moves(
    task_counts: dict[str, int], size: int, newcomer: str
) -> None:
    group = settled(task_counts, *(f"m{number}" for number in range(size)))
    before = group.owners()

    group.join(newcomer)
    group.settle()

    moved = {name for name, owner in group.owners().items() if owner != before[name]}
    assert moved == {str(item) for item in group.members[newcomer].work}


@settings(max_examples=100, deadline=None)
@given(configurations, st.integers(2, 5))
def test_a_worker_that_restarts_within_the_delay_moves_nothing_else(
    task_counts: dict[str, int], size: int
) -> None:
    group = settled(task_counts, *(f"m{number}" for number in range(size)))
    assume(all(member.work for member in group.members.values()))  # an idle one is served too
    before = group.owners()
    lost = group.members["m1"].work
    group.leave("m1")
    group.rebalance()
    group.now += 5

    group.join("m1 again")
    group.settle()

    after = group.owners()
    assert {name for name, owner in after.items() if owner != before[name]} == set(map(str, lost))
    assert group.members["m1 again"].work == lost
