"""How cost grows: records a second against the size of records, tasks, and connectors.

    python -m bench.growth [--rounds N] [--records N] [--curves "NAME;…"] [--most N]
                           [--json FILE] [--svg FILE]

    record size     a file source and a file sink, String; large records are fewer, so that no
                    point moves more than five times the bytes of small ones
    tasks           a file sink, Json schemaless, 16 partitions, 1 to 16 tasks
    connectors      1 to 500 file sources beside each other, of which each has its part of the lines

A point is the median of its rounds. Nothing should grow worse than in a straight line: on these
scales a power is straight, and a bend downwards is what to look for.
"""

import argparse
import json
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bench import fleet, throughput
from bench.cases import (
    PLAIN_STRING,
    SINKS,
    TOPICS,
    SinkCase,
    SourceCase,
    fitting,
    text_line,
    text_topic,
)
from bench.chart import Curve, plots
from bench.ground import Bench, Peer, ready, started
from bench.measure import Progress, Watermark
from bench.summary import WORKERS, Spread, shown
from isthmus.embedded.kafka import EmbeddedKafka

_SIZES: Final = (20, 100, 1000, 10_000, 100_000, 1_000_000)
_TASKS: Final = (1, 2, 4, 8, 16)
_CONNECTORS: Final = (1, 5, 20, 50, 100, 200, 500)
_UNIT: Final = "records/s"
_JSON_TOPIC: Final = "bench-growth-json"

#: The rounds of each point, by worker.
Points = dict[str, dict[float, list[float]]]


@dataclass(frozen=True, slots=True)
class Growth:
    """One curve: what is varied, and how a point of it is measured on a worker that runs."""

    name: str
    along: str
    values: Sequence[int]
    measure: Callable[[Bench, Peer, int], float]
    #: A worker for each point, where what is left of an earlier one would be in the next.
    fresh: bool = False


def source_of_size(bench: Bench, peer: Peer, size: int) -> float:
    used: list[str] = []
    # Else one poll might hold 2,000 large ones, which is more than Java's heap.
    batch = str(max(10, min(2000, 20_000_000 // size)))
    case = SourceCase({**PLAIN_STRING, "batch.size": batch}, size)
    try:
        return throughput.source_rate(bench, peer, case, used)
    finally:
        bench.drop(used)


def sink_of_size(bench: Bench, peer: Peer, size: int) -> float:
    case = SinkCase(_text_topic(size), PLAIN_STRING, lambda n: text_line(n, size))
    return _sink(bench, peer, case, fitting(bench.records, size))


def sink_of_tasks(bench: Bench, peer: Peer, tasks: int) -> float:
    case = replace(SINKS["file sink, Json schemaless"], topic=_JSON_TOPIC, tasks=tasks)
    return _sink(bench, peer, case, bench.records)


def _sink(bench: Bench, peer: Peer, case: SinkCase, records: int) -> float:
    return throughput.sink_rate(bench, peer, case, records, case.size(records))


def sources_together(bench: Bench, peer: Peer, connectors: int) -> float:
    """Return the records a second of all connectors, which run before their files have lines."""
    topic = f"bench-together-{uuid.uuid4().hex[:6]}"
    bench.topic(topic)
    names = fleet.bring_up(bench, peer, connectors, topic)
    watermark = Watermark(bench.bootstrap_servers, topic)
    each = max(1, bench.records // connectors)
    lines = "".join(f"{text_line(n)}\n" for n in range(each))
    try:
        for name in names:
            fleet.file_of(bench, name).write_text(lines, encoding="ascii")
        return Progress(each * connectors, watermark).rate()
    finally:
        watermark.close()
        for name in names:
            fleet.file_of(bench, name).unlink()
        bench.drop([topic])


CURVES: Final = (
    Growth("file source, String, by record size", "bytes of a record", _SIZES, source_of_size),
    Growth("file sink, String, by record size", "bytes of a record", _SIZES, sink_of_size),
    Growth("file sink, Json, by tasks", "tasks, 16 partitions", _TASKS, sink_of_tasks),
    Growth(
        "file sources, String, by connectors",
        "connectors of one task",
        _CONNECTORS,
        sources_together,
        fresh=True,
    ),
)


def prepare(bench: Bench, growth: Growth, values: Sequence[int]) -> None:
    """Fill the topics that the sinks of a curve read."""
    if growth.measure is sink_of_size:
        for size in values:
            bench.fill(_text_topic(size), text_topic(size))
    if growth.measure is sink_of_tasks:
        bench.fill(_JSON_TOPIC, replace(TOPICS["bench-json"], partitions=_TASKS[-1]))


def _text_topic(size: int) -> str:
    return f"bench-growth-{size}"


def measure(
    bench: Bench, worker: str, growth: Growth, values: Sequence[int], found: Points
) -> None:
    """Measure each point of a curve for one worker, once, after one round that warms it up."""
    groups = [[value] for value in values] if growth.fresh else [list(values)]
    for group in groups:
        with bench.attempt(f"{growth.name}: {group}"), started(bench, worker) as (peer, _):
            ready(peer)
            if not growth.fresh:
                growth.measure(bench, peer, group[0])
            for value in group:
                rate = growth.measure(bench, peer, value)
                found[worker][value].append(rate)
                print(f"  {worker:8} {value:>9,}: {shown(rate, _UNIT)}", flush=True)


def curve(growth: Growth, found: Points) -> Curve:
    """Return what the rounds of a curve come to."""
    points: Mapping[str, Mapping[float, Spread]] = {
        worker: {value: Spread.of(rounds) for value, rounds in values.items()}
        for worker, values in found.items()
    }
    return Curve(growth.name, growth.along, _UNIT, points)


def main() -> int:
    options = _options()
    parts = options.curves.split(";")
    chosen = [growth for growth in CURVES if any(part in growth.name for part in parts)]
    curves: list[Curve] = []
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-growth-") as directory,
        EmbeddedKafka(Path(directory) / "kafka", heap_mb=1024) as kafka,
    ):
        bench = Bench(kafka.bootstrap_servers, Path(directory), options.records)
        for growth in chosen:
            values = [value for value in growth.values if value <= options.most]
            found: Points = defaultdict(lambda: defaultdict(list))
            prepare(bench, growth, values)
            for number in range(options.rounds):
                print(f"{growth.name}, round {number + 1} of {options.rounds}", flush=True)
                for worker in WORKERS:
                    measure(bench, worker, growth, values, found)
            curves.append(curve(growth, found))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in curves], indent=2))
    if options.svg:
        options.svg.write_text(plots(curves), encoding="utf-8")
    return 1 if bench.failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--curves", default="", help="parts of the names of curves, by semicolon; all by default"
    )
    parser.add_argument(
        "--most", type=int, default=max(_SIZES), help="leave out the points beyond this"
    )
    parser.add_argument("--json", type=Path, help="write all points to this file")
    parser.add_argument("--svg", type=Path, help="draw the curves")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
