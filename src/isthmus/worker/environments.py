"""The processes that plugins run in: a fork server for the worker's own, and one for each place.

What a plugin imports, no other plugin meets: a connector's child is forked from a fork server whose
`sys.path` has the place of that connector on `plugin.path`, and of what else its config names. Two
plugins may so need different versions of one library, and two versions of one plugin may run side
by side (KIP-891).

    scan           plugins/path.py: metadata only, on a thread; wheels are unpacked
    describe       a child in each place lists its plugins, since that takes imports; then the
                   fork server of the place ends
    server_for     the fork server for a config, started when it is first needed

Java: Plugins, DelegatingClassLoader.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConnectError
from isthmus.config.home import isthmus_home
from isthmus.plugins import WORKERS_OWN, PluginDescriptor, PluginIndex, PluginLocation, Wanted
from isthmus.plugins.path import scan
from isthmus.worker.fork_server import ForkServer

log = logging.getLogger(__name__)

#: Returns the plugins that children of a fork server can load.
Describe = Callable[[ForkServer], Awaitable[Sequence[PluginDescriptor]]]

_DESCRIBED_AT_ONCE: Final = os.cpu_count() or 1


class Environments:
    """The fork servers of one worker. For the event loop only."""

    def __init__(self, own: ForkServer, plugin_path: Sequence[str], describe: Describe) -> None:
        self._own = own
        self._plugin_path = plugin_path
        self._describe = describe
        self._locations: dict[str, PluginLocation] = {}
        self._servers: dict[tuple[str, ...], ForkServer] = {(): own}
        self._index: asyncio.Task[PluginIndex] | None = None

    def start(self) -> None:
        """Start the worker's own fork server, and have the plugins on the path looked for."""
        self._own.ensure_started()
        if self._plugin_path:
            self._ensure_index()

    async def stop(self) -> None:
        """End all fork servers, and with them all children that are left."""
        if self._index is not None:
            self._index.cancel()
        await asyncio.gather(*(server.stop() for server in self._servers.values()))

    def renew_lease(self, until: float) -> None:
        """Let connectors and tasks run until then, a moment of `time.monotonic`."""
        for server in self._servers.values():
            server.renew_lease(until)

    async def plugins(self) -> PluginIndex:
        """Return all plugins that there are, asked for once."""
        return await asyncio.shield(self._ensure_index())

    async def elsewhere(self, locations: Sequence[str]) -> Sequence[PluginDescriptor]:
        """Return the plugins that only children in other places than these can load."""
        if not self._plugin_path:
            return ()
        here = {*locations, WORKERS_OWN}
        return [found for found in await self.plugins() if found.location not in here]

    async def locations_for(self, wanted: Iterable[Wanted]) -> tuple[str, ...]:
        """Return the places on `plugin.path` that these plugins need; none but for those there.

        Raises:
            ConnectError: One of them is the alias of several plugins.
        """
        if not self._plugin_path:
            return ()
        return (await self.plugins()).locations_for(wanted)

    def server(self, locations: tuple[str, ...]) -> ForkServer:
        """Return the fork server whose children import from these places first."""
        if locations not in self._servers:
            found = [self._locations[path] for path in locations]
            _warn_of_different_libraries(found)
            self._servers[locations] = ForkServer(found, self._own.lease)
        return self._servers[locations]

    def _ensure_index(self) -> "asyncio.Task[PluginIndex]":
        failed = self._index is not None and self._index.done() and self._index.exception()
        if self._index is None or failed:
            self._index = asyncio.create_task(self._find(), name="plugins")
        return self._index

    async def _find(self) -> PluginIndex:
        if self._plugin_path:
            found = await asyncio.to_thread(scan, self._plugin_path, _install)
            self._locations = {location.path: location for location in found}
        at_once = asyncio.Semaphore(_DESCRIBED_AT_ONCE)
        descriptors = [*await self._describe(self._own)]
        lists = (self._describe_location(path, at_once) for path in self._locations)
        for described in await asyncio.gather(*lists):
            descriptors += described
        return PluginIndex(descriptors)

    async def _describe_location(
        self, path: str, at_once: asyncio.Semaphore
    ) -> Sequence[PluginDescriptor]:
        async with at_once:
            server = self.server((path,))
            try:
                described = await self._describe(server)
            except ConnectError as error:
                log.error("plugin.path: %s is left out: %s", path, error)
                described = ()
            # Most places are not used for long, and each fork server has its own memory.
            del self._servers[path,]
            await server.stop()
        found = [descriptor for descriptor in described if descriptor.location == path]
        shown = [f"{plugin.kind} {plugin.class_name} {plugin.version}" for plugin in found]
        log.info("plugin.path: %s has %s", path, ", ".join(shown) or "no plugins")
        return found


def _install(wheels: Sequence[Path]) -> Path:
    # packaging takes 20 ms to import, and few workers have wheels on their path.
    from isthmus.plugins.wheels import install  # noqa: PLC0415

    return install(wheels, isthmus_home() / "plugins")


def _warn_of_different_libraries(locations: Sequence[PluginLocation]) -> None:
    """Say so when plugins of several places must share a process and bring different libraries."""
    counts: dict[str, tuple[str, str]] = {}
    for location in locations:
        for name, version in location.packages.items():
            first, place = counts.setdefault(name, (version, location.path))
            if first != version:
                log.warning(
                    "Plugins of %s and %s run in one process: %s %s of the first counts, not %s",
                    place,
                    location.path,
                    name,
                    first,
                    version,
                )
