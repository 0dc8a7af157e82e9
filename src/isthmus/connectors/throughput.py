"""A limit on how many records a second a task makes. Java: ThroughputThrottler."""

import math
import time
from collections.abc import Callable
from typing import Final

#: Shorter waits are saved up; a task that slept for each record would wake up too often.
_SHORTEST_WAIT: Final = 0.01


class Throughput:
    """Counts records from its making on, and says how long the next one has to wait.

    Below 0 there is no limit. At 0 there is one record and then none, as in Java.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._start = clock()
        self._made = 0

    def made(self) -> None:
        """Count a record."""
        self._made += 1

    def wait(self) -> float:
        """Return the seconds until the next record is due; 0 now, infinite for never."""
        if self._per_second < 0 or self._made == 0:
            return 0.0
        if self._per_second == 0:
            return math.inf
        ahead = self._made / self._per_second - (self._clock() - self._start)
        return ahead if ahead >= _SHORTEST_WAIT else 0.0
