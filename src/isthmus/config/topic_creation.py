"""Which topics a source connector creates, and how: topic.creation.* (KIP-158)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from isthmus.api.config_def import (
    NO_DEFAULT,
    ConfigDef,
    Importance,
    LambdaValidator,
    NonNullValidator,
    Type,
    Width,
    parse_list,
)
from isthmus.api.errors import ConfigError

_PREFIX: Final = "topic.creation."
_DEFAULT_GROUP: Final = "default"
#: What the runtime reads of a group; all else are settings of the topic.
_OWN_KEYS: Final = frozenset({"include", "exclude", "partitions", "replication.factor"})


def _check_partitions(name: str, value: object) -> None:
    if value is None or (cast("int", value) < 1 and value != -1):
        raise ConfigError.invalid(
            name, value, "Number of partitions must be positive, or -1 to use the broker's default"
        )


def _check_replication_factor(name: str, value: object) -> None:
    if value is None or (cast("int", value) < 1 and value != -1):
        raise ConfigError.invalid(
            name,
            value,
            "Replication factor must be positive and not larger than the number of brokers in the"
            " Kafka cluster, or -1 to use the broker's default",
        )


PARTITIONS: Final = LambdaValidator(
    _check_partitions, "Positive number, or -1 to use the broker's default"
)
REPLICATION_FACTOR: Final = LambdaValidator(
    _check_replication_factor,
    "Positive number not larger than the number of brokers in the Kafka cluster,"
    " or -1 to use the broker's default",
)


@dataclass(frozen=True, slots=True)
class TopicCreationGroup:
    """How to create the topics whose names match; -1 is the broker's default."""

    name: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]
    include: re.Pattern[str]
    exclude: re.Pattern[str] | None

    def matches(self, topic: str) -> bool:
        """Return whether `topic` is of this group; what is excluded wins."""
        if self.exclude is not None and self.exclude.fullmatch(topic):
            return False
        return self.include.fullmatch(topic) is not None


def has_topic_creation(config: Mapping[str, str | None]) -> bool:
    """Return whether the connector wants to say anything about the topics it creates."""
    return any(key.startswith(_PREFIX) for key in config)


def enrich_topic_creation(definition: ConfigDef, config: Mapping[str, str | None]) -> ConfigDef:
    """Return the definition with the settings of each group that `config` names."""
    enriched = definition.copy()
    defaults = _group_def(_DEFAULT_GROUP, NO_DEFAULT, NO_DEFAULT)
    enriched.embed(f"{_PREFIX}{_DEFAULT_GROUP}.", _DEFAULT_GROUP, 0, defaults)
    parsed = {
        name: _value_or(enriched, f"{_PREFIX}{_DEFAULT_GROUP}.{name}", config, -1)
        for name in ("partitions", "replication.factor")
    }
    for group in _groups(config):
        title = f"Topic Creation: {group}"
        child = _group_def(title, parsed["partitions"], parsed["replication.factor"])
        enriched.embed(f"{_PREFIX}{group}.", title, 0, child)
    return enriched


def topic_creation_groups(config: Mapping[str, str | None]) -> list[TopicCreationGroup]:
    """Return the groups in the order in which they are tried; the last one takes every topic.

    Raises:
        ConfigError: A setting of a group is missing or wrong.
    """
    definition = enrich_topic_creation(ConfigDef(), config)
    values = definition.parse(config)
    names = [*_groups(config), _DEFAULT_GROUP]
    return [_group(name, config, values) for name in names]


def _group(
    name: str, config: Mapping[str, str | None], values: Mapping[str, object]
) -> TopicCreationGroup:
    prefix = f"{_PREFIX}{name}."
    is_default = name == _DEFAULT_GROUP
    exclude = [] if is_default else cast("list[str]", values[f"{prefix}exclude"])
    include = [".*"] if is_default else cast("list[str]", values[f"{prefix}include"])
    return TopicCreationGroup(
        name=name,
        partitions=cast("int", values[f"{prefix}partitions"]),
        replication_factor=cast("int", values[f"{prefix}replication.factor"]),
        settings={
            key.removeprefix(prefix): value
            for key, value in config.items()
            if key.startswith(prefix)
            and key.removeprefix(prefix) not in _OWN_KEYS
            and value is not None
        },
        include=_pattern(f"{prefix}include", include),
        exclude=_pattern(f"{prefix}exclude", exclude) if exclude else None,
    )


def _groups(config: Mapping[str, str | None]) -> list[str]:
    """Return the aliases, each once; `default` is always there and need not be named."""
    names = parse_list(config.get(f"{_PREFIX}groups") or "")
    return [name for name in dict.fromkeys(names) if name != _DEFAULT_GROUP]


def _pattern(key: str, expressions: list[str]) -> re.Pattern[str]:
    try:
        return re.compile("|".join(expressions))
    except re.error as error:
        raise ConfigError.invalid(key, expressions, f"Invalid regex: {error}") from None


def _value_or(
    definition: ConfigDef, name: str, config: Mapping[str, str | None], default: int
) -> int:
    """Return a value that serves as another one's default, whatever the user wrote."""
    try:
        key = definition.keys[name]
        value = key.parse(config)
        key.check(value)
    except ConfigError:
        return default
    return cast("int", value)


def _group_def(title: str, partitions: object, replication_factor: object) -> ConfigDef:
    """Return the settings of one group. Java: TopicCreationConfig."""
    definition = ConfigDef()
    for order, (name, what) in enumerate((("include", "Inclusion"), ("exclude", "Exclusion"))):
        definition.define(
            name,
            Type.LIST,
            ".*" if title == _DEFAULT_GROUP and name == "include" else (),
            validator=NonNullValidator(),
            importance=Importance.LOW,
            documentation=f"Regular expressions of the names of topics to {name}.",
            group=title,
            order_in_group=order,
            width=Width.LONG,
            display_name=f"{what} Topic Pattern for {title}",
        )
    return definition.define(
        "replication.factor",
        Type.SHORT,
        replication_factor,
        validator=REPLICATION_FACTOR,
        importance=Importance.LOW,
        documentation="How many replicas new topics have; -1 for the broker's default.",
        group=title,
        order_in_group=2,
        width=Width.LONG,
        display_name=f"Replication Factor for Topics in {title}",
    ).define(
        "partitions",
        Type.INT,
        partitions,
        validator=PARTITIONS,
        importance=Importance.LOW,
        documentation="How many partitions new topics have; -1 for the broker's default.",
        group=title,
        order_in_group=3,
        width=Width.LONG,
        display_name=f"Partition Count for Topics in {title}",
    )
