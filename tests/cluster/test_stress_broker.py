"""A broker that is restarted under load, and a config topic that the broker compacts."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from isthmus.embedded.kafka import EmbeddedKafka
from tests.support.cluster import Cluster, expect, expect_value, file_sink
from tests.support.recorded import lost, numbers, overlaps, recorded_source

TASKS = 3


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of our own, which cleans its logs more than it has to."""
    extra = {"log.cleaner.backoff.ms": "200"}
    directory = tmp_path_factory.mktemp("kafka")
    with EmbeddedKafka(directory, extra=extra, short_lived=True) as running:
        yield running


@pytest.fixture
def bootstrap_servers(kafka: EmbeddedKafka) -> str:
    return kafka.bootstrap_servers


def test_a_restart_of_the_broker_under_load_fails_no_task_and_loses_no_record(
    cluster: Cluster, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    record, copy, topic = tmp_path / "record", tmp_path / "copy", f"{cluster.group}-t"
    cluster.start(2)
    cluster.create("numbers", recorded_source(record, topic, tasks=TASKS, pause_ms=2))
    # A sink that cannot leave its consumer group holds its partitions for a session.
    session = {"consumer_override_session_timeout_ms": "6000"}
    cluster.create("copy", file_sink(copy, topic, **session))
    cluster.expect_running("numbers", tasks=TASKS)
    cluster.expect_running("copy")
    expect("load", lambda: copy.exists() and copy.stat().st_size > 10_000)

    began = time.monotonic()
    kafka.stop()
    stopped = time.monotonic()
    assert cluster.request("GET", "/connectors")[0] == 200, "reads need no broker"
    kafka.start()
    started = time.monotonic()
    cluster.expect_running("numbers", tasks=TASKS, timeout=60)
    cluster.expect_running("copy", timeout=60)
    print(
        f"broker stopped in {stopped - began:.1f} s, started in {started - stopped:.1f} s,"
        f" all running {time.monotonic() - started:.1f} s later"
    )
    size = copy.stat().st_size
    expect("more load", lambda: copy.stat().st_size > size + 10_000)

    cluster.request("PUT", "/connectors/numbers/pause")
    cluster.expect_states("numbers", *["PAUSED"] * (1 + TASKS))
    sent = numbers(cluster.properties["bootstrap.servers"], topic)
    assert len(sent) == TASKS
    assert lost(sent) == {}
    lines = {f"{task} {number}" for task, found in sent.items() for number in found}
    expect_value("lines missing", lambda: len(lines - set(copy.read_text().splitlines())), 0)
    assert overlaps(record) == []
    for worker in cluster.workers:
        assert "has failed" not in worker.log.read_text()
    cluster.stop()


def everything(cluster: Cluster) -> dict[str, Any]:
    """Return what the REST API says of all connectors: configs, tasks and their configs, states."""
    _, connectors = cluster.request("GET", "/connectors?expand=info&expand=status")
    for name, found in connectors.items():
        for part in (found["status"]["connector"], *found["status"]["tasks"]):
            del part["worker_id"]
        found["task configs"] = cluster.request("GET", f"/connectors/{name}/tasks")[1]
    return connectors


def records_and_end(bootstrap_servers: str, topic: str) -> tuple[int, int]:
    """Return how many records the topic holds, and the offset at its end."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reads-alone"})
    partition = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    count = 0
    while message := consumer.poll(2.0):
        count += 1
        if message.offset() == end - 1:
            break
    consumer.close()
    return count, end


def test_workers_read_the_same_state_from_a_config_topic_that_was_compacted(
    make_cluster: Callable[..., Cluster], bootstrap_servers: str, tmp_path: Path
) -> None:
    cluster = make_cluster(
        config_storage_segment_ms="100",
        config_storage_min_cleanable_dirty_ratio="0.01",
        config_storage_delete_retention_ms="100",
    )
    cluster.start(1)
    topic = f"{cluster.group}-t"
    config = recorded_source(tmp_path / "record", topic, tasks=1)
    for name in ("kept", "paused", "stopped", "deleted"):
        cluster.create(name, config)
        cluster.expect_running(name)
    for tasks in (3, 1, 2):
        changed = {**config, "tasks.max": str(tasks)}
        for name in ("kept", "paused", "stopped", "deleted"):
            cluster.request("PUT", f"/connectors/{name}/config", changed)
        cluster.expect_running("kept", tasks=tasks)
    cluster.request("PUT", "/connectors/paused/pause")
    cluster.request("PUT", "/connectors/stopped/stop")
    assert cluster.request("DELETE", "/connectors/deleted")[0] == 204
    cluster.expect_states("paused", *["PAUSED"] * 3)
    cluster.expect_states("stopped", "STOPPED")
    before = everything(cluster)

    def is_compacted() -> bool:
        # A segment is closed by a write that comes later, and only closed ones are compacted.
        cluster.request("PUT", "/connectors/kept/resume")
        count, end = records_and_end(bootstrap_servers, cluster.properties["config.storage.topic"])
        print(f"{count} records of {end}")
        return count < end / 2

    expect("the config topic to be compacted", is_compacted, timeout=60)
    cluster.stop()
    cluster.start(2)

    expect_value("everything", lambda: everything(cluster), before)
    assert cluster.request("GET", "/connectors/deleted")[0] == 404
    cluster.stop()
