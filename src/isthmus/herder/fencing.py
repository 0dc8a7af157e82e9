"""Fencing out zombies: tasks of a source that should be gone and may still write (KIP-618).

    a worker that starts a task      Preflight: the leader is asked, and later the config topic
    the leader                       Fencing: what reconcile.fencing_round decides is done

Java: DistributedHerder.fenceZombieSourceTasks, verifyTaskGenerationAndOwnership.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId
from isthmus.herder.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    NotLeaderError,
    RequestTargetError,
    RestError,
    UnreachableWorkerError,
)
from isthmus.herder.herder import Herder
from isthmus.herder.reconcile import FencingRound, fencing_round
from isthmus.herder.signature import MISSING_SIGNATURE

log = logging.getLogger(__name__)

#: Seconds; longer than it takes a group to replace a leader that was killed.
_ASKED_FOR = 60.0
#: How the answers begin of workers that are asked during a rebalance.
_NO_LEADER = "Cannot complete request "

Config = Mapping[str, str | None]
ConnectorType = Callable[[Config], Awaitable[str]]

#: Fences out the producers of so many tasks of the connector with this name and config.
FenceProducers = Callable[[str, Config, int], Awaitable[None]]


class Fencing:
    """The leader's part. For the event loop only."""

    def __init__(
        self,
        herder: Herder,
        connector_type: ConnectorType,
        resolve: Callable[[Config], Config],
        fence_producers: FenceProducers,
        sync_timeout: float,
    ) -> None:
        self._herder = herder
        self._connector_type = connector_type
        self._resolve = resolve
        self._fence_producers = fence_producers
        self._sync_timeout = sync_timeout

    async def fence_zombies(self, name: str) -> None:
        """Make sure that no earlier task of the connector can write any more.

        Who asks while that is being done for the connector shares the outcome.

        Raises:
            NotLeaderError: The leader must do it.
            NotFoundError: There is no such connector.
            BadRequestError: It is no source.
            ConflictError: Its task configs have changed meanwhile.
            ConnectError: Kafka does not answer, or refuses.
        """
        outcome = await self._herder.request(lambda: self._begin(name))
        if outcome is not None:
            await asyncio.shield(outcome)

    async def _begin(self, name: str) -> asyncio.Future[None] | None:
        await self._require_source(name)
        await self._refresh(
            "Failed to read to end of config topic before performing zombie fencing"
        )
        state = self._herder.configs.snapshot()
        needed, raw = fencing_round(state, name), state.connector_config(name)
        if needed is None or raw is None:
            log.debug("Connector %s: earlier tasks are fenced out already", name)
            return None
        if not needed.producers:
            log.debug("Connector %s: there is no earlier task to fence out", name)
            await self._herder.configs.put_task_count_record(name, needed.tasks)
            return None
        # Brokers may take long, which must hold up neither the group nor other requests.
        return self._herder.fencing_rounds.join(name, lambda: self._fence(name, raw, needed))

    async def _require_source(self, name: str) -> None:
        if not self._herder.is_leader:
            raise NotLeaderError(
                "Only the leader may perform zombie fencing.", self._herder.leader_url() or None
            )
        raw = self._herder.state.connector_config(name)
        if raw is None:
            raise NotFoundError(f"Connector {name} not found")
        if await self._connector_type(raw) != "source":
            raise BadRequestError(f"Connector {name} is not a source connector")

    async def _fence(self, name: str, raw: Config, needed: FencingRound) -> None:
        log.info("Fencing out %d task producers of source connector %s", needed.producers, name)
        await self._fence_producers(name, self._resolve(raw), needed.producers)
        await self._herder.request(lambda: self._complete(name, needed))

    async def _complete(self, name: str, done: FencingRound) -> None:
        self._herder.require_leader()
        await self._refresh("Failed to read to end of config topic")
        if done.generation < self._herder.configs.snapshot().task_config_generation(name):
            raise ConflictError(
                "Fencing failed because new task configurations were generated for the connector"
            )
        await self._herder.configs.put_task_count_record(name, done.tasks)

    async def _refresh(self, failure: str) -> None:
        try:
            await self._herder.configs.refresh(self._sync_timeout)
        except ConnectError as error:
            raise RestError(500, failure) from error


class Preflight:
    """What a source task waits for before it writes in transactions. For the event loop only.

    `fence` asks the leader, which may be this worker, to fence out earlier tasks of a connector.
    """

    def __init__(
        self,
        herder: Herder,
        connector_type: ConnectorType,
        fence: Callable[[str], Awaitable[None]],
        pause: float = 0.25,
    ) -> None:
        self._pause = pause
        self._herder = herder
        self._connector_type = connector_type
        self._fence = fence

    async def fence(self, name: str) -> None:
        """Have the leader fence out earlier tasks of the connector.

        The leader may stop or change its key while it is asked, and another one may lead before
        this worker knows: for a minute it is asked again. Java's task fails at once, and stays so.

        Raises:
            ConnectError: It refuses, fails or cannot be reached.
        """
        deadline = time.monotonic() + _ASKED_FOR
        while True:
            try:
                await self._fence(name)
            except ConnectError as error:
                if not _will_pass(error) or time.monotonic() > deadline:
                    raise
                log.warning("Connector %s: the leader is asked again to fence: %s", name, error)
            else:
                return
            await asyncio.sleep(self._pause)

    async def is_for(self, connector: Config) -> bool:
        """Return whether tasks of a connector with this config need it."""
        return await self._connector_type(connector) == "source"

    async def in_turn(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run the action when nothing else is started or stopped."""
        await self._herder.turns.of_group(action)

    def verification(self, task: ConnectorTaskId) -> Callable[[], Awaitable[None]]:
        """Return what the task, once its producer has fenced out others, waits for.

        It raises a ConnectError if the task has other configs than now by then, or is another
        worker's, whose producer may be the one that was fenced out.
        """
        generation = self._herder.configs.snapshot().task_config_generation(task.connector)

        async def verify() -> None:
            await self._herder.configs.refresh(None)
            now = self._herder.configs.snapshot().task_config_generation(task.connector)
            if now != generation:
                raise ConnectError(
                    f"Cannot start source task {task} with exactly-once support as the connector"
                    " has already generated a new set of task configs"
                )
            if not self._herder.owns_task(task):
                raise ConnectError(
                    f"Cannot start source task {task} as it has already been revoked from this"
                    " worker"
                )

        return verify


def _will_pass(error: ConnectError) -> bool:
    """Tell whether the error says no more than that leader or session key have just changed."""
    match error:
        case RequestTargetError():
            return error.url is None
        case UnreachableWorkerError():
            return True
        case RestError():
            # Who leads no more sends the request on without its signature, or knows of no leader.
            passing = (HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
            text = error.message or ""
            return error.status in passing or text.startswith((MISSING_SIGNATURE, _NO_LEADER))
        case _:
            return False
