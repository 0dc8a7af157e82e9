"""Rounds of faults, and the count after each.

A round: the source is asked for more numbers, a fault or two are injected while they flow, they
last a while, they are mended, and all numbers must arrive. A round in which they do not within the
limit is late: what is known of it is printed, and the next one begins. What has not arrived after
all rounds is lost.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from isthmus.api.errors import ConnectError
from tests.faults.evidence import evidence, ranges
from tests.faults.kinds import FAULTS, NEEDS_DISK, Mend
from tests.faults.rig import RATE, TASKS, Rig

#: How long after the last mend all numbers must have arrived. Connections that are half open are
#: noticed after 30 to 40 s by each client, one after the other, and a frozen member's session must
#: end.
ARRIVAL_LIMIT: Final = 180.0
#: How long a fault may last, in seconds; the last outlasts a session of 6 s.
_DURATIONS: Final = (0.1, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0, 9.0)
#: So many late rounds in a row, and nothing will come any more.
_HOPELESS: Final = 3
#: How long a record that comes twice is waited for at the end, in seconds.
_AFTERMATH: Final = 5.0


@dataclass
class Summary:
    seed: int
    exactly_once: bool
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    sent: int = 0
    #: The numbers of the rounds that were not whole in time.
    late: list[int] = field(default_factory=list[int])
    lost: list[str] = field(default_factory=list[str])
    duplicated_in_topic: int = 0
    duplicated_in_sink: int = 0
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        twice = self.exactly_once and self.duplicated_in_topic
        return not self.late and not self.lost and not twice

    @property
    def is_hopeless(self) -> bool:
        return self.late[-_HOPELESS:] == list(range(self.rounds - _HOPELESS + 1, self.rounds + 1))

    def lines(self) -> list[str]:
        mode = "exactly once (read committed)" if self.exactly_once else "at least once"
        kinds = [f"  {count:4}  {kind}" for kind, count in sorted(self.faults.items())]
        late = ", ".join(map(str, self.late))
        return [
            f"mode                  {mode}, seed {self.seed}",
            f"rounds                {self.rounds} in {self.seconds:.0f} s",
            f"faults                {self.faults.total()}",
            *kinds,
            f"records sent          {self.sent}",
            f"lost                  {len(self.lost)}  {' '.join(ranges(self.lost)[:10])}".rstrip(),
            f"late rounds           {len(self.late)}  {late}".rstrip(),
            f"duplicated in topic   {self.duplicated_in_topic}",
            f"duplicated at sink    {self.duplicated_in_sink}",
            f"slowest recovery      {self.slowest:.1f} s after the last fault was mended",
            f"verdict               {'good' if self.is_good else 'BAD'}",
        ]


def run(rig: Rig, rounds: int, seed: int, only: Sequence[str] = ()) -> Summary:
    """Run so many rounds on a rig that has started; fewer if nothing arrives any more."""
    kinds = [kind for kind in only or FAULTS if rig.has_disk or kind not in NEEDS_DISK]
    if not rig.has_disk:
        print(f"skipped: {', '.join(NEEDS_DISK)}; no disk can be mounted here", flush=True)
    summary = Summary(seed, rig.exactly_once)
    began, until, rota = time.monotonic(), 0, _rota(Random(seed), kinds)
    for number in range(1, rounds + 1):
        # Of its own, so that a round is the same whatever happened to happen in those before.
        random = Random(f"{seed}:{number}")
        until += random.randrange(RATE, 4 * RATE)
        _round(rig, random, number, next(rota), until, summary)
        if summary.is_hopeless:
            print(f"nothing arrives any more: ended after round {number}", flush=True)
            break
    _settle(rig, until, summary)
    summary.seconds = time.monotonic() - began
    return summary


def _round(
    rig: Rig, random: Random, number: int, chosen: Sequence[str], until: int, summary: Summary
) -> None:
    """Demand, injure, mend and wait; what came of it is added to the summary, and printed."""
    rig.demand(until)
    troubles = _injure(rig, random, chosen)
    mended = time.monotonic()
    missing = _await(rig, until)
    recovery = time.monotonic() - mended
    twice = rig.topic_counts.duplicated - summary.duplicated_in_topic
    summary.faults.update(chosen)
    summary.rounds, summary.sent = number, until * TASKS
    summary.slowest = max(summary.slowest, recovery)
    summary.duplicated_in_topic = rig.topic_counts.duplicated
    summary.duplicated_in_sink = rig.sink_counts.duplicated - rig.topic_counts.duplicated
    outcome = f"{len(missing)} missing" if missing else "whole"
    print(
        f"{time.strftime('%H:%M:%S')} round {number}: {' + '.join(chosen)}; {summary.sent} sent,"
        f" {twice} twice; {outcome} after {recovery:.1f} s",
        flush=True,
    )
    if missing or troubles:
        summary.late.append(number)
    if missing or troubles or (rig.exactly_once and twice):
        print("\n".join(f"  {line}" for line in [*troubles, *evidence(rig, missing)]), flush=True)


def _rota(random: Random, kinds: Sequence[str]) -> Iterator[list[str]]:
    """Yield what befalls each round: all kinds before any comes again, each fourth time two."""
    while True:
        for kind in random.sample(kinds, len(kinds)):
            second = random.choice(kinds)
            # A disk that is full cannot be filled, and a broker that is gone cannot be killed.
            is_of_another = kind.split()[0] != second.split()[0]
            yield [kind, second] if random.random() < 0.25 and is_of_another else [kind]


def _injure(rig: Rig, random: Random, chosen: Sequence[str]) -> list[str]:
    """Inject and mend; return what went wrong with that."""
    mends: list[tuple[str, Mend]] = []
    troubles: list[str] = []
    for kind in chosen:
        time.sleep(random.uniform(0.1, 0.8))
        try:
            mends.append((kind, FAULTS[kind](rig, random)))
        except (AssertionError, ConnectError) as error:
            troubles += f"{kind} was not injected: {error}".splitlines()
    time.sleep(random.choice(_DURATIONS))
    # A worker that starts while its broker is out of reach ends, as Java's does.
    for kind, mend in sorted(mends, key=lambda one: one[0].startswith(("worker", "leader"))):
        try:
            mend()
        except (AssertionError, ConnectError) as error:
            troubles += f"{kind} was not mended: {error}".splitlines()
    return troubles


def _await(rig: Rig, until: int) -> list[str]:
    """Return what is missing in the topic, or at the sink, at the latest after the limit."""
    deadline = time.monotonic() + ARRIVAL_LIMIT
    while missing := _missing(rig, until):
        if time.monotonic() > deadline:
            break
    return missing


def _missing(rig: Rig, until: int) -> list[str]:
    rig.topic_counts.read()
    rig.sink_counts.read()
    if rig.topic_counts.distinct == rig.sink_counts.distinct == until * TASKS:
        return []
    return sorted(
        {f"topic:{lack}" for lack in rig.topic_counts.missing(TASKS, until)}
        | {f"sink:{lack}" for lack in rig.sink_counts.missing(TASKS, until)}
    )


def _settle(rig: Rig, until: int, summary: Summary) -> None:
    """Count to the end: what came late is not lost, and what comes twice may do so only now."""
    summary.lost = _await(rig, until) if summary.late else []
    end = time.monotonic() + _AFTERMATH
    while time.monotonic() < end:
        rig.topic_counts.read()
        rig.sink_counts.read()
    summary.duplicated_in_topic = rig.topic_counts.duplicated
    summary.duplicated_in_sink = rig.sink_counts.duplicated - rig.topic_counts.duplicated
