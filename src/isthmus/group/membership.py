"""What a group member is told, asks and tells: its settings, and the worker's side of a rebalance.

One rebalance, seen by the worker:

    prepare_join()         on the event loop     the state to offer; eager: stop all work
    perform_assignment()   on the member thread  only if this member was elected leader
    joined()               on the event loop     stop what was revoked, start what is new

`coordinator_lost()` comes in between at any time, never while one of the others runs, and
`session_renewed()` all the while.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from isthmus.group.protocol import Assignment, ConnectProtocol, WorkerState


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """The worker's own properties of the group; durations in seconds.

    `protocol` is the best that the worker offers; it offers the older ones as well.
    """

    group_id: str
    protocol: ConnectProtocol = ConnectProtocol.SESSIONED
    session_timeout: float = 10.0
    rebalance_timeout: float = 60.0
    heartbeat_interval: float = 3.0


@dataclass(frozen=True, slots=True)
class Election:
    """This member leads generation `generation` and assigns the work of `members`, itself included.

    `last_completed_generation` is the last one in which this member got an assignment, -1 if none:
    what a leader remembers of an earlier round counts only if that was the last one.
    """

    leader: str
    protocol: ConnectProtocol
    generation: int
    last_completed_generation: int
    members: Mapping[str, WorkerState]


class GroupListener(Protocol):
    """The worker, as its group member sees it.

    The coroutines run on the event loop, one at a time, while heartbeats go on. They may
    take as long as `rebalance_timeout` and are cancelled then: the group goes on without a member
    that takes longer, so the member leaves, calls `coordinator_lost` and joins again. If one
    raises, the member logs it and rebalances again after a back-off.
    """

    async def prepare_join(self) -> WorkerState:
        """Return what to offer in the coming rebalance; called once for each.

        With the eager protocol all work is stopped first. A rebalance that is interrupted by a
        loss of membership is prepared again after `coordinator_lost`.
        """
        ...

    def perform_assignment(self, election: Election) -> Mapping[str, Assignment]:
        """Return the assignment of every member.

        Called on the member thread, and only while a `prepare_join` waits for its `joined`: it
        works on immutable snapshots and returns in milliseconds.
        """
        ...

    async def joined(
        self, generation: int, member_id: str, protocol: ConnectProtocol, assignment: Assignment
    ) -> None:
        """Stop what is revoked, then start what is new; all is settled when it returns.

        After it the member rejoins by itself if the assignment revoked work (under `compatible`
        and `sessioned`), and after the assignment's `delay` unless another rebalance came first.
        What to do about a failed assignment, or one whose config offset differs, is decided here.
        """
        ...

    def session_renewed(self, until: float) -> None:
        """Take that the work is this worker's until then, a moment of `time.monotonic`.

        Called on the event loop before the first `joined` and every few seconds from then on. When
        it is not renewed in time, `coordinator_lost` follows as soon as this process can call it:
        a process that was frozen finds out late. What it runs in processes of its own must end at
        that moment by itself.
        """
        ...

    async def coordinator_lost(self) -> None:
        """Stop all work and forget it: others may own it by now, or will soon.

        Called when the coordinator was unknown for `heartbeat_interval`, when no heartbeat was
        answered for `session_timeout` or when the coordinator no longer knows the member, and
        always before the member joins again. Not called while the member has no work to lose.
        """
        ...
