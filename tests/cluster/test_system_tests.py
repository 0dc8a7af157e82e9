"""What the system tests of Apache Kafka rely on, walked in small: connect_distributed_test.py.

Workers are bounced while `VerifiableSource` and `VerifiableSink` run on them; the numbers that
those have printed are then counted. Nothing may be missing; after clean stops, nothing may come
twice either.
"""

import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)

from tests.support.cluster import SESSION_TIMEOUT_MS, expect
from tests.support.system_worker import SystemWorker

TASKS = 3
TOOLS = "org.apache.kafka.connect.tools"
#: A consumer that joins and leaves at once can stay a member at the broker, with its partitions,
#: for the session timeout of the consumer protocol, which is the broker's: 45 s.
SILENCE = 90.0
STARTED_WORK = "Starting connectors and tasks using config offset"

#: As their template renders it: blanks around `=`, empty lines, and values in upper case.
PROPERTIES = f"""
bootstrap.servers={{servers}}

group.id={{run}}

connect.protocol={{protocol}}
scheduled.rebalance.max.delay.ms=0

producer.transaction.timeout.ms = 10000

key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true

offset.storage.topic={{run}}-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
config.storage.topic={{run}}-configs
config.storage.replication.factor=1
status.storage.topic={{run}}-status
status.storage.replication.factor=1
status.storage.partitions=1

# Make sure data commits frequently so offsets are less likely to be lost
offset.flush.interval.ms=1000

rest.advertised.host.name = 127.0.0.1

session.timeout.ms={SESSION_TIMEOUT_MS}
heartbeat.interval.ms = 1000
consumer.session.timeout.ms={SESSION_TIMEOUT_MS}

request.timeout.ms=30000

config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider

plugin.discovery=service_load
"""

MakeWorkers = Callable[[str], list[SystemWorker]]


@pytest.fixture
def run() -> str:
    return f"system-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def make_workers(bootstrap_servers: str, tmp_path: Path, run: str) -> Iterator[MakeWorkers]:
    made: list[SystemWorker] = []

    def make(protocol: str) -> list[SystemWorker]:
        text = PROPERTIES.format(servers=bootstrap_servers, run=run, protocol=protocol)
        made.extend(SystemWorker(tmp_path / f"node-{n}", text) for n in (1, 2))
        for worker in made:
            worker.start("Joined group")
        return made

    yield make
    for worker in made:
        worker.kill()


def create_topic(bootstrap_servers: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def printed(workers: Sequence[SystemWorker], name: str) -> list[dict[str, Any]]:
    return [said for worker in workers for said in worker.printed(name)]


def is_running(worker: SystemWorker, name: str) -> bool:
    status = worker.request("GET", f"/connectors/{name}/status")
    states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
    return states == ["RUNNING"] * (TASKS + 1)


def counted(lines: Sequence[dict[str, Any]], task: int) -> Counter[int]:
    return Counter(line["seqno"] for line in lines if line["task"] == task)


def highest(workers: Sequence[SystemWorker], name: str) -> list[int]:
    """Return the highest number of each task that a connector has printed."""
    lines = printed(workers, name)
    return [max(counted(lines, task), default=-1) for task in range(TASKS)]


def missing(counts: Counter[int]) -> list[int]:
    return sorted(set(range(max(counts))) - set(counts))


def repeated(counts: Counter[int]) -> list[int]:
    return sorted(number for number, count in counts.items() if count > 1)


# Four starts of a worker, and the seconds that its work takes to find its place each time.
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("number", "protocol", "group_protocol"),
    [
        (signal.SIGTERM, "sessioned", "classic"),
        (signal.SIGTERM, "eager", "consumer"),
        (signal.SIGKILL, "compatible", "classic"),
    ],
    ids=["clean-classic", "clean-consumer", "hard-classic"],
)
def test_no_number_is_lost_when_workers_are_bounced(
    make_workers: MakeWorkers,
    bootstrap_servers: str,
    run: str,
    number: signal.Signals,
    protocol: str,
    group_protocol: str,
) -> None:
    topic, source, sink = f"{run}-numbers", f"{run}-source", f"{run}-sink"
    create_topic(bootstrap_servers, topic)
    workers = make_workers(protocol)
    first = workers[0]
    create(first, source, f"{TOOLS}.VerifiableSourceConnector", topic=topic, throughput=100)
    group = {"consumer.override.group.protocol": group_protocol}
    create(first, sink, f"{TOOLS}.VerifiableSinkConnector", topics=topic, **group)
    expect("both to run", lambda: is_running(first, source) and is_running(first, sink))

    for worker in workers:
        expect_numbers(workers, sink, 500)
        worker.stop(number)
        worker.start(STARTED_WORK)
    expect("both to run", lambda: is_running(first, source) and is_running(first, sink), 60)
    seen = highest(workers, sink)
    expect("more", lambda: min(highest(workers, sink)) > max(seen) + 50, SILENCE)
    first.request("DELETE", f"/connectors/{source}")
    expect("the last numbers", lambda: highest(workers, sink) == highest(workers, source), SILENCE)
    first.request("DELETE", f"/connectors/{sink}")
    for worker in workers:
        worker.stop(signal.SIGTERM)

    committed = [said for said in printed(workers, source) if said.get("committed")]
    flushed = [said for said in printed(workers, sink) if said.get("flushed")]
    for task in range(TASKS):
        sent, taken = counted(committed, task), counted(flushed, task)
        assert (missing(sent), missing(taken)) == ([], [])
        assert 100 < max(taken) <= max(sent)
        if number is signal.SIGTERM:
            assert (repeated(sent), repeated(taken)) == ([], [])


def expect_numbers(workers: Sequence[SystemWorker], name: str, more: int) -> None:
    """Wait until the connector has printed so many numbers more; say where it stands if not."""
    seen = len(printed(workers, name))
    try:
        expect("numbers", lambda: len(printed(workers, name)) > seen + more, SILENCE)
    except AssertionError as error:
        states = workers[0].request("GET", f"/connectors/{name}/status")
        came = len(printed(workers, name)) - seen
        logs = [worker.log.read_text().splitlines()[-20:] for worker in workers]
        raise AssertionError(f"{came} numbers came; {states}; {logs}") from error


def create(worker: SystemWorker, name: str, kind: str, **more: object) -> None:
    config = {"name": name, "connector.class": kind, "tasks.max": TASKS, **more}
    worker.request("POST", "/connectors", {"name": name, "config": config})


def test_the_lines_that_scripts_wait_for_are_in_the_log(make_workers: MakeWorkers) -> None:
    worker = make_workers("sessioned")[0]

    expect("its start", lambda: "Kafka Connect started" in worker.log.read_text())
    log = worker.log.read_text()

    awaited = ["Kafka version", "Joined group", STARTED_WORK, "Finished starting connectors and"]
    assert [line for line in awaited if line not in log] == []
    assert all(line.startswith("[") for line in log.splitlines()), "a line is not Apache's"
