"""An HTTP CONNECT proxy between a client and its brokers, to be cut or frozen by a test."""

import asyncio


class ConnectProxy:
    """Carries every connection of a client whose `proxy_url` is `url`.

    Belongs to the event loop that started it.
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen; on the same port again after a `cut`."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Close all connections and refuse new ones until the next `start`."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None

    def freeze(self) -> None:
        """Keep the connections open and carry nothing, as a lost network does."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            host, _, port = request.split()[1].rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            self._writers.add(far_writer)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(
                self._pump(reader, far_writer),
                self._pump(far_reader, writer),
            )
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side is gone; the other learns of it below
        finally:
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
