"""The kinds of faults. Each is a function that injures the rig and returns what makes it whole.

What makes it whole may be called once, after the fault has lasted for a while.
"""

import contextlib
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

import psutil

from isthmus.embedded.worker_process import WorkerProcess
from tests.faults.rig import Rig, fill, remount

Mend: TypeAlias = Callable[[], None]
Fault: TypeAlias = Callable[[Rig, Random], Mend]

#: Seconds for a broker that recovers its logs on a machine that is busy with the load.
_BROKER_START: Final = 240.0
#: The same for a worker, which joins only when those have noticed whose connections are half open.
_WORKER_START: Final = 180.0


def nothing() -> None:
    """Mend what mends itself."""


def _restart(worker: WorkerProcess) -> Mend:
    worker.kill()

    def mend() -> None:
        worker.start()
        worker.wait_until_ready(_WORKER_START)

    return mend


def _freeze(pid: int) -> Mend:
    process = psutil.Process(pid)
    process.suspend()

    def mend() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # its worker may have ended it
            process.resume()

    return mend


def kill_worker(rig: Rig, random: Random) -> Mend:
    return _restart(random.choice(rig.cluster.running))


def kill_leader(rig: Rig, random: Random) -> Mend:
    return _restart(_leader(rig, random))


def stop_worker_in_order(rig: Rig, random: Random) -> Mend:
    worker = random.choice(rig.cluster.running)
    worker.send(signal.SIGTERM)

    def mend() -> None:
        worker.stop()
        worker.start()
        worker.wait_until_ready(_WORKER_START)

    return mend


def freeze_worker(rig: Rig, random: Random) -> Mend:
    return _freeze(random.choice(rig.cluster.running).pid)


def freeze_leader(rig: Rig, random: Random) -> Mend:
    return _freeze(_leader(rig, random).pid)


def kill_task(rig: Rig, random: Random) -> Mend:
    process = _task(rig, random)
    if process is not None:
        process.kill()
    return nothing


def freeze_task(rig: Rig, random: Random) -> Mend:
    process = _task(rig, random)
    return nothing if process is None else _freeze(process.pid)


def restart_broker(rig: Rig, random: Random) -> Mend:
    rig.kafka.stop()
    return lambda: rig.kafka.start(_BROKER_START)


def kill_broker(rig: Rig, random: Random) -> Mend:
    rig.kafka.kill()
    return lambda: rig.kafka.start(_BROKER_START)


def cut_connections(rig: Rig, random: Random) -> Mend:
    rig.proxy.cut()
    return rig.proxy.mend


def delay_connections(rig: Rig, random: Random) -> Mend:
    rig.proxy.delay(random.uniform(0.05, 0.6))
    return rig.proxy.mend


def half_open_connections(rig: Rig, random: Random) -> Mend:
    rig.proxy.half_open()
    return nothing


def fill_disk(rig: Rig, random: Random) -> Mend:
    fill(rig.disk)
    return (rig.disk / ".filler").unlink


def read_only_disk(rig: Rig, random: Random) -> Mend:
    _remount(rig, "ro")
    return lambda: _remount(rig, "rw")


def clock_jump(rig: Rig, random: Random) -> Mend:
    rig.clock.write_text(str(random.choice([-86400, -3600, -60, 60, 3600, 86400])))

    def mend() -> None:
        rig.clock.write_text("0")

    return mend


def out_of_memory(rig: Rig, random: Random) -> Mend:
    rig.memory.touch()
    return lambda: rig.memory.unlink(missing_ok=True)


FAULTS: dict[str, Fault] = {
    "worker killed": kill_worker,
    "leader killed": kill_leader,
    "worker stopped in order": stop_worker_in_order,
    "worker frozen": freeze_worker,
    "leader frozen": freeze_leader,
    "task killed": kill_task,
    "task frozen": freeze_task,
    "broker restarted": restart_broker,
    "broker killed": kill_broker,
    "connections cut": cut_connections,
    "connections delayed": delay_connections,
    "connections half open": half_open_connections,
    "disk full": fill_disk,
    "disk read-only": read_only_disk,
    "clock jump": clock_jump,
    "task out of memory": out_of_memory,
}
#: What needs a disk of the suite's own.
NEEDS_DISK = ("disk full", "disk read-only")


def _leader(rig: Rig, random: Random) -> WorkerProcess:
    try:
        return rig.cluster.leader()
    except (AssertionError, StopIteration):  # they are just about to agree on one
        return random.choice(rig.cluster.running)


def _task(rig: Rig, random: Random) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        found = rig.owned(random.choice(["source", "sink"]))
        return random.choice(found)[1] if found else None
    return None


def _remount(rig: Rig, how: str) -> None:
    deadline = time.monotonic() + 30
    while not remount(rig.disk, how):
        assert time.monotonic() < deadline, f"{rig.disk} could not be made {how}"
        time.sleep(0.01)
