"""Connectors whose variables hold for a while only are started anew when that is over (KIP-297).

Java: WorkerConfigTransformer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from isthmus.api.errors import ConnectError
from isthmus.config.providers import Resolved

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]

#: A provider whose values never hold would otherwise have its connectors do nothing but start.
_SHORTEST: Final = 1.0


class Reloads:
    """Fills in variables of connectors that start here, and knows when to do so again."""

    def __init__(
        self,
        resolve: Callable[[Config], Resolved[str | None]],
        restart: Callable[[str], Awaitable[None]],
        in_turn: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
    ) -> None:
        """`restart` is called in a turn that `in_turn` gives it."""
        self._resolve = resolve
        self._restart = restart
        self._in_turn = in_turn
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._restarting: set[asyncio.Task[None]] = set()

    def resolve(self, name: str, raw: Config) -> dict[str, str | None]:
        """Return the config of a connector that starts now, with its variables filled in.

        Raises:
            ConfigError: A provider cannot read the place that a variable names.
        """
        self.forget(name)
        resolved = self._resolve(raw)
        wanted = resolved.config.get("config.action.reload", "restart") == "restart"
        if resolved.ttl is not None and wanted:
            delay = max(resolved.ttl, _SHORTEST)
            log.info("Scheduling a restart of connector %s in %d ms", name, delay * 1000)
            loop = asyncio.get_running_loop()
            self._timers[name] = loop.call_later(delay, self._begin, name)
        return resolved.config

    def forget(self, name: str) -> None:
        """Leave the connector alone: it stops, or somebody else starts it anew."""
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()

    def _begin(self, name: str) -> None:
        restarting = asyncio.create_task(
            self._restart_in_turn(name, self._timers[name]), name=f"reload of {name}"
        )
        self._restarting.add(restarting)
        restarting.add_done_callback(self._restarting.discard)

    async def _restart_in_turn(self, name: str, timer: asyncio.TimerHandle) -> None:
        async def restart() -> None:
            if self._timers.get(name) is timer:  # else it has stopped, or has new values already
                log.info("Restarting connector %s, whose values have come to their end", name)
                await self._restart(name)

        try:
            await self._in_turn(restart)
        except ConnectError as error:  # the worker is shutting down, say
            log.warning("Connector %s was not restarted: %s", name, error)
        except Exception:
            log.exception("Connector %s could not be restarted", name)
