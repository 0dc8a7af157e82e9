"""The command `connect-distributed`: one worker of a cluster, until it is told to stop.

Exit codes are Java's: 1 for wrong usage, for an internal topic that cannot be used, and when the
worker fails later; 2 for wrong settings, a port that is taken, or a cluster that does not answer.
Whatever ends it does so in one line that says why.
"""

import asyncio
import contextlib
import faulthandler
import logging
import signal
import sys
from pathlib import Path

from setproctitle import setproctitle

from isthmus import CONNECT_VERSION, __version__, logs
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.cli.connect import Connect
from isthmus.config.properties import read_properties
from isthmus.config.worker import WorkerConfig
from isthmus.worker.fork_server import ForkServer

log = logging.getLogger("isthmus.connect")

_WRONG_USAGE = 1
_RUN_FAILED = 1
_START_FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0] in ("-h", "--help"):
        print("Usage: connect-distributed worker.properties", file=sys.stderr)
        return _WRONG_USAGE
    # Java's main class has this name, and operators look for it in the list of processes.
    setproctitle(f"isthmus ConnectDistributed {given[0]}")
    # Before any thread, on the thread that lives as long as the worker; it starts meanwhile.
    fork_server = ForkServer()
    fork_server.start()
    logs.configure(in_background=True)
    faulthandler.register(signal.SIGQUIT, all_threads=True)  # as a JVM prints its threads
    try:
        log.info("Isthmus %s, as Kafka Connect %s", __version__, CONNECT_VERSION)
        config = WorkerConfig.from_properties(read_properties(Path(given[0])))
        _warn(config)
        return asyncio.run(_run(config, fork_server))
    except ConfigError as error:
        log.error("%s: %s", given[0], error)
        return _START_FAILED
    finally:
        logs.flush()


def _warn(config: WorkerConfig) -> None:
    for key, meant in config.unknown_keys():
        hint = f"; did you mean {meant}?" if meant else ""
        log.warning("Unknown property %s is ignored%s", key, hint)
    for key, reason in config.ignored_keys():
        log.warning("Property %s is ignored: %s", key, reason)
    for key, value in _without_effect(config).items():
        log.warning("Property %s=%s has no effect yet", key, value)


def _without_effect(config: WorkerConfig) -> dict[str, str]:
    """Return the properties that ask for what this worker cannot do yet."""
    asked = {
        "exactly.once.source.support": config.exactly_once_source_support != "disabled",
    }
    return {key: config.originals[key] for key, is_asked in asked.items() if is_asked}


async def _run(config: WorkerConfig, fork_server: ForkServer) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
            loop.add_signal_handler(number, stop.set)
    connect = Connect(config, fork_server)
    living = asyncio.create_task(_live(connect))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
    code = living.result() if living.done() else 0
    if not connect.is_running:
        living.cancel()
    await connect.stop()
    with contextlib.suppress(asyncio.CancelledError):
        await living
    return code


async def _live(connect: Connect) -> int:
    """Run the worker until it is stopped; return the exit code that a failure stands for."""
    try:
        await connect.prepare()
    except Exception as error:  # noqa: BLE001  # logged, and the end of the process
        _log_failure("could not be started", error)
        return _START_FAILED
    try:
        await connect.start()
        log.info("Kafka Connect started")
        await connect.run()
    except Exception as error:  # noqa: BLE001  # logged, and the end of the process
        _log_failure("failed", error)
        return _RUN_FAILED
    return 0


def _log_failure(what: str, failure: BaseException | None) -> None:
    """Say in one line what went wrong; only what nobody foresaw needs to show where."""
    expected = isinstance(failure, ConnectError)
    log.error("The worker %s: %s", what, failure, exc_info=None if expected else failure)


if __name__ == "__main__":
    sys.exit(main())
