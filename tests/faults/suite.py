"""Rounds of faults, and the count after each.

A round: the source is asked for more numbers, a fault or two are injected while they flow, they
last a while, they are mended, and all numbers must arrive. What is missing after the limit is lost.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.faults.kinds import FAULTS, NEEDS_DISK, Mend
from tests.faults.rig import RATE, TASKS, Rig

#: How long after the last mend all numbers must have arrived. Connections that are half open are
#: noticed after 30 to 60 s by either client, and a frozen member's session must end.
ARRIVAL_LIMIT = 180.0
#: How long a fault may last, in seconds; the last outlasts a session of 6 s.
_DURATIONS = (0.1, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0, 9.0)


@dataclass
class Summary:
    seed: int
    exactly_once: bool
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    sent: int = 0
    lost: list[str] = field(default_factory=list[str])
    duplicated_in_topic: int = 0
    duplicated_in_sink: int = 0
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.lost and not (self.exactly_once and self.duplicated_in_topic)

    def lines(self) -> list[str]:
        mode = "exactly once (read committed)" if self.exactly_once else "at least once"
        kinds = [f"  {count:4}  {kind}" for kind, count in sorted(self.faults.items())]
        return [
            f"mode                  {mode}, seed {self.seed}",
            f"rounds                {self.rounds} in {self.seconds:.0f} s",
            f"faults                {self.faults.total()}",
            *kinds,
            f"records sent          {self.sent}",
            f"lost                  {len(self.lost)}  {' '.join(self.lost[:10])}".rstrip(),
            f"duplicated in topic   {self.duplicated_in_topic}",
            f"duplicated at sink    {self.duplicated_in_sink}",
            f"slowest recovery      {self.slowest:.1f} s after the last fault was mended",
            f"verdict               {'good' if self.is_good else 'BAD'}",
        ]


def run(rig: Rig, rounds: int, seed: int, only: Sequence[str] = ()) -> Summary:
    """Run so many rounds on a rig that has started; end early at the first loss."""
    random = Random(seed)
    kinds = [kind for kind in only or FAULTS if rig.has_disk or kind not in NEEDS_DISK]
    if not rig.has_disk:
        print(f"skipped: {', '.join(NEEDS_DISK)}; no disk can be mounted here", flush=True)
    summary = Summary(seed, rig.exactly_once)
    began, until, rota = time.monotonic(), 0, _rota(random, kinds)
    for number in range(1, rounds + 1):
        until += random.randrange(RATE, 4 * RATE)
        chosen = next(rota)
        rig.demand(until)
        _injure(rig, random, chosen)
        summary.faults.update(chosen)
        mended = time.monotonic()
        summary.lost = _await(rig, until)
        recovery = time.monotonic() - mended
        summary.rounds, summary.sent = number, until * TASKS
        summary.slowest = max(summary.slowest, recovery)
        summary.duplicated_in_topic = rig.topic_counts.duplicated
        summary.duplicated_in_sink = rig.sink_counts.duplicated - rig.topic_counts.duplicated
        print(
            f"round {number}: {' + '.join(chosen)}; {summary.sent} sent,"
            f" {len(summary.lost)} lost, {summary.duplicated_in_topic} twice;"
            f" whole after {recovery:.1f} s",
            flush=True,
        )
        if not summary.is_good:
            break
    summary.seconds = time.monotonic() - began
    return summary


def _rota(random: Random, kinds: Sequence[str]) -> Iterator[list[str]]:
    """Yield what befalls each round: all kinds before any comes again, each fourth time two."""
    while True:
        for kind in random.sample(kinds, len(kinds)):
            second = random.choice(kinds)
            yield [kind, second] if random.random() < 0.25 and second != kind else [kind]


def _injure(rig: Rig, random: Random, chosen: Sequence[str]) -> None:
    mends: list[Mend] = []
    try:
        for kind in chosen:
            time.sleep(random.uniform(0.1, 0.8))
            mends.append(FAULTS[kind](rig, random))
        time.sleep(random.choice(_DURATIONS))
    finally:
        for mend in mends:
            mend()


def _await(rig: Rig, until: int) -> list[str]:
    """Return what is missing in the topic, or at the sink, at the latest after the limit."""
    deadline = time.monotonic() + ARRIVAL_LIMIT
    while True:
        rig.topic_counts.read()
        rig.sink_counts.read()
        wanted = until * TASKS
        if rig.topic_counts.distinct == rig.sink_counts.distinct == wanted:
            return []
        if time.monotonic() > deadline:
            return sorted(
                {f"topic:{lack}" for lack in rig.topic_counts.missing(TASKS, until)}
                | {f"sink:{lack}" for lack in rig.sink_counts.missing(TASKS, until)}
            )
