"""Client settings. librdkafka is the judge: every result is given to a real client."""

import warnings
from collections.abc import Mapping

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from isthmus.api.errors import ConfigError
from isthmus.config.client_keys import COUNTERPARTS, ClientKind
from isthmus.config.clients import (
    ClientConfig,
    connector_admin_config,
    dlq_producer_config,
    fencing_producer_config,
    internal_admin_config,
    internal_log_configs,
    kafka_python_config,
    leader_producer_config,
    sink_consumer_config,
    source_producer_config,
)
from isthmus.config.worker import Store, WorkerConfig
from tests.unit.config.workers import worker

with warnings.catch_warnings():
    # kafka-python reads its schemas in a way that Python 3.11 calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.coordinator.base import BaseCoordinator
    from kafka.net.manager import KafkaConnectionManager

#: A broker that is not there, and a librdkafka that does not talk about it.
_SILENT = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


def as_producer(config: ClientConfig) -> Mapping[str, object]:
    """Construct a producer, which does not connect, and return its settings."""
    Producer({**config.settings, **_SILENT})
    return config.settings


def as_consumer(config: ClientConfig) -> Mapping[str, object]:
    """Construct a consumer, which does not connect, and return its settings."""
    Consumer({**config.settings, **_SILENT}).close()
    return config.settings


def as_admin(config: ClientConfig) -> Mapping[str, object]:
    """Construct an admin client, which does not connect, and return its settings."""
    AdminClient({**config.settings, **_SILENT})
    return config.settings


def test_a_source_producer_loses_nothing_and_keeps_the_order() -> None:
    settings = as_producer(source_producer_config(worker(), {}, "orders", 3))

    expected = {
        "acks": "all",
        "bootstrap.servers": "localhost:9092",
        "client.id": "connector-producer-orders-3",
        "delivery.timeout.ms": 2147483647,
        "enable.idempotence": "false",
        "linger.ms": 2,
        "max.in.flight.requests.per.connection": 1,
        "partitioner": "murmur2_random",
    }
    assert expected.items() <= settings.items()


def test_a_connector_overrides_the_worker_which_overrides_connect() -> None:
    config = worker({"producer.acks": "1", "producer.linger.ms": "7", "producer.retries": "3"})

    settings = as_producer(
        source_producer_config(config, {"producer.override.linger.ms": "9"}, "orders", 0)
    )

    assert (settings["acks"], settings["retries"], settings["linger.ms"]) == ("1", 3, 9)


def test_a_transactional_producer_is_fenced_by_its_name() -> None:
    overrides = {
        "producer.override.transactional.id": "mine",
        "producer.override.transaction.timeout.ms": "10000",
    }

    settings = as_producer(
        source_producer_config(worker(), overrides, "orders", 3, transactional=True)
    )

    assert settings["transactional.id"] == "connect-cluster-orders-3"
    assert settings["enable.idempotence"] == "true"
    assert settings["transaction.timeout.ms"] == 10000


def test_a_request_of_a_transaction_does_not_outlast_it() -> None:
    short = {"producer.override.transaction.timeout.ms": "10000"}
    patient = {"producer.override.request.timeout.ms": "300000"}

    settings = [
        as_producer(source_producer_config(worker(), overrides, "orders", 3, transactional=True))
        for overrides in (short, patient, short | patient, {})
    ]

    assert [each["socket.timeout.ms"] for each in settings] == [10_000, 60_000, 10_000, 30_000]


def test_a_connection_is_given_up_as_soon_as_java_does_unless_the_user_says_otherwise() -> None:
    longer = {"request.timeout.ms": "70000"}
    overrides = {f"{kind}.override.request.timeout.ms": "45000" for kind in ClientKind}

    def timeouts(config: WorkerConfig, connector: Mapping[str, str]) -> list[object]:
        configs = (
            as_producer(source_producer_config(config, connector, "orders", 0)),
            as_consumer(sink_consumer_config(config, connector, "archive", 0)),
            as_admin(connector_admin_config(config, connector, "connector-adminclient-orders-0")),
            as_admin(internal_admin_config(config)),
            as_consumer(internal_log_configs(config, "status").consumer),
            as_producer(internal_log_configs(config, "status").producer),
        )
        return [settings["socket.timeout.ms"] for settings in configs]

    assert timeouts(worker(), {}) == [30_000] * 6
    assert timeouts(worker(longer), {}) == [30_000, 30_000, *[70_000] * 4]
    assert timeouts(worker(), overrides) == [*[45_000] * 3, *[30_000] * 3]


def test_numbers_that_only_java_takes_are_cut_to_what_librdkafka_takes() -> None:
    extremes = {
        "batch.size": "0",
        "buffer.memory": "33554432",
        "compression.type": "zstd",
        "compression.zstd.level": "22",
        "enable.idempotence": "TRUE",
        "linger.ms": "9223372036854775807",
        "max.block.ms": "9223372036854775807",
        "max.request.size": "0",
        "metadata.max.age.ms": "9999999999",
        "reconnect.backoff.ms": "5000",
        "request.timeout.ms": "1",
        "retries": "2147483647",
        "retry.backoff.ms": "20000",
        "send.buffer.bytes": "-1",
    }

    config = source_producer_config(
        worker({f"producer.{key}": value for key, value in extremes.items()}), {}, "orders", 0
    )

    settings = as_producer(config)
    assert config.ignored == ()
    assert settings["queue.buffering.max.kbytes"] == 32768
    assert settings["compression.level"] == 12
    assert settings["reconnect.backoff.max.ms"] == 5000
    assert settings["socket.send.buffer.bytes"] == 0


def test_what_has_no_counterpart_is_told_and_what_has_no_meaning_is_not() -> None:
    config = source_producer_config(
        worker({"producer.key.serializer": "x", "producer.metrics.context.a": "b"}),
        {
            "producer.override.interceptor.classes": "x",
            "producer.override.typo": "1",
            "producer.override.ssl.provider": "x",
            "consumer.override.typo": "1",
        },
        "orders",
        0,
    )

    assert config.ignored == ("interceptor.classes", "typo")


def test_a_number_that_is_none_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError) as caught:
        source_producer_config(worker({"producer.linger.ms": "soon"}), {}, "orders", 0)

    assert str(caught.value) == (
        "Invalid value soon for configuration linger.ms: Not a number of type LONG"
    )


def test_a_sink_consumer_reads_as_a_java_one_of_its_group_would() -> None:
    config = sink_consumer_config(worker(), {}, "archive", 2)

    settings = as_consumer(config)
    expected = {
        "auto.offset.reset": "earliest",
        "client.id": "connector-consumer-archive-2",
        "enable.auto.commit": False,
        "enable.partition.eof": False,
        "fetch.queue.backoff.ms": 1,
        "group.id": "connect-archive",
        "isolation.level": "read_uncommitted",
        "partition.assignment.strategy": "range",
    }
    assert expected.items() <= settings.items()
    assert config.max_poll_records == 500


def test_nobody_can_switch_on_auto_commit() -> None:
    config = sink_consumer_config(worker({"consumer.enable.auto.commit": "true"}), {}, "archive", 0)

    assert as_consumer(config)["enable.auto.commit"] is False


@pytest.mark.parametrize(
    ("assignors", "expected"),
    [
        ("org.apache.kafka.clients.consumer.RoundRobinAssignor", "roundrobin"),
        (
            "org.apache.kafka.clients.consumer.RangeAssignor,"
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            "range",
        ),
        (
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,"
            "org.apache.kafka.clients.consumer.RangeAssignor",
            "cooperative-sticky",
        ),
        ("org.apache.kafka.clients.consumer.StickyAssignor, range", "range"),
    ],
)
def test_assignors_are_those_that_librdkafka_takes_together(assignors: str, expected: str) -> None:
    override = {"consumer.override.partition.assignment.strategy": assignors}

    settings = as_consumer(sink_consumer_config(worker(), override, "archive", 0))

    assert settings["partition.assignment.strategy"] == expected


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("partition.assignment.strategy", "mine", "expected one of org.apache.kafka.clients.cons"),
        ("auto.offset.reset", "by_duration:P1D", "String must be one of: earliest, latest, none"),
        ("max.poll.records", "0", "Value must be at least 1"),
    ],
)
def test_what_a_consumer_cannot_do_is_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sink_consumer_config(worker(), {f"consumer.override.{key}": value}, "archive", 0)

    assert str(caught.value).startswith(f"Invalid value {value} for configuration {key}: {message}")


@pytest.mark.parametrize("size", ["1", "500000", "52428800", "200000000", "2147483647"])
def test_every_fetch_size_is_accepted(size: str) -> None:
    overrides = {
        "consumer.override.fetch.max.bytes": size,
        "consumer.override.max.partition.fetch.bytes": size,
        "consumer.override.max.poll.records": "9",
        "consumer.override.auto.offset.reset": "none",
    }

    config = sink_consumer_config(worker(), overrides, "archive", 0)

    assert as_consumer(config)["auto.offset.reset"] == "error"
    assert config.max_poll_records == 9


def test_a_new_style_group_leaves_to_the_broker_what_is_the_brokers() -> None:
    overrides = {
        "consumer.override.group.protocol": "CONSUMER",
        "consumer.override.session.timeout.ms": "10000",
        "consumer.override.group.remote.assignor": "uniform",
    }

    settings = as_consumer(sink_consumer_config(worker(), overrides, "archive", 0))

    assert settings["group.protocol"] == "consumer"
    assert "session.timeout.ms" not in settings


@pytest.mark.parametrize("kind", ClientKind)
def test_librdkafka_knows_every_counterpart(kind: ClientKind) -> None:
    made = {
        ClientKind.PRODUCER: Producer,
        ClientKind.CONSUMER: Consumer,
        ClientKind.ADMIN: Producer,
    }

    for counterpart in COUNTERPARTS[kind].values():
        if counterpart.low is None or counterpart.high is None:
            continue
        for number in (counterpart.low, counterpart.high):
            try:
                client = made[kind]({**_SILENT, "group.id": "g", counterpart.name: number})
            except Exception as error:  # noqa: BLE001  # librdkafka's own error types vary
                # A limit may clash with the default of another setting, never be out of range.
                assert "must be" in str(error), f"{counterpart.name}={number}: {error}"  # noqa: PT017
            else:
                if isinstance(client, Consumer):
                    client.close()


def test_the_dead_letter_producer_has_a_name_of_its_own() -> None:
    settings = as_producer(dlq_producer_config(worker(), {}, "archive", 1))

    assert settings["client.id"] == "connector-dlq-producer-archive-1"
    assert settings["acks"] == "all"


def test_a_connectors_admin_client_takes_the_workers_own_settings() -> None:
    config = worker(
        {
            "client.id": "blue",
            "request.timeout.ms": "5000",
            "admin.retry.backoff.ms": "7",
            "admin.listeners": "http://localhost:1",
        }
    )

    admin = connector_admin_config(
        config, {"admin.override.request.timeout.ms": "6000"}, "connector-adminclient-orders-0"
    )

    settings = as_admin(admin)
    assert settings["client.id"] == "blue"
    assert (settings["socket.timeout.ms"], settings["retry.backoff.ms"]) == (6000, 7)
    assert admin.ignored == ()
    unnamed = connector_admin_config(worker(), {}, "connector-adminclient-orders-0")
    assert unnamed.settings["client.id"] == "connector-adminclient-orders-0"


@pytest.mark.parametrize(
    ("store", "name"), [("config", "configs"), ("offset", "offsets"), ("status", "statuses")]
)
def test_each_internal_topic_has_clients_of_its_own_name(store: Store, name: str) -> None:
    logs = internal_log_configs(worker({"max.request.size": "5000000"}), store)

    consumer, producer = as_consumer(logs.consumer), as_producer(logs.producer)
    assert consumer["client.id"] == producer["client.id"] == f"connect-cluster-{name}"
    assert consumer["enable.partition.eof"] is True
    assert consumer["group.id"] == "connect-cluster"
    assert (producer["linger.ms"], producer["message.max.bytes"]) == (0, 5000000)
    assert producer["partitioner"] == "murmur2_random"


def test_the_session_timeout_is_the_members_and_not_that_of_the_readers() -> None:
    logs = internal_log_configs(worker({"session.timeout.ms": "400000"}), "config")

    assert "session.timeout.ms" not in as_consumer(logs.consumer)


@pytest.mark.parametrize(
    ("support", "store", "isolation"),
    [
        ("enabled", "config", "read_committed"),
        ("enabled", "offset", "read_committed"),
        ("enabled", "status", "read_uncommitted"),
        ("preparing", "config", "read_uncommitted"),
        ("disabled", "offset", "read_uncommitted"),
    ],
)
def test_only_exactly_once_workers_wait_for_transactions(
    support: str, store: Store, isolation: str
) -> None:
    logs = internal_log_configs(worker({"exactly.once.source.support": support}), store)

    assert logs.consumer.settings["isolation.level"] == isolation


def test_zombies_are_fenced_out_with_the_settings_of_the_connectors_admin_client() -> None:
    config = worker({"admin.retry.backoff.ms": "7", "producer.linger.ms": "99"})
    overrides = {
        "admin.override.bootstrap.servers": "elsewhere:9092",
        "producer.override.linger.ms": "98",
    }

    settings = as_producer(fencing_producer_config(config, overrides, "orders"))

    assert settings["bootstrap.servers"] == "elsewhere:9092"
    assert settings["client.id"] == "connector-worker-adminclient-orders"
    assert settings["retry.backoff.ms"] == 7
    assert settings["linger.ms"] not in (98, 99)


def test_all_leaders_of_a_group_have_one_transactional_id() -> None:
    settings = as_producer(
        leader_producer_config(worker({"client.id": "blue", "transactional.id": "mine"}))
    )

    expected = {
        "acks": "all",
        "client.id": "connect-cluster-blue-configs-leader",
        "enable.idempotence": "true",
        "transactional.id": "connect-cluster-connect-cluster",
    }
    assert expected.items() <= settings.items()


def test_the_workers_admin_client_is_named_after_group_and_worker() -> None:
    settings = as_admin(internal_admin_config(worker({"client.id": "blue"})))

    assert settings["client.id"] == "connect-cluster-blue-shared-admin"


def test_the_group_member_gets_what_kafka_python_knows() -> None:
    arguments = kafka_python_config(worker({"rebalance.timeout.ms": "70000"}), "connect-h:8083")

    known = KafkaConnectionManager.DEFAULT_CONFIG.keys() | BaseCoordinator.DEFAULT_CONFIG.keys()
    assert arguments.keys() <= known
    assert arguments["client_id"] == "connect-h:8083"
    assert arguments["max_poll_interval_ms"] == 70000
    assert arguments["request_timeout_ms"] == 40000
    assert kafka_python_config(worker({"client.id": "blue"}), "x")["client_id"] == "blue"


def test_nobody_reads_a_secret_in_a_printed_client_config() -> None:
    config = source_producer_config(
        worker(),
        {
            "producer.override.security.protocol": "SASL_PLAINTEXT",
            "producer.override.sasl.mechanism": "PLAIN",
            "producer.override.sasl.jaas.config": "a.B required username=ann password=hush;",
        },
        "orders",
        0,
    )

    assert as_producer(config)["sasl.password"] == "hush"
    assert "hush" not in repr(config)
