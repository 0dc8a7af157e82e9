"""What the settings of a connector mean: checks across settings, and answers for the runtime.

enrich()                    the definition, with the settings of each transformation
validate_*()                errors that one setting alone does not show
choose_converter() …        what the runtime asks
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from isthmus.api.config_def import (
    ConfigDef,
    ConfigKey,
    ConfigValue,
    Importance,
    LambdaValidator,
    Type,
    Width,
    parse_list,
)
from isthmus.api.errors import ConfigError
from isthmus.config.connector_def import (
    PluginCatalog,
    RecommendPlugins,
    RecommendVersions,
    check_version,
    connector_config_def,
    sink_config_def,
    source_config_def,
)
from isthmus.config.infos import in_hash_order
from isthmus.config.worker import WorkerConfig

__all__ = [
    "ConverterChoice",
    "PluginCatalog",
    "SinkTopics",
    "choose_converter",
    "connector_config_def",
    "enrich",
    "sink_config_def",
    "sink_topics",
    "source_config_def",
    "tasks_max",
    "validate_converter",
    "validate_group",
    "validate_no_nulls",
    "validate_sink",
]

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]
ConverterKey = Literal["key.converter", "value.converter", "header.converter"]

#: What the runtime adds to every transformation, and takes away before it is configured.
_PREDICATE: Final = "predicate"
_NEGATE: Final = "negate"


def enrich(definition: ConfigDef, config: Config, catalog: PluginCatalog) -> ConfigDef:
    """Return `definition` with the settings of the transformations and predicates in `config`.

    Where a type is missing or unknown, only the settings that tell it are added. Java:
    ConnectorConfig.enrich.
    """
    enriched = definition.copy()
    for alias in _aliases(config, "transforms"):
        prefix = f"transforms.{alias}."
        group = f"Transforms: {alias}"
        negate = _check_negate(prefix, config)
        _define_plugin(enriched, prefix, "Transformation", catalog, config, negate)
        if (own := _own_def(catalog, "transformation", config, prefix)) is not None:
            enriched.embed(prefix, group, 2, _transformation_def(alias, own))
    for alias in _aliases(config, "predicates"):
        prefix = f"predicates.{alias}."
        described = LambdaValidator(_check_nothing, f"valid configs for {alias} predicate")
        _define_plugin(enriched, prefix, "Predicate", catalog, config, described)
        if (own := _own_def(catalog, "predicate", config, prefix)) is not None:
            enriched.embed(prefix, f"Predicates: {alias}", 2, own)
    return enriched


def _aliases(config: Config, key: str) -> list[str]:
    return list(dict.fromkeys(parse_list(config.get(key) or "")))


def _define_plugin(
    definition: ConfigDef,
    prefix: str,
    what: str,
    catalog: PluginCatalog,
    config: Config,
    type_validator: LambdaValidator,
) -> None:
    """Add the two settings that tell which plugin stands behind an alias."""
    chain, alias = prefix.removesuffix(".").split(".", 1)
    group = f"{chain.capitalize()}: {alias}"
    kind = what.lower()
    name = config.get(f"{prefix}type")

    definition.define(
        f"{prefix}type",
        Type.CLASS,
        validator=type_validator,
        importance=Importance.HIGH,
        documentation=f"The class of the {kind} '{alias}'.",
        group=group,
        order_in_group=0,
        width=Width.LONG,
        display_name=f"{what} type for {alias}",
        recommender=RecommendPlugins(catalog, kind),
        resolver=lambda name: catalog.resolve(kind, name),
    )
    definition.define(
        f"{prefix}plugin.version",
        Type.STRING,
        next(reversed(catalog.versions(kind, name)), None) if name else None,
        validator=check_version,
        importance=Importance.HIGH,
        documentation=f"The version, or range of versions, of the {kind} '{alias}'; the newest if"
        " not set.",
        group=group,
        order_in_group=1,
        width=Width.LONG,
        display_name=f"{what} version for {alias}",
        recommender=RecommendVersions(catalog, kind, f"{prefix}type"),
    )


def _own_def(catalog: PluginCatalog, kind: str, config: Config, prefix: str) -> ConfigDef | None:
    name = (config.get(f"{prefix}type") or "").strip()
    try:
        class_name = catalog.resolve(kind, name) if name else None
    except ConfigError:
        return None  # The setting itself reports it.
    version = config.get(f"{prefix}plugin.version")
    if class_name is None or not catalog.has_version(kind, class_name, version):
        return None
    return catalog.config_def(kind, class_name)


def _transformation_def(alias: str, own: ConfigDef) -> ConfigDef:
    """Return the settings of a transformation, with those of its predicate (KIP-585)."""
    definition = ConfigDef()
    definition.define(
        _PREDICATE,
        Type.STRING,
        None,
        importance=Importance.MEDIUM,
        documentation="The name of the predicate that says which records are transformed; all if"
        " not set.",
    )
    definition.define(
        _NEGATE,
        Type.BOOLEAN,
        False,
        importance=Importance.MEDIUM,
        documentation="Whether those records are transformed that the predicate does not name.",
    )
    for key in own:
        if key.name in definition:
            log.warning(
                "setting of a transformation is hidden by the runtime's own: alias=%s setting=%s",
                alias,
                key.name,
            )
        else:
            definition.add(key)
    return definition


def _check_negate(prefix: str, config: Config) -> LambdaValidator:
    predicate, negate = f"{prefix}{_PREDICATE}", f"{prefix}{_NEGATE}"

    def check(_name: str, value: object) -> None:
        if value is not None and negate in config and predicate not in config:
            raise ConfigError(
                f"Config '{negate}' was provided but there is no config '{predicate}' defining a"
                " predicate to be negated."
            )

    alias = prefix.removeprefix("transforms.").removesuffix(".")
    return LambdaValidator(check, f"valid configs for {alias} transformation")


def _check_nothing(_name: str, _value: object) -> None:
    """Accept everything; the resolver has found the class."""


def validate_no_nulls(config: Config) -> list[ConfigValue]:
    """Return an error for each setting that is JSON's null."""
    message = "Null value can not be supplied as the configuration value."
    return [ConfigValue(key, None, [], [message]) for key, value in config.items() if value is None]


def validate_sink(config: Config) -> list[ConfigValue]:
    """Return errors of a sink's topics and dead-letter topic. Java: SinkConnectorConfig.validate.

    Raises:
        ConfigError: `topics.regex` is needed here, and is no regular expression.
    """
    topics = parse_list(config.get("topics") or "")
    regex = (config.get("topics.regex") or "").strip()
    both = ("topics", "topics.regex")
    if topics and regex:
        return _same_error(
            config,
            both,
            "topics and topics.regex are mutually exclusive options, but both are set.",
        )
    if not topics and not regex:
        return _same_error(config, both, "Must configure one of topics or topics.regex")
    dead_letters = (config.get("errors.deadletterqueue.topic.name") or "").strip()
    if not dead_letters:
        return []
    if dead_letters in topics:
        return _same_error(
            config,
            ("topics",),
            f"The DLQ topic '{dead_letters}' may not be included in the list of topics"
            f" ('topics=[{', '.join(topics)}]') consumed by the connector",
        )
    if regex and _compile("topics.regex", regex).fullmatch(dead_letters):
        return _same_error(
            config,
            ("topics.regex",),
            f"The DLQ topic '{dead_letters}' may not be matched by the regex for the topics"
            f" ('topics.regex={regex}') consumed by the connector",
        )
    return []


def _same_error(config: Config, names: Sequence[str], message: str) -> list[ConfigValue]:
    return [ConfigValue(name, config.get(name), [], [message]) for name in names]


def _compile(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError.invalid(name, text, f"Invalid regex: {error}") from None


def validate_group(config: Config, workers_group: str) -> list[ConfigValue]:
    """Return what a sink's consumer group is, with an error if it is that of the workers."""
    override = "consumer.override.group.id"
    name, group = config.get("name"), config.get(override)
    if group is not None:
        message = f"Consumer group {group} conflicts with Connect worker group {workers_group}"
        return [ConfigValue(override, group, [], [message] if group == workers_group else [])]
    if f"connect-{name}" == workers_group:
        message = (
            f"Consumer group for sink connector named {name} conflicts with Connect worker group"
            f" {workers_group}"
        )
        return [ConfigValue("name", name, [], [message])]
    return []


def validate_converter(
    config: Config, key: ConverterKey, definition: ConfigDef
) -> tuple[dict[str, ConfigKey], list[ConfigValue]]:
    """Return the options of a converter and what `config` says about them, under full names.

    `definition` is the converter's own; its errors name the options without the prefix, as Java's.
    """
    prefix = f"{key}."
    by_name = {value.name: value for value in definition.validate(_with_prefix(config, prefix))}
    values = [by_name[name] for name in in_hash_order(by_name)]
    for value in values:
        value.name = prefix + value.name
    keys = [replace(option, name=prefix + option.name) for option in definition]
    return {option.name: option for option in keys}, values


def _with_prefix(config: Config, prefix: str) -> dict[str, str | None]:
    return {
        key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
    }


def tasks_max(config: Config) -> int:
    """Return how many tasks the connector may have.

    Raises:
        ConfigError: It is not a number of at least 1.
    """
    key = connector_config_def().keys["tasks.max"]
    value = key.parse(config)
    key.check(value)
    assert isinstance(value, int)
    return value


@dataclass(frozen=True, slots=True)
class ConverterChoice:
    """Which converter a connector uses; `options` have lost their prefix."""

    class_name: str
    options: dict[str, str]
    is_workers: bool
    #: The version, or range of versions, that is wanted; None for any (KIP-891).
    version: str | None = None


def choose_converter(config: Config, worker: WorkerConfig, key: ConverterKey) -> ConverterChoice:
    """Return the connector's own converter if it names a class, else the worker's.

    Each comes with the options of its own side only: `key.converter.schemas.enable` in a connector
    without `key.converter` has no effect.
    """
    prefix = f"{key}."
    own = (config.get(key) or "").strip()
    if own:
        options = {
            name: value for name, value in _with_prefix(config, prefix).items() if value is not None
        }
        version = options.pop("plugin.version", None)
        return ConverterChoice(own, options, is_workers=False, version=version)
    options = worker.with_prefix(prefix)
    version = options.pop("plugin.version", None)
    return ConverterChoice(str(worker.values[key]), options, is_workers=True, version=version)


@dataclass(frozen=True, slots=True)
class SinkTopics:
    """What a sink reads: a list of topics, or all that match `regex` in full."""

    topics: tuple[str, ...]
    regex: str | None


def sink_topics(config: Config) -> SinkTopics:
    """Return what a sink reads.

    Raises:
        ConfigError: Neither or both are set, or the dead-letter topic is among them.
    """
    errors = validate_sink(config)
    if errors:
        raise ConfigError(errors[0].error_messages[0])
    regex = (config.get("topics.regex") or "").strip()
    return SinkTopics(tuple(parse_list(config.get("topics") or "")), regex or None)
