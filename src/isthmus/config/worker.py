"""The settings of this worker, checked, typed, and ready to use."""

import difflib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Final, Literal, cast

from isthmus.api.errors import ConfigError
from isthmus.config.client_keys import JAVA_CLIENT_KEYS, TOPIC_SETTINGS
from isthmus.config.override_policy import OverridePolicy, build_override_policy
from isthmus.config.providers import ConfigTransformer, build_transformer
from isthmus.config.rest_def import Listener, parse_listener
from isthmus.config.supervision import Supervision
from isthmus.config.worker_def import worker_config_def
from isthmus.secrets import hide_values

#: The internal topics, by the first word of their settings.
Store = Literal["config", "offset", "status"]
_STORES: Final[tuple[Store, ...]] = ("config", "offset", "status")

#: What plugins, clients, and others read for themselves.
_READ_ELSEWHERE: Final = (
    "admin.",
    "config.providers.",
    "connector.client.config.override.allowlist",
    "consumer.",
    "header.converter.",
    "key.converter.",
    "metrics.context.",
    "producer.",
    "rest.extension.",
    "value.converter.",
)
_HTTPS: Final = ("listeners.https.", "admin.listeners.https.")
_REMOVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "auto.include.jmx.reporter": "removed in Kafka 4.0; use metric.reporters",
        "config.storage.partitions": "the config topic always has one partition",
        "offset.storage.file.filename": "for standalone workers only; use offset.storage.topic",
        "rest.host.name": "removed in Kafka 3.0; use listeners",
        "rest.port": "removed in Kafka 3.0; use listeners",
    }
)
_INTERNAL_CONVERTERS: Final = ("internal.key.converter", "internal.value.converter")
#: What no worker could live with, though Java's definition lets it pass; by name, the least.
_LEAST: Final[Mapping[str, int]] = MappingProxyType(
    {
        "heartbeat.interval.ms": 1,
        "offset.flush.interval.ms": 1,
        "offset.flush.timeout.ms": 0,
        "rebalance.timeout.ms": 1,
        "rest.advertised.port": 1,
        "session.timeout.ms": 1,
        "task.shutdown.graceful.timeout.ms": 0,
        "worker.sync.timeout.ms": 0,
        "worker.unsync.backoff.ms": 0,
    }
)
#: KeyGenerator of Java takes no shorter key for a MAC.
_MIN_KEY_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """One of the three internal topics: its name, and how to create it; -1 is the broker's way."""

    name: str
    #: The worker property that names it.
    property: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The settings of a distributed worker. Java: DistributedConfig, RestServerConfig.

    An attribute is named as its property, in snake case; a duration is in seconds and has lost
    its `_ms`. Enumerations are in lower case. Properties without an attribute are in `values`.
    """

    #: What the user wrote, and the same with variables filled in; both may hold secrets.
    raw: Mapping[str, str] = field(repr=False)
    originals: Mapping[str, str] = field(repr=False)
    #: Every defined property by its own name, parsed; durations in milliseconds.
    values: Mapping[str, object]
    #: Fills in the variables of connectors.
    transformer: ConfigTransformer
    #: What connectors may override.
    override_policy: OverridePolicy

    bootstrap_servers: Sequence[str]
    client_id: str
    request_timeout: float
    retry_backoff: float
    retry_backoff_max: float
    reconnect_backoff: float
    reconnect_backoff_max: float
    metadata_max_age: float
    security_protocol: str

    key_converter: str
    value_converter: str
    header_converter: str
    plugin_path: Sequence[str] | None
    connector_client_config_override_policy: str

    task_shutdown_graceful_timeout: float
    offset_flush_interval: float
    offset_flush_timeout: float
    topic_creation_enable: bool
    topic_tracking_enable: bool
    topic_tracking_allow_reset: bool

    metrics_sample_window: float
    metrics_num_samples: int
    metrics_recording_level: str

    listeners: Sequence[Listener]
    admin_listeners: Sequence[Listener] | None
    rest_advertised_host_name: str | None
    rest_advertised_port: int | None
    rest_advertised_listener: str | None
    rest_extension_classes: Sequence[str]
    access_control_allow_origin: str
    access_control_allow_methods: str
    response_http_headers_config: str
    ssl_client_auth: str

    group_id: str
    session_timeout: float
    rebalance_timeout: float
    heartbeat_interval: float
    worker_sync_timeout: float
    worker_unsync_backoff: float
    connect_protocol: str
    scheduled_rebalance_max_delay: float
    exactly_once_source_support: str

    offset_storage_topic: str
    offset_storage_partitions: int
    offset_storage_replication_factor: int
    config_storage_topic: str
    config_storage_replication_factor: int
    status_storage_topic: str
    status_storage_partitions: int
    status_storage_replication_factor: int

    inter_worker_key_ttl: float
    inter_worker_key_generation_algorithm: str
    inter_worker_key_size: int | None
    inter_worker_signature_algorithm: str
    inter_worker_verification_algorithms: Sequence[str]

    @classmethod
    def from_properties(cls, raw: Mapping[str, str]) -> "WorkerConfig":
        """Return the settings that `raw` says, with defaults for the rest.

        Raises:
            ConfigError: The first property that is missing or wrong.
        """
        transformer = build_transformer(raw)
        originals = transformer.transform(raw)
        if "plugin.path" in raw:
            originals["plugin.path"] = raw["plugin.path"]
        try:
            return cls._of(raw, originals, transformer)
        except ConfigError as error:
            raise ConfigError(hide_values(str(error), raw, originals)) from None

    @classmethod
    def _of(
        cls, raw: Mapping[str, str], originals: Mapping[str, str], transformer: ConfigTransformer
    ) -> "WorkerConfig":
        values = worker_config_def().parse(originals)
        attributes = _attributes(values)
        config = cls(
            raw=MappingProxyType(dict(raw)),
            originals=MappingProxyType(dict(originals)),
            values=MappingProxyType(values),
            transformer=transformer,
            override_policy=build_override_policy(originals),
            **{name: attributes[name] for name in _TYPED},  # type: ignore[arg-type]
        )
        config._check()
        return config

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """Return the properties that start with `prefix`, without it."""
        return {
            key.removeprefix(prefix): value
            for key, value in self.originals.items()
            if key.startswith(prefix)
        }

    def with_prefix_all_or_nothing(self, prefix: str) -> dict[str, str]:
        """Return the properties that start with `prefix`, without it; all, if there are none."""
        return self.with_prefix(prefix) or dict(self.originals)

    def internal_topic(self, store: Store) -> InternalTopic:
        """Return name and creation settings of the topic of the config, offset or status store."""
        key = f"{store}.storage."
        settings = {
            name: value
            for name, value in self.with_prefix(key).items()
            if name not in {"topic", "partitions", "replication.factor", "cleanup.policy"}
        }
        return InternalTopic(
            name=cast("str", self.values[f"{key}topic"]),
            property=f"{key}topic",
            partitions=cast("int", self.values.get(f"{key}partitions", 1)),
            replication_factor=cast("int", self.values[f"{key}replication.factor"]),
            settings=settings | {"cleanup.policy": "compact"},
        )

    @property
    def advertised_scheme(self) -> str:
        """The scheme under which other workers reach this one; http if any listener has it."""
        if self.rest_advertised_listener and self.rest_advertised_listener.strip():
            return self.rest_advertised_listener.lower()
        schemes = {listener.scheme for listener in self.listeners}
        return "http" if "http" in schemes else "https"

    def advertised_url(self, bound: Sequence[Listener] = ()) -> str:
        """Return the URL under which other workers reach this one, such as `http://h:8083/`.

        `bound` are the listeners with the ports that they really have, in place of 0.
        """
        host, port = self._advertised_address(bound)
        return f"{Listener(self.advertised_scheme, host, port)}/"

    def worker_id(self, bound: Sequence[Listener] = ()) -> str:
        """Return the name of this worker in statuses: its advertised host and port."""
        return self.advertised_url(bound).partition("://")[2].removesuffix("/")

    def _advertised_address(self, bound: Sequence[Listener]) -> tuple[str, int]:
        listeners = bound or self.listeners
        same_scheme = [each for each in listeners if each.scheme == self.advertised_scheme]
        listener = (same_scheme or list(listeners))[0]
        host = self.rest_advertised_host_name or listener.host
        if host in {"", "0.0.0.0", "::"}:
            # Java gives out 0.0.0.0, which leads every other worker to itself.
            host = _own_address()
        port = self.rest_advertised_port
        return host, listener.port if port is None else port

    def unknown_keys(self) -> list[tuple[str, str | None]]:
        """Return the properties that nothing reads, each with the name that was likely meant."""
        known = [*worker_config_def().names, *JAVA_CLIENT_KEYS]
        topic_keys = [f"{store}.storage.{name}" for store in _STORES for name in TOPIC_SETTINGS]
        known += [f"{prefix}{key}" for prefix in _HTTPS for key in known if key.startswith("ssl.")]
        ignored = {key for key, _ in self.ignored_keys()}
        unknown = [
            key
            for key in self.raw
            if key not in known and key not in topic_keys and key not in ignored
        ]
        return [
            (key, next(iter(difflib.get_close_matches(key, [*known, *topic_keys], 1, 0.8)), None))
            for key in unknown
            if key.startswith(_HTTPS) or not key.startswith(_READ_ELSEWHERE)
        ]

    def ignored_keys(self) -> list[tuple[str, str]]:
        """Return the properties that no longer mean anything, each with the reason."""
        ignored = [(key, _REMOVED[key]) for key in self.raw if key in _REMOVED]
        for key in self.raw:
            if key.startswith(_INTERNAL_CONVERTERS):
                ignored.append(
                    (key, "since Kafka 3.0 internal data is always JSON without schemas")
                )
            elif key.endswith(".storage.cleanup.policy") and key.split(".")[0] in _STORES:
                ignored.append((key, "the internal topics are always compacted"))
        return ignored

    def _check(self) -> None:
        """Check what needs a look at two settings.

        Raises:
            ConfigError: They do not go together.
        """
        for key, least in _LEAST.items():
            value = self.values[key]
            if isinstance(value, int) and value < least:
                raise ConfigError.invalid(key, value, f"Value must be at least {least}")
        for key in ("key.converter", "value.converter"):
            if not self.values[key]:
                raise ConfigError.invalid(key, "", "Class  could not be found.")
        if self.inter_worker_signature_algorithm not in self.inter_worker_verification_algorithms:
            raise ConfigError.invalid(
                "inter.worker.signature.algorithm",
                self.inter_worker_signature_algorithm,
                "Signature algorithm must be present in inter.worker.verification.algorithms list",
            )
        size = self.inter_worker_key_size
        if size is not None and size < _MIN_KEY_BITS:
            raise ConfigError.invalid(
                "inter.worker.key.size",
                size,
                "Unable to create key generator with algorithm"
                f" {self.inter_worker_key_generation_algorithm} and key size {size}:"
                f" key length must be at least {_MIN_KEY_BITS} bits",
            )
        if self.heartbeat_interval >= self.session_timeout:
            raise ConfigError.invalid(
                "heartbeat.interval.ms",
                self.values["heartbeat.interval.ms"],
                "Heartbeat must be set lower than the session timeout,"
                f" session.timeout.ms={self.values['session.timeout.ms']}",
            )
        if self.advertised_scheme not in {"http", "https"}:
            raise ConfigError.invalid(
                "rest.advertised.listener",
                self.rest_advertised_listener,
                'Advertised listener must be either "http" or "https"',
            )
        for server in self.bootstrap_servers:
            _check_server(server)
        Supervision.of({}, self.originals)


_TYPED: Final = tuple(
    attribute.name
    for attribute in fields(WorkerConfig)
    if attribute.name not in {"raw", "originals", "values", "transformer", "override_policy"}
)
#: Enumerations whose values are compared without regard to case.
_LOWER: Final = ("connect.protocol", "exactly.once.source.support")


def _attributes(values: Mapping[str, object]) -> dict[str, object]:
    """Return the parsed values under the names of `WorkerConfig`."""
    attributes: dict[str, object] = {}
    for key, value in values.items():
        name = key.replace(".", "_")
        if key.endswith(".ms"):
            name, value = name.removesuffix("_ms"), cast("float", value or 0) / 1000
        elif key in {"listeners", "admin.listeners"} and value is not None:
            value = tuple(parse_listener(key, text) for text in cast("list[str]", value))
        elif isinstance(value, list):
            value = tuple(cast("list[str]", value))
        elif key in _LOWER:
            value = str(value).lower()
        attributes[name] = value
    return attributes


def _check_server(server: str) -> None:
    host, separator, port = server.rpartition(":")
    if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigError.invalid("bootstrap.servers", server, "expected host:port")


def _own_address() -> str:
    """Return an address of this machine, as Java's InetAddress.getLocalHost does."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "localhost"
