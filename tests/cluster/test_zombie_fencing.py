"""Exactly-once sources: what a worker asks of its leader, and does as the leader (KIP-618)."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from tests.support.cluster import Cluster, file_source
from tests.support.topic_recorder import TopicRecorder


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path, exactly_once_source_support="enabled")
    yield made
    made.close()


def test_offsets_are_changed_only_after_the_zombies_of_the_stopped_connector_are_fenced_out(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    lines = tmp_path / "lines"
    lines.write_text("one\n")
    cluster.create("source", file_source(lines, f"{cluster.group}-lines"))
    cluster.expect_running("source")
    assert cluster.request("PUT", "/connectors/source/stop")[0] == 204
    cluster.expect_states("source", "STOPPED")
    zombie = Producer(
        {
            "bootstrap.servers": cluster.properties["bootstrap.servers"],
            "transactional.id": f"{cluster.group}-source-0",
            "logger": logging.getLogger("zombie"),
        }
    )
    zombie.init_transactions(30)

    entry = {"partition": {"filename": str(lines)}, "offset": {"position": 0}}
    status, answer = cluster.request("PATCH", "/connectors/source/offsets", {"offsets": [entry]})

    assert status == 200, answer
    zombie.begin_transaction()
    zombie.produce(f"{cluster.group}-zombies", b"value")
    with pytest.raises(KafkaException):
        zombie.commit_transaction(30)
    assert cluster.request("PUT", "/connectors/source/resume")[0] == 202
    cluster.expect_running("source")
    assert fencing_records(cluster) == [b'{"task-count":%d}' % count for count in (1, 0, 1)]


def fencing_records(cluster: Cluster) -> list[bytes | None]:
    servers = cluster.properties["bootstrap.servers"]
    recorder = TopicRecorder(servers, {"configs": cluster.properties["config.storage.topic"]})
    recorder.read_until_quiet()
    recorder.close()
    return [
        record.value
        for record in recorder.records["configs"]
        if record.key == b"tasks-fencing-source"
    ]
