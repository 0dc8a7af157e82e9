"""The REST server: uvicorn on the worker's own loop, one for each listener.

Java: RestServer.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from collections.abc import Generator, Mapping

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from isthmus.api.errors import ConfigError, ConnectError
from isthmus.config.rest_def import Listener
from isthmus.config.tls import client_context, server_context
from isthmus.rest.app import Application, admin_routes, main_routes
from isthmus.rest.client import RestClient
from isthmus.rest.config import RestConfig
from isthmus.rest.extensions import Extensions
from isthmus.rest.herder import HerderApi

log = logging.getLogger(__name__)

_IDLE_SECONDS = 90
_GRACEFUL_STOP_SECONDS = 60
_BACKLOG = 2048
#: How long the end of an idle TLS connection may take, which both sides are to agree on; asyncio
#: gives them 30 s, and other workers keep connections that they do not read from.
_FAREWELL_SECONDS = 0.5


class RestServer:
    """Offers the REST API on all listeners. For the event loop only.

    The order of a worker's start: `bind`, from when on the address is known and requests are
    answered with 404; then `start` with the herder, which needs the address to be built.
    """

    def __init__(self, config: RestConfig) -> None:
        """Read all keys and certificates, and load the extensions.

        Raises:
            ConfigError: One of these cannot be done.
        """
        self._config = config
        self._extensions = Extensions(config.rest_extension_classes, config.worker)
        self._main = Application.main(config)
        self._admin = Application()
        self._wanted = [
            *((each, self._main, _context(each, config.tls)) for each in config.listeners),
            *(
                (each, self._admin, _context(each, config.admin_tls))
                for each in config.admin_listeners or ()
            ),
        ]
        self._listening: list[_ListeningServer] = []
        has_tls = any(key.startswith("ssl.") for key in config.tls)
        self.client = RestClient(client_context(config.tls) if has_tls else None)

    async def bind(self) -> None:
        """Open the listeners; requests get 404 until `start`.

        Raises:
            ConnectError: An address is in use, or is none of this machine; nothing is open then.
        """
        try:
            for listener, application, context in self._wanted:
                opened = _open(listener)
                self._listening.append(_ListeningServer(listener, opened, application, context))
            for server in self._listening:
                await server.start()
        except Exception:
            await self.stop()
            raise

    async def start(self, herder: HerderApi) -> None:
        """Answer requests with the help of this herder."""
        main = main_routes(herder, self.client, self._config)
        admin = admin_routes(herder, self.client, self._config)
        shared = self._config.admin_listeners is None
        added = self._extensions.register(herder, self._config.extension_timeout)
        self._main.serve([*main, *(admin if shared else ()), *added.routes], added.middleware)
        self._admin.serve(admin)
        for server in self._listening:
            log.info("REST API listening on %s", server.bound)

    async def stop(self) -> None:
        """Take no more requests, and return when those under way are answered, or after 60 s."""
        await asyncio.gather(*(server.stop() for server in self._listening))
        self._listening.clear()
        await self.client.close()
        self._extensions.close()

    @property
    def bound(self) -> list[Listener]:
        """The main listeners with the ports that they really have; after `bind`."""
        return [server.bound for server in self._listening[: len(self._config.listeners)]]

    @property
    def admin_bound(self) -> list[Listener]:
        """The same of the listeners that only `/admin` has."""
        return [server.bound for server in self._listening[len(self._config.listeners) :]]


class _ListeningServer:
    """One listener and the uvicorn server that answers on it."""

    def __init__(
        self,
        listener: Listener,
        opened: socket.socket,
        application: Application,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.bound = listener._replace(port=opened.getsockname()[1])
        self._socket = opened
        self._server = _Uvicorn(_uvicorn_config(application, ssl_context))
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        await self._server.accepting.wait()

    async def stop(self) -> None:
        if self._serving is None:
            self._socket.close()
            return
        self._server.end()
        await self._serving


class _Connection(H11Protocol):
    """A connection that is soon gone when the server stops."""

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(_FAREWELL_SECONDS, self.transport.abort)


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that is a guest in its process.

    It leaves signals to the worker, and wakes up once a second, for the Date header, not ten
    times.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Stop in order; `serve` returns when that is done."""
        self.should_exit = True
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), timeout=1.0)


def _uvicorn_config(application: Application, ssl_context: ssl.SSLContext | None) -> uvicorn.Config:
    def given_context(*_: object) -> ssl.SSLContext:
        assert ssl_context is not None
        return ssl_context

    return uvicorn.Config(
        application,
        http=_Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACEFUL_STOP_SECONDS,
        ssl_context_factory=given_context if ssl_context is not None else None,
    )


def _context(listener: Listener, tls: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return what an https listener needs.

    Raises:
        ConfigError: A key or certificate cannot be used; the text names the listener.
    """
    if listener.scheme != "https":
        return None
    try:
        return server_context(tls)
    except ConfigError as error:
        raise ConfigError(f"Listener {listener}: {error}") from error


def _open(listener: Listener) -> socket.socket:
    """Bind and listen; a host that is empty stands for all interfaces, of IPv6 too if there is."""
    try:
        dual_stack = not listener.host and socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual_stack or ":" in listener.host else socket.AF_INET
        opened = socket.create_server(
            (listener.host, listener.port),
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=dual_stack,
        )
    except OSError as error:
        number = error.errno
        reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
        hint = "; another process listens there" if number == errno.EADDRINUSE else ""
        raise ConnectError(
            f"Unable to listen on {listener} (address {listener.host or 'any'}, port"
            f" {listener.port}): {reason}{hint}"
        ) from error
    opened.setblocking(False)
    # Connections inherit it. asyncio does it only for sockets that it has made itself; without it
    # the body of an answer waits 40 ms for the client to acknowledge the headers.
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened
