"""Cases of single moments: starting a worker, the way of a record, and the end of a worker.

A record's way is timed by records that carry their time: `VerifiableSource` makes 1,000 a second,
each with the ms at which it was made; a file sink writes them, and whoever reads its file compares.
"""

import re
import statistics
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from bench.cases import JSON_SCHEMALESS, SINK, SOURCE
from bench.ground import TOOLS_JARS, Bench, Peer, group_properties, ready, started
from bench.measure import GroupMembers, Watermark, create, pss_mb, request, wait
from bench.summary import Case

_ANSWER = Case("exec to first REST answer", "s")
_RECORD = Case("exec to first record moved", "s")
_IDLE = Case("idle worker, PSS", "MB")
_P50 = Case("latency at 1,000 records/s, p50", "ms")
_P99 = Case("latency at 1,000 records/s, p99", "ms")
_REBALANCE = Case("20 connectors after a kill, without session timeout", "s")
CASES = [_ANSWER, _RECORD, _IDLE, _P50, _P99, _REBALANCE]

_GENERATOR = "org.apache.kafka.connect.tools.VerifiableSourceConnector"
_PER_SECOND = 1000
#: Seconds that are not counted, and that are.
_WARM_UP = 5.0
_COUNTED = 15.0
_TIME = re.compile(rb"time_ms=(\d+)")
_TO_MOVE = 20
_SETTLES = 3.0


def measure(bench: Bench, worker: str, chosen: set[str]) -> None:
    """Measure the chosen cases of one worker, once."""
    if chosen & {_ANSWER.name, _IDLE.name}:
        with bench.attempt(_IDLE.name):
            _measure_idle(bench, worker, chosen)
    if _RECORD.name in chosen:
        with bench.attempt(_RECORD.name):
            bench.note(_RECORD.name, worker, _first_record(bench, worker), "s")
    if chosen & {_P50.name, _P99.name}:
        with bench.attempt("latency"):
            _measure_latency(bench, worker, chosen)
    if _REBALANCE.name in chosen:
        with bench.attempt(_REBALANCE.name):
            bench.note(_REBALANCE.name, worker, _rebalance(bench, worker), "s")


def _measure_idle(bench: Bench, worker: str, chosen: set[str]) -> None:
    with started(bench, worker) as (peer, began):
        if _ANSWER.name in chosen:
            bench.note(_ANSWER.name, worker, time.monotonic() - began, "s")
        if _IDLE.name in chosen:
            ready(peer)
            time.sleep(5)
            bench.note(_IDLE.name, worker, pss_mb(peer.pid), "MB")


def _first_record(bench: Bench, worker: str) -> float:
    """Return the seconds from the start of a worker to the first record of its first connector."""
    topic = f"bench-first-{uuid.uuid4().hex[:6]}"
    bench.topic(topic)
    watermark = Watermark(bench.bootstrap_servers, topic)
    file = bench.directory / f"{topic}.txt"
    file.write_text("one line\n", encoding="ascii")
    try:
        with started(bench, worker) as (peer, began):
            create(peer.url, topic, {"connector.class": SOURCE, "file": str(file), "topic": topic})
            wait("the first record", lambda: watermark() > 0, 60.0, 0.005)
            return time.monotonic() - began
    finally:
        watermark.close()


def _measure_latency(bench: Bench, worker: str, chosen: set[str]) -> None:
    percentiles = statistics.quantiles(_latencies(bench, worker), n=100)
    for case, number in ((_P50, 50), (_P99, 99)):
        if case.name in chosen:
            bench.note(case.name, worker, percentiles[number - 1], "ms")


def _latencies(bench: Bench, worker: str) -> Sequence[float]:
    """Return the ms that each record took from its source to the file of the sink."""
    topic = f"bench-latency-{uuid.uuid4().hex[:6]}"
    bench.topic(topic)
    file = bench.directory / f"{topic}.txt"
    with started(bench, worker, libraries=[TOOLS_JARS]) as (peer, _):
        ready(peer)
        sink = {"connector.class": SINK, "file": str(file), "topics": topic, **JSON_SCHEMALESS}
        create(peer.url, f"{topic}-sink", sink)
        source = {"connector.class": _GENERATOR, "topic": topic, "complete.record.data": "true"}
        source |= {"throughput": str(_PER_SECOND), "tasks.max": "1", **JSON_SCHEMALESS}
        create(peer.url, f"{topic}-source", source)
        wait("the first record", lambda: file.exists() and file.stat().st_size > 0, 60.0)
        return follow(file, _WARM_UP, _COUNTED)


def follow(file: Path, warm_up: float, counted: float) -> list[float]:
    """Read what is added to a file; return the ages in ms of the lines of the counted seconds.

    Raises:
        ValueError: There are less than half as many as were to come: nothing to judge by.
    """
    found: list[float] = []
    begin = time.monotonic() + warm_up
    rest = b""
    now = 0.0
    with file.open("rb") as lines:
        while now < begin + counted:
            now = time.monotonic()
            data = lines.read()
            seen = time.time() * 1000
            if not data:
                time.sleep(0.0005)
                continue
            whole, _, rest = (rest + data).rpartition(b"\n")
            if now >= begin:
                found.extend(seen - int(moment) for moment in _TIME.findall(whole))
    if len(found) < counted * _PER_SECOND / 2:
        raise ValueError(f"{file.name}: {len(found)} records in {counted:.0f} s")
    return found


def _rebalance(bench: Bench, worker: str) -> float:
    """Kill one of two workers; return the seconds from its end of session until all tasks run.

    The group coordinator says when the session has ended; there is no delay of the rebalance.
    """
    properties = group_properties(bench) | {
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "500",
        "scheduled.rebalance.max.delay.ms": "0",
    }
    size = bench.scaled(_TO_MOVE)
    members = GroupMembers(bench.bootstrap_servers, properties["group.id"])
    with started(bench, worker, properties) as (left, _):
        ready(left)
        with started(bench, worker, properties) as (killed, _):
            wait("both workers to be members", lambda: members() == 2, 60.0)
            for n in range(size):
                name = f"bench-moved-{n}"
                file = bench.directory / f"{name}.txt"
                file.touch()
                config = {"connector.class": SOURCE, "file": str(file), "topic": "bench-moved"}
                create(left.url, name, config)
            both = {left.worker_id, killed.worker_id}
            wait("all tasks", lambda: _places(left, size) == both, 120.0, 0.1)
            # Balancing may take another round, in which no session would seem to have ended.
            time.sleep(_SETTLES)
            wait("the group to be stable", lambda: members() == 2, 60.0)
            killed.kill()
            wait("the session to end", lambda: members() < 2, 60.0, 0.005)
            began = time.monotonic()
            wait("all tasks", lambda: _places(left, size) == {left.worker_id}, 120.0)
            return time.monotonic() - began


def _places(peer: Peer, size: int) -> set[str]:
    """Return the workers on which all connectors and tasks run; none if some do not."""
    status, answer = request(peer.url, "GET", "/connectors?expand=status")
    if status != 200 or len(answer) != size:
        return set()
    parts = [
        part
        for each in answer.values()
        for part in (each["status"]["connector"], *each["status"]["tasks"])
    ]
    whole = len(parts) == 2 * size and all(part["state"] == "RUNNING" for part in parts)
    return {part["worker_id"] for part in parts} if whole else set()
