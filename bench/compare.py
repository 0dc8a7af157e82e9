"""Apache's own Connect worker and ours, one after the other on the same broker.

    python -m bench.compare [--rounds N] [--records N] [--cases "NAME;…"] [--json FILE]

Each worker is started alone, warmed up with one unmeasured round of each data case, and measured;
rounds alternate. The table holds medians and the ratio ours : Apache's. Absolute figures belong to
the machine of the moment; only the ratios say something.
"""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.cases import (
    AVRO_CASES,
    AVRO_JARS,
    SINK,
    SINKS,
    SOURCE,
    SOURCES,
    STRING,
    SinkCase,
    text_line,
    topics,
    with_registry,
)
from bench.measure import Progress, Watermark, create, delete, pss_mb, request, running_tasks, wait
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.worker_process import WorkerProcess
from tests.support.apache import ApacheConnect
from tests.support.registry import ApicurioRegistry

#: Unit, and whether more is better, by the name under which a case stands in the table.
CASES = {
    **dict.fromkeys([*SOURCES, *SINKS], ("records/s", True)),
    "exec to first REST answer": ("s", False),
    "idle worker, PSS": ("MB", False),
    "50 one-task connectors, PSS": ("MB", False),
    "bring up 50 connectors": ("s", False),
}
_FLEET = 50
_WORKERS = ("apache", "isthmus")


class Peer(Protocol):
    """A worker under test."""

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> object: ...


@dataclass(slots=True)
class Bench:
    """The broker, the data, and what was measured so far."""

    bootstrap_servers: str
    directory: Path
    records: int
    #: Where a schema registry speaks Apicurio's API; None if no case needs one.
    registry_url: str | None = None
    results: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def note(self, case: str, worker: str, figure: float) -> None:
        self.results[case][worker].append(figure)
        print(f"  {worker:8} {case}: {figure:,.2f} {CASES[case][0]}", flush=True)

    @property
    def lines(self) -> Path:
        return self.directory / "lines.txt"

    def prepare(self) -> None:
        """Write the file for the sources and fill the topics for the sinks."""
        with self.lines.open("w", encoding="ascii") as file:
            file.writelines(f"{text_line(n)}\n" for n in range(self.records))
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "queue.buffering.max.messages": 2_000_000,
                "linger.ms": 20,
            }
        )
        for topic, value in topics(self.registry_url).items():
            self.topic(topic)
            for n in range(self.records):
                producer.produce(topic, value(n))
                if n % 10_000 == 0:
                    producer.poll(0)
            assert producer.flush(120) == 0

    def topic(self, name: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def measure_source(bench: Bench, peer: Peer, changes: Mapping[str, str]) -> float:
    """Have a source read the file; return the records a second that arrive in its topic."""
    name = f"bench-source-{uuid.uuid4().hex[:6]}"
    bench.topic(name)
    watermark = Watermark(bench.bootstrap_servers, name)
    config = {"connector.class": SOURCE, "file": str(bench.lines), "topic": name}
    config |= with_registry(changes, bench.registry_url)
    create(peer.url, name, config)
    try:
        return Progress(bench.records, watermark).rate()
    finally:
        watermark.close()
        delete(peer.url, name)


def measure_sink(bench: Bench, peer: Peer, case: SinkCase, size: int) -> float:
    """Have a sink write a topic to a file; return the records a second that arrive there."""
    name = f"bench-sink-{uuid.uuid4().hex[:6]}"
    file = bench.directory / name
    config = {"connector.class": SINK, "file": str(file), "topics": case.topic}
    config |= with_registry(case.config, bench.registry_url)
    create(peer.url, name, config)
    try:
        written = Progress(size, lambda: file.stat().st_size if file.exists() else 0)
        rate = written.rate() * bench.records / size
        if (found := file.stat().st_size) != size:
            raise ValueError(f"{name} wrote {found} bytes, expected {size}")
        return rate
    finally:
        delete(peer.url, name)
        file.unlink(missing_ok=True)


def data_cases(bench: Bench) -> dict[str, Callable[[Peer], float]]:
    """Return how each case that moves data is measured."""
    sizes = {name: case.size(bench.records) for name, case in SINKS.items()}
    sources = {
        name: partial(measure_source, bench, changes=changes) for name, changes in SOURCES.items()
    }
    sinks = {
        name: partial(measure_sink, bench, case=case, size=sizes[name])
        for name, case in SINKS.items()
    }
    return {**sources, **sinks}


def measure_fleet(bench: Bench, worker: str, peer: Peer) -> None:
    """Bring up many connectors, each with a task that follows a file of its own."""
    names = [f"bench-fleet-{uuid.uuid4().hex[:6]}-{n}" for n in range(_FLEET)]
    began = time.monotonic()
    for n, name in enumerate(names):
        file = str(bench.directory / f"fleet-{n}.txt")
        create(peer.url, name, {"connector.class": SOURCE, "file": file, "topic": "bench-fleet"})
    wait("the fleet to run", lambda: running_tasks(peer.url) == _FLEET, pause=0.05)
    bench.note("bring up 50 connectors", worker, time.monotonic() - began)
    time.sleep(3)
    bench.note("50 one-task connectors, PSS", worker, pss_mb(peer.pid))
    for name in names:
        delete(peer.url, name)


@contextmanager
def started(bench: Bench, worker: str) -> Generator[tuple[Peer, float]]:
    """Start a worker with topics of its own; yields it and the seconds to its first answer."""
    run = uuid.uuid4().hex[:6]
    properties = {
        "bootstrap.servers": bench.bootstrap_servers,
        "group.id": f"bench-{run}",
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.flush.interval.ms": "10000",
        **{f"{store}.storage.topic": f"bench-{run}-{store}" for store in _STORES},
        **{f"{store}.storage.replication.factor": "1" for store in _STORES},
    }
    peer: Peer = (
        WorkerProcess(bench.directory, f"isthmus-{run}", properties)
        if worker == "isthmus"
        else ApacheConnect(
            bench.directory / f"apache-{run}",
            bench.bootstrap_servers,
            properties,
            libraries=() if bench.registry_url is None else (AVRO_JARS,),
        )
    )
    began = time.monotonic()
    peer.start()
    wait("the first answer", lambda: _answers(peer))
    seconds = time.monotonic() - began
    wait("the worker to be ready", lambda: _answers(peer, "/connectors"))
    try:
        yield peer, seconds
    finally:
        peer.stop()


_STORES = ("config", "offset", "status")


def _answers(peer: Peer, path: str = "/") -> bool:
    try:
        return request(peer.url, "GET", path)[0] == 200
    except Exception:  # noqa: BLE001  # not up yet, in whatever way
        return False


def measure(bench: Bench, worker: str, chosen: set[str]) -> None:
    """Measure all chosen cases of one worker, once."""
    with started(bench, worker) as (peer, seconds):
        if "exec to first REST answer" in chosen:
            bench.note("exec to first REST answer", worker, seconds)
        if "idle worker, PSS" in chosen:
            time.sleep(5)
            bench.note("idle worker, PSS", worker, pss_mb(peer.pid))
        if {"bring up 50 connectors", "50 one-task connectors, PSS"} & chosen:
            measure_fleet(bench, worker, peer)
        for case, run in data_cases(bench).items():
            if case in chosen:
                run(peer)  # warms up
                bench.note(case, worker, run(peer))


def table(results: Mapping[str, Mapping[str, list[float]]]) -> str:
    """Return the results as a Markdown table."""
    rows = ["| case | Apache 4.3.1 | Isthmus | ratio |", "| --- | --- | --- | --- |"]
    for case, (unit, more) in CASES.items():
        if not all(results.get(case, {}).get(worker) for worker in _WORKERS):
            continue
        theirs, ours = (statistics.median(results[case][worker]) for worker in _WORKERS)
        ratio = ours / theirs if more else theirs / ours
        word = ("faster" if ratio >= 1 else "as fast") if unit != "MB" else "less"
        shown = f"{1 / ratio:.2f} of it" if unit == "MB" else f"{ratio:.1f} x {word}"
        rows.append(f"| {case} | {_figure(theirs, unit)} | {_figure(ours, unit)} | {shown} |")
    return "\n".join(rows)


def _figure(value: float, unit: str) -> str:
    return f"{value / 1000:,.0f} k {unit}" if unit == "records/s" else f"{value:,.1f} {unit}"


@contextmanager
def registry_for(cases: set[str], directory: Path) -> Generator[str | None]:
    """Start a schema registry if a case needs one; yields where it speaks Apicurio's API."""
    if not cases & AVRO_CASES:
        yield None
        return
    registry = ApicurioRegistry(directory)
    with ExitStack() as stack:
        stack.callback(registry.stop)
        registry.start()
        # Apicurio's converters of 2.6, the newest to be had, speak the second version of its API.
        yield f"{registry.address}/apis/registry/v2"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--cases", default="", help="parts of the names of cases, by semicolon; all by default"
    )
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parser.parse_args()
    chosen = {case for case in CASES if any(part in case for part in options.cases.split(";"))}
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as directory,
        EmbeddedKafka(Path(directory) / "kafka") as kafka,
        registry_for(chosen, Path(directory)) as registry,
    ):
        bench = Bench(kafka.bootstrap_servers, Path(directory), options.records, registry)
        print(f"Preparing {options.records:,} records …", flush=True)
        bench.prepare()
        for number in range(options.rounds):
            print(f"Round {number + 1} of {options.rounds}", flush=True)
            for worker in _WORKERS:
                measure(bench, worker, chosen)
        print(table(bench.results))
        if options.json:
            options.json.write_text(json.dumps(bench.results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
