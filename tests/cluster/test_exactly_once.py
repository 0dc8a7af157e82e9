"""Sources that write each record exactly once, whatever is killed (KIP-618)."""

from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.cluster import Cluster, expect, expect_value, file_source


class Numbers:
    """Reads the numbers that are committed to a topic with one partition; for `with`."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        new = NewTopic(topic, num_partitions=1, replication_factor=1)
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        admin.create_topics([new])[topic].result(20)
        settings = {"bootstrap.servers": bootstrap_servers, "group.id": "numbers"}
        self._consumer = Consumer({**settings, "isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self.found: list[int] = []

    def __enter__(self) -> "Numbers":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self) -> int:
        """Read on; return how many there are now."""
        for message in self._consumer.consume(5000, 0.1):
            assert message.error() is None, message.error()
            self.found.append(int(message.value() or b"-1"))
        return len(self.found)


def test_numbers_are_there_once_after_a_task_and_its_worker_were_killed_under_load(
    make_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = make_cluster(exactly_once_source_support="enabled").start(2)
    servers = cluster.properties["bootstrap.servers"]
    topic, file = f"{cluster.group}-numbers", tmp_path / "numbers"
    written = 0

    def write_more() -> None:
        nonlocal written
        with file.open("a") as lines:
            lines.writelines(f"{number}\n" for number in range(written, written + 500))
        written += 500

    def expect_more(what: str) -> None:
        """Wait until what comes after this moment is committed, writing all the time."""
        before = written

        def have_more() -> bool:
            write_more()
            return numbers.read() > before

        expect(what, have_more, timeout=60)

    with Numbers(servers, topic) as numbers:
        write_more()
        # A transaction is open nearly all the time, with most of the records not committed.
        boundary = {"transaction_boundary": "interval", "transaction_boundary_interval_ms": "700"}
        own = {"offsets_storage_topic": f"{cluster.group}-own"}
        cluster.create("numbers", file_source(file, topic, **boundary, **own))
        cluster.expect_running("numbers")
        expect_more("numbers at first")

        cluster.kill_task("numbers", 0)
        cluster.expect_states("numbers", "RUNNING", "FAILED")
        assert cluster.request("POST", "/connectors/numbers/tasks/0/restart")[0] == 204
        expect_more("numbers after the task was killed")

        cluster.owner("numbers", 0).kill()
        expect_more("numbers after the worker was killed")

        expect_value("all numbers", numbers.read, written)
    assert numbers.found == list(range(written))
    entry = {"partition": {"filename": str(file)}, "offset": {"position": file.stat().st_size}}
    expect_value(
        "the offsets",
        lambda: cluster.request("GET", "/connectors/numbers/offsets")[1],
        {"offsets": [entry]},
    )
    own_topic = AdminClient({"bootstrap.servers": servers}).list_topics(
        own["offsets_storage_topic"]
    )
    partitions = own_topic.topics[own["offsets_storage_topic"]].partitions
    assert len(partitions) == int(cluster.properties["offset.storage.partitions"])
    cluster.stop()
