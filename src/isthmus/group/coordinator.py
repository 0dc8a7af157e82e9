"""The member's side of the group protocol, on kafka-python's net loop.

kafka-python's `BaseCoordinator` finds the coordinator, sends heartbeats and makes single attempts
of JoinGroup and SyncGroup. When to join, with what, and what a loss means is decided here:

    run()          one step after the other until told to stop; never two at once
    _rebalance()   prepare_join → JoinGroup, SyncGroup → joined
    _check()       at every tick, whatever the step waits for: is this still a member?

The event loop must answer a ping every now and then: if it does not for `rebalance_timeout`, the
heartbeat loop leaves the group (Java: the expiry of the poll timeout).
"""

# kafka-python has no type hints.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false
# pyright: reportUntypedBaseClass=false

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

import kafka.coordinator.base
import kafka.errors
import kafka.structs
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.wakeup_notifier import WakeupNotifier
from kafka.protocol.consumer import DEFAULT_GENERATION_ID, UNKNOWN_MEMBER_ID

from isthmus.group.heartbeat import SessionHeartbeat
from isthmus.group.membership import Election, GroupListener, GroupSettings
from isthmus.group.protocol import (
    PROTOCOL_TYPE,
    ConnectProtocol,
    ProtocolError,
    WorkerState,
    decode_assignment,
    decode_worker_state,
    encode_assignment,
    encode_worker_state,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

# Type checkers bring stubs of an older kafka-python, which are wrong for these.
kafka_errors: Any = kafka.errors
MemberState: Any = kafka.structs.MemberState  # pyright: ignore[reportAttributeAccessIssue]
BaseCoordinator: Any = kafka.coordinator.base.BaseCoordinator

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 3.0
#: How long to wait for the answer to a LeaveGroup; the request itself is sent at once.
LEAVE_TIMEOUT = 2.0
#: Brokers may all have moved: after this long without a coordinator start again from the bootstrap
#: servers (KIP-899). Java: metadata.recovery.rebootstrap.trigger.ms.
_REBOOTSTRAP_AFTER = 300.0
#: The listener is told of a lease that is longer by this part of the session than the last one.
_LEASE_STEP = 0.1

#: Answers after which the same member simply asks again; the base class has noted what they mean.
_ASK_AGAIN = (
    kafka_errors.MemberIdRequiredError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.IllegalGenerationError,
)


class CoordinatorUnreachableError(Exception):
    """No coordinator for so long that the client must start anew from its bootstrap servers."""


class ListenerTimeoutError(Exception):
    """The worker took longer than the group waits for a member."""


@dataclass(slots=True)
class Orders:
    """What other threads want of the member: single fields, set there, taken on the net loop."""

    stop: bool = False
    leave: str | None = None
    rejoin: str | None = None


class ConnectCoordinator(BaseCoordinator):
    """Keeps one member in its group. Java: WorkerCoordinator, WorkerGroupMember.

    Belongs to the thread that runs the client's net loop. `orders` and the properties may be used
    from any thread; `wakeup` is to be notified after an order.
    """

    def __init__(
        self,
        client: KafkaNetClient,
        wakeup: WakeupNotifier,
        settings: GroupSettings,
        listener: GroupListener,
        loop: asyncio.AbstractEventLoop,
        orders: Orders,
        client_config: Mapping[str, Any],
    ) -> None:
        super().__init__(
            client,
            **{
                **client_config,
                "group_id": settings.group_id,
                "group_instance_id": None,
                "session_timeout_ms": round(settings.session_timeout * 1000),
                "heartbeat_interval_ms": round(settings.heartbeat_interval * 1000),
                "max_poll_interval_ms": round(settings.rebalance_timeout * 1000),
            },
        )
        self.heartbeat = SessionHeartbeat(**self.config)
        self._settings = settings
        self._listener = listener
        self._event_loop = loop
        self._orders = orders
        self._wakeup = wakeup
        self._tick_interval = settings.heartbeat_interval / 10

        self._offer: WorkerState | None = None
        self._last_completed = DEFAULT_GENERATION_ID
        self._rejoin_at = math.inf
        self._lost: str | None = None
        self._leaving = False
        self._stays_out = False
        self._failures = 0
        self._loop_answered = True
        self._unreachable_since: float | None = None
        self._settled = False
        #: Until when the listener has been told that it may work.
        self._lease_until = math.inf
        #: Whether the listener has been given work that `coordinator_lost` would take away.
        self.has_work = False

    @property
    def member_id(self) -> str:
        """The id that the broker gave this member, "" if none."""
        return self._generation.member_id

    @property
    def generation(self) -> int:
        """The generation of the last join, -1 when not a member."""
        return self._generation.generation_id

    @property
    def is_stable(self) -> bool:
        """Whether `joined` has returned and nothing since asks for another rebalance."""
        return self._settled and not self.rejoin_needed and self._orders.rejoin is None

    # What the base class asks of a protocol.

    def protocol_type(self) -> str:
        return PROTOCOL_TYPE

    def group_protocols(self) -> list[tuple[str, bytes]]:
        assert self._offer is not None, "JoinGroup is sent only after prepare_join"
        return [
            (protocol.group_protocol, encode_worker_state(self._offer, protocol))
            for protocol in self._settings.protocol.offered
        ]

    def _perform_assignment(
        self, leader_id: str, protocol: str, members: Iterable[Any]
    ) -> dict[str, bytes]:
        chosen = ConnectProtocol.of_group_protocol(protocol)
        states: dict[str, WorkerState] = {}
        for member in members:
            try:
                states[member.member_id] = decode_worker_state(bytes(member.metadata))
            except ProtocolError as error:
                raise ProtocolError(f"member {member.member_id}: {error}") from error
        election = Election(
            leader=leader_id,
            protocol=chosen,
            generation=self._generation.generation_id,
            last_completed_generation=self._last_completed,
            members=states,
        )
        assignments = self._listener.perform_assignment(election)
        return {
            member_id: encode_assignment(assignment, chosen)
            for member_id, assignment in assignments.items()
        }

    def request_rejoin(self) -> None:
        super().request_rejoin()
        self._wakeup.notify()

    def reset_generation(self, member_id: str = UNKNOWN_MEMBER_ID) -> None:
        was_member = self._generation.generation_id != DEFAULT_GENERATION_ID
        super().reset_generation(member_id)
        if was_member and not self._leaving:
            self._lose("the group no longer counts this worker among its members")

    async def run(self) -> None:
        """Join, rejoin and watch until `orders.stop`, then leave the group.

        Raises:
            CoordinatorUnreachableError: A new client must be built.
        """
        try:
            while not self._orders.stop:
                await self._step()
        finally:
            self._close_heartbeat()
        await self._leave("the worker is shutting down")

    async def _step(self) -> None:
        if self._lost is not None:
            await self._report_loss()
        elif self._unreachable_for() >= _REBOOTSTRAP_AFTER:
            raise CoordinatorUnreachableError(f"no coordinator for {_REBOOTSTRAP_AFTER:.0f} s")
        elif self._orders.leave is not None:
            await self._leave_as_ordered(self._orders.leave)
        elif self._stays_out and self._orders.rejoin is None:
            await self._tick()
        elif self._orders.rejoin is not None:
            await self._rebalance(self._orders.rejoin)
        elif time.monotonic() >= self._rejoin_at:
            await self._rebalance("the scheduled delay has passed")
        elif self.need_rejoin():
            joined = self.generation != DEFAULT_GENERATION_ID
            await self._rebalance("the group is rebalancing" if joined else "joining the group")
        else:
            await self._tick(self._rejoin_at - time.monotonic())

    async def _rebalance(self, reason: str) -> None:
        log.info("Rebalance started: %s. group=%s", reason, self.group_id)
        self._settled = False
        self._stays_out = False
        self.rejoin_needed = True  # until the group says that this member has joined
        self._orders.rejoin = None  # what comes from now on may be missing in the offer
        self._rejoin_at = math.inf
        try:
            self._offer = await self._ask(self._listener.prepare_join)
            if self._offer is None:
                return
            data = await self._join()
            if data is not None:
                await self._take_assignment(data)
        except ListenerTimeoutError as error:
            await self._lose_by_leaving(str(error))
        except kafka_errors.KafkaError as error:
            await self._back_off(f"The group cannot be joined: {error!r}")
        except Exception:
            log.exception("A rebalance failed. group=%s", self.group_id)
            self.request_rejoin()
            await self._back_off("Rebalancing again")
        else:
            self._failures = 0

    async def _join(self) -> bytes | None:
        """Return the assignment of a new generation, or None if something else comes first."""
        while not self._interrupted:
            ready = self._manager.call_soon(
                self.ensure_coordinator_ready_async, self._tick_interval * 1000
            )
            if not await self._finished(ready) or not ready.value:
                continue
            self._maybe_start_heartbeat_loop()
            self._disable_heartbeat()
            attempt = self._manager.call_soon(self._do_join_and_sync_async)
            try:
                if await self._finished(attempt):
                    return attempt.value
            except _ASK_AGAIN as error:
                log.info("Joining again: %s. group=%s", error, self.group_id)
                continue
            except kafka_errors.RetriableError as error:
                await self._back_off(f"Joining the group failed: {error!r}")
                continue
            await self._abandon(attempt)
        return None

    async def _take_assignment(self, data: bytes) -> None:
        with self._lock:
            self.rejoin_needed = False
            self.state = MemberState.STABLE
            self.heartbeat.joined()
            self._enable_heartbeat()
        generation = self._generation
        assignment = decode_assignment(data)
        protocol = ConnectProtocol.of_group_protocol(generation.protocol)
        self._last_completed = generation.generation_id
        self.has_work = True
        self._lease_work(self.heartbeat.session_end)
        if assignment.delay > 0:
            self._rejoin_at = time.monotonic() + assignment.delay
        log.debug(
            "Joined the group. group=%s generation=%d protocol=%s leader=%s assignment=%s",
            self.group_id,
            generation.generation_id,
            protocol.group_protocol,
            assignment.leader,
            assignment,
        )
        await self._ask(
            lambda: self._listener.joined(
                generation.generation_id, generation.member_id, protocol, assignment
            )
        )
        self._settled = self._lost is None
        if assignment.revokes and protocol is not ConnectProtocol.EAGER:
            # KIP-415: what was taken away here can be given to others only in a round of its own.
            self._orders.rejoin = self._orders.rejoin or "what was revoked can be assigned now"

    async def _report_loss(self) -> None:
        self._settled = False
        try:
            await self._ask(self._listener.coordinator_lost)
        except Exception:
            # Nothing may be joined while work runs that others now own.
            log.exception("The work could not be stopped. group=%s", self.group_id)
            await self._back_off("Stopping the work again")
            return
        self._lost = None
        self.has_work = False

    def _lose(self, reason: str) -> None:
        """Note that the work is no longer this member's, and have that reported."""
        self._settled = False
        if self.has_work and self._lost is None:
            log.warning("Work is given up: %s. group=%s", reason, self.group_id)
            self._lost = reason
        self.request_rejoin()

    async def _lose_by_leaving(self, reason: str) -> None:
        await self._leave(reason)
        self._lose(reason)

    async def _leave_as_ordered(self, reason: str) -> None:
        self._orders.leave = None
        self._stays_out = True
        self._settled = False
        self._rejoin_at = math.inf
        await self._leave(reason)

    async def _leave(self, reason: str) -> None:
        """Send LeaveGroup if the coordinator is there, and forget the member id."""
        self._leaving = True
        try:
            if self._generation.has_member_id() and self.state is MemberState.UNJOINED:
                self.state = MemberState.REBALANCING  # else the base class sends nothing
            log.info("Leaving the group: %s. group=%s", reason, self.group_id)
            await self.maybe_leave_group_async(reason, LEAVE_TIMEOUT * 1000)
        except kafka_errors.KafkaError as error:
            log.warning("Leaving the group failed: %r. group=%s", error, self.group_id)
            self.reset_generation()
        finally:
            self._leaving = False

    @property
    def _interrupted(self) -> bool:
        return (
            self._orders.stop
            or self._orders.leave is not None
            or self._lost is not None
            or self._unreachable_for() >= _REBOOTSTRAP_AFTER
        )

    async def _finished(self, future: Future) -> bool:
        """Wait for the future; False when something interrupts that.

        Raises:
            Exception: What the future failed with.
        """
        future.add_both(lambda _: self._wakeup.notify())
        while not future.is_done:
            if self._interrupted:
                return False
            await self._tick()
        if future.failed():
            raise future.exception
        return True

    async def _abandon(self, attempt: Future) -> None:
        """Make sure that an answer to this attempt comes now or never."""
        self.state = MemberState.UNJOINED  # a late answer is refused
        self._disconnect()
        try:
            await self._manager.wait_for(attempt, 1000)
        except kafka_errors.KafkaError as error:
            log.debug("An attempt to join was given up: %r", error)

    def _disconnect(self) -> None:
        if self.coordinator_id is not None:
            self._manager.close(self.coordinator_id)

    async def _ask(self, callback: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Run the listener's coroutine on the event loop; None if the member is told to stop.

        Raises:
            ListenerTimeoutError: It took longer than the rebalance timeout and was cancelled.
            Exception: What it raised.
        """
        limit = self._settings.rebalance_timeout
        try:
            running = asyncio.run_coroutine_threadsafe(_within(limit, callback), self._event_loop)
        except RuntimeError:
            return self._event_loop_closed()
        running.add_done_callback(lambda _: self._wakeup.notify())
        while not running.done():
            if self._orders.stop:
                running.cancel()
            await self._tick()
        if self._orders.stop:
            return None
        try:
            return running.result()
        except CancelledError:
            raise RuntimeError("the worker cancelled its part of the rebalance") from None

    def _event_loop_closed(self) -> None:
        log.warning("The worker's event loop is closed. group=%s", self.group_id)
        self._orders.stop = True

    async def _back_off(self, message: str) -> None:
        delay = min(_FIRST_BACKOFF * 2**self._failures, _LONGEST_BACKOFF)
        self._failures += 1
        log.warning("%s. group=%s back_off_s=%.1f", message, self.group_id, delay)
        until = time.monotonic() + delay
        while not self._orders.stop and time.monotonic() < until:
            await self._tick(until - time.monotonic())

    async def _tick(self, longest: float = math.inf) -> None:
        """Look after the membership, then wait for whatever comes first."""
        self._check()
        await self._wakeup(max(0.0, min(self._tick_interval, longest)))

    def _check(self) -> None:
        if self._loop_answered:
            self._loop_answered = False
            try:
                self._event_loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                self._event_loop_closed()
            self._keep_heartbeats_going()
        self._check_coordinator()
        if self.stable() and self.heartbeat.session_timeout_expired():
            # The base class would look for the coordinator first and find out seconds later, or
            # wait for the answer to a heartbeat for as long as a request may take.
            self._end_session("no heartbeat was answered within session.timeout.ms")
        elif self.has_work and self._lost is None:
            self._keep_lease()

    def _keep_lease(self) -> None:
        """Renew the lease of the listener's work, or give the work up if it was too late for that.

        Between generations the coordinator counts no session: it waits for our JoinGroup. The
        lease then lasts for a session from now, so that it ends only if this process is frozen.
        """
        now = time.monotonic()
        if now >= self._lease_until:
            self._end_session("this process stood still for longer than session.timeout.ms")
            return
        session = self._settings.session_timeout
        until = self.heartbeat.session_end if self.stable() else now + session
        if until - self._lease_until >= _LEASE_STEP * session:
            self._lease_work(until)

    def _lease_work(self, until: float) -> None:
        self._lease_until = until
        try:
            self._event_loop.call_soon_threadsafe(self._listener.session_renewed, until)
        except RuntimeError:
            self._event_loop_closed()

    def _end_session(self, reason: str) -> None:
        self.state = MemberState.UNJOINED
        self._disable_heartbeat()
        self._disconnect()
        self._lose(reason)

    def _answer(self) -> None:
        self._loop_answered = True

    def _keep_heartbeats_going(self) -> None:
        try:
            self.poll_heartbeat()
        except Exception as error:  # noqa: BLE001 - whatever ended the heartbeats, they go on
            log.error("The heartbeats ended: %r. They go on. group=%s", error, self.group_id)
            self._maybe_start_heartbeat_loop()

    def _check_coordinator(self) -> None:
        if self.coordinator_id is not None and self._client.connected(self.coordinator_id):
            self._unreachable_since = None
        elif self._unreachable_since is None:
            self._unreachable_since = time.monotonic()
        elif self._unreachable_for() >= self._settings.heartbeat_interval and self.has_work:
            self._lose("the coordinator was unreachable for heartbeat.interval.ms")

    def _unreachable_for(self) -> float:
        since = self._unreachable_since
        return 0.0 if since is None else time.monotonic() - since


async def _within(limit: float, callback: Callable[[], Awaitable[T]]) -> T:
    timeout = asyncio.timeout(limit)
    try:
        async with timeout:
            return await callback()
    except TimeoutError:
        if not timeout.expired():
            raise
        raise ListenerTimeoutError(
            f"the worker's part of a rebalance took longer than {limit:g} s"
        ) from None
