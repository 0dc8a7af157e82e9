"""Who does what: the leader's share of a rebalance. Pure; the clock is an argument.

    EagerAssignor                    deals all work out anew, round robin
    IncrementalCooperativeAssignor   moves as little as it can (KIP-415), see `perform`

Java leaves the order of members to its hash maps in places; here it is always by member id.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Protocol, TypeVar

from isthmus.channel import ConnectorTaskId
from isthmus.group.protocol import WorkerState

#: Revoking rounds that follow each other wait 40 ms, 1.6 s, 64 s, … (KAFKA-12495).
_REVOCATION_BACKOFF_MS = 40


class Configured(Protocol):
    """What there is to run, as one reading of the config topic has it; never changes."""

    @property
    def offset(self) -> int: ...

    def connectors(self) -> Collection[str]: ...

    def tasks(self, connector: str) -> Sequence[ConnectorTaskId]:
        """Return the connector's tasks, none if their configs are inconsistent."""
        ...


Item = TypeVar("Item", str, ConnectorTaskId)
#: Each member's connectors, or each member's tasks, in the order in which it got them.
Shares = dict[str, list[Item]]


@dataclass(frozen=True, slots=True)
class Work:
    """A set of connectors and tasks. Java: ConnectorsAndTasks."""

    connectors: frozenset[str] = frozenset()
    tasks: frozenset[ConnectorTaskId] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.connectors or self.tasks)

    def __sub__(self, other: "Work") -> "Work":
        return Work(self.connectors - other.connectors, self.tasks - other.tasks)

    def __or__(self, other: "Work") -> "Work":
        return Work(self.connectors | other.connectors, self.tasks | other.tasks)

    def __and__(self, other: "Work") -> "Work":
        return Work(self.connectors & other.connectors, self.tasks & other.tasks)

    @classmethod
    def of(cls, configured: Configured) -> "Work":
        connectors = frozenset(configured.connectors())
        return cls(connectors, frozenset(chain.from_iterable(map(configured.tasks, connectors))))


@dataclass(frozen=True, slots=True)
class Round:
    """What one rebalance decides. Java: ClusterAssignment.

    `assigned` and `revoked` are what each member is told, `owned` what it runs once the round is
    over. `delay` in seconds.
    """

    assigned: Mapping[str, Work]
    revoked: Mapping[str, Work]
    owned: Mapping[str, Work]
    delay: float = 0.0


class EagerAssignor:
    """Deals all work out anew in each rebalance. Java: EagerAssignor."""

    def perform(self, members: Mapping[str, WorkerState], configured: Configured) -> Round:
        """Deal connectors, then tasks, to the members in one circle."""
        connectors = sorted(configured.connectors())
        tasks = sorted(chain.from_iterable(map(configured.tasks, connectors)))
        circle = cycle(sorted(members))
        shares = _Allocation.empty(members)
        for connector in connectors:
            shares.connectors[next(circle)].append(connector)
        for task in tasks:
            shares.tasks[next(circle)].append(task)
        owned = shares.owned()
        return Round(assigned=owned, revoked=dict.fromkeys(owned, Work()), owned=owned)


@dataclass(slots=True)
class LeaderMemory:
    """What a leader remembers from one rebalance to the next.

    `previous_assignment` counts only if this member led the generation `previous_generation` and
    that was the last one. `scheduled_rebalance` is a time of the caller's clock, None when no delay
    runs. `candidates` are members that came without work while work was missing.
    """

    previous_assignment: Work = field(default_factory=Work)
    previous_revocation: Work = field(default_factory=Work)
    previous_generation: int = -1
    previous_members: frozenset[str] = frozenset()
    scheduled_rebalance: float | None = None
    delay: float = 0.0
    candidates: dict[str, None] = field(default_factory=dict[str, None])
    revoked_in_previous: bool = False
    successive_revoking_rounds: int = 0


class IncrementalCooperativeAssignor:
    """Moves as little work as it can. Java: IncrementalCooperativeAssignor.

    Work of a member that left is held back for `max_delay` seconds
    (`scheduled.rebalance.max.delay.ms`), so that a restart moves nothing. Belongs to one thread.
    """

    def __init__(self, max_delay: float) -> None:
        self._max_delay = max_delay
        self._memory = LeaderMemory()

    def perform(
        self,
        members: Mapping[str, WorkerState],
        configured: Configured,
        *,
        generation: int,
        last_completed_generation: int,
        now: float,
    ) -> Round:
        """Decide one rebalance.

        configured  what should run          previous  what should have run after the last round
        active      what members say runs    lost      previous, not active, not deleted
        """
        memory = self._memory
        if memory.previous_generation != last_completed_generation:
            memory.previous_assignment = Work()
        wanted = Work.of(configured)
        current = _Allocation.of(members)
        active = current.work()
        self._notice_revocations_that_failed(active)
        # Java leaves alone what only `active` has: after a change of leader a deleted connector
        # runs on until some later rebalance.
        deleted = (memory.previous_assignment | active) - wanted
        lost = memory.previous_assignment - active - deleted
        created = wanted - memory.previous_assignment - active

        # A duplicate is revoked from all its owners: the next round finds it created.
        revoked = current.intersection(deleted | current.duplicates())
        coming = current.without(revoked)
        to_assign = created | self._handle_lost(lost, coming, now)
        if memory.delay == 0:
            moved = self._balance(wanted, coming, now)
            revoked = {member: revoked[member] | moved[member] for member in revoked}
            coming = coming.without(moved)
        else:
            memory.revoked_in_previous = False

        _deal(to_assign.connectors, coming.connectors)
        _deal(to_assign.tasks, coming.tasks)

        owned = coming.owned()
        had = current.owned()
        memory.previous_revocation = _union(revoked.values())
        memory.previous_assignment = (_union(owned.values()) - memory.previous_revocation) | lost
        memory.previous_generation = generation
        memory.previous_members = frozenset(members)
        return Round(
            assigned={member: owned[member] - had[member] for member in owned},
            revoked=revoked,
            owned=owned,
            delay=memory.delay,
        )

    def _notice_revocations_that_failed(self, active: Work) -> None:
        memory = self._memory
        if memory.previous_revocation & active:
            memory.previous_assignment = active
        memory.previous_revocation = Work()

    def _handle_lost(self, lost: Work, coming: "_Allocation", now: float) -> Work:
        """Return what of the lost work is to be assigned now, as if it were new.

        What goes back to members that came empty is put into `coming` instead.
        """
        memory = self._memory
        if not lost and not memory.revoked_in_previous:
            self._reset_delay()
            return Work()
        nobody_left = coming.members >= memory.previous_members
        if memory.scheduled_rebalance is None and nobody_left:
            return lost  # an assignment did not arrive
        if self._max_delay == 0:
            return lost
        if memory.scheduled_rebalance is not None and now >= memory.scheduled_rebalance:
            return self._reassign_after_delay(lost, coming)

        memory.candidates.update(dict.fromkeys(coming.idle_members()))
        if memory.scheduled_rebalance is None:
            memory.delay = self._max_delay
        else:
            memory.delay = min(memory.scheduled_rebalance - now, self._max_delay)
        memory.scheduled_rebalance = now + memory.delay
        return Work()

    def _reassign_after_delay(self, lost: Work, coming: "_Allocation") -> Work:
        candidates = [member for member in self._memory.candidates if member in coming.members]
        self._reset_delay()
        self._memory.revoked_in_previous = False
        if not candidates:
            return lost
        for connector, member in zip(sorted(lost.connectors), cycle(candidates), strict=False):
            coming.connectors[member].append(connector)
        for task, member in zip(sorted(lost.tasks), cycle(candidates), strict=False):
            coming.tasks[member].append(task)
        return Work()

    def _reset_delay(self) -> None:
        memory = self._memory
        memory.candidates.clear()
        memory.scheduled_rebalance = None
        memory.delay = 0.0

    def _balance(self, wanted: Work, coming: "_Allocation", now: float) -> dict[str, Work]:
        """Return what each member gives up now so that others can have their share."""
        memory = self._memory
        surplus = coming.surplus(wanted)
        if not any(surplus.values()):
            if memory.revoked_in_previous:
                memory.revoked_in_previous = False
                memory.successive_revoking_rounds = 0
            return surplus
        if not memory.revoked_in_previous:
            memory.revoked_in_previous = True
            return surplus
        memory.successive_revoking_rounds += 1
        memory.delay = self._revocation_delay(memory.successive_revoking_rounds)
        if memory.delay == 0:
            return surplus
        memory.scheduled_rebalance = now + memory.delay
        return dict.fromkeys(surplus, Work())

    def _revocation_delay(self, rounds: int) -> float:
        # No power of 40 that floats cannot hold: the third exceeds a minute as it is.
        return min(self._max_delay, _REVOCATION_BACKOFF_MS ** min(rounds, 10) / 1000)


@dataclass(frozen=True, slots=True)
class _Allocation:
    """What each member runs, or will run; the lists may grow, the members do not change."""

    connectors: Shares[str]
    tasks: Shares[ConnectorTaskId]

    @classmethod
    def empty(cls, members: Iterable[str]) -> "_Allocation":
        ordered = sorted(members)
        return cls({member: [] for member in ordered}, {member: [] for member in ordered})

    @classmethod
    def of(cls, members: Mapping[str, WorkerState]) -> "_Allocation":
        shares = cls.empty(members)
        for member, state in members.items():
            if state.allocation is not None:
                shares.connectors[member].extend(dict.fromkeys(state.allocation.connectors))
                shares.tasks[member].extend(dict.fromkeys(state.allocation.tasks))
        return shares

    @property
    def members(self) -> AbstractSet[str]:
        return self.connectors.keys()

    def idle_members(self) -> Iterator[str]:
        return (
            member for member in self.members if not self.connectors[member] + self.tasks[member]
        )

    def owned(self) -> dict[str, Work]:
        return {
            member: Work(frozenset(self.connectors[member]), frozenset(self.tasks[member]))
            for member in self.members
        }

    def work(self) -> Work:
        return _union(self.owned().values())

    def duplicates(self) -> Work:
        return Work(_more_than_once(self.connectors), _more_than_once(self.tasks))

    def intersection(self, work: Work) -> dict[str, Work]:
        return {member: owned & work for member, owned in self.owned().items()}

    def without(self, work: Mapping[str, Work]) -> "_Allocation":
        return _Allocation(
            {
                member: [name for name in names if name not in work[member].connectors]
                for member, names in self.connectors.items()
            },
            {
                member: [task for task in tasks if task not in work[member].tasks]
                for member, tasks in self.tasks.items()
            },
        )

    def surplus(self, wanted: Work) -> dict[str, Work]:
        """Return what each member runs beyond an even share of what is wanted."""
        connectors = _surplus(self.connectors, len(wanted.connectors))
        tasks = _surplus(self.tasks, len(wanted.tasks))
        return {member: Work(connectors[member], tasks[member]) for member in self.members}


def _union(parts: Iterable[Work]) -> Work:
    union = Work()
    for part in parts:
        union |= part
    return union


def _more_than_once(shares: Shares[Item]) -> frozenset[Item]:
    counts = Counter(chain.from_iterable(shares.values()))
    return frozenset(item for item, owners in counts.items() if owners > 1)


def _surplus(shares: Shares[Item], total: int) -> dict[str, frozenset[Item]]:
    least, extras = divmod(total, len(shares))
    surplus: dict[str, frozenset[Item]] = {}
    for member, items in shares.items():
        share = least
        if len(items) > least and extras > 0:
            extras -= 1
            share += 1
        surplus[member] = frozenset(items[: max(0, len(items) - share)])
    return surplus


def _deal(items: Iterable[Item], shares: Shares[Item]) -> None:
    """Give each item to the member that has least, one each before anyone gets a second.

    Members that have equally much come by their id.
    """
    remaining = iter(sorted(items))
    ordered = sorted(shares.values(), key=len)  # stable, and `shares` is in the order of ids
    while True:
        least = len(ordered[0])
        for share in [share for share in ordered if len(share) <= least]:
            item = next(remaining, None)
            if item is None:
                return
            share.append(item)
