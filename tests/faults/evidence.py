"""What to know of a rig in which numbers do not arrive: printed while it is still so."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from confluent_kafka import KafkaException
from urllib3.exceptions import HTTPError

from isthmus.embedded.worker_process import WorkerProcess
from tests.faults.rig import Rig

_QUESTIONS: Final = (
    "/connectors/source/status",
    "/connectors/sink/status",
    "/connectors/source/offsets",
    "/connectors/sink/offsets",
)
_LOG_LINES: Final = 15
#: Seconds for each answer: who does not give one is part of the evidence.
_PATIENCE: Final = 5.0


def evidence(rig: Rig, lacking: Sequence[str]) -> list[str]:
    """Return what is missing, what workers and broker say of it, and the end of each log."""
    lines = [f"missing {text}" for text in ranges(lacking)]
    lines.append(f"topic ends at {_ends(rig)}")
    for worker in rig.cluster.workers:
        if not worker.is_running:
            lines.append(f"{worker.name} does not run")
            continue
        lines += [f"{worker.name} {path}: {_ask(worker, path)}" for path in ("/", *_QUESTIONS)]
    for worker in rig.cluster.workers:
        lines += [f"{worker.name}.log: {line}" for line in _log_end(worker)]
    return lines


def ranges(lacking: Sequence[str]) -> list[str]:
    """Return `place:task:number`s as `place:task:first-last (count)`, each run of numbers one."""
    split = sorted(
        (place, int(number)) for place, _, number in (text.rpartition(":") for text in lacking)
    )
    found: list[str] = []
    runs = groupby(enumerate(split), lambda entry: (entry[1][0], entry[1][1] - entry[0]))
    for (place, _), run in runs:
        numbers = [number for _, (_, number) in run]
        found.append(f"{place}:{numbers[0]}-{numbers[-1]} ({len(numbers)})")
    return found


def _ends(rig: Rig) -> str:
    try:
        return str(rig.topic_counts.ends())
    except KafkaException as error:
        return f"not known: {error}"


def _ask(worker: WorkerProcess, path: str) -> str:
    try:
        status, answer = worker.request("GET", path, timeout=_PATIENCE)
    except (HTTPError, OSError) as error:
        return f"no answer: {error}"
    return f"{status} {json.dumps(answer)}"


def _log_end(worker: WorkerProcess) -> list[str]:
    lines = worker.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if not line.endswith("(isthmus.rest.access)")][-_LOG_LINES:]
