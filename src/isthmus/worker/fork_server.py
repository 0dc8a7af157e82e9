"""The worker's end of its fork server: the process that is the parent of all children.

The worker cannot fork by itself, because it has threads. The fork server
(`isthmus.task.fork_server`) has none, has imported the data path, and forks a child in
milliseconds. It is started early and not waited for. If it dies, the kernel ends its children with
it, and the next one is started.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from isthmus.api.errors import ConnectError
from isthmus.channel import (
    AnyMessage,
    Exited,
    Fork,
    Forked,
    FrameReader,
    Kill,
    RenewLease,
    encode,
)
from isthmus.plugins import PluginLocation

log = logging.getLogger(__name__)

_READ_BYTES = 65536
_END_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `reason` goes behind its name, as in `exited with code 3`."""

    exit_code: int
    reason: str
    lease_over: bool = False


class Lease:
    """Until when connectors and tasks are this worker's, by `time.monotonic`.

    For ever, until the group gives the first one.
    """

    def __init__(self) -> None:
        self.until = math.inf

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


class Process:
    """A process that was asked for; `pid` is 0 until the fork server has said it."""

    def __init__(self, number: int, title: str, server: "_Server") -> None:
        self.title = title
        self.pid = 0
        #: Done when the process is no more.
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._number = number
        self._server = server

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if not self.ended.done():
            self._server.send(Kill(self._number))


class ForkServer:
    """Starts child processes. All but `start` is for the event loop.

    Children import from the folders of `locations` first, then from where the worker does. All
    fork servers of a worker have the same `lease`.
    """

    def __init__(
        self, locations: Sequence[PluginLocation] = (), lease: Lease | None = None
    ) -> None:
        self._locations = locations
        self._server: _Server | None = None
        self._watch: asyncio.Task[None] | None = None
        self._last_number = 0
        self._stopping = False
        self.lease = lease or Lease()

    def start(self) -> None:
        """Start the process and return; call it early, on the main thread.

        The kernel ends the fork server when the *thread* that started it ends, so that must be one
        that lives as long as the worker.
        """
        self._server = _Server(self._locations)
        if self.lease.until < math.inf:
            self._server.send(RenewLease(self.lease.until))
        log.info("Fork server started as process %d", self._server.pid)

    def ensure_started(self) -> None:
        """Start the process unless it runs, and watch over it from now on.

        Raises:
            ConnectError: It cannot be started.
        """
        self._running_server()

    def renew_lease(self, until: float) -> None:
        """Let connectors and tasks run until then; `until` is a moment of `time.monotonic`."""
        self.lease.until = until
        if self._server is not None:
            self._server.send(RenewLease(until))

    def fork(self, title: str, connection: socket.socket, *, leased: bool) -> Process:
        """Have a child forked with `connection` as its channel; the socket is closed here.

        One that is `leased` is killed when the worker's lease is over.

        Raises:
            ConnectError: The fork server was stopped, or cannot be started.
        """
        with connection:
            if self._stopping:
                raise ConnectError(f"{title} was not started: the worker is stopping")
            server = self._running_server()
            self._last_number += 1
            process = Process(self._last_number, title, server)
            server.processes[self._last_number] = process
            server.send(Fork(self._last_number, title, leased), connection.dup())
            return process

    async def stop(self) -> None:
        """End the fork server, and with it all children that are left."""
        self._stopping = True
        if self._server is not None:
            watch = self._watched(self._server)
            await self._server.stop(watch)

    def _running_server(self) -> "_Server":
        if self._server is None:
            try:
                self.start()
            except OSError as error:
                raise ConnectError(f"The fork server could not be started: {error}") from error
        assert self._server is not None
        self._watched(self._server)
        return self._server

    def _watched(self, server: "_Server") -> "asyncio.Task[None]":
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_over(server), name="fork server")
        return self._watch

    async def _watch_over(self, server: "_Server | None") -> None:
        while server is not None:
            await server.run()
            self._server = None
            if self._stopping:
                return
            log.error(
                "The fork server, process %d, %s; its children ended too", server.pid, server.end
            )
            # One that never forked would only fail again: the next one waits until it is needed.
            if server.has_forked:
                try:
                    self.start()
                except OSError as error:
                    log.error("The fork server could not be started again: %s", error)
            server = self._server


class _Server:
    """One fork server process, from its start to its end."""

    def __init__(self, locations: Sequence[PluginLocation]) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            # -P: the directory that the worker happens to run in is no place to import from.
            self._popen = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "isthmus.task.fork_server",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    json.dumps(sys.path),
                    msgspec.json.encode(locations).decode(),
                ],
                pass_fds=[theirs.fileno()],
            )
        self._connection = ours
        self._outgoing: deque[tuple[memoryview, socket.socket | None]] = deque()
        self.processes: dict[int, Process] = {}
        self.has_forked = False
        self.end = "is running"

    @property
    def pid(self) -> int:
        return self._popen.pid

    def send(self, message: AnyMessage, attached: socket.socket | None = None) -> None:
        """Send in order, as fast as the fork server reads."""
        self._outgoing.append((memoryview(encode(message)), attached))
        if len(self._outgoing) == 1:
            self._send_waiting()

    async def run(self) -> None:
        """Take what the fork server tells until it is gone; then all its children are, too."""
        frames = FrameReader()
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self._connection, _READ_BYTES):
                for message in frames.feed(data):
                    self._take(message)
        except (OSError, ValueError) as error:
            log.error("The channel to the fork server is broken: %s", error)
        loop.remove_writer(self._connection)
        self._connection.close()
        self._drop_outgoing()
        self.end = describe_exit(await self._wait())
        reason = f"was ended because the fork server, process {self.pid}, {self.end}"
        for process in self.processes.values():
            _end_group(process.pid)
            process.ended.set_result(Ended(-signal.SIGKILL, reason))
        self.processes.clear()

    async def stop(self, watch: "asyncio.Task[None]") -> None:
        """Let the fork server see the end of its channel, upon which it ends its children."""
        if self._connection.fileno() >= 0:
            self._connection.shutdown(socket.SHUT_WR)
        done, _ = await asyncio.wait({watch}, timeout=_END_TIMEOUT)
        if not done:
            self._popen.kill()
            await watch

    async def _wait(self) -> int:
        """Wait for the end of a process that has closed its channel, and see to it."""
        try:
            return await asyncio.to_thread(self._popen.wait, _END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return await asyncio.to_thread(self._popen.wait)

    def _take(self, message: AnyMessage) -> None:
        match message:
            case Forked(number, pid) if number in self.processes:
                self.has_forked = True
                self.processes[number].pid = pid
            case Exited(number, exit_code, error, lease_over) if number in self.processes:
                reason = f"could not be started: {error}" if error else describe_exit(exit_code)
                self.processes.pop(number).ended.set_result(Ended(exit_code, reason, lease_over))
            case _:
                log.warning("The fork server sent %s, which has no use here", message)

    def _send_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._outgoing:
            data, attached = self._outgoing[0]
            try:
                if attached is not None:
                    sent = socket.send_fds(self._connection, [data], [attached.fileno()])
                    attached.close()
                else:
                    sent = self._connection.send(data)
            except BlockingIOError:
                loop.add_writer(self._connection, self._send_waiting)
                return
            except OSError:
                self._drop_outgoing()  # `run` sees the end of the channel as well
                return
            if sent < len(data):
                self._outgoing[0] = (data[sent:], None)
            else:
                self._outgoing.popleft()
        if self._connection.fileno() >= 0:
            loop.remove_writer(self._connection)

    def _drop_outgoing(self) -> None:
        for _, attached in self._outgoing:
            if attached is not None:
                attached.close()
        self._outgoing.clear()


def _end_group(leader: int) -> None:
    """Kill what a child has started; the kernel ends only the child with its fork server."""
    if leader:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def describe_exit(exit_code: int) -> str:
    """Return how a process ended, as `exited with code 3`; negative codes are signals."""
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    return f"was killed by signal {-exit_code} ({name})"
