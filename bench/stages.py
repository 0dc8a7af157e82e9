"""Where the time of a task goes: microseconds a record in each stage of its path.

    python -m bench.stages [--records N] [--cases "NAME;…"]

The real runner of a task moves the data of `bench.compare` on a real Kafka, in this process, with
a clock around each stage. What librdkafka does on threads of its own is not in the figures; the
rest is the loop between the stages. Time in which there was nothing to do is left out.
"""

import argparse
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import throughput
from bench.cases import SINK, SINKS, SOURCE, SOURCES, STRING, SourceCase, with_registry
from bench.ground import Bench, registry_for
from isthmus.connectors.file_sink import FileStreamSinkTask
from isthmus.connectors.file_source import FileStreamSourceTask
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.heap import keep_freed_memory
from isthmus.plugins import Plugins
from isthmus.task.at_least_once import AtLeastOnce
from isthmus.task.pipeline import Pipeline, Step
from isthmus.task.record_producer import RecordProducer
from isthmus.task.sink import SinkRunner
from isthmus.task.source import SourceRunner
from tests.support.scripted_link import RunningTask, start_task, worker_config

#: The stages of a source and of a sink: the name in the table, and what is timed for it.
_SOURCE_STAGES: list[tuple[str, type, str]] = [
    ("poll", FileStreamSourceTask, "poll"),
    ("produce", RecordProducer, "send"),
    ("answers", RecordProducer, "poll"),
    ("commit", AtLeastOnce, "_write_offsets"),
]
_SINK_STAGES: list[tuple[str, type, str]] = [
    ("consume", SinkRunner, "_consume"),
    ("put", FileStreamSinkTask, "put"),
    ("commit", SinkRunner, "_commit"),
]
_FIRST = ("poll", "consume")
_WAITING = "waiting for records"


class Clock:
    """Seconds by stage, and from the first record to the last."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with a clock around it."""

        def clocked(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            made = call(*arguments, **options)
            # A poll that finds nothing is no work: the file's end, or no record from Kafka yet.
            idle = stage in _FIRST and not made
            self.seconds[_WAITING if idle else stage] += time.perf_counter() - began
            return made

        return clocked


@contextmanager
def clocks(clock: Clock, stages: list[tuple[str, type, str]]) -> Generator[None]:
    """Put a clock around each stage, and around each step of the pipeline."""
    with ExitStack() as stack:
        for stage, owner, method in stages:
            timed = clock.timed(stage, getattr(owner, method))
            stack.enter_context(patch.object(owner, method, timed))
        plain = Pipeline.__init__

        def with_clocks(pipeline: Pipeline, steps: list[Step], *rest: Any, **options: Any) -> None:
            timed = [
                Step(step.stage, step.component, clock.timed(_step_name(step), step.apply))
                for step in steps
            ]
            plain(pipeline, timed, *rest, **options)

        stack.enter_context(patch.object(Pipeline, "__init__", with_clocks))
        yield


def _step_name(step: Step) -> str:
    if step.stage.value == "TRANSFORMATION":
        return step.component.rpartition(".")[2].partition("$")[0]
    return step.stage.value.lower().replace("_", " ")


def run_source(bench: Bench, case: SourceCase) -> tuple[Clock, float]:
    """Read the file into a new topic; return what took how long, and all of it, in seconds."""
    topic = f"stages-{uuid.uuid4().hex[:8]}"
    bench.topic(topic)
    config = {"connector.class": SOURCE, "file": str(bench.lines(case.size)), "topic": topic}
    config |= with_registry(case.config, bench.registry_url)
    clock = Clock()
    with clocks(clock, _SOURCE_STAGES):
        task = _task(bench, topic, config, SourceRunner)
        with task:
            began = time.perf_counter()
            size = bench.lines(case.size).stat().st_size
            task.expect("the whole file", lambda: _position(task), size, timeout=300.0)
            return clock, time.perf_counter() - began


def _position(task: RunningTask) -> int:
    offsets = task.worker.offset_list
    return int(offsets[0][1]["position"]) if offsets and offsets[0][1] else 0


def run_sink(bench: Bench, name: str) -> tuple[Clock, float]:
    """Write a topic to a file; return what took how long, and all of it, in seconds."""
    case, group = SINKS[name], f"stages-{uuid.uuid4().hex[:8]}"
    file = bench.directory / group
    config = {"connector.class": SINK, "file": str(file), "topics": case.topic}
    config |= with_registry(case.config, bench.registry_url)
    clock = Clock()
    size = case.size(throughput.count(bench, name))
    with clocks(clock, _SINK_STAGES), _task(bench, group, config, SinkRunner) as task:
        began = time.perf_counter()
        task.expect(
            "all records", lambda: file.stat().st_size if file.exists() else 0, size, timeout=300.0
        )
        return clock, time.perf_counter() - began


def _task(bench: Bench, name: str, config: Mapping[str, str], runner: Any) -> RunningTask:
    worker = worker_config(bench.bootstrap_servers)
    worker |= {"key.converter": STRING, "offset.flush.interval.ms": "1000"}
    return RunningTask(start_task(worker, config, name=name), runner, Plugins.discover())


def report(name: str, clock: Clock, seconds: float, records: int) -> None:
    """Print one line a stage, in the order in which a record passes them, and the rest."""
    seconds -= clock.seconds.pop(_WAITING, 0.0)
    print(f"\n{name}: {seconds / records * 1e6:.2f} µs a record")
    for stage, spent in clock.seconds.items():
        print(f"  {stage:24} {spent / records * 1e6:6.2f}  {spent / seconds:4.0%}")
    rest = seconds - sum(clock.seconds.values())
    print(f"  {'the rest':24} {rest / records * 1e6:6.2f}  {rest / seconds:4.0%}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--cases", default="", help="parts of the names of cases, by semicolon")
    options = parser.parse_args()
    keep_freed_memory()  # as the process of a task does
    parts = options.cases.split(";")
    chosen = [name for name in [*SOURCES, *SINKS] if any(part in name for part in parts)]
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-stages-") as directory,
        EmbeddedKafka(Path(directory) / "kafka") as kafka,
        registry_for(set(chosen), Path(directory)) as registry,
    ):
        bench = Bench(kafka.bootstrap_servers, Path(directory), options.records, registry)
        throughput.prepare(bench, set(chosen))
        for name in chosen:
            run = run_source(bench, SOURCES[name]) if name in SOURCES else run_sink(bench, name)
            report(name, *run, records=throughput.count(bench, name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
