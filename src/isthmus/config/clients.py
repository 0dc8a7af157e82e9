"""Settings of Kafka clients: from what users write for Java's to what ours take.

    source_producer_config, dlq_producer_config     a task's producers
    sink_consumer_config                            a sink task's consumer
    connector_admin_config, fencing_producer_config for topics and producers of a connector
    connector_log_configs                           for its own offsets topic
    internal_log_configs, internal_admin_config     the worker's own
    leader_producer_config                          the leader's, in transactions
    kafka_python_config                             the worker's membership of its group

Each is built in layers, where a later one wins: Connect's own, the worker's `producer.*`,
`consumer.*` or `admin.*`, the connector's `producer.override.*` and so on. All layers are in Java's
words; `translate` turns the result into librdkafka's, below which are our defaults, above which is
what must not be otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from isthmus.api.config_def import Range, Type, parse_list, parse_type
from isthmus.api.errors import ConfigError
from isthmus.config.client_keys import (
    COUNTERPARTS,
    MEANINGLESS,
    SECURITY_KEYS,
    TRANSLATED,
    ClientKind,
    Counterpart,
)
from isthmus.config.client_security import (
    kafka_python_security,
    librdkafka_security,
    without_effect,
)
from isthmus.config.override_policy import client_overrides
from isthmus.config.worker import Store, WorkerConfig

Setting = str | int | bool
ConnectorConfig = Mapping[str, str | None]

_MAX_INT: Final = 2**31 - 1
_MAX_POLL_RECORDS: Final = 500
#: Room that librdkafka wants in an answer beside the records themselves.
_FETCH_OVERHEAD: Final = 512
#: A group of thousands of tasks is described in one answer; kafka-python's 1 MB is too small.
_MAX_GROUP_BYTES: Final = 100_000_000

#: Java's defaults, where those of librdkafka differ.
_JAVA_DEFAULTS: Final[Mapping[str, Setting]] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
    "socket.keepalive.enable": True,
    # request.timeout.ms: how soon a connection that is half open is given up. Joining a group, and
    # a fetch that waits for records, are given more time by librdkafka itself.
    "socket.timeout.ms": 30_000,
}
#: Java's, and librdkafka's.
_TRANSACTION_TIMEOUT_MS: Final = 60_000
#: For throughput: full requests, and enough records under way to fill them.
_PRODUCER_DEFAULTS: Final[Mapping[str, Setting]] = {
    **_JAVA_DEFAULTS,
    "batch.num.messages": 1_000_000,
    "batch.size": 1_000_000,
    # Measured at 1,000 records/s, the median from source to sink: 6.3 ms with Java's 5, 3.1 with 2.
    # Full speed is as with 5: what comes while a request is under way fills the next one.
    "linger.ms": 2,
    "message.max.bytes": 1_048_576,
    "queue.buffering.max.kbytes": 65_536,
    "queue.buffering.max.messages": 1_000_000,
}
_CONSUMER_DEFAULTS: Final[Mapping[str, Setting]] = {
    **_JAVA_DEFAULTS,
    "allow.auto.create.topics": True,
    "check.crcs": True,
    "isolation.level": "read_uncommitted",
    "partition.assignment.strategy": "range",
    # Measured: with librdkafka's 1000 a fetch waits a second when the queue was full, which
    # holds a consumer at a fifth of its speed.
    "fetch.queue.backoff.ms": 1,
    "queued.max.messages.kbytes": 65_536,
    "queued.min.messages": 100_000,
    # librdkafka learns of a subscribed topic that was not there only by this; Java asks on.
    "topic.metadata.refresh.interval.ms": 5_000,
}
_DEFAULTS: Final[Mapping[ClientKind, Mapping[str, Setting]]] = {
    ClientKind.PRODUCER: _PRODUCER_DEFAULTS,
    ClientKind.CONSUMER: _CONSUMER_DEFAULTS,
    ClientKind.ADMIN: _JAVA_DEFAULTS,
}
#: Java spreads keys by murmur2; any other way would put one key into two partitions.
_PRODUCER_FORCED: Final[Mapping[str, Setting]] = {"partitioner": "murmur2_random"}
_CONSUMER_FORCED: Final[Mapping[str, Setting]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": False,
}
#: At least once, in order: what Connect gives its producers. Java: Worker.baseProducerConfigs.
_CONNECT_PRODUCER: Final[Mapping[str, str]] = {
    "acks": "all",
    "delivery.timeout.ms": str(_MAX_INT),
    "enable.idempotence": "false",
    "max.in.flight.requests.per.connection": "1",
}
_IDEMPOTENT: Final[Mapping[str, str]] = {"enable.idempotence": "true"}
_CONNECT_CONSUMER: Final[Mapping[str, str]] = {"auto.offset.reset": "earliest"}

#: Properties of the worker that are those of its group membership, not of its other clients.
_MEMBERSHIP: Final = frozenset({"heartbeat.interval.ms", "session.timeout.ms"})
#: What a member of a KIP-848 group leaves to the broker.
_CLASSIC_GROUP: Final = (
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "session.timeout.ms",
)
#: Enumerations that Java reads without regard to case.
_LOWER: Final = frozenset({"group.protocol", "metadata.recovery.strategy"})

_ASSIGNORS: Final[Mapping[str, str]] = {
    "org.apache.kafka.clients.consumer.RangeAssignor": "range",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor": "roundrobin",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor": "cooperative-sticky",
}
_OFFSET_RESETS: Final[Mapping[str, str]] = {
    "earliest": "earliest",
    "latest": "latest",
    "none": "error",
}
_LOG_NAMES: Final[Mapping[Store, str]] = {
    "config": "configs",
    "offset": "offsets",
    "status": "statuses",
}


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What to construct a client of confluent-kafka with."""

    #: May hold secrets.
    settings: dict[str, Setting] = field(repr=False)
    #: What the user set in vain, for one warning.
    ignored: tuple[str, ...] = ()
    #: How many records one call should return; for consumers.
    max_poll_records: int = _MAX_POLL_RECORDS


@dataclass(frozen=True, slots=True)
class LogConfigs:
    """The clients of one internal topic."""

    consumer: ClientConfig
    producer: ClientConfig


def source_producer_config(
    worker: WorkerConfig,
    connector: ConnectorConfig,
    connector_name: str,
    task: int,
    *,
    transactional: bool = False,
) -> ClientConfig:
    """Return the settings of a source task's producer; `transactional` for exactly once (KIP-618).

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    props = _producer_props(worker, connector, f"connector-producer-{connector_name}-{task}")
    if transactional:
        props |= _IDEMPOTENT | {
            "transactional.id": task_transactional_id(worker, connector_name, task)
        }
        # librdkafka refuses a delivery that may outlast its transaction, and finds a limit itself.
        props.pop("delivery.timeout.ms")
    return translate(ClientKind.PRODUCER, props)


def task_transactional_id(worker: WorkerConfig, connector_name: str, task: int) -> str:
    """Return the transactional id of a source task, the same wherever it runs (KIP-618)."""
    return f"{worker.group_id}-{connector_name}-{task}"


def dlq_producer_config(
    worker: WorkerConfig, connector: ConnectorConfig, connector_name: str, task: int
) -> ClientConfig:
    """Return the settings of the producer for a sink task's dead-letter queue.

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    client_id = f"connector-dlq-producer-{connector_name}-{task}"
    return translate(ClientKind.PRODUCER, _producer_props(worker, connector, client_id))


def sink_consumer_config(
    worker: WorkerConfig, connector: ConnectorConfig, connector_name: str, task: int
) -> ClientConfig:
    """Return the settings of a sink task's consumer.

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    props = {
        "bootstrap.servers": ",".join(worker.bootstrap_servers),
        "client.id": f"connector-consumer-{connector_name}-{task}",
        "group.id": f"connect-{connector_name}",
        **_CONNECT_CONSUMER,
        **worker.with_prefix("consumer."),
        **client_overrides(connector, ClientKind.CONSUMER),
    }
    return translate(ClientKind.CONSUMER, props)


def connector_admin_config(
    worker: WorkerConfig, connector: ConnectorConfig, client_id: str
) -> ClientConfig:
    """Return the settings of an admin client for a connector's topics and groups.

    All of the worker's own properties apply; its `client.id` wins over `client_id`.

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    return translate(ClientKind.ADMIN, _connector_admin_props(worker, connector, client_id))


def fencing_producer_config(
    worker: WorkerConfig, connector: ConnectorConfig, connector_name: str
) -> ClientConfig:
    """Return the settings of a producer that takes a transactional id from a connector's tasks.

    It does what Java's admin client does, which librdkafka's cannot: the settings are those of the
    connector's admin client. The transactional id is left to be added.

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    client_id = f"connector-worker-adminclient-{connector_name}"
    return translate(
        ClientKind.PRODUCER, _connector_admin_props(worker, connector, client_id) | _IDEMPOTENT
    )


def internal_admin_config(worker: WorkerConfig) -> ClientConfig:
    """Return the settings of the admin client for the internal topics.

    Raises:
        ConfigError: A property of the worker cannot be used.
    """
    props = _own_client_props(worker, ClientKind.ADMIN) | {
        "client.id": _internal_client_id(worker, "shared-admin")
    }
    return translate(ClientKind.ADMIN, props)


def internal_log_configs(worker: WorkerConfig, store: Store) -> LogConfigs:
    """Return the settings of the clients that read and write one internal topic.

    The consumer is for `assign`, never for `subscribe`: its group is the worker's own, the only
    one that it is sure to have rights for. It tells the end of each partition (PARTITION_EOF).

    Raises:
        ConfigError: A property of the worker cannot be used.
    """
    client_id = {"client.id": _internal_client_id(worker, _LOG_NAMES[store])}
    producer = translate(
        ClientKind.PRODUCER,
        # Someone waits for each of these records; there is nothing to be gained by lingering.
        {"linger.ms": "0"}
        | _own_client_props(worker, ClientKind.PRODUCER)
        | _CONNECT_PRODUCER
        | client_id,
    )
    consumer_props = _own_client_props(worker, ClientKind.CONSUMER) | client_id | _CONNECT_CONSUMER
    if worker.exactly_once_source_support == "enabled" and store != "status":
        consumer_props["isolation.level"] = "read_committed"
    consumer = translate(ClientKind.CONSUMER, consumer_props)
    consumer.settings["enable.partition.eof"] = True
    return LogConfigs(consumer, producer)


def connector_log_configs(
    worker: WorkerConfig, connector: ConnectorConfig, connector_name: str
) -> LogConfigs:
    """Return the settings of the worker's clients of a source connector's own offsets topic.

    As those of `internal_log_configs`, but with the connector's overrides; see
    `connector_admin_config` for its admin client.

    Raises:
        ConfigError: A setting of the worker or connector cannot be used.
    """
    exactly_once = worker.exactly_once_source_support == "enabled"
    committed = {"isolation.level": "read_committed"}
    consumer = translate(
        ClientKind.CONSUMER,
        {
            **committed,
            "bootstrap.servers": ",".join(worker.bootstrap_servers),
            "client.id": f"connector-consumer-{connector_name}",
            "group.id": f"connect-{connector_name}",
            **_CONNECT_CONSUMER,
            **worker.with_prefix("consumer."),
            **client_overrides(connector, ClientKind.CONSUMER),
            **(committed if exactly_once else {}),
        },
    )
    consumer.settings["enable.partition.eof"] = True
    props = _producer_props(worker, connector, f"connector-offset-producer-{connector_name}")
    return LogConfigs(consumer, translate(ClientKind.PRODUCER, {"linger.ms": "0"} | props))


def leader_producer_config(worker: WorkerConfig) -> ClientConfig:
    """Return the settings of the producer with which a leader alone writes the config topic.

    All leaders of the group have one transactional id, so that the newest fences out those before
    (KIP-618).

    Raises:
        ConfigError: A property of the worker cannot be used.
    """
    props = {
        "linger.ms": "0",
        **_own_client_props(worker, ClientKind.PRODUCER),
        **_CONNECT_PRODUCER,
        **_IDEMPOTENT,
        "client.id": f"{_internal_client_id(worker, _LOG_NAMES['config'])}-leader",
        "transactional.id": f"connect-cluster-{worker.group_id}",
    }
    # librdkafka refuses a delivery that may outlast its transaction, and finds a limit itself.
    props.pop("delivery.timeout.ms")
    return translate(ClientKind.PRODUCER, props)


def kafka_python_config(worker: WorkerConfig, client_id: str) -> dict[str, object]:
    """Return keyword arguments for kafka-python's connections and group coordinator.

    The worker's `client.id`, if there is one, wins over `client_id`.

    Raises:
        ConfigError: Its security settings are not ones that kafka-python can do.
    """

    def milliseconds(name: str) -> int:
        value = worker.values[name]
        assert isinstance(value, int)
        return value

    return {
        "bootstrap_servers": list(worker.bootstrap_servers),
        "client_id": worker.client_id or client_id,
        "client_dns_lookup": worker.values["client.dns.lookup"],
        "connections_max_idle_ms": milliseconds("connections.max.idle.ms"),
        "group_id": worker.group_id,
        "heartbeat_interval_ms": milliseconds("heartbeat.interval.ms"),
        "max_poll_interval_ms": milliseconds("rebalance.timeout.ms"),
        "metadata_max_age_ms": milliseconds("metadata.max.age.ms"),
        "receive_message_max_bytes": _MAX_GROUP_BYTES,
        "reconnect_backoff_max_ms": milliseconds("reconnect.backoff.max.ms"),
        "reconnect_backoff_ms": milliseconds("reconnect.backoff.ms"),
        "request_timeout_ms": milliseconds("request.timeout.ms"),
        "retry_backoff_ms": milliseconds("retry.backoff.ms"),
        "session_timeout_ms": milliseconds("session.timeout.ms"),
        **kafka_python_security(worker.originals),
    }


def translate(kind: ClientKind, props: Mapping[str, str]) -> ClientConfig:
    """Return the settings of librdkafka for those of a Java client.

    Raises:
        ConfigError: A value is not of its type, or is one that librdkafka cannot do.
    """
    settings: dict[str, Setting] = dict(_DEFAULTS[kind])
    for key, value in props.items():
        if counterpart := COUNTERPARTS[kind].get(key):
            settings[counterpart.name] = _setting(key, value, counterpart)
    for backoff in ("reconnect.backoff", "retry.backoff"):
        # Java takes a first pause that is longer than the longest; librdkafka does not.
        first, longest = settings.get(f"{backoff}.ms", 0), settings.get(f"{backoff}.max.ms", 1000)
        if isinstance(first, int) and isinstance(longest, int) and first > longest:
            settings[f"{backoff}.max.ms"] = first
    settings |= librdkafka_security(props)
    if kind is ClientKind.PRODUCER:
        settings |= _translate_producer(props, settings) | _PRODUCER_FORCED
    elif kind is ClientKind.CONSUMER:
        settings |= _translate_consumer(props, settings) | _CONSUMER_FORCED
        if settings.get("group.protocol") == "consumer":
            for name in _CLASSIC_GROUP:
                settings.pop(name, None)
    understood = {*COUNTERPARTS[kind], *TRANSLATED[kind], *MEANINGLESS, *SECURITY_KEYS}
    return ClientConfig(
        settings=settings,
        ignored=(
            *(k for k in props if k not in understood and not k.startswith("metrics.context.")),
            *without_effect(props),
        ),
        max_poll_records=_max_poll_records(props),
    )


def _producer_props(
    worker: WorkerConfig, connector: ConnectorConfig, client_id: str
) -> dict[str, str]:
    return {
        "bootstrap.servers": ",".join(worker.bootstrap_servers),
        "client.id": client_id,
        **_CONNECT_PRODUCER,
        **worker.with_prefix("producer."),
        **client_overrides(connector, ClientKind.PRODUCER),
    }


def _connector_admin_props(
    worker: WorkerConfig, connector: ConnectorConfig, client_id: str
) -> dict[str, str]:
    admin = worker.with_prefix("admin.")
    return {
        "client.id": client_id,
        **_own_client_props(worker, ClientKind.ADMIN),
        **{key: value for key, value in admin.items() if not key.startswith("listeners")},
        **client_overrides(connector, ClientKind.ADMIN),
    }


def _own_client_props(worker: WorkerConfig, kind: ClientKind) -> dict[str, str]:
    """Return the worker's own properties that mean something to such a client."""
    known = (COUNTERPARTS[kind].keys() | TRANSLATED[kind] | SECURITY_KEYS) - _MEMBERSHIP
    own = {key: value for key, value in worker.originals.items() if key in known}
    if not worker.client_id:
        own.pop("client.id", None)
    return own


def _internal_client_id(worker: WorkerConfig, name: str) -> str:
    parts = (worker.group_id, worker.client_id, name)
    return "-".join(part for part in parts if part)


def _setting(key: str, value: str, counterpart: Counterpart) -> Setting:
    if counterpart.low is None or counterpart.high is None:
        return value.strip().lower() if key in _LOWER else value.strip()
    number = parse_type(key, value, Type.LONG)
    assert isinstance(number, int)
    return min(max(number, counterpart.low), counterpart.high)


def _translate_producer(
    props: Mapping[str, str], translated: Mapping[str, Setting]
) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    patience = translated["socket.timeout.ms"]
    transaction = translated.get("transaction.timeout.ms", _TRANSACTION_TIMEOUT_MS)
    if "transactional.id" in props and isinstance(patience, int) and isinstance(transaction, int):
        # librdkafka refuses a request that may outlast its transaction; Java does not.
        settings["socket.timeout.ms"] = min(patience, transaction)
    if "buffer.memory" in props:
        memory = parse_type("buffer.memory", props["buffer.memory"], Type.LONG)
        assert isinstance(memory, int)
        settings["queue.buffering.max.kbytes"] = min(max(memory // 1024, 1), _MAX_INT)
    if "request.timeout.ms" in props:
        timeout = Counterpart("request.timeout.ms", 1, 900_000)
        settings[timeout.name] = _setting(timeout.name, props[timeout.name], timeout)
    level_key = f"compression.{props.get('compression.type', 'none').strip()}.level"
    if level_key in props:
        limits = Counterpart("compression.level", -1, 12)
        settings[limits.name] = _setting(level_key, props[level_key], limits)
    return settings


def _translate_consumer(
    props: Mapping[str, str], settings: Mapping[str, Setting]
) -> dict[str, Setting]:
    translated: dict[str, Setting] = {}
    if "partition.assignment.strategy" in props:
        translated["partition.assignment.strategy"] = _assignors(
            props["partition.assignment.strategy"]
        )
    reset = props.get("auto.offset.reset", "latest").strip()
    if reset.lower() not in _OFFSET_RESETS:
        raise ConfigError.invalid(
            "auto.offset.reset", reset, f"String must be one of: {', '.join(_OFFSET_RESETS)}"
        )
    translated["auto.offset.reset"] = _OFFSET_RESETS[reset.lower()]
    fetch = settings.get("fetch.max.bytes")
    if isinstance(fetch, int):
        # librdkafka wants each of these to have room for the one before.
        translated["message.max.bytes"] = min(fetch, 1_000_000)
        translated["receive.message.max.bytes"] = max(fetch + _FETCH_OVERHEAD, 100_000_000)
    return translated


def _assignors(text: str) -> str:
    """Return the assignors of `text` that librdkafka knows, all of one kind.

    Java's own list is Range before CooperativeSticky, which librdkafka does not take together;
    then the group settles on the first of them, as a group with a Java member does.
    """
    names = [_ASSIGNORS.get(name, name) for name in parse_list(text)]
    known = [name for name in names if name in _ASSIGNORS.values()]
    if not known:
        raise ConfigError.invalid(
            "partition.assignment.strategy", text, f"expected one of {', '.join(_ASSIGNORS)}"
        )
    cooperative = known[0] == "cooperative-sticky"
    return ",".join(name for name in known if (name == "cooperative-sticky") is cooperative)


def _max_poll_records(props: Mapping[str, str]) -> int:
    key = "max.poll.records"
    number = parse_type(key, props.get(key, str(_MAX_POLL_RECORDS)), Type.INT)
    Range.at_least(1)(key, number)
    assert isinstance(number, int)
    return number
