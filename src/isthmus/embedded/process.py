"""Servers as child processes that never outlive us."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from isthmus.api.errors import ConnectError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here, because between fork and exec nothing should be loaded

# Below the range from which Linux and macOS take the ports of outgoing connections: such a port
# could be in use again before the server has bound it, or on the next start.
_SERVER_PORTS = range(20000, 32768)

_LOG_LINES_SHOWN = 40


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends, even by SIGKILL.

    For `preexec_fn`. Linux means by parent the *thread* that called fork: start what shall live
    long from a thread that lives as long. Elsewhere the kernel offers nothing like it, and a child
    outlives a parent that was killed.

    Args:
        parent: The process id of the parent. If it is given, a parent that died before the kernel
            knew of our wish is noticed as well.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if parent is not None and os.getppid() != parent:
            os._exit(1)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` of the loopback interface."""
    with socket.socket() as probe:
        # As servers do: connections that a former server has just closed do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    for port in random.sample(_SERVER_PORTS, 200):
        if is_free(port):
            return port
    raise ConnectError(
        f"No free port on 127.0.0.1: 200 tried between {_SERVER_PORTS.start} and "
        f"{_SERVER_PORTS.stop - 1} are all taken"
    )


def last_lines(path: Path) -> str:
    """Return the end of a log, or nothing when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_LOG_LINES_SHOWN:])


class ServerProcess:
    """A server that somebody else wrote, as our child. For one thread, which must outlive it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare, start nothing.

        Args:
            name: What errors call it.
            command: The program and its arguments.
            output: The file to which everything it prints is added.
            environment: Its variables; None for ours.
        """
        self.name = name
        self.output = output
        self._command = command
        self._environment = None if environment is None else dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ConnectError(f"{self.name} was not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, as `subprocess` counts; None if it runs or was never started."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we end it in order
                preexec_fn=partial(die_with_parent, os.getpid()),
            )

    def stop(self, timeout: float) -> None:
        """Ask it to end, and kill it if it has not ended within `timeout` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
