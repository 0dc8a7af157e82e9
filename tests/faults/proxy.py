"""A TCP proxy in front of the broker, on a thread of its own, that can do what networks do."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


class Proxy:
    """Carries all connections to one port of this machine. For one thread."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        self._generation = 0

    def start(self) -> None:
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset all connections and refuse new ones, until `mend`."""
        self._do(self._cut())

    def delay(self, seconds: float) -> None:
        """Hold each piece of data up for so long, both ways, until `mend`."""
        self._delay = seconds

    def half_open(self) -> None:
        """Swallow what the connections of this moment carry from now on, and never close them.

        As after a firewall has forgotten them: both sides believe that they are connected. New
        connections work.
        """
        self._generation += 1

    def mend(self) -> None:
        self._delay = 0.0
        if self._server is None:
            self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def _cut(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for carrier in list(self._carriers):
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.current_task()
        assert carrier is not None
        self._carriers.add(carrier)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far)
            generation = self._generation
            await asyncio.gather(
                self._pump(reader, far, generation), self._pump(far_reader, writer, generation)
            )
        except (OSError, asyncio.CancelledError):
            pass  # a side is gone, or was cut off
        finally:
            for side in (writer, far):
                if side is not None:
                    side.transport.abort()
                    self._writers.discard(side)
            self._carriers.discard(carrier)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, generation: int
    ) -> None:
        while data := await reader.read(65536):
            if self._delay:
                await asyncio.sleep(self._delay)
            if generation == self._generation:
                writer.write(data)
                await writer.drain()
        if generation == self._generation:
            writer.transport.abort()
