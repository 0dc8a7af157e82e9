"""A child process as the worker sees it: a process, and the channel to it."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import replace

import msgspec

from isthmus.api.errors import ConnectError
from isthmus.channel import (
    AnyMessage,
    Failure,
    FrameReader,
    GenerateTaskConfigs,
    ReadOffsets,
    ReadTaskConfig,
    ReadyToStart,
    Reply,
    RunPluginJob,
    SpellOffsetKeys,
    StartConnector,
    StartTask,
    Stop,
    TellProgress,
    WriteOffsets,
    encode,
)
from isthmus.worker.fork_server import Ended, ForkServer, Lease, Process
from isthmus.worker.requests import Request, Requests

log = logging.getLogger(__name__)

_READ_BYTES = 65536
#: How long the other half of a child may outlive the first: its process, or what it has sent.
_SECOND_HALF_TIMEOUT = 1.0
#: SIGKILL ends a process as soon as it leaves the kernel; one in a bad disk's hands takes longer.
_KILL_TIMEOUT = 5.0
#: More requests of one child than these are left in its channel, which then makes it wait.
_REQUESTS_AT_ONCE = 8


class Child:
    """A child process with its channel. For the event loop only.

    What the child reports goes to `on_report`, one message after the other. What it asks is
    answered by `requests`. Once the worker's lease is over nobody listens to a connector or task
    any more: others have been given the work, and have their own states and offsets of it.
    """

    def __init__(
        self,
        process: Process,
        channel: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        requests: Requests | None,
        on_report: Callable[[AnyMessage], None],
        lease: Lease | None,
    ) -> None:
        """`requests` is None for what may not ask, `lease` for what may run without one."""
        self._process = process
        self._reader, self._writer = channel
        self._requests = requests
        self._on_report = on_report
        self._lease = lease
        self._free_requests = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._last_request = 0
        self._killed_because = ""
        #: What its end is due to, if that is a failure.
        self.failure = Failure.CRASH
        self._life = asyncio.create_task(self._live(), name=process.title)

    @classmethod
    async def start(
        cls,
        fork_server: ForkServer,
        title: str,
        job: StartConnector | StartTask | RunPluginJob,
        requests: Requests | None,
        on_report: Callable[[AnyMessage], None],
    ) -> "Child":
        """Have a child forked and give it its job; return without waiting for it to begin.

        Raises:
            ConnectError: There can be no child now.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise ConnectError(f"{title} could not be started: {error}") from error
        leased = not isinstance(job, RunPluginJob)
        process = fork_server.fork(title, theirs, leased=leased)
        try:
            channel = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            process.kill()
            ours.close()
            raise
        child = cls(process, channel, requests, on_report, fork_server.lease if leased else None)
        if isinstance(job, RunPluginJob):
            child._expect(job.request)
        child.send(job)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._life.done()

    @property
    def has_lost_lease(self) -> bool:
        """Whether this is, or ended as, work that the group has perhaps given to others."""
        if self.has_ended and self._life.result().lease_over:
            return True
        return self._lease is not None and self._lease.is_over

    def send(self, message: AnyMessage) -> None:
        """Send an order; nothing happens if the child has ended."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def ask(self, request: GenerateTaskConfigs | TellProgress, timeout: float) -> Reply:
        """Send a request, whose number is given here, and return the answer.

        Raises:
            ConnectError: The child ended before it answered.
            TimeoutError: It did not answer in time.
        """
        self._last_request += 1
        self._expect(self._last_request)
        self.send(msgspec.structs.replace(request, request=self._last_request))
        return await self._answer_to(self._last_request, timeout)

    async def result(self, job: RunPluginJob, timeout: float) -> Reply:
        """Return the answer to the job that the child was started with; raises as `ask`."""
        return await self._answer_to(job.request, timeout)

    def _expect(self, number: int) -> None:
        self._replies[number] = asyncio.get_running_loop().create_future()

    async def _answer_to(self, number: int, timeout: float) -> Reply:
        answer = self._replies[number]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait({answer, self._life}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._replies[number]
        if answer.done():
            return answer.result()
        raise ConnectError(f"The process, pid {self.pid}, {self._life.result().reason}")

    async def wait(self) -> Ended:
        """Wait until the process has ended and all that it sent was taken."""
        return await asyncio.shield(self._life)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def kill_because(self, reason: str, failure: Failure = Failure.CRASH) -> None:
        """End the process at once, for a reason that goes behind `was killed because`."""
        log.error("%s, pid %d, was killed because %s", self._process.title, self.pid, reason)
        if not self._killed_because:
            self._killed_because, self.failure = reason, failure
        self.kill()

    async def _live(self) -> Ended:
        reading = asyncio.create_task(self._read())
        ended = self._process.ended
        try:
            await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({reading, ended}, timeout=_SECOND_HALF_TIMEOUT)
            if not ended.done():
                self.kill_because("it closed its channel")
            return self._with_cause(await asyncio.shield(ended))
        finally:
            reading.cancel()
            for request in self._answering:
                request.cancel()
            if self._requests is not None:
                self._requests.close()
            self._writer.close()

    async def _read(self) -> None:
        frames = FrameReader()
        try:
            while data := await self._reader.read(_READ_BYTES):
                for message in frames.feed(data):
                    await self._take(message)
                await self._writer.drain()
        except ConnectionError:
            return  # it died while it was being answered
        except ValueError as error:
            self.kill_because(f"it sent what is no message: {error}")

    def _with_cause(self, ended: Ended) -> Ended:
        if not self._killed_because:
            return ended
        return replace(ended, reason=f"was killed because {self._killed_because}")

    async def _take(self, message: AnyMessage) -> None:
        if self.has_lost_lease:
            return
        match message:
            case (
                ReadyToStart()
                | ReadTaskConfig()
                | ReadOffsets()
                | WriteOffsets()
                | SpellOffsetKeys()
            ):
                await self._free_requests.acquire()
                answering = asyncio.create_task(self._answer(message))
                self._answering.add(answering)
                answering.add_done_callback(self._answered)
            case Reply(request):
                if (waiting := self._replies.get(request)) is not None and not waiting.done():
                    waiting.set_result(message)
            case _:
                self._report(message)

    def _report(self, message: AnyMessage) -> None:
        try:
            self._on_report(message)
        except Exception:
            log.exception("%s could not be taken from %s", message, self._process.title)

    async def _answer(self, message: Request) -> None:
        try:
            body = await self._body_for(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the child's to know
            self.send(Reply(message.request, error_type=type(error).__name__, error=str(error)))
        else:
            self.send(Reply(message.request, body))

    async def _body_for(self, message: Request) -> bytes:
        if self._requests is None:
            raise ConnectError("There is nothing that this process may ask")
        return await self._requests.answer(message)

    def _answered(self, answering: asyncio.Task[None]) -> None:
        self._answering.discard(answering)
        self._free_requests.release()


async def end_in_order(children: dict[str, Child], timeout: float) -> set[str]:
    """Tell all children to stop, wait for them together, and kill those that take too long.

    Returns:
        The names of those that were killed.
    """
    for child in children.values():
        child.send(Stop())
    waits = {asyncio.create_task(child.wait()): name for name, child in children.items()}
    if not waits:
        return set()
    late: set[str] = set()
    await asyncio.wait(waits, timeout=timeout)
    for wait, name in waits.items():
        if not wait.done():
            child = children[name]
            log.warning("%s, pid %d, did not stop in %g s; killed", name, child.pid, timeout)
            child.kill()
            late.add(name)
    await asyncio.wait(waits, timeout=_KILL_TIMEOUT)
    for wait in waits:
        wait.cancel()
    return late
