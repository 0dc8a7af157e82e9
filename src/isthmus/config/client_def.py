"""The settings of a worker's own Kafka clients, as all Kafka clients have them."""

from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    ConfigDef,
    Importance,
    Range,
    Type,
    Validator,
    ValidList,
    ValidString,
)

_MEDIUM, _LOW = Importance.MEDIUM, Importance.LOW
_NOT_NEGATIVE = Range.at_least(0)

#: Name, type, default, validator, importance, documentation.
_CLIENT: tuple[tuple[str, Type, object, Validator | None, Importance, str], ...] = (
    (
        "client.dns.lookup",
        Type.STRING,
        "use_all_dns_ips",
        ValidString("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
        _MEDIUM,
        "How the addresses behind a host name are used.",
    ),
    (
        "client.id",
        Type.STRING,
        "",
        None,
        _LOW,
        "The name under which the broker logs and meters what this worker asks.",
    ),
    (
        "security.protocol",
        Type.STRING,
        "PLAINTEXT",
        CaseInsensitiveValidString("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"),
        _MEDIUM,
        "Whether connections to brokers are encrypted (SSL) and authenticated (SASL).",
    ),
    (
        "request.timeout.ms",
        Type.INT,
        40000,
        _NOT_NEGATIVE,
        _MEDIUM,
        "How long to wait for the answer to one request.",
    ),
    (
        "retry.backoff.ms",
        Type.LONG,
        100,
        _NOT_NEGATIVE,
        _LOW,
        "The first pause before a failed request is sent again.",
    ),
    (
        "retry.backoff.max.ms",
        Type.LONG,
        1000,
        _NOT_NEGATIVE,
        _LOW,
        "The longest pause before a failed request is sent again.",
    ),
    (
        "reconnect.backoff.ms",
        Type.LONG,
        50,
        _NOT_NEGATIVE,
        _LOW,
        "The first pause before connecting to the same broker again.",
    ),
    (
        "reconnect.backoff.max.ms",
        Type.LONG,
        1000,
        _NOT_NEGATIVE,
        _LOW,
        "The longest pause before connecting to the same broker again.",
    ),
    (
        "socket.connection.setup.timeout.ms",
        Type.LONG,
        10000,
        _NOT_NEGATIVE,
        _LOW,
        "How long a first attempt to connect may take.",
    ),
    (
        "socket.connection.setup.timeout.max.ms",
        Type.LONG,
        30000,
        _NOT_NEGATIVE,
        _LOW,
        "How long a later attempt to connect may take.",
    ),
    (
        "connections.max.idle.ms",
        Type.LONG,
        540000,
        None,
        _MEDIUM,
        "After how much silence a connection is closed.",
    ),
    (
        "send.buffer.bytes",
        Type.INT,
        131072,
        Range.at_least(-1),
        _MEDIUM,
        "The socket's buffer for sending; -1 for the system's default.",
    ),
    (
        "receive.buffer.bytes",
        Type.INT,
        32768,
        Range.at_least(-1),
        _MEDIUM,
        "The socket's buffer for reading; -1 for the system's default.",
    ),
    (
        "metadata.max.age.ms",
        Type.LONG,
        300000,
        _NOT_NEGATIVE,
        _LOW,
        "How often topics and brokers are looked up again when nothing failed.",
    ),
    (
        "metadata.recovery.strategy",
        Type.STRING,
        "rebootstrap",
        CaseInsensitiveValidString("rebootstrap", "none"),
        _LOW,
        "What to do when no known broker answers: start again from bootstrap.servers, or nothing.",
    ),
    (
        "metadata.recovery.rebootstrap.trigger.ms",
        Type.LONG,
        300000,
        _NOT_NEGATIVE,
        _LOW,
        "How long no known broker has to be silent for that.",
    ),
)


def define_client_settings(definition: ConfigDef) -> None:
    """Add what the worker's clients know beside ssl.* and sasl.*."""
    definition.define(
        "bootstrap.servers",
        Type.LIST,
        validator=ValidList(empty_allowed=False),
        importance=Importance.HIGH,
        documentation="Brokers to find the Kafka cluster by, as host:port, separated by commas.",
    )
    for name, type_, default, validator, importance, documentation in _CLIENT:
        definition.define(
            name,
            type_,
            default,
            validator=validator,
            importance=importance,
            documentation=documentation,
        )
