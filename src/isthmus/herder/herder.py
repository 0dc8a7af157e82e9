"""The herder: keeps what this worker runs in line with the group and the config topic.

A REST request or a change comes in, and in turn (`turns.py`):

    the config topic is written and read back     connectors.py → storage/config_store.py
    what changed is staged                        Herder, as ConfigListener
    what it means is decided                      reconcile.py (pure)
    the group agrees on who runs what             group/member.py, leader.py
    work stops and starts                         local_work.py → worker/

Everything happens on the event loop, one turn after the other, so nothing here needs a lock.
Java: DistributedHerder.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from isthmus import heap
from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId
from isthmus.config.worker import WorkerConfig
from isthmus.group.assignor import Work
from isthmus.group.membership import Election
from isthmus.group.protocol import Assignment, ConnectProtocol, WorkerState
from isthmus.herder.errors import ConflictError, NotLeaderError, RestError
from isthmus.herder.leader import Leadership
from isthmus.herder.local_work import LocalWork
from isthmus.herder.metrics import Rebalances
from isthmus.herder.reconcile import (
    AfterRebalance,
    Staged,
    after_rebalance,
    assigned_work,
    changes,
    described,
    restart_plan,
    revoked_work,
)
from isthmus.herder.rounds import Rounds
from isthmus.herder.signature import SignatureRules
from isthmus.herder.stage import Stages
from isthmus.herder.turns import Turns
from isthmus.storage.cluster_state import ClusterState, SessionKey
from isthmus.storage.config_store import ConfigStore, RestartRequest
from isthmus.storage.status_store import Status, StatusStore

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How many times a worker tries to read the config topic before it lets go of what it runs.
_READ_ATTEMPTS = 5


class Member(Protocol):
    """What the herder asks of its membership in the group."""

    def request_rejoin(self, reason: str) -> None: ...

    def leave_group(self, reason: str) -> None: ...


class Herder:
    """One worker's part in the cluster. For the event loop only.

    `attach` and `join` give it its local work and its member, which need it to be built.
    """

    def __init__(
        self,
        config: WorkerConfig,
        configs: ConfigStore,
        statuses: StatusStore,
        leader: Leadership,
        url: str,
        set_log_level: Callable[[str, str], object],
    ) -> None:
        self.stages = Stages("awaiting startup")
        self.turns = Turns()
        self.rebalances = Rebalances()
        self.fencing_rounds = Rounds()
        self.configs = configs
        self.statuses = statuses
        self.leader = leader
        self.url = url
        self._config = config
        self._set_log_level = set_log_level
        self._member: Member
        self.work: LocalWork
        #: The configs that the current work was decided on; moves only between turns.
        self.state: ClusterState = configs.snapshot()
        self._staged = Staged()
        self._assignment: Assignment | None = None
        self._protocol = ConnectProtocol.EAGER
        self._member_id = ""
        self._session_until = math.inf
        self._settled = False
        self._read_attempts = 0
        self._started = asyncio.Event()
        self._first_round = asyncio.Event()
        self._stopping = False
        self._halted = False
        self._takes_turns = False

    def attach(self, work: LocalWork) -> None:
        """Give the herder what it leads; once, before `run`."""
        self.work = work

    def join(self, member: Member) -> None:
        """Give the herder its membership; once, before `run`."""
        self._member = member

    @property
    def is_ready(self) -> bool:
        """Whether this worker has joined the group and started its first work."""
        return self._first_round.is_set()

    @property
    def is_leader(self) -> bool:
        assignment = self._current_assignment()
        return assignment is not None and assignment.leader == self._member_id

    @property
    def generation(self) -> int:
        """The generation of the group in which this worker got its last assignment."""
        return self.work.generation

    @property
    def protocol_name(self) -> str:
        """What the group speaks, as Java's metrics name it: SESSIONED, COMPATIBLE or EAGER."""
        return self._protocol.name

    @property
    def assignment(self) -> Assignment | None:
        """The whole of what the group wants this worker to run; None outside the group."""
        return self._assignment

    def owns_connector(self, name: str) -> bool:
        return self._assignment is not None and name in self._assignment.connectors

    def owns_task(self, task: ConnectorTaskId) -> bool:
        return self._assignment is not None and task in self._assignment.tasks

    def leader_url(self) -> str | None:
        """Return where the leader listens, or None while a rebalance leaves it open."""
        assignment = self._current_assignment()
        return assignment.leader_url if assignment is not None else None

    def _current_assignment(self) -> Assignment | None:
        """Return the assignment unless the session it belongs to has ended.

        After a freeze requests may have their turn before the member says that it is out.
        """
        return self._assignment if time.monotonic() < self._session_until else None

    def require_leader(self) -> None:
        """Raise unless this worker leads the group."""
        if not self.is_leader:
            raise NotLeaderError(
                "Only the leader can perform this operation.", self.leader_url() or None
            )

    def signature_rules(self) -> SignatureRules | None:
        """Return how requests of other workers must be signed, None while they need not be."""
        if self._protocol is not ConnectProtocol.SESSIONED:
            return None
        key = self.configs.snapshot().session_key
        algorithms = self._config.inter_worker_verification_algorithms
        return SignatureRules(key.key if key else None, algorithms)

    async def current(self) -> ClusterState:
        """Return the newest configs; while the worker is starting, wait for them."""
        await self._started.wait()
        if self._halted:
            raise RestError(500, "Worker is shutting down")
        return self.configs.snapshot()

    @property
    def rebalance_expected(self) -> bool:
        """Whether configs have changed that the group has not agreed on yet."""
        return self._staged.rebalance

    async def request(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run a request's action in its turn, on the newest configs."""
        return await self.turns.of_request(lambda: self._on_newest(action))

    async def _on_newest(self, action: Callable[[], Awaitable[T]]) -> T:
        await self._apply_staged()
        return await action()

    async def run(self) -> None:
        """Take turns until `halt`; the stores must have been started."""
        self.state = self.configs.snapshot()
        self._started.set()
        self.stages.begin("ensuring membership in the cluster")
        self._takes_turns = True
        try:
            while not self._halted:
                await self._take_turn()
        finally:
            self._takes_turns = False

    async def _take_turn(self) -> None:
        if await self.turns.take_group_turn() or await self._advance():
            return
        # Requests go on while a rebalance is under way: what they write is staged, and many new
        # connectors then share the next rebalance. Java makes each wait for its own.
        if self._assignment is not None and await self.turns.take_request_turn():
            return
        await self.turns.wait(self._seconds_to_next_duty())

    async def stop_work(self) -> None:
        """Refuse requests, and end all work in order; the group gives it to others after that.

        Turns of the group go on until `halt`, so that the member can leave.
        """
        log.info("Herder stopping")
        self.stages.begin("shutting down")
        self._stopping = True
        # First, or those that wait for a turn would fail instead of being stopped.
        self.work.abandon_preflights()
        self.turns.close_requests()
        if self._takes_turns:
            await self.turns.of_group(self.work.stop_all)
        else:  # `run` has failed, and nobody else touches the work any more
            await self.work.stop_all()
        await self.statuses.flush()

    def halt(self) -> None:
        """End `run`; nothing more is asked of this herder."""
        self._halted = True
        self._started.set()
        self.turns.close()
        self.turns.wake()
        log.info("Herder stopped")

    async def _advance(self) -> bool:
        """Do the next thing that is due; return whether more may be due."""
        if not self._settled:
            return False
        if self._staged:
            try:
                await self._apply_staged()
            except ConnectError as error:
                log.error("A change in the config topic could not be acted on: %s", error)
            return True
        if not self.is_leader:
            return False
        if not self.configs.may_write:
            await self.leader.claim_write_privileges()
            return True
        if self._protocol is ConnectProtocol.SESSIONED:
            return await self.leader.rotate_session_key_if_due()
        return False

    def _seconds_to_next_duty(self) -> float | None:
        if not self._settled:
            return None
        if self.is_leader and self._protocol is ConnectProtocol.SESSIONED:
            return self.leader.seconds_to_key_rotation()
        return None

    # What the group member asks and tells (GroupListener); each waits for its turn.

    async def prepare_join(self) -> WorkerState:
        """Return what this worker offers to the group; under the eager protocol, stop all work."""
        return await self.turns.of_group(self._prepare_join)

    async def _prepare_join(self) -> WorkerState:
        self._settled = False
        self.rebalances.began()
        self.leader.forget_owners()
        if self._protocol is ConnectProtocol.EAGER and self._assignment is not None:
            await self.work.stop_all()
            self._assignment = None
        await self._take_configs_as_agreed()
        return WorkerState(
            self.url, self.state.offset, None if self._stopping else self._assignment
        )

    def perform_assignment(self, election: Election) -> Mapping[str, Assignment]:
        """Share out the work, as the leader; on the member's thread."""
        return self.leader.perform_assignment(election)

    async def joined(
        self, generation: int, member_id: str, protocol: ConnectProtocol, assignment: Assignment
    ) -> None:
        """Take the assignment; returns when what it revokes has stopped and the new is started."""
        await self.turns.of_group(lambda: self._joined(generation, member_id, protocol, assignment))

    async def _joined(
        self, generation: int, member_id: str, protocol: ConnectProtocol, assignment: Assignment
    ) -> None:
        if self._stopping:
            return  # the member leaves in a moment, and its share goes to others
        log.info(
            "Joined group at generation %d with protocol %s, leader %s: assigned %s, revoked %s",
            generation,
            protocol.group_protocol,
            assignment.leader_url,
            described(assigned_work(assignment)),
            described(revoked_work(assignment)),
        )
        self.work.generation = generation
        self._member_id, self._protocol = member_id, protocol
        if protocol is ConnectProtocol.EAGER:
            # Not even when the group has just been downgraded may work go on that is others' now.
            await self.work.stop(self.work.running - assigned_work(assignment))
            self._assignment = assignment
        else:
            await self.work.stop(revoked_work(assignment))
            self._assignment = _merged(self._assignment, assignment)
        if not self.is_leader:
            await self.configs.relinquish_write_privileges()
        self._settled = True
        await self._resolve_rebalance()
        self.rebalances.ended()

    def work_ended(self, subject: str | ConnectorTaskId, status: Status) -> None:
        """Delete what another worker says of work that has no config any more.

        It comes behind the rebalance that took the work away, and with it behind the leader's
        tidying, if the connector or task was slow to stop. In Java it then stays.
        """
        if not self._settled or not self.is_leader or status.worker_id == self.work.worker_id:
            return
        self.leader.clean_status(subject, self.configs.snapshot())

    def session_renewed(self, until: float) -> None:
        """Let the work go on until then, a moment of `time.monotonic`."""
        self._session_until = until
        self.work.renew_lease(until)

    async def coordinator_lost(self) -> None:
        """Stop all work: other workers may have been given it."""
        await self.turns.of_group(self._coordinator_lost)

    async def _coordinator_lost(self) -> None:
        log.warning("This worker is out of the group; stopping %s", described(self.work.running))
        self._settled, self._assignment = False, None
        await self.work.stop_all()
        await self.configs.relinquish_write_privileges()

    def _rejoin(self, reason: str) -> None:
        self._settled = False
        log.info("Requesting a rebalance: %s", reason)
        self._member.request_rejoin(reason)

    async def _resolve_rebalance(self) -> None:
        """Bring configs and assignment together, then start what is new, or join again.

        Java: DistributedHerder.handleRebalanceCompleted.
        """
        assert self._assignment is not None
        decision = self._decide_after_rebalance(has_read=False)
        if decision is AfterRebalance.READ_CONFIGS:
            if not await self._read_configs():
                return
            decision = self._decide_after_rebalance(has_read=True)
        if decision is not AfterRebalance.START:
            self._rejoin(
                f"config offset {self.state.offset} does not match the group's"
                f" {self._assignment.config_offset}"
            )
            return
        # Scripts wait for these two lines, also when there is nothing to start.
        log.info("Starting connectors and tasks using config offset %d", self.state.offset)
        await self.work.start(assigned_work(self._assignment))
        log.info("Finished starting connectors and tasks")
        heap.trim()  # else each rebalance takes some pages that nobody uses again
        if self.is_leader:
            self.leader.clean_statuses(self.state)
        self.stages.begin("polling the group coordinator until interrupted")
        self._first_round.set()

    def _decide_after_rebalance(self, *, has_read: bool) -> AfterRebalance:
        assert self._assignment is not None
        return after_rebalance(
            self._assignment, self.state.offset, leads=self.is_leader, has_read=has_read
        )

    async def _read_configs(self) -> bool:
        """Read the config topic to its end; if that fails, leave the group for a while."""
        self.stages.begin("reading to the end of the config topic")
        try:
            await asyncio.wait_for(self.configs.refresh(), self._config.worker_sync_timeout)
        except (TimeoutError, ConnectError) as error:
            await self._back_off(error)
            return False
        self._read_attempts = 0
        await self._take_configs_as_agreed()
        return True

    async def _back_off(self, error: Exception) -> None:
        log.warning("The config topic could not be read to its end: %s", error or "time ran out")
        self._member.leave_group("taking too long to read the log")
        self._settled = False
        self._read_attempts += 1
        if self._protocol is ConnectProtocol.EAGER:
            pause = self._config.worker_unsync_backoff
        elif self._read_attempts <= _READ_ATTEMPTS:
            left = _READ_ATTEMPTS + 1 - self._read_attempts
            pause = self._config.scheduled_rebalance_max_delay / 10 / left
        else:
            self._read_attempts = 0
            await self.work.stop_all()
            self._assignment = None
            pause = 0.0
        asyncio.get_running_loop().call_later(pause, self._rejoin, "trying again to read configs")

    async def _take_configs_as_agreed(self) -> None:
        """Act on what changed, without a rebalance: the one under way is about these configs.

        It must be now: else it would be once more after the rebalance, and restart what has just
        been started.
        """
        await self._apply_staged(rejoin=False)
        self.state = self.configs.snapshot()

    async def _apply_staged(self, *, rejoin: bool = True) -> None:
        """Act on what changed in the config topic since the last time."""
        if not self._staged:
            return
        staged, self._staged = self._staged, Staged()
        before, self.state = self.state, self.configs.snapshot()
        decided = changes(staged, before, self.state, self.work.running)
        if decided.stop_tasks:
            await self.work.stop(Work(tasks=decided.stop_tasks))
        for name in decided.restart_connectors:
            await self.work.restart_connector(name)
        await asyncio.gather(*(self.work.change_state(name) for name in decided.change_states))
        await asyncio.gather(*map(self._restart_own_part, staged.restarts.values()))
        if decided.rejoin and rejoin:
            self._rejoin("connectors or task configs have changed")

    async def _restart_own_part(self, request: RestartRequest) -> None:
        status = self.statuses.connector(request.connector)
        if status is None or self._assignment is None:
            return
        tasks = {
            task: found.state for task, found in self.statuses.tasks(request.connector).items()
        }
        plan = restart_plan(request, status.state, tasks)
        await self.work.restart(plan.within(assigned_work(self._assignment)))

    # What changed in the config topic (ConfigListener); staged, and acted on in turn.

    def connector_config_updated(self, name: str) -> None:
        """Stage a connector's new config, or a new connector."""
        log.info("Connector %s config updated", name)
        self._staged.connectors.add(name)
        if not self.state.contains(name):
            self._staged.rebalance = True
        self.turns.wake()

    def connector_config_removed(self, name: str) -> None:
        """Stage the end of a connector."""
        log.info("Connector %s config removed", name)
        self._staged.connectors.discard(name)
        self._staged.rebalance = True
        self.turns.wake()

    def task_configs_updated(self, name: str) -> None:
        """Stage new task configs of a connector, possibly none at all."""
        log.info("Task configs of connector %s updated", name)
        self._staged.reconfigured.add(name)
        self._staged.rebalance = True
        self.fencing_rounds.fail(
            name,
            ConflictError(
                "Failed to complete zombie fencing because a new set of task configs was generated"
            ),
        )
        self.turns.wake()

    def target_state_changed(self, name: str) -> None:
        """Stage a pause, a resume or a stop."""
        log.info("Connector %s target state change", name)
        self._staged.target_states.add(name)
        self.turns.wake()

    def session_key_updated(self, key: SessionKey) -> None:
        """Nothing to stage: the newest key is read from the configs where it is needed."""
        log.debug("Session key of %d adopted", key.created_ms)
        self.turns.wake()

    def restart_requested(self, request: RestartRequest) -> None:
        """Stage the restart of a connector and some of its tasks."""
        log.info("Received %s", request)
        self._staged.add_restart(request)
        self.turns.wake()

    def logger_level_updated(self, namespace: str, level: str) -> None:
        """Set the level here, as every worker of the cluster does (KIP-976)."""
        self._set_log_level(namespace, level)


def _merged(before: Assignment | None, new: Assignment) -> Assignment:
    """Return the whole of what a worker has after an incremental assignment."""
    held = ((assigned_work(before) if before else Work()) - revoked_work(new)) | assigned_work(new)
    connectors, tasks = tuple(sorted(held.connectors)), tuple(sorted(held.tasks))
    return replace(new, connectors=connectors, tasks=tasks, revoked_connectors=(), revoked_tasks=())
