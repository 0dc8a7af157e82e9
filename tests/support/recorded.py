"""A source whose tasks write down when they were at work, and what that proves afterwards.

Each task appends lines to the file that its setting `record` names: process id, time by the
machine's monotonic clock, what it did. A line is one write, so those of several processes do not
mix.
"""

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.connector import SourceConnector
from isthmus.api.record import SourceRecord
from isthmus.api.task import SourceTask

CLASS = "tests.support.recorded:RecordedSource"


class RecordedSource(SourceConnector):
    """A source of numbers: each task counts on from its offset, in a topic partition of its own."""

    version = "1"

    def config(self) -> ConfigDef:
        return (
            ConfigDef()
            .define(
                "record",
                Type.STRING,
                importance=Importance.HIGH,
                documentation="The file to write down in what was done and when.",
            )
            .define(
                "topic",
                Type.STRING,
                importance=Importance.HIGH,
                documentation="Where the numbers go.",
            )
            .define(
                "pause.ms",
                Type.INT,
                20,
                importance=Importance.LOW,
                documentation="The time between two numbers of a task.",
            )
        )

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config

    def task_class(self) -> type[SourceTask]:
        return RecordedSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self.settings, "number": str(number)} for number in range(max_tasks)]


class RecordedSourceTask(SourceTask):
    """Counts, one record each pause."""

    version = "1"

    def start(self, config: Mapping[str, str]) -> None:
        self.file = os.open(config["record"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.id = f"{config['name']}-{config['number']}"
        self.topic = config["topic"]
        self.pause = int(config.get("pause.ms", "20")) / 1000
        self.source = {"task": self.id}
        self.note("start")
        offset = self.context.offset_reader.offset(self.source)
        self.next = 0 if offset is None else int(offset["next"])

    def poll(self) -> Sequence[SourceRecord]:
        self.context.sleep(self.pause)
        self.note("poll")
        number, self.next = self.next, self.next + 1
        return [
            SourceRecord(
                topic=self.topic,
                value=f"{self.id} {number}",
                source_partition=self.source,
                source_offset={"next": self.next},
            )
        ]

    def stop(self) -> None:
        self.note("stop")

    def note(self, deed: str) -> None:
        os.write(self.file, f"{self.id} {os.getpid()} {time.monotonic()} {deed}\n".encode())


def recorded_source(record: Path, topic: str, tasks: int = 1, pause_ms: int = 20) -> dict[str, str]:
    return {
        "connector.class": CLASS,
        "tasks.max": str(tasks),
        "record": str(record),
        "topic": topic,
        "pause.ms": str(pause_ms),
    }


@dataclass(frozen=True, slots=True)
class Run:
    """One process that ran a task, from its first deed to its last."""

    task: str
    pid: int
    begin: float
    end: float


def runs(record: Path) -> dict[str, list[Run]]:
    """Return what each task's processes did, in the order in which they began."""
    times: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for line in record.read_text().splitlines() if record.exists() else []:
        task, pid, moment, _ = line.split()
        times[task, int(pid)].append(float(moment))
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for (task, pid), moments in times.items():
        found[task].append(Run(task, pid, min(moments), max(moments)))
    for task_runs in found.values():
        task_runs.sort(key=lambda run: run.begin)
    return dict(found)


def overlaps(record: Path) -> list[tuple[Run, Run]]:
    """Return the pairs of processes that ran the same task at the same time."""
    return [
        (earlier, later)
        for task_runs in runs(record).values()
        for place, later in enumerate(task_runs)
        for earlier in task_runs[:place]
        if later.begin <= earlier.end
    ]


def numbers(bootstrap_servers: str, topic: str) -> dict[str, list[int]]:
    """Return what each task has sent to the topic, in the order in which it came."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reads-alone"})
    partition = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    found: dict[str, list[int]] = {}
    deadline = time.monotonic() + 30
    last = -1
    while last < end - 1:
        assert time.monotonic() < deadline, f"read to offset {last} of {end}"
        for message in consumer.consume(1000, 0.5):
            value, offset = message.value(), message.offset()
            assert message.error() is None
            assert value is not None
            assert offset is not None
            task, _, number = value.decode().partition(" ")
            found.setdefault(task, []).append(int(number))
            last = offset
    consumer.close()
    return found


def lost(sent: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the numbers that are missing below each task's highest one."""
    gaps = {task: sorted(set(range(max(found))) - set(found)) for task, found in sent.items()}
    return {task: missing for task, missing in gaps.items() if missing}
