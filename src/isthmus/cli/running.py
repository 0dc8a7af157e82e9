"""What the commands that run a worker have in common: log, signals, exit codes.

Exit codes are Java's: 1 for wrong usage, for an internal topic that cannot be used, and when the
worker fails later; 2 for wrong settings, a port that is taken, or a cluster that does not answer; 3
for a connector of the command line that cannot be created. Whatever ends it does so in one line
that says why.
"""

import asyncio
import contextlib
import faulthandler
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from setproctitle import setproctitle

from isthmus import CONNECT_VERSION, __version__, logs
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.cli.connect import Connect, Mode
from isthmus.config.client_security import without_effect
from isthmus.config.kerberos import check_kerberos, take_java_krb5_conf
from isthmus.config.properties import read_properties
from isthmus.config.worker import WorkerConfig
from isthmus.herder.api import HerderServices
from isthmus.worker.fork_server import ForkServer

log = logging.getLogger("isthmus.connect")

WRONG_USAGE = 1
_RUN_FAILED = 1
_START_FAILED = 2
_CONNECTOR_FAILED = 3
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Launch:
    """A worker to be run: its settings, its mode, and what is to be done once it has started."""

    config: WorkerConfig
    mode: Mode
    after_start: Callable[[HerderServices], Coroutine[Any, Any, None]] | None = None


def run_worker(
    main_class: str, arguments: Sequence[str], prepare: Callable[[dict[str, str]], Launch]
) -> int:
    """Run a worker by the properties file that comes first until it is told to stop.

    Returns:
        The exit code of the command. `prepare` makes of the properties what is to be run; it raises
        ConfigError for what is wrong with them.
    """
    # Java's main class has this name, and operators look for it in the list of processes.
    setproctitle(f"isthmus {main_class} {' '.join(arguments)}")
    take_java_krb5_conf()  # before there is a process that would not have it
    # Before any thread, on the thread that lives as long as the worker; it starts meanwhile.
    fork_server = ForkServer()
    fork_server.start()
    logs.configure(in_background=True)
    faulthandler.register(signal.SIGQUIT, all_threads=True)  # as a JVM prints its threads
    try:
        for number in _stop_signals():
            signal.signal(number, _stop_early)
        log.info("Isthmus %s, as Kafka Connect %s", __version__, CONNECT_VERSION)
        log.info("Kafka version: %s", CONNECT_VERSION)
        launch = prepare(read_properties(Path(arguments[0])))
        check_kerberos(launch.config.originals)
        _warn(launch.config)
        return asyncio.run(_run(launch, fork_server))
    except ConfigError as error:
        log.error("%s: %s", arguments[0], error)
        return _START_FAILED
    except _StoppedEarly as stopped:
        log.info("Stopped by %s before it had started", stopped)
        return 0
    finally:
        logs.flush()


def _stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the worker; one that is ignored is not: `nohup` means it."""
    return [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


class _StoppedEarly(BaseException):
    """The worker was told to stop before it had anything to stop."""


def _stop_early(number: int, frame: FrameType | None) -> None:
    """End what the worker waits for: its settings may be on their way from a slow provider.

    Nothing is logged here: the signal may have come while the main thread holds the log's lock.
    """
    raise _StoppedEarly(signal.Signals(number).name)


def _warn(config: WorkerConfig) -> None:
    for key, meant in config.unknown_keys():
        hint = f"; did you mean {meant}?" if meant else ""
        log.warning("Unknown property %s is ignored%s", key, hint)
    for key, reason in config.ignored_keys():
        log.warning("Property %s is ignored: %s", key, reason)
    if in_vain := without_effect(config.originals):
        log.warning("Kafka client settings without effect: %s", ", ".join(in_vain))


async def _run(launch: Launch, fork_server: ForkServer) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _stop_signals():
        loop.add_signal_handler(number, stop.set)
    connect = Connect(launch.config, fork_server, launch.mode)
    living = asyncio.create_task(_live(connect, launch))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
    code = living.result() if living.done() else 0
    if not connect.is_running:
        living.cancel()
    await connect.stop()
    with contextlib.suppress(asyncio.CancelledError):
        await living
    return code


async def _live(connect: Connect, launch: Launch) -> int:
    """Run the worker until it is stopped; return the exit code that a failure stands for."""
    try:
        await connect.prepare()
    except Exception as error:  # noqa: BLE001  # logged, and the end of the process
        _log_failure("could not be started", error)
        return _START_FAILED
    try:
        await connect.start()
        log.info("Kafka Connect started")
        running = asyncio.create_task(connect.run())
        if launch.after_start is not None:
            try:
                await _while_running(running, launch.after_start(connect.services))
            except ConnectError as error:
                log.error("Stopping after connector error: %s", error)
                return _CONNECTOR_FAILED
        await running
    except Exception as error:  # noqa: BLE001  # logged, and the end of the process
        _log_failure("failed", error)
        return _RUN_FAILED
    return 0


async def _while_running(running: "asyncio.Task[None]", action: Coroutine[Any, Any, None]) -> None:
    """Do what takes a running worker; give up when the worker has ended."""
    acting = asyncio.create_task(action)
    await asyncio.wait({running, acting}, return_when=asyncio.FIRST_COMPLETED)
    if not acting.done():
        acting.cancel()
    elif not running.done():
        await acting


def _log_failure(what: str, failure: BaseException | None) -> None:
    """Say in one line what went wrong; only what nobody foresaw needs to show where."""
    expected = isinstance(failure, ConnectError)
    log.error("The worker %s: %s", what, failure, exc_info=None if expected else failure)
