"""One target, many inputs."""

import time
import traceback
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from tests.fuzz.mutation import mutants
from tests.fuzz.targets import Target

#: Seconds for one input of some kilobytes: more is an invitation to stop a worker with a request.
_TOO_LONG = 1.0
_SHOWN = 3


@dataclass
class Result:
    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    #: One for each place in the code; what came first.
    crashes: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def __str__(self) -> str:
        line = (
            f"{self.target:36} {self.inputs:9} inputs {self.seconds:6.1f} s,"
            f" slowest {self.slowest * 1000:.0f} ms, {len(self.crashes)} crashes"
        )
        shown = [
            f"    {what}\n    for {data[:300]!r}"
            for what, data in list(self.crashes.items())[:_SHOWN]
        ]
        return "\n".join([line, *shown])


def fuzz(target: Target, inputs: int, seed: int) -> Result:
    """Give a target so many inputs; the same ones for the same seed."""
    result = Result(target.name)
    began = now = time.monotonic()
    for data in islice(mutants(target.seeds, Random(f"{seed} {target.name}")), inputs):
        error = target.crash(data)
        before, now = now, time.monotonic()
        result.inputs += 1
        result.slowest = max(result.slowest, now - before)
        if now - before > _TOO_LONG:
            result.crashes.setdefault(f"took more than {_TOO_LONG} s", data)
        if error is not None:
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} at {place.filename}:{place.lineno}: {error}"
            known = (key for key in result.crashes if key.split(": ")[0] == what.split(": ")[0])
            result.crashes.setdefault(next(known, what), data)
    result.seconds = time.monotonic() - began
    return result
