"""The settings of a distributed worker: names, types, defaults and limits are Apache's.

worker_config_def()     all of them, in the order in which the documentation lists them
  client_def.py         how the worker talks to Kafka
  rest_def.py           the REST API
  security_def.py       ssl.* and sasl.*, of the clients and of the REST listeners
"""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    ConfigDef,
    Importance,
    LambdaValidator,
    Range,
    Type,
    ValidList,
    ValidString,
)
from isthmus.api.errors import ConfigError
from isthmus.config.client_def import define_client_settings
from isthmus.config.rest_def import define_rest_settings
from isthmus.config.security_def import define_sasl_settings, define_ssl_settings
from isthmus.config.supervision import define_supervision
from isthmus.config.topic_creation import PARTITIONS, REPLICATION_FACTOR

#: The MAC algorithms of internal requests: Java's name, and that of Python's hashlib.
MAC_ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HmacMD5": "md5",
        "HmacSHA1": "sha1",
        "HmacSHA224": "sha224",
        "HmacSHA256": "sha256",
        "HmacSHA384": "sha384",
        "HmacSHA512": "sha512",
        "HmacSHA3-224": "sha3_224",
        "HmacSHA3-256": "sha3_256",
        "HmacSHA3-384": "sha3_384",
        "HmacSHA3-512": "sha3_512",
    }
)

_MAX_INT = 2**31 - 1


@functools.cache
def worker_config_def() -> ConfigDef:
    """Return the definition of all worker properties; treat it as read-only."""
    definition = ConfigDef()
    define_client_settings(definition)
    _define_plugins(definition)
    _define_tasks(definition)
    _define_metrics(definition)
    define_rest_settings(definition)
    _define_group(definition)
    _define_internal_topics(definition)
    _define_internal_requests(definition)
    define_ssl_settings(definition)
    define_sasl_settings(definition)
    define_supervision(definition)
    return definition


@functools.cache
def group_config_def() -> ConfigDef:
    """Return the definition of what only a member of a group has; treat it as read-only."""
    definition = ConfigDef()
    _define_group(definition)
    _define_internal_topics(definition)
    _define_internal_requests(definition)
    return definition


def _define_plugins(definition: ConfigDef) -> None:
    for converter, what, importance in (
        ("key.converter", "record keys", Importance.HIGH),
        ("value.converter", "record values", Importance.HIGH),
    ):
        definition.define(
            converter,
            Type.CLASS,
            importance=importance,
            documentation=f"The converter of {what} for connectors that name none of their own."
            f" Its options follow as {converter}.<option>.",
        )
        _define_converter_version(definition, converter)
    definition.define(
        "header.converter",
        Type.CLASS,
        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        importance=Importance.LOW,
        documentation="The converter of record headers for connectors that name none of their own."
        " Its options follow as header.converter.<option>.",
    )
    _define_converter_version(definition, "header.converter")
    definition.define(
        "plugin.path",
        Type.LIST,
        None,
        validator=ValidList(empty_allowed=False, null_allowed=True),
        importance=Importance.LOW,
        documentation="Folders with plugins, separated by commas: in each, a virtual environment, a"
        " folder of packages or a folder of wheels for each plugin. Variables are not resolved"
        " here.",
    )
    definition.define(
        "plugin.discovery",
        Type.STRING,
        "hybrid_warn",
        validator=CaseInsensitiveValidString(
            "only_scan", "service_load", "hybrid_warn", "hybrid_fail"
        ),
        importance=Importance.LOW,
        documentation="How a Java worker looks for plugins. Accepted so that one file serves both"
        " kinds of worker; Python plugins are found by their entry points in every mode.",
    )
    definition.define(
        "config.providers",
        Type.LIST,
        (),
        validator=ValidList(),
        importance=Importance.LOW,
        documentation="Names of providers that fill in ${name:path:key} in worker and connector"
        " settings. Each needs config.providers.<name>.class; options follow as"
        " config.providers.<name>.param.<option>.",
    )
    definition.define(
        "connector.client.config.override.policy",
        Type.STRING,
        "All",
        importance=Importance.MEDIUM,
        documentation="Which client settings a connector may override by producer.override.*,"
        " consumer.override.* and admin.override.*: All, None, Principal, or Allowlist with"
        " connector.client.config.override.allowlist.",
    )


def _define_converter_version(definition: ConfigDef, converter: str) -> None:
    definition.define(
        f"{converter}.plugin.version",
        Type.STRING,
        None,
        importance=Importance.LOW,
        documentation=f"The version, or range of versions, of {converter}; the newest if not set.",
    )


def _define_tasks(definition: ConfigDef) -> None:
    for name, type_, default, documentation in (
        (
            "task.shutdown.graceful.timeout.ms",
            Type.LONG,
            5000,
            "How long tasks may take to stop, all of them together. What still runs then is ended.",
        ),
        (
            "offset.flush.interval.ms",
            Type.LONG,
            60000,
            "How often the offsets of tasks are committed.",
        ),
        (
            "offset.flush.timeout.ms",
            Type.LONG,
            5000,
            "How long one commit of offsets may take before it is given up and tried again at the"
            " next interval. Sources with exactly-once support have no such limit.",
        ),
        (
            "topic.creation.enable",
            Type.BOOLEAN,
            True,
            "Whether source connectors with topic.creation.* settings may create topics.",
        ),
        (
            "topic.tracking.enable",
            Type.BOOLEAN,
            True,
            "Whether to keep, for each connector, the set of topics that its records passed"
            " through.",
        ),
        (
            "topic.tracking.allow.reset",
            Type.BOOLEAN,
            True,
            "Whether users may empty the set of topics of a connector.",
        ),
    ):
        definition.define(
            name, type_, default, importance=Importance.LOW, documentation=documentation
        )


def _define_metrics(definition: ConfigDef) -> None:
    definition.define(
        "metrics.sample.window.ms",
        Type.LONG,
        30000,
        validator=Range.at_least(0),
        importance=Importance.LOW,
        documentation="The length of one sample of a rate or average.",
    )
    definition.define(
        "metrics.num.samples",
        Type.INT,
        2,
        validator=Range.at_least(1),
        importance=Importance.LOW,
        documentation="How many samples a rate or average looks back.",
    )
    definition.define(
        "metrics.recording.level",
        Type.STRING,
        "INFO",
        validator=ValidString("INFO", "DEBUG"),
        importance=Importance.LOW,
        documentation="The most detailed metrics to record.",
    )
    definition.define(
        "metric.reporters",
        Type.LIST,
        "org.apache.kafka.common.metrics.JmxReporter",
        validator=ValidList(),
        importance=Importance.LOW,
        documentation="Classes that report the metrics of a Java worker; none is loaded here.",
    )


def _define_group(definition: ConfigDef) -> None:
    definition.define(
        "group.id",
        Type.STRING,
        importance=Importance.HIGH,
        documentation="The name of the Connect cluster: workers with the same name share the work."
        " No consumer group may have it, so no sink connector's either.",
    )
    for name, default, documentation in (
        (
            "session.timeout.ms",
            10000,
            "How long the broker waits for a heartbeat before it takes a worker for dead.",
        ),
        (
            "rebalance.timeout.ms",
            60000,
            "How long a worker may take to join once a rebalance began, which includes stopping"
            " its tasks.",
        ),
        (
            "heartbeat.interval.ms",
            3000,
            "How often a worker tells the broker that it lives; less than session.timeout.ms.",
        ),
    ):
        definition.define(
            name, Type.INT, default, importance=Importance.HIGH, documentation=documentation
        )
    for name, default, documentation in (
        (
            "worker.sync.timeout.ms",
            3000,
            "How long a worker may take to read the config topic to its end after a rebalance.",
        ),
        (
            "worker.unsync.backoff.ms",
            300000,
            "How long a worker stays out of the group after it failed to read the config topic to"
            " its end; with the protocol eager only.",
        ),
    ):
        definition.define(
            name, Type.INT, default, importance=Importance.MEDIUM, documentation=documentation
        )
    _define_protocol(definition)


def _define_protocol(definition: ConfigDef) -> None:
    definition.define(
        "connect.protocol",
        Type.STRING,
        "sessioned",
        validator=LambdaValidator(_check_protocol, "[eager, compatible, sessioned]"),
        importance=Importance.LOW,
        documentation="The protocols to offer to the group: sessioned (incremental rebalances,"
        " signed internal requests), compatible (unsigned), eager (stops the world).",
    )
    definition.define(
        "scheduled.rebalance.max.delay.ms",
        Type.INT,
        300000,
        validator=Range.between(0, _MAX_INT),
        importance=Importance.LOW,
        documentation="How long the work of a lost worker waits for its return before others take"
        " it.",
    )
    definition.define(
        "exactly.once.source.support",
        Type.STRING,
        "disabled",
        validator=CaseInsensitiveValidString("disabled", "enabled", "preparing"),
        importance=Importance.HIGH,
        documentation="Whether source tasks write records and offsets in one transaction. Set all"
        " workers to preparing before the first is set to enabled.",
    )


def _define_internal_topics(definition: ConfigDef) -> None:
    for store, what, partitions in (
        ("offset", "the offsets of source connectors", 25),
        ("config", "the configurations of connectors and tasks", None),
        ("status", "the states of connectors and tasks", 5),
    ):
        definition.define(
            f"{store}.storage.topic",
            Type.STRING,
            importance=Importance.HIGH,
            documentation=f"The topic that keeps {what}, the same for all workers of a cluster."
            f" Settings to create it with follow as {store}.storage.<topic setting>.",
        )
        if partitions is not None:
            definition.define(
                f"{store}.storage.partitions",
                Type.INT,
                partitions,
                validator=PARTITIONS,
                importance=Importance.LOW,
                documentation=f"How many partitions the topic that keeps {what} is created with.",
            )
        definition.define(
            f"{store}.storage.replication.factor",
            Type.SHORT,
            3,
            validator=REPLICATION_FACTOR,
            importance=Importance.LOW,
            documentation=f"How many replicas the topic that keeps {what} is created with.",
        )


def _define_internal_requests(definition: ConfigDef) -> None:
    definition.define(
        "inter.worker.key.ttl.ms",
        Type.INT,
        3600000,
        validator=Range.between(0, _MAX_INT),
        importance=Importance.LOW,
        documentation="How long a key that signs requests between workers is used; 0 for ever.",
    )
    definition.define(
        "inter.worker.key.generation.algorithm",
        Type.STRING,
        "HmacSHA256",
        validator=LambdaValidator(
            _check_algorithm, "Any KeyGenerator algorithm supported by the worker JVM"
        ),
        importance=Importance.LOW,
        documentation="The algorithm for which keys of requests between workers are generated.",
    )
    definition.define(
        "inter.worker.key.size",
        Type.INT,
        None,
        importance=Importance.LOW,
        documentation="The size of such a key in bits; what suits the algorithm if not set.",
    )
    definition.define(
        "inter.worker.signature.algorithm",
        Type.STRING,
        "HmacSHA256",
        validator=LambdaValidator(
            _check_algorithm, "Any MAC algorithm supported by the worker JVM"
        ),
        importance=Importance.LOW,
        documentation="The algorithm that signs requests to other workers.",
    )
    definition.define(
        "inter.worker.verification.algorithms",
        Type.LIST,
        "HmacSHA256",
        validator=LambdaValidator(
            _check_algorithms,
            "A list of one or more MAC algorithms, each supported by the worker JVM",
        ),
        importance=Importance.LOW,
        documentation="The algorithms accepted in requests from other workers; change them before"
        " inter.worker.signature.algorithm.",
    )


def _check_protocol(name: str, value: object) -> None:
    if str(value).lower() not in {"eager", "compatible", "sessioned"}:
        raise ConfigError.invalid(name, value, "Invalid Connect protocol compatibility")


def _check_algorithm(name: str, value: object) -> None:
    if value not in MAC_ALGORITHMS:
        raise ConfigError.invalid(
            name,
            value,
            "the algorithm is not supported by this worker; the supported algorithms are:"
            f" [{', '.join(MAC_ALGORITHMS)}]",
        )


def _check_algorithms(name: str, value: object) -> None:
    algorithms = cast("list[str]", value)
    if not algorithms:
        raise ConfigError.invalid(
            name, value, "At least one signature verification algorithm must be provided"
        )
    for algorithm in algorithms:
        _check_algorithm(name, algorithm)
