"""Shifts the wall clock of a process by what the file $FAULTS_CLOCK says, in seconds.

Covers time.time() and time.time_ns() in Python code of a worker and of what it has started, which
is where Connect's own timestamps come from; not C libraries. Loaded by every Python of that
environment, so a missing file means no shift.
"""

import os
import time
from collections.abc import Callable


def _install(path: str) -> None:
    true_time, true_time_ns, true_monotonic = time.time, time.time_ns, time.monotonic
    read_at, seconds = true_monotonic() - 1.0, 0.0

    def shift() -> float:
        nonlocal read_at, seconds
        if true_monotonic() - read_at > 0.1:
            read_at = true_monotonic()
            try:
                with open(path) as file:  # noqa: PTH123  # pathlib is not imported this early
                    seconds = float(file.read() or 0)
            except OSError:
                seconds = 0.0
        return seconds

    shifted: Callable[[], float] = lambda: true_time() + shift()  # noqa: E731
    shifted_ns: Callable[[], int] = lambda: true_time_ns() + int(shift() * 1e9)  # noqa: E731
    time.time, time.time_ns = shifted, shifted_ns


if "FAULTS_CLOCK" in os.environ:
    _install(os.environ["FAULTS_CLOCK"])
