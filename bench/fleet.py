"""Cases of many connectors: memory, bringing them up, adding one, and listing them all.

Each fleet gets a worker of its own, so that memory of earlier cases is not in its figures. The
connectors are file sources of one task, each with an empty file which it follows.
"""

import statistics
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from bench.cases import SOURCE
from bench.ground import Bench, Peer, group_properties, ready, started
from bench.measure import (
    StatusTopic,
    create,
    pss_mb,
    request,
    running_tasks,
    task_states,
    wait,
)
from bench.summary import Case

_FLEETS = (50, 200)
_LISTED = 500
_REQUESTS = 20
_LISTING = "/connectors?expand=status&expand=info"
#: Bringing up a fleet may take so long for each of its connectors, in seconds.
_LIMIT_EACH = 1.0


def _pss(size: int) -> Case:
    return Case(f"{size} one-task connectors, PSS", "MB")


def _bring_up(size: int) -> Case:
    return Case(f"bring up {size} connectors", "s")


_ADD = Case(f"add one connector to {_FLEETS[-1]}", "s")
_LIST = Case(f"GET {_LISTING}, {_LISTED} connectors", "ms")
CASES = [*map(_pss, _FLEETS), *map(_bring_up, _FLEETS), _ADD, _LIST]


def measure(bench: Bench, worker: str, chosen: set[str]) -> None:
    """Measure the chosen cases of one worker, once."""
    for size in _FLEETS:
        added = {_ADD.name} if size == _FLEETS[-1] else set[str]()
        if chosen & {_pss(size).name, _bring_up(size).name, *added}:
            with bench.attempt(f"{size} connectors"):
                _measure_fleet(bench, worker, size, chosen)
    if _LIST.name in chosen:
        with bench.attempt(_LIST.name):
            _measure_listing(bench, worker)


def _measure_fleet(bench: Bench, worker: str, size: int, chosen: set[str]) -> None:
    properties = group_properties(bench)
    with started(bench, worker, properties) as (peer, _):
        ready(peer)
        began = time.monotonic()
        names = bring_up(bench, peer, bench.scaled(size))
        taken = time.monotonic() - began
        if _bring_up(size).name in chosen:
            bench.note(_bring_up(size).name, worker, taken, "s")
        if _pss(size).name in chosen:
            time.sleep(5)  # settles, as for the idle worker
            bench.note(_pss(size).name, worker, pss_mb(peer.pid), "MB")
        if size == _FLEETS[-1] and _ADD.name in chosen:
            topic = StatusTopic(bench.bootstrap_servers, properties["status.storage.topic"])
            bench.note(_ADD.name, worker, _add_one(bench, peer, names, topic), "s")


def bring_up(bench: Bench, peer: Peer, size: int, topic: str = "bench-fleet") -> list[str]:
    """Create connectors one after the other and wait until all of their tasks run."""
    names = [f"bench-fleet-{uuid.uuid4().hex[:6]}-{n}" for n in range(size)]
    for name in names:
        _create(bench, peer, name, topic)
    limit = 60.0 + size * _LIMIT_EACH
    wait("all tasks", lambda: running_tasks(peer.url) == size, limit, 0.05)
    return names


def file_of(bench: Bench, name: str) -> Path:
    """Return the file that a connector of a fleet follows."""
    return bench.directory / f"{name}.txt"


def _create(bench: Bench, peer: Peer, name: str, topic: str) -> None:
    file = file_of(bench, name)
    file.touch()
    create(peer.url, name, {"connector.class": SOURCE, "file": str(file), "topic": topic})


def _add_one(bench: Bench, peer: Peer, names: Sequence[str], topic: StatusTopic) -> float:
    """Return the seconds until one connector more runs.

    Raises:
        RuntimeError: A task of the others was restarted for it, as the status topic shows.
    """
    name = f"bench-added-{uuid.uuid4().hex[:6]}"
    with topic:
        began = time.monotonic()
        _create(bench, peer, name, "bench-fleet")
        wait(f"{name} to run", lambda: task_states(peer.url, name) == ["RUNNING"], 120.0)
        taken = time.monotonic() - began
        time.sleep(1)  # what restarts for it would say so by then
        others = {key for key in topic.written() if any(key.endswith(f"-{n}-0") for n in names)}
    if others:
        raise RuntimeError(f"{len(others)} tasks of others were restarted: {sorted(others)[:5]}")
    return taken


def _measure_listing(bench: Bench, worker: str) -> None:
    with started(bench, worker) as (peer, _):
        ready(peer)
        size = bench.scaled(_LISTED)
        bring_up(bench, peer, size)
        times: list[float] = []
        for _ in range(_REQUESTS):
            began = time.monotonic()
            status, answer = request(peer.url, "GET", _LISTING)
            times.append((time.monotonic() - began) * 1000)
            if status != 200 or len(answer) != size:
                raise ValueError(f"{_LISTING}: {status} with {len(answer)} of {size} connectors")
        bench.note(_LIST.name, worker, statistics.median(times), "ms")
