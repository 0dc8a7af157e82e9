"""The parent of all child processes: forks when the worker says so, and tells how children ended.

    python -m isthmus.task.fork_server DESCRIPTOR WORKER_PID SYS_PATH PLUGIN_LOCATIONS

It imports what every child needs, once, so that a child starts in milliseconds and shares that
memory with all others. It opens nothing and has no thread, because a fork copies neither.

Nobody outlives the worker. The end of the channel tells the fork server, which ends its children
with all that they have started, even while they are stopped. Nor do they outlive the fork server:
on Linux the kernel kills them with it. Ctrl-C in a terminal may reach all processes: only the
worker listens to it, and ends the others in order.

Nor does a connector or task outlive the worker's lease. A worker that is frozen (SIGSTOP, a
debugger, swapping) loses its work to others when its session ends, and cannot stop it. So it has
said beforehand until when the work is its own, and whatever still runs by then is killed here,
where no plugin can hold a lock.
"""

import contextlib
import faulthandler
import gc
import json
import logging
import math
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

import msgspec
from setproctitle import setproctitle

from isthmus import logs
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
from isthmus.task.child import run_child
from isthmus.task.printing import print_by_lines
from isthmus.task.process_tree import (
    adopt_orphans,
    die_first,
    end_groups,
    end_orphans,
    end_with_parent,
    lead_group,
    outlive_parent_to_clean_up,
)
from isthmus.task.warm_up import warm_up

log = logging.getLogger(__name__)

_READ_BYTES = 65536
#: More descriptors than these in one read of the channel would be lost; the worker sends one each.
_DESCRIPTORS_AT_ONCE = 64
_IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ForkServer:
    """Forks children and reaps them, on the process's only thread."""

    def __init__(self, channel: socket.socket, run: Callable[[socket.socket], int]) -> None:
        self._channel = channel
        self._run = run
        self._frames = FrameReader()
        self._descriptors: deque[int] = deque()
        self._numbers: dict[int, int] = {}  # of children, by process id
        self._lease_until = math.inf
        self._leased: set[int] = set()
        self._overdue: set[int] = set()  # killed at the end of the lease and not reaped yet
        self._wake_up, self._woken = socket.socketpair()

    def serve(self) -> None:
        """Do what the worker says until it closes the channel; then end all children."""
        self._wake_up.setblocking(False)
        self._woken.setblocking(False)
        outlive_parent_to_clean_up()
        adopt_orphans()
        signal.signal(signal.SIGCHLD, _interrupt)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._channel, self._wake_up], [], [], self._lease_left())
            if self._wake_up in ready:
                self._wake_up.recv(_READ_BYTES)
                self._reap()
            if self._channel in ready and not self._take_orders():
                break
            # After the orders: the newest may renew the lease.
            if self._leased and time.monotonic() >= self._lease_until:
                self._end_leased()
        self._end_all()

    def _end_all(self) -> None:
        """End the children, what they have started, and what that has started."""
        end_groups(self._numbers)
        for pid in self._numbers:
            os.waitpid(pid, 0)
        while end_orphans(()):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)

    def _lease_left(self) -> float | None:
        if not self._leased or self._lease_until == math.inf:
            return None
        return max(0.0, self._lease_until - time.monotonic())

    def _end_leased(self) -> None:
        # The line comes last: whoever should read it may be frozen, too.
        end_groups(self._leased)
        count = len(self._leased)
        self._overdue |= self._leased
        self._leased.clear()
        log.warning(
            "The worker has not renewed its lease: ended %d connectors and tasks, which others"
            " will be given",
            count,
        )

    def _take_orders(self) -> bool:
        """Act on what has come; return False at the end of the channel."""
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._channel, _READ_BYTES, _DESCRIPTORS_AT_ONCE
            )
        except ConnectionError:
            return False
        self._descriptors.extend(descriptors)
        for message in self._frames.feed(data):
            match message:
                case Fork(number, title, leased):
                    self._fork(number, title, self._descriptors.popleft(), leased=leased)
                case Kill(number):
                    self._kill(number)
                case RenewLease(until):
                    self._lease_until = until
                case _:
                    raise ValueError(f"{type(message).__name__} is no message to a fork server")
        return bool(data)

    def _fork(self, number: int, title: str, descriptor: int, *, leased: bool) -> None:
        own_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(descriptor)
            self._tell(Exited(number, -1, str(error)))
            return
        if pid == 0:
            self._become_child(title, descriptor, own_pid)
        os.close(descriptor)
        lead_group(pid)  # the child does it as well: whoever comes first
        self._numbers[pid] = number
        if leased:
            self._leased.add(pid)
        self._tell(Forked(number, pid))

    def _become_child(self, title: str, descriptor: int, parent: int) -> NoReturn:
        exit_code = 1
        try:
            end_with_parent(parent)
            lead_group(os.getpid())
            adopt_orphans()
            die_first()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Whoever holds a copy of another channel's end keeps its reader from seeing the end.
            for connection in (self._channel, self._wake_up, self._woken):
                connection.close()
            for other in self._descriptors:
                os.close(other)
            setproctitle(title)
            gc.enable()
            exit_code = self._run(socket.socket(fileno=descriptor))
        except BaseException:
            log.exception("%s has failed", title)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()  # a line that was begun
            # Not sys.exit: this stack is the fork server's, and threads of plugins may be stuck.
            os._exit(exit_code)

    def _kill(self, number: int) -> None:
        end_groups([pid for pid, other in self._numbers.items() if other == number])

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # there is nobody left
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                self._ended(pid, os.waitstatus_to_exitcode(status))
        end_orphans(self._numbers)

    def _ended(self, pid: int, exit_code: int) -> None:
        """Tell of the end of a child, after that of its group."""
        self._leased.discard(pid)
        is_overdue = pid in self._overdue
        self._overdue.discard(pid)
        if (number := self._numbers.pop(pid, None)) is not None:
            end_groups([pid])
            self._tell(Exited(number, exit_code, lease_over=is_overdue))

    def _tell(self, message: AnyMessage) -> None:
        # If the worker is gone, the next look at the channel finds its end.
        with contextlib.suppress(ConnectionError):
            self._channel.sendall(encode(message))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal has done its work by waking `select` through the descriptor."""


def _paths(locations: Sequence[PluginLocation]) -> list[str]:
    return [", ".join(location.path for location in locations)] if locations else []


def main() -> None:
    """Serve the worker whose end of the channel is a descriptor on the command line."""
    descriptor, worker, path, locations_json = sys.argv[1:]
    locations = msgspec.json.decode(locations_json, type=list[PluginLocation])
    end_with_parent(int(worker))
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # As Java does: kill -QUIT prints where all threads are.
    faulthandler.register(signal.SIGQUIT, all_threads=True)
    faulthandler.enable()
    sys.path[:] = json.loads(path)
    setproctitle(" for ".join([f"isthmus: fork server of worker {worker}", *_paths(locations)]))
    logs.configure()
    print_by_lines()
    run = partial(run_child, plugins=warm_up(locations))
    # What lives now lives in all children for ever: out of the collector's sight it stays shared.
    gc.disable()
    gc.freeze()
    ForkServer(socket.socket(fileno=int(descriptor)), run).serve()


if __name__ == "__main__":
    main()
