"""A worker at the other end of a task's link: it orders what the test says and keeps what it hears.

The link is the real one over a socket pair; only the process around it is missing.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import msgspec

from isthmus.api.record import SourceOffset, SourcePartition
from isthmus.channel import (
    AnyMessage,
    ChangeState,
    FrameReader,
    ReadOffsets,
    ReadyToStart,
    Reply,
    SpellOffsetKeys,
    StartTask,
    State,
    StateChanged,
    Stop,
    TargetState,
    TopicsUsed,
    WriteOffsets,
    encode,
)
from isthmus.kafka.offset_codec import decode_key, decode_value, encode_key, encode_value
from isthmus.task.link import Link

MessageT = TypeVar("MessageT")


class ScriptedWorker:
    """Gives a task its job and its orders. For the test's thread; `link` is for the task's."""

    def __init__(self, job: StartTask) -> None:
        self.job = job
        self.heard: list[AnyMessage] = []
        #: The offsets topic: values by keys, as bytes.
        self.offsets: dict[bytes, bytes | None] = {}
        #: What writes of offsets are answered with, instead of being done; "" does them.
        self.offset_error = ""
        #: Whether the task may go on, and whether reads of offsets end it.
        self.may_start = True
        self.stops_instead_of_reading = False
        self._own, theirs = socket.socketpair()
        self._theirs = theirs
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self._own.sendall(encode(job))
        self.link = Link(theirs, end=_end_thread)
        self.link.receive_job()

    def order(self, target_state: TargetState) -> None:
        """Have the task go to another state."""
        self._own.sendall(encode(ChangeState(target_state)))

    def stop(self) -> None:
        """Have the task end in order."""
        self._own.sendall(encode(Stop()))

    def of(self, kind: type[MessageT]) -> list[MessageT]:
        """Return the messages of one kind, in their order."""
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def states(self) -> list[State]:
        """The states that the task has reported."""
        return [message.state for message in self.of(StateChanged)]

    @property
    def topics(self) -> set[str]:
        """The topics that the task has used."""
        return {topic for message in self.of(TopicsUsed) for topic in message.topics}

    @property
    def offset_list(self) -> list[tuple[Any, SourceOffset | None]]:
        """The committed offsets by source partition."""
        return [(decode_key(key)[1], decode_value(value)) for key, value in self.offsets.items()]

    def set_offset(self, partition: SourcePartition, offset: SourceOffset) -> None:
        """Write an offset as an earlier run of the task would have."""
        self.offsets[encode_key(self.job.connector, partition)] = encode_value(offset)

    def close(self) -> None:
        """Hang up."""
        for end in (self._own, self._theirs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        for end in (self._own, self._theirs):
            end.close()

    def _listen(self) -> None:
        frames = FrameReader()
        with contextlib.suppress(OSError):
            while data := self._own.recv(65536):
                for message in frames.feed(data):
                    self._take(message)

    def _take(self, message: AnyMessage) -> None:
        self.heard.append(message)
        match message:
            case ReadyToStart(request) if self.may_start:
                self._reply(Reply(request))
            case ReadyToStart(request):
                self._reply(Reply(request, b"", "ConnectError", "not this task"))
            case ReadOffsets() if self.stops_instead_of_reading:
                self.stop()
            case ReadOffsets(request, keys):
                found = [self.offsets.get(key) for key in keys]
                self._reply(Reply(request, msgspec.msgpack.encode(found)))
            case SpellOffsetKeys(request, keys):
                self._reply(Reply(request, msgspec.msgpack.encode(keys)))
            case WriteOffsets(request, records):
                if self.offset_error:
                    self._reply(Reply(request, b"", "ConnectError", self.offset_error))
                else:
                    self.offsets |= dict(records)
                    self._reply(Reply(request))
            case _:
                pass

    def _reply(self, reply: Reply) -> None:
        self._own.sendall(encode(reply))


def start_task(
    worker: Mapping[str, str],
    connector: Mapping[str, str | None],
    *,
    name: str,
    task: int = 0,
    config: Mapping[str, str | None] | None = None,
    target_state: TargetState = TargetState.STARTED,
) -> StartTask:
    """Return the job of a task, whose own config is its connector's unless it is given."""
    return StartTask(
        connector=name,
        task=task,
        config=dict(connector if config is None else config),
        connector_config=dict(connector),
        worker_config=dict(worker),
        target_state=target_state,
        cluster_id="test",
        log_levels={},
    )


def worker_config(bootstrap_servers: str, **changes: str) -> dict[str, str]:
    """Return a worker's properties; `_` in a name stands for `.`."""
    string = "org.apache.kafka.connect.storage.StringConverter"
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": "test",
        "config.storage.topic": "configs",
        "offset.storage.topic": "offsets",
        "status.storage.topic": "statuses",
        "key.converter": string,
        "value.converter": string,
        "offset.flush.interval.ms": "200",
        **{key.replace("_", "."): value for key, value in changes.items()},
    }


class RunningTask:
    """A runner on a thread of its own, with a scripted worker; for `with`.

    At the end of the block the task is stopped, and what made it fail, if anything, is raised
    unless the test has asked for `failure`.
    """

    def __init__(self, job: StartTask, runner: Any, plugins: Any) -> None:
        self.worker = ScriptedWorker(job)
        self._failure: BaseException | None = None
        self._runner = runner
        self._plugins = plugins
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "RunningTask":
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self.stop()
        finally:
            self.worker.close()
        if kind is None and self._failure is not None:
            raise self._failure

    def stop(self, timeout: float = 30.0) -> None:
        """Stop the task in order and wait for its end."""
        with contextlib.suppress(OSError):
            self.worker.stop()
        self.join(timeout)

    def expect(
        self, what: str, seen: Callable[[], object], wanted: object, timeout: float = 30.0
    ) -> None:
        """Wait until what is seen is what is wanted; fail if the task fails meanwhile."""
        deadline = time.monotonic() + timeout
        while (last := seen()) != wanted:
            if not self._thread.is_alive() and self._failure is not None:
                raise self._failure
            assert time.monotonic() < deadline, f"{what}: wanted {wanted!r}, last seen {last!r}"
            time.sleep(0.02)

    def expect_state(self, state: State) -> None:
        """Wait until the task's newest state is this one."""
        self.expect("the task's last state", lambda: self.worker.states[-1:], [state])

    def join(self, timeout: float = 30.0) -> None:
        """Wait until the task has ended by itself."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"still running after {timeout} s"

    def failure(self, timeout: float = 30.0) -> BaseException:
        """Wait until the task fails, and return why."""
        self.join(timeout)
        failure, self._failure = self._failure, None
        assert failure is not None, f"ended without failing; states: {self.worker.states}"
        return failure

    def _run(self) -> None:
        try:
            self._runner(self.worker.job, self.worker.link, self._plugins).run()
        except BaseException as failure:  # noqa: BLE001  # for the test to look at
            self._failure = failure


def _end_thread(_reason: str) -> NoReturn:
    while True:  # as in a process that ends, the thread that noticed does nothing more
        threading.Event().wait()
