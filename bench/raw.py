"""The limit of throughput: librdkafka with the same bytes and no work on them.

    python -m bench.raw consume BROKERS TOPIC RECORDS [PARTITION …]
    python -m bench.raw produce BROKERS TOPIC RECORDS TARGET

A process of its own, as a task is, with the settings of clients and memory that a task gets.
`consume` reads and forgets; `produce` loads the records of TOPIC first and writes them to TARGET.
Prints the moments between which it moved how many records, so that several processes can be counted
as one.
"""

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import length_hint

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from isthmus.config.clients import ClientKind, translate
from isthmus.heap import keep_freed_memory

#: As many as make the calls themselves cheap, but a small part of all, to time from a twentieth on.
_BATCH = 10_000
_PART = 100
_LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class Moved:
    """So many records between two moments of the machine's monotonic clock, in seconds."""

    records: int
    began: float
    ended: float


def rate(runs: Sequence[Moved]) -> float:
    """Return the records a second of processes that ran beside each other."""
    began, ended = min(run.began for run in runs), max(run.ended for run in runs)
    return sum(run.records for run in runs) / (ended - began)


def consume_rate(brokers: str, topic: str, records: int, partitions: int, processes: int) -> float:
    """Return at what rate so many processes read a topic, its partitions spread over them."""
    spread = [range(first, partitions, processes) for first in range(processes)]
    share = str(records // processes)
    return rate(_run([["consume", brokers, topic, share, *map(str, each)] for each in spread]))


def produce_rate(brokers: str, topic: str, records: int, target: str) -> float:
    """Return at what rate a process writes what stands in a topic to another one."""
    return rate(_run([["produce", brokers, topic, str(records), target]]))


def _run(arguments: Sequence[Sequence[str]]) -> list[Moved]:
    """Run a process for each, all at once; none outlives the call."""
    command = [sys.executable, "-m", "bench.raw"]
    running = [
        subprocess.Popen([*command, *each], stdout=subprocess.PIPE, text=True) for each in arguments
    ]
    try:
        return [Moved(**json.loads(each.communicate(timeout=2 * _LIMIT)[0])) for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


def consume(brokers: str, topic: str, records: int, partitions: Sequence[int]) -> Moved:
    """Read so many records; the first twentieth is not counted, as for workers."""
    began, counted, count = 0.0, 0, 0
    consumer = _consumer(brokers, topic, partitions)
    deadline = time.monotonic() + _LIMIT
    batch = min(_BATCH, max(1, records // _PART))
    while count < records:
        count += len(consumer.consume(min(batch, records - count), 1.0))
        if not began and count >= records // 20:
            began, counted = time.monotonic(), count
        _check(deadline, count, records)
    ended = time.monotonic()
    consumer.close()
    return Moved(records - counted, began, ended)


def produce(brokers: str, topic: str, records: int, target: str) -> Moved:
    """Write so many records; from the first call to the last answer of Kafka."""
    values = _values(brokers, topic, records)
    # As for sources (Java: Worker.baseProducerConfigs): in order, and safe before it counts.
    asked = {"acks": "all", "enable.idempotence": "false"}
    asked |= {"max.in.flight.requests.per.connection": "1"}
    settings = translate(ClientKind.PRODUCER, {"bootstrap.servers": brokers, **asked}).settings
    producer = Producer(dict(settings))
    producer.list_topics(target, 10)
    deadline = time.monotonic() + _LIMIT
    began = time.monotonic()
    rest = iter(values)
    calls = map(producer.produce, repeat(target), rest)
    while True:
        try:
            deque(calls, maxlen=0)
            break
        except BufferError:
            # The call that found no room has taken its value; it is sent when there is some.
            row = len(values) - length_hint(rest) - 1
            _produce_when_there_is_room(producer, target, values[row], deadline)
    if left := producer.flush(_LIMIT):
        raise TimeoutError(f"{left} of {records} records were not taken after {_LIMIT:.0f} s")
    return Moved(records, began, time.monotonic())


def _produce_when_there_is_room(
    producer: Producer, target: str, value: bytes | None, deadline: float
) -> None:
    while True:
        producer.poll(0.05)
        try:
            producer.produce(target, value)
            return
        except BufferError:
            _check(deadline, 0, 1)


def _values(brokers: str, topic: str, records: int) -> list[bytes | None]:
    values: list[bytes | None] = []
    consumer = _consumer(brokers, topic, [0])
    deadline = time.monotonic() + _LIMIT
    while len(values) < records:
        messages = consumer.consume(min(_BATCH, records - len(values)), 1.0)
        values.extend(map(Message.value, messages))
        _check(deadline, len(values), records)
    consumer.close()
    return values


def _consumer(brokers: str, topic: str, partitions: Sequence[int]) -> Consumer:
    props = {"bootstrap.servers": brokers, "group.id": "bench-raw"}
    consumer = Consumer(dict(translate(ClientKind.CONSUMER, props).settings))
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    return consumer


def _check(deadline: float, count: int, records: int) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"{count} of {records} records after {_LIMIT:.0f} s")


def main() -> int:
    kind, brokers, topic, records, *rest = sys.argv[1:]
    keep_freed_memory()
    if kind == "consume":
        moved = consume(brokers, topic, int(records), [int(each) for each in rest])
    else:
        moved = produce(brokers, topic, int(records), rest[0])
    print(json.dumps({"records": moved.records, "began": moved.began, "ended": moved.ended}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
