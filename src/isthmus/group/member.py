"""The worker's membership of its Connect group, on a thread of its own."""

# kafka-python has no type hints.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.wakeup_notifier import WakeupNotifier

from isthmus.group.coordinator import (
    LEAVE_TIMEOUT,
    ConnectCoordinator,
    CoordinatorUnreachableError,
    Orders,
)
from isthmus.group.membership import GroupListener, GroupSettings

log = logging.getLogger(__name__)

#: Where kafka-python's defaults do not suit a member. Backing off from a broker for 30 s would
#: outlast the session; a leader's JoinGroup answer holds the metadata of all members.
_CLIENT_DEFAULTS: Mapping[str, Any] = {
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 1000,
    "receive_message_max_bytes": 100 * 1024 * 1024,
}
_FIRST_RESTART = 0.5
_LONGEST_RESTART = 10.0
_BOOTSTRAP_TICK = 1.0
_STOP_TIMEOUT = LEAVE_TIMEOUT + 3.0


class GroupMember:
    """Joins the group, keeps in it and tells the listener. Java: WorkerGroupMember.

    `start` and `leave_and_stop` belong to the event loop; the rest may be used from any thread.
    Rejoins that the protocol demands (after revocations, after an assignment's delay, after any
    loss) happen by themselves.
    """

    def __init__(
        self,
        client_config: Mapping[str, Any],
        settings: GroupSettings,
        listener: GroupListener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`client_config` holds kafka-python's own keys, `bootstrap_servers` and others."""
        self._client_config = {**_CLIENT_DEFAULTS, **client_config}
        self._settings = settings
        self._listener = listener
        self._loop = loop
        self._orders = Orders()
        self._stopping = threading.Event()
        self._ended = asyncio.Event()
        self._coordinator: ConnectCoordinator | None = None
        self._wakeup: WakeupNotifier | None = None
        self._thread = threading.Thread(target=self._run, name="group-member", daemon=True)

    @property
    def member_id(self) -> str:
        """The id that the broker gave this member, "" if none."""
        coordinator = self._coordinator
        return "" if coordinator is None else coordinator.member_id

    @property
    def generation(self) -> int:
        """The generation of the last join, -1 when not a member."""
        coordinator = self._coordinator
        return -1 if coordinator is None else coordinator.generation

    @property
    def is_stable(self) -> bool:
        """Whether `joined` has returned and nothing since asks for another rebalance."""
        coordinator = self._coordinator
        return coordinator is not None and coordinator.is_stable

    def start(self) -> None:
        """Join the group in the background, as soon as a broker can be reached."""
        self._thread.start()

    def request_rejoin(self, reason: str) -> None:
        """Have the group rebalance; one rebalance serves all requests made before it starts."""
        self._orders.rejoin = reason
        self._wake()

    def leave_group(self, reason: str) -> None:
        """Leave the group and stay out until `request_rejoin`; the work goes on meanwhile."""
        self._orders.rejoin = None
        self._orders.leave = reason
        self._wake()

    async def leave_and_stop(self) -> None:
        """Leave the group and end the thread; takes at most a few seconds.

        Not to be awaited by the listener's own coroutines: the one that runs is cancelled.
        """
        self._orders.stop = True
        self._stopping.set()
        if self._thread.ident is None:
            return
        self._wake()
        try:
            await asyncio.wait_for(self._ended.wait(), _STOP_TIMEOUT)
        except TimeoutError:
            log.warning("The group member has not stopped within %.0f s", _STOP_TIMEOUT)
            return
        self._thread.join(1.0)

    def _wake(self) -> None:
        wakeup = self._wakeup
        if wakeup is None:
            return
        try:
            wakeup.notify()
        except RuntimeError:
            log.debug("The client is being closed; the order is seen by the next one")

    def _run(self) -> None:
        failures = 0
        while not self._orders.stop:
            try:
                self._live()
            except Exception as error:
                expected = isinstance(error, (KafkaError, CoordinatorUnreachableError))
                log.error(
                    "The group member failed and starts anew. group=%s error=%r",
                    self._settings.group_id,
                    error,
                    exc_info=not expected,
                )
                self._give_up_work()
                self._stopping.wait(min(_FIRST_RESTART * 2**failures, _LONGEST_RESTART))
                failures += 1
        try:
            self._loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:
            log.debug("The event loop was closed before the group member had ended")

    def _live(self) -> None:
        """Be a member with one client, until told to stop.

        Raises:
            Exception: The client, or what runs on it, cannot go on.
        """
        net = NetworkSelector(**self._client_config)
        manager = KafkaConnectionManager(net, **self._client_config)
        client = KafkaNetClient(net=net, manager=manager)
        self._wakeup = WakeupNotifier(net)
        done = manager.call_soon(self._belong, client, manager, self._wakeup)
        try:
            # The net loop runs on this thread: what breaks it is raised here, not lost elsewhere.
            net.poll(future=done)
        finally:
            self._wakeup = None
            client.close()
        if done.failed():
            raise done.exception

    async def _belong(
        self, client: KafkaNetClient, manager: KafkaConnectionManager, wakeup: WakeupNotifier
    ) -> None:
        bootstrap = manager.bootstrap_async()
        bootstrap.add_both(lambda _: wakeup.notify())
        while not bootstrap.is_done:
            if self._orders.stop:
                return
            await wakeup(_BOOTSTRAP_TICK)
        if bootstrap.failed():
            raise bootstrap.exception
        self._coordinator = ConnectCoordinator(
            client,
            wakeup,
            self._settings,
            self._listener,
            self._loop,
            self._orders,
            {**self._client_config, "api_version": manager.broker_version},
        )
        await self._coordinator.run()

    def _give_up_work(self) -> None:
        """Have the work stopped that a failed client's membership stood for."""
        coordinator = self._coordinator
        self._coordinator = None
        if coordinator is None or not coordinator.has_work:
            return
        while not self._orders.stop:
            try:
                asyncio.run_coroutine_threadsafe(
                    self._listener.coordinator_lost(), self._loop
                ).result(self._settings.rebalance_timeout)
            except Exception:
                log.exception("The work could not be stopped. group=%s", self._settings.group_id)
                self._stopping.wait(_LONGEST_RESTART)
            else:
                return
