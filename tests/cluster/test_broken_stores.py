"""Internal topics that somebody else has written to, or deleted, under workers that run."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from isthmus.kafka.admin import TopicAdmin
from tests.support.cluster import Cluster, expect_value, file_sink, file_source

Record = tuple[bytes, bytes]

#: What no worker writes, and what its line in the log says. Without a key brokers take no record.
_BAD_CONFIGS: Sequence[tuple[Record, str]] = [
    ((b"connector-torn", b'{"properties":{"na'), "key b'connector-torn': the value is not JSON"),
    ((b"connector-bytes", b"\xff\xfe\x00"), "key b'connector-bytes': the value is not JSON"),
    ((b"connector-list", b"[]"), "key b'connector-list': expected a JSON object, found []"),
    ((b"connector-text", b'{"properties":"x"}'), "expected an object `properties`"),
    ((b"task-noNumber", b'{"properties":{}}'), "expected task-CONNECTOR-NUMBER"),
    ((b"target-state-lines-in", b'{"state":"ODD"}'), "expected one of STARTED, PAUSED, STOPPED"),
    ((b"of-the-future", b"{}"), "key b'of-the-future': unknown kind of record"),
    ((b"", b"{}"), "key b'': unknown kind of record"),
]
_BAD_OFFSETS: Sequence[tuple[Record, str]] = [
    ((b'["lines-in",{"filen', b'{"position":1}'), """key b'["lines-in",{"filen'"""),
    ((b"\xff\xfe", b'{"position":1}'), r"key b'\xff\xfe'"),
    ((b'["lines-in"]', b'{"position":1}'), "key b'[\"lines-in\"]': expected a key that is"),
    ((b"", b'{"position":1}'), "key b'': expected a key that is an array"),
]
_BAD_STATUSES: Sequence[tuple[Record, str]] = [
    ((b"status-connector-torn", b'{"state":"RUN'), "key b'status-connector-torn': the value"),
    ((b"status-task-lines-in-0", b"\xff"), "key b'status-task-lines-in-0': the value is not JSON"),
    (
        (b"status-task-lines-in-x", b"{}"),
        "key b'status-task-lines-in-x': expected status-task-CONNECTOR-NUMBER",
    ),
    (
        (b"status-connector-odd", b'{"state":"ODD","worker_id":"w","generation":1}'),
        'state "ODD": expected one of',
    ),
    ((b"of-the-future", b"{}"), "key b'of-the-future': unknown kind of record"),
    ((b"", b"{}"), "key b'': unknown kind of record"),
]
_BAD = {"Config": _BAD_CONFIGS, "Offsets": _BAD_OFFSETS, "Status": _BAD_STATUSES}
_STORES = {"Config": "config", "Offsets": "offset", "Status": "status"}


def test_a_worker_goes_on_whatever_is_in_its_topics_and_names_each_record_once(
    cluster: Cluster, bootstrap_servers: str, tmp_path: Path, topic: str
) -> None:
    """Garbage is there at the start, and comes again while connectors run."""
    make_topics(cluster, bootstrap_servers)
    lines, copy = tmp_path / "lines.txt", tmp_path / "copy.txt"
    lines.write_text("a\n")
    torn = json.dumps(["torn", {"filename": str(lines)}], separators=(",", ":")).encode()
    write_garbage(cluster, bootstrap_servers)
    write(bootstrap_servers, cluster.properties["offset.storage.topic"], [(torn, b'{"position":')])
    cluster.start(1)
    cluster.create("lines-in", file_source(lines, topic))
    cluster.create("lines-out", file_sink(copy, topic))
    expect_value("the copy", lambda: text(copy), "a\n", 60)
    expect_each_named(cluster, 1)

    write_garbage(cluster, bootstrap_servers)
    many = (b"commit-lines-in", b'{"tasks":"many"}')
    write(bootstrap_servers, cluster.properties["config.storage.topic"], [many])
    expect_each_named(cluster, 2)
    expect_value("lines", lambda: log_lines(cluster, "key b'commit-lines-in': tasks is 'many'"), 1)
    with lines.open("a") as file:
        file.write("b\n")
    expect_value("the copy", lambda: text(copy), "a\nb\n", 60)
    cluster.expect_running("lines-in")
    cluster.expect_running("lines-out")
    assert cluster.request("GET", "/connectors")[1] == ["lines-in", "lines-out"]

    expect_own_offset_can_be_mended(cluster, lines, topic)
    cluster.stop()


def expect_own_offset_can_be_mended(cluster: Cluster, lines: Path, topic: str) -> None:
    """Have a source fail whose own offset was cut off, and reset it."""
    cluster.create("torn", file_source(lines, f"{topic}-torn"))
    cluster.expect_states("torn", "RUNNING", "FAILED")
    trace = cluster.status("torn")["tasks"][0]["trace"]
    assert "The stored offset of source partition" in trace
    assert "Stop the connector, and alter or reset its offsets" in trace
    assert cluster.request("PUT", "/connectors/torn/stop")[0] == 204
    cluster.expect_states("torn", "STOPPED")
    status, answer = cluster.request("DELETE", "/connectors/torn/offsets")
    assert status == 200, answer
    assert cluster.request("PUT", "/connectors/torn/resume")[0] == 202
    cluster.expect_running("torn")
    assert log_lines(cluster, 'key b\'["torn",') == 1


def test_a_status_topic_that_is_deleted_is_made_anew_with_all_that_is_known(
    cluster: Cluster, bootstrap_servers: str, tmp_path: Path, topic: str
) -> None:
    cluster.start(2)
    lines, copy = tmp_path / "lines.txt", tmp_path / "copy.txt"
    lines.write_text("a\n")
    cluster.create("lines-in", file_source(lines, topic))
    cluster.create("lines-out", file_sink(copy, topic))
    expect_value("the copy", lambda: text(copy), "a\n", 60)
    cluster.expect_running("lines-in")
    cluster.expect_running("lines-out")
    used = cluster.request("GET", "/connectors/lines-in/topics")[1]
    assert used == {"lines-in": {"topics": [topic]}}
    logs = {worker.log: len(worker.log.read_text()) for worker in cluster.running}

    status_topic = cluster.properties["status.storage.topic"]
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.delete_topics([status_topic])[status_topic].result(20)
    told = "was deleted while in use; it was made anew"
    for log in logs:
        expect_value("lines about it", lambda log=log: log.read_text().count(told), 1)
    expect_value(
        "keys in the new topic", lambda: keys(bootstrap_servers, status_topic), said(topic), 30
    )
    with lines.open("a") as file:
        file.write("b\n")
    expect_value("the copy", lambda: text(copy), "a\nb\n", 60)
    for name in ("lines-in", "lines-out"):
        cluster.expect_running(name)
    for log, length in logs.items():
        after = [line for line in log.read_text()[length:].splitlines() if status_topic in line]
        ours = [line for line in after if "(librdkafka)" not in line and " INFO " not in line]
        assert len(ours) == 1, ours
    # A worker does not start on a topic that is not compacted.
    newcomer = cluster.start(1).running[-1]
    assert cluster.request("GET", "/connectors/lines-in/topics", on=newcomer)[1] == used
    cluster.stop()


def said(topic: str) -> set[str]:
    """Return the keys of all that the workers of the two connectors have to say."""
    names = ("lines-in", "lines-out")
    return {
        f"status-{kind}" for name in names for kind in (f"connector-{name}", f"task-{name}-0")
    } | {f"status-topic-{topic}:connector-{name}" for name in names}


def keys(bootstrap_servers: str, topic: str) -> set[str]:
    """Return the keys of all records in the topic's five partitions."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "nobody",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(5)])
    found: set[str] = set()
    ends = 0
    deadline = time.monotonic() + 20
    try:
        while ends < 5:
            assert time.monotonic() < deadline, f"{topic} has no end; found {found}"
            message = consumer.poll(0.2)
            if message is not None and message.error() is not None:
                ends += 1
            elif message is not None:
                found.add((message.key() or b"").decode())
        return found
    finally:
        consumer.close()


def make_topics(cluster: Cluster, bootstrap_servers: str) -> None:
    """Make the internal topics as a worker would."""
    admin = TopicAdmin({"bootstrap.servers": bootstrap_servers})
    for store, partitions in (("config", 1), ("offset", 5), ("status", 5)):
        key = f"{store}.storage.topic"
        compacted = {"cleanup.policy": "compact"}
        admin.ensure_compacted_topic(
            cluster.properties[key], key, "a test", partitions, 1, compacted
        )


def write_garbage(cluster: Cluster, bootstrap_servers: str) -> None:
    for store, bad in _BAD.items():
        topic = cluster.properties[f"{_STORES[store]}.storage.topic"]
        write(bootstrap_servers, topic, [record for record, _ in bad])


def write(bootstrap_servers: str, topic: str, records: Sequence[Record]) -> None:
    refused: list[str] = []
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random", "linger.ms": 0}
    )
    for key, value in records:
        producer.produce(
            topic,
            value,
            key,
            on_delivery=lambda error, _: refused.append(error.str()) if error else None,
        )
    assert producer.flush(20) == 0, f"{topic} was not written"
    assert refused == []


def expect_each_named(cluster: Cluster, times: int) -> None:
    """Wait until the worker has named each bad record so often, and not once more.

    Of offsets, which come every second, only the first under a key that is none is named.
    """
    wanted = {
        (store, said): 1 if store == "Offsets" else times
        for store, bad in _BAD.items()
        for _, said in bad
    }

    def named() -> dict[tuple[str, str], int]:
        return {
            (store, said): log_lines(cluster, f"{store} topic, partition ", said)
            for store, bad in _BAD.items()
            for _, said in bad
        }

    expect_value("lines in the log for each bad record", named, wanted)


def log_lines(cluster: Cluster, *parts: str) -> int:
    log = cluster.running[0].log.read_text()
    return sum(all(part in line for part in parts) for line in log.splitlines())


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
