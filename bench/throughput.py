"""Cases that move data: file sources and sinks on a warm worker, and the client's limit for each.

    warm up    each case once, not measured
    measure    the case again; timed from the first twentieth of the records to the last
    limit      librdkafka alone, in as many processes as there were tasks (`raw.py`)

The limit of a source is that of writing the records which it wrote, of a sink that of reading those
which it reads.
"""

import uuid
from collections.abc import Mapping

from bench import raw
from bench.cases import (
    SINK,
    SINKS,
    SOURCE,
    SOURCES,
    SinkCase,
    SourceCase,
    fitting,
    topics,
    with_registry,
)
from bench.ground import Bench, Peer, ready, started
from bench.measure import Progress, Watermark, create, delete
from bench.summary import ISTHMUS, LIMIT, Case

_UNIT = "records/s"
#: Several tasks do not join their group at once. By default the first learns of the next with its
#: heartbeat, after up to 3 s; by then it may have read the whole topic alone.
_HASTE = {"consumer.override.heartbeat.interval.ms": "100"}
CASES = [Case(name, _UNIT, more_is_better=True) for name in [*SOURCES, *SINKS]]


def prepare(bench: Bench, chosen: set[str]) -> None:
    """Write the files and fill the topics that the chosen cases read."""
    for name in chosen & SOURCES.keys():
        bench.lines(SOURCES[name].size)
    needed = {SINKS[name].topic for name in chosen & SINKS.keys()}
    for name, topic in topics(bench.registry_url).items():
        if name in needed:
            bench.fill(name, topic)


def measure(bench: Bench, worker: str, chosen: set[str]) -> None:
    """Measure the chosen cases of one worker, once, and each one's limit after ours."""
    sizes = {name: SINKS[name].size(count(bench, name)) for name in chosen & SINKS.keys()}
    with bench.attempt("moving data"), started(bench, worker) as (peer, _):
        ready(peer)
        for name in [case.name for case in CASES if case.name in chosen]:
            with bench.attempt(name):
                if name in SOURCES:
                    measured = _source_round(bench, worker, peer, SOURCES[name])
                else:
                    measured = _sink_round(bench, worker, peer, SINKS[name], sizes[name])
                for column, figure in measured.items():
                    bench.note(name, column, figure, _UNIT)


def count(bench: Bench, name: str) -> int:
    """Return how many records a case moves."""
    if name in SOURCES:
        return fitting(bench.records, SOURCES[name].size)
    return fitting(bench.records, topics(bench.registry_url)[SINKS[name].topic].size)


def _source_round(bench: Bench, worker: str, peer: Peer, case: SourceCase) -> Mapping[str, float]:
    used: list[str] = []
    try:
        source_rate(bench, peer, case, used)
        figures = {worker: source_rate(bench, peer, case, used)}
        if worker == ISTHMUS:
            target = f"{used[-1]}-raw"
            bench.topic(target)
            records = fitting(bench.records, case.size)
            written, used = used[-1], [*used, target]
            figures[LIMIT] = raw.produce_rate(bench.bootstrap_servers, written, records, target)
        return figures
    finally:
        bench.drop(used)


def _sink_round(
    bench: Bench, worker: str, peer: Peer, case: SinkCase, size: int
) -> Mapping[str, float]:
    topic = topics(bench.registry_url)[case.topic]
    records = fitting(bench.records, topic.size)
    sink_rate(bench, peer, case, records, size)
    figures = {worker: sink_rate(bench, peer, case, records, size)}
    if worker == ISTHMUS:
        figures[LIMIT] = raw.consume_rate(
            bench.bootstrap_servers, case.topic, records, topic.partitions, case.tasks
        )
    return figures


def source_rate(bench: Bench, peer: Peer, case: SourceCase, used: list[str]) -> float:
    """Have a source read the file; return the records a second that arrive in its topic.

    The topic's name is added to `used`.
    """
    name = f"bench-source-{uuid.uuid4().hex[:6]}"
    bench.topic(name)
    used.append(name)
    watermark = Watermark(bench.bootstrap_servers, name)
    config = {"connector.class": SOURCE, "file": str(bench.lines(case.size)), "topic": name}
    config |= with_registry(case.config, bench.registry_url)
    create(peer.url, name, config)
    try:
        return Progress(fitting(bench.records, case.size), watermark).rate()
    finally:
        watermark.close()
        delete(peer.url, name)


def sink_rate(bench: Bench, peer: Peer, case: SinkCase, records: int, size: int) -> float:
    """Have a sink write a topic to a file; return the records a second that arrive there."""
    name = f"bench-sink-{uuid.uuid4().hex[:6]}"
    file = bench.directory / name
    config = {"connector.class": SINK, "file": str(file), "topics": case.topic}
    config |= {"tasks.max": str(case.tasks), **with_registry(case.config, bench.registry_url)}
    create(peer.url, name, config | (_HASTE if case.tasks > 1 else {}))
    try:
        written = Progress(size, lambda: file.stat().st_size if file.exists() else 0)
        rate = written.rate() * records / size
        if (found := file.stat().st_size) != size:
            raise ValueError(f"{name} wrote {found} bytes, expected {size}")
        return rate
    finally:
        delete(peer.url, name)
        file.unlink(missing_ok=True)
