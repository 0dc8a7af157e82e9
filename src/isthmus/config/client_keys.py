"""Which settings Kafka's Java clients know, and what librdkafka calls them.

Java takes wider numbers than librdkafka (a backoff of a year); `low` and `high` are what the
latter takes, and a number beyond is cut to them.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from isthmus.api.config_def import ConfigDef
from isthmus.config.security_def import define_sasl_settings, define_ssl_settings

_MAX_INT = 2**31 - 1
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class ClientKind(StrEnum):
    """The three clients; each has a prefix of its own in worker and connector settings."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    ADMIN = "admin"


class Counterpart(NamedTuple):
    """A setting of librdkafka; a number within the limits, or text if there are none."""

    name: str
    low: int | None = None
    high: int | None = None


_COMMON: Final[Mapping[str, Counterpart]] = MappingProxyType(
    {
        "bootstrap.servers": Counterpart("bootstrap.servers"),
        "client.dns.lookup": Counterpart("client.dns.lookup"),
        "client.id": Counterpart("client.id"),
        "send.buffer.bytes": Counterpart("socket.send.buffer.bytes", 0, 100_000_000),
        "receive.buffer.bytes": Counterpart("socket.receive.buffer.bytes", 0, 100_000_000),
        "reconnect.backoff.ms": Counterpart("reconnect.backoff.ms", 0, _HOUR_MS),
        "reconnect.backoff.max.ms": Counterpart("reconnect.backoff.max.ms", 0, _HOUR_MS),
        "retry.backoff.ms": Counterpart("retry.backoff.ms", 1, 300_000),
        "retry.backoff.max.ms": Counterpart("retry.backoff.max.ms", 1, 300_000),
        "request.timeout.ms": Counterpart("socket.timeout.ms", 10, 300_000),
        "socket.connection.setup.timeout.ms": Counterpart(
            "socket.connection.setup.timeout.ms", 1000, _MAX_INT
        ),
        "connections.max.idle.ms": Counterpart("connections.max.idle.ms", 0, _MAX_INT),
        "metadata.max.age.ms": Counterpart("topic.metadata.refresh.interval.ms", 10, _HOUR_MS),
        "metadata.recovery.strategy": Counterpart("metadata.recovery.strategy"),
        "metadata.recovery.rebootstrap.trigger.ms": Counterpart(
            "metadata.recovery.rebootstrap.trigger.ms", 0, _MAX_INT
        ),
        "enable.metrics.push": Counterpart("enable.metrics.push"),
    }
)
_PRODUCER: Final[Mapping[str, Counterpart]] = MappingProxyType(
    {
        "acks": Counterpart("acks"),
        "batch.size": Counterpart("batch.size", 1, _MAX_INT),
        "compression.type": Counterpart("compression.type"),
        "delivery.timeout.ms": Counterpart("delivery.timeout.ms", 0, _MAX_INT),
        "enable.idempotence": Counterpart("enable.idempotence"),
        "linger.ms": Counterpart("linger.ms", 0, 900_000),
        "max.in.flight.requests.per.connection": Counterpart(
            "max.in.flight.requests.per.connection", 1, 1_000_000
        ),
        "max.request.size": Counterpart("message.max.bytes", 1000, 1_000_000_000),
        "retries": Counterpart("retries", 0, _MAX_INT),
        "transaction.timeout.ms": Counterpart("transaction.timeout.ms", 1000, _MAX_INT),
        "transactional.id": Counterpart("transactional.id"),
    }
)
_CONSUMER: Final[Mapping[str, Counterpart]] = MappingProxyType(
    {
        "allow.auto.create.topics": Counterpart("allow.auto.create.topics"),
        "auto.commit.interval.ms": Counterpart("auto.commit.interval.ms", 0, _DAY_MS),
        "check.crcs": Counterpart("check.crcs"),
        "client.rack": Counterpart("client.rack"),
        "enable.auto.commit": Counterpart("enable.auto.commit"),
        "fetch.max.bytes": Counterpart("fetch.max.bytes", 1000, _MAX_INT - 1024),
        "fetch.max.wait.ms": Counterpart("fetch.wait.max.ms", 0, 300_000),
        "fetch.min.bytes": Counterpart("fetch.min.bytes", 1, 100_000_000),
        "group.id": Counterpart("group.id"),
        "group.instance.id": Counterpart("group.instance.id"),
        "group.protocol": Counterpart("group.protocol"),
        "group.remote.assignor": Counterpart("group.remote.assignor"),
        "heartbeat.interval.ms": Counterpart("heartbeat.interval.ms", 1, _HOUR_MS),
        "isolation.level": Counterpart("isolation.level"),
        "max.partition.fetch.bytes": Counterpart("max.partition.fetch.bytes", 1, 1_000_000_000),
        "max.poll.interval.ms": Counterpart("max.poll.interval.ms", 1, _DAY_MS),
        "session.timeout.ms": Counterpart("session.timeout.ms", 1, _HOUR_MS),
    }
)

#: What has the same name on both sides, or one that can be computed, by client.
COUNTERPARTS: Final[Mapping[ClientKind, Mapping[str, Counterpart]]] = MappingProxyType(
    {
        ClientKind.PRODUCER: MappingProxyType(_COMMON | _PRODUCER),
        ClientKind.CONSUMER: MappingProxyType(_COMMON | _CONSUMER),
        ClientKind.ADMIN: _COMMON,
    }
)

#: What `clients.py` translates by hand, by client.
TRANSLATED: Final[Mapping[ClientKind, frozenset[str]]] = MappingProxyType(
    {
        ClientKind.PRODUCER: frozenset(
            {
                "buffer.memory",
                "compression.gzip.level",
                "compression.lz4.level",
                "compression.zstd.level",
            }
        ),
        ClientKind.CONSUMER: frozenset(
            {"auto.offset.reset", "max.poll.records", "partition.assignment.strategy"}
        ),
        ClientKind.ADMIN: frozenset(),
    }
)

#: What belongs to the Java client's inside: nothing is lost without it.
MEANINGLESS: Final = frozenset(
    {
        "auto.include.jmx.reporter",
        "config.providers",
        "default.api.timeout.ms",
        "exclude.internal.topics",
        "internal.throw.on.fetch.stable.offset.unsupported",
        "key.deserializer",
        "key.serializer",
        "max.block.ms",
        "metadata.max.idle.ms",
        "metric.reporters",
        "metrics.num.samples",
        "metrics.recording.level",
        "metrics.sample.window.ms",
        "partitioner.adaptive.partitioning.enable",
        "partitioner.availability.timeout.ms",
        "socket.connection.setup.timeout.max.ms",
        "value.deserializer",
        "value.serializer",
    }
)

#: What a user of the Java client may rely on, and librdkafka does not have.
WITHOUT_COUNTERPART: Final = frozenset(
    {
        "bootstrap.controllers",
        "interceptor.classes",
        "partitioner.class",
        "partitioner.ignore.keys",
        "security.providers",
        "share.acknowledgement.mode",
        "share.acquire.mode",
        "transaction.two.phase.commit.enable",
    }
)


def _security_keys() -> frozenset[str]:
    definition = ConfigDef()
    define_ssl_settings(definition)
    define_sasl_settings(definition)
    return frozenset(definition.names) - {"ssl.client.auth"} | {"security.protocol"}


#: ssl.*, sasl.* and security.protocol, which `client_security.py` translates.
SECURITY_KEYS: Final = _security_keys()

#: Every setting that some Java client knows.
JAVA_CLIENT_KEYS: Final = (
    frozenset[str]().union(*COUNTERPARTS.values(), *TRANSLATED.values())
    | MEANINGLESS
    | WITHOUT_COUNTERPART
    | SECURITY_KEYS
)

#: Every setting of a topic, which may follow config.storage., offset.storage., status.storage.
TOPIC_SETTINGS: Final = frozenset(
    {
        "cleanup.policy",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.downconversion.enable",
        "message.format.version",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.difference.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
