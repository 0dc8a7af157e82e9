"""The leader's answer to an election: agree on a configuration, decide, and say who owns what."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from isthmus.channel import ConnectorTaskId
from isthmus.group.assignor import Configured, EagerAssignor, IncrementalCooperativeAssignor, Round
from isthmus.group.membership import Election
from isthmus.group.protocol import (
    CONFIG_MISMATCH,
    NO_ERROR,
    Assignment,
    ConnectProtocol,
    WorkerState,
)

AnyConfigured = TypeVar("AnyConfigured", bound=Configured)


@dataclass(frozen=True, slots=True)
class Owners:
    """The URL of the worker that runs each connector and task; a leader forwards requests by it.

    Java: WorkerCoordinator.LeaderState.
    """

    connectors: Mapping[str, str] = field(default_factory=dict[str, str])
    tasks: Mapping[ConnectorTaskId, str] = field(default_factory=dict[ConnectorTaskId, str])


@dataclass(frozen=True, slots=True)
class LeaderDecision:
    """The assignment of every member, and what follows from them all."""

    assignments: Mapping[str, Assignment]
    owners: Owners


class Leader:
    """Answers the elections that this worker wins; remembers between them what KIP-415 needs.

    Belongs to the member thread. `max_delay` is `scheduled.rebalance.max.delay.ms` in seconds.
    """

    def __init__(self, max_delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._eager = EagerAssignor()
        self._cooperative = IncrementalCooperativeAssignor(max_delay)

    def decide(
        self,
        election: Election,
        snapshot: AnyConfigured,
        refresh: Callable[[], AnyConfigured],
    ) -> LeaderDecision:
        """Return what every member is told.

        If a member knows a newer configuration than `snapshot` and what `refresh` returns at once,
        nobody gets work: each must read the config topic to the end and join again.
        """
        offset, configured = agree_on_configuration(election.members, snapshot, refresh)
        if configured is None:
            failed = Assignment(
                error=CONFIG_MISMATCH,
                leader=election.leader,
                leader_url=election.members[election.leader].url,
                config_offset=offset,
            )
            return LeaderDecision(dict.fromkeys(election.members, failed), Owners())
        decided = self._perform(election, configured)
        return LeaderDecision(
            assignments=_assignments(election, decided, offset),
            owners=_owners(election.members, decided),
        )

    def _perform(self, election: Election, configured: Configured) -> Round:
        if election.protocol is ConnectProtocol.EAGER:
            return self._eager.perform(election.members, configured)
        return self._cooperative.perform(
            election.members,
            configured,
            generation=election.generation,
            last_completed_generation=election.last_completed_generation,
            now=self._clock(),
        )


def agree_on_configuration(
    members: Mapping[str, WorkerState],
    snapshot: AnyConfigured,
    refresh: Callable[[], AnyConfigured],
) -> tuple[int, AnyConfigured | None]:
    """Return the config offset for all and the reading to assign by, None if it is too old."""
    newest = max(state.config_offset for state in members.values())
    if snapshot.offset < newest:
        snapshot = refresh()
        if snapshot.offset < newest:
            return newest, None
    return snapshot.offset, snapshot


def _assignments(election: Election, decided: Round, offset: int) -> dict[str, Assignment]:
    leader_url = election.members[election.leader].url
    return {
        member: Assignment(
            error=NO_ERROR,
            leader=election.leader,
            leader_url=leader_url,
            config_offset=offset,
            connectors=tuple(sorted(assigned.connectors)),
            tasks=tuple(sorted(assigned.tasks)),
            revoked_connectors=tuple(sorted(decided.revoked[member].connectors)),
            revoked_tasks=tuple(sorted(decided.revoked[member].tasks)),
            delay=decided.delay,
        )
        for member, assigned in decided.assigned.items()
    }


def _owners(members: Mapping[str, WorkerState], decided: Round) -> Owners:
    return Owners(
        connectors={
            connector: members[member].url
            for member, work in decided.owned.items()
            for connector in work.connectors
        },
        tasks={
            task: members[member].url
            for member, work in decided.owned.items()
            for task in work.tasks
        },
    )
