"""A child's end of its channel to the worker.

A thread reads what the worker orders, so that orders arrive even while plugin code blocks the main
thread. The main thread looks at `stopping` and `target_state` when it can, or waits for them.

The end of the channel means that the worker is gone, and with it the right to do this work: other
workers will be given it. The process then exits at once.
"""

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias

import msgspec

from isthmus import logs
from isthmus.api.errors import ConnectError
from isthmus.channel import (
    AnyMessage,
    ChangeState,
    FrameReader,
    GenerateTaskConfigs,
    ReadOffsets,
    ReadTaskConfig,
    ReadyToStart,
    RelieveMemory,
    Reply,
    RunPluginJob,
    SetLogLevel,
    SpellOffsetKeys,
    StartConnector,
    StartTask,
    Stop,
    TargetState,
    TellProgress,
    WriteOffsets,
    encode,
)
from isthmus.task.errors import TaskStoppedError
from isthmus.task.progress import Progress

log = logging.getLogger(__name__)

Job: TypeAlias = StartConnector | StartTask | RunPluginJob
Request: TypeAlias = ReadyToStart | ReadTaskConfig | ReadOffsets | WriteOffsets | SpellOffsetKeys

#: A worker that takes nothing for this long has lost its place in the group, and its tasks with it.
_SEND_TIMEOUT: Final = 60
_REQUEST_TIMEOUT: Final = 60.0
_READ_BYTES: Final = 65536


class Link:
    """The channel to the worker. `send` and `ask` may be called from any thread."""

    def __init__(
        self, connection: socket.socket, end: Callable[[str], NoReturn] | None = None
    ) -> None:
        self._connection = connection
        self._end = end or _end_without_worker
        # Not settimeout(), which would limit the reader's waiting as well.
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT, 0)
        )
        self._frames = FrameReader()
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._target_state = TargetState.STARTED
        self._wanted_configs: GenerateTaskConfigs | None = None
        self._last_request = 0
        self._replies: dict[int, Reply | None] = {}
        self.progress = Progress()
        #: Set when the worker wants memory back; whoever has given some clears it.
        self.wants_relief = threading.Event()
        #: Set when the worker wants this process to end in order, or the task to be STOPPED.
        self.stopping = threading.Event()

    @property
    def target_state(self) -> TargetState:
        """What the user wants of this connector or task, by the worker's newest order."""
        return self._target_state

    def receive_job(self) -> Job:
        """Wait for the first message, and from then on take orders on a thread.

        Raises:
            ConnectError: The worker's first message is not a job.
        """
        messages = self._receive()
        while not messages:
            messages = self._receive()
        job, *orders = messages
        if not isinstance(job, StartConnector | StartTask | RunPluginJob):
            raise ConnectError(f"expected a job first, the worker sent {type(job).__name__}")
        if not isinstance(job, RunPluginJob):
            self._target_state = job.target_state
        for order in orders:
            self._take(order)
        threading.Thread(target=self._take_orders, name="orders", daemon=True).start()
        return job

    def send(self, message: AnyMessage) -> None:
        """Send one message; wait no longer than a minute for a worker that reads nothing."""
        frame = encode(message)
        with self._sending:
            try:
                self._connection.sendall(frame)
            except BrokenPipeError:
                self._end("")
            except OSError as error:
                self._end(f"nothing can be sent to the worker: {error}")

    def ask(self, request: Request, timeout: float = _REQUEST_TIMEOUT) -> Reply:
        """Send a request, whose number is given here, and wait for the answer.

        Raises:
            ConnectError: The worker answers with an error, or not in time.
        """
        number = self._send_request(request)
        with self._changed:
            self._changed.wait_for(lambda: self._replies[number] is not None, timeout)
        reply = self._reply(number)
        if reply is None:
            name = type(request).__name__
            raise ConnectError(f"{name} was not answered by the worker in {timeout:g} s")
        return reply

    def ask_until_stopped(self, request: Request) -> Reply:
        """Send a request, and wait for the answer as long as it takes.

        Raises:
            ConnectError: The worker answers with an error.
            TaskStoppedError: This process is to end, and there is no answer yet.
        """
        number = self._send_request(request)
        with self._changed:
            self._changed.wait_for(
                lambda: self._replies[number] is not None or self.stopping.is_set()
            )
        reply = self._reply(number)
        if reply is None:
            raise TaskStoppedError
        return reply

    def _send_request(self, request: Request) -> int:
        with self._changed:
            self._last_request += 1
            number = self._last_request
            self._replies[number] = None
        self.send(msgspec.structs.replace(request, request=number))
        return number

    def _reply(self, number: int) -> Reply | None:
        with self._changed:
            reply = self._replies.pop(number)
        if reply is not None and reply.error_type:
            raise ConnectError(reply.error)
        return reply

    def wait_for_order(self, known: TargetState, timeout: float | None = None) -> bool:
        """Wait until another target state than `known`, a stop or new task configs are wanted.

        Returns:
            False if nothing of that came in time.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    self.stopping.is_set()
                    or self._target_state is not known
                    or self._wanted_configs is not None
                ),
                timeout,
            )

    def wanted_task_configs(self) -> GenerateTaskConfigs | None:
        """Take the newest request for task configs; earlier ones have been given up on."""
        with self._changed:
            wanted, self._wanted_configs = self._wanted_configs, None
            return wanted

    def wake(self) -> None:
        """Have `wait_for_order` look again; the caller has set `stopping`."""
        with self._changed:
            self._changed.notify_all()

    def _take_orders(self) -> None:
        while True:
            for message in self._receive():
                self._take(message)

    def _receive(self) -> list[AnyMessage]:
        try:
            data = self._connection.recv(_READ_BYTES)
            messages = self._frames.feed(data)
        except (OSError, ValueError) as error:
            self._end(f"the channel to the worker is broken: {error}")
        if not data:
            self._end("")
        return messages

    def _take(self, message: AnyMessage) -> None:
        match message:
            case SetLogLevel(logger, level):
                logs.set_level(logger, level)
                return
            case TellProgress(request, with_stack):
                told = self.progress.told(with_stack=with_stack)
                self.send(Reply(request, msgspec.msgpack.encode(told)))
                return
            case RelieveMemory():
                self.wants_relief.set()
            case Stop():
                self.stopping.set()
            case _:
                pass
        with self._changed:
            match message:
                case ChangeState(target_state):
                    self._target_state = target_state
                case GenerateTaskConfigs():
                    self._wanted_configs = message
                case Reply(request) if request in self._replies:
                    self._replies[request] = message
                case _:
                    pass  # a Stop, or the reply to a request that was given up on
            self._changed.notify_all()


def _end_without_worker(reason: str) -> NoReturn:
    """End this process from whatever thread notices, without waiting for plugin code."""
    # Without the worker there may be nobody who reads our standard output: no log line then.
    if reason:
        log.error("Ending at once: %s", reason)
    os._exit(1)
