"""The settings that every connector has; names, types, defaults and looks are Apache's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    CompositeValidator,
    ConfigDef,
    Importance,
    LambdaValidator,
    NonEmptyString,
    NonEmptyStringWithoutControlChars,
    NonNullValidator,
    Range,
    Type,
    Validator,
    ValidList,
    ValidRegex,
    ValidString,
    Width,
)
from isthmus.api.errors import ConfigError

_HIGH, _MEDIUM, _LOW = Importance.HIGH, Importance.MEDIUM, Importance.LOW
_COMMON: Final = "Common"
_ERRORS: Final = "Error Handling"
_EXACTLY_ONCE: Final = "Exactly Once Support"
_VERSION_RANGES: Final = re.compile(r"[\[(][^\[\]()]*[\])](\s*,\s*[\[(][^\[\]()]*[\])])*")


class PluginCatalog(Protocol):
    """The plugins that settings may name.

    `kind` is `connector`, `converter`, `header_converter`, `transformation` or `predicate`.
    """

    def names(self, kind: str) -> Sequence[str]:
        """Return the class names of all plugins of a kind."""
        ...

    def resolve(self, kind: str, name: str) -> str | None:
        """Return the full class name for a class name or alias; None if there is none.

        Raises:
            ConfigError: There is something to say about why not.
        """
        ...

    def config_def(self, kind: str, class_name: str) -> ConfigDef:
        """Return the settings of a plugin that `resolve` gave the name of."""
        ...

    def versions(self, kind: str, name: str) -> Sequence[str]:
        """Return the versions that there are of a plugin, the newest last; none if unknown."""
        ...

    def has_version(self, kind: str, name: str, wanted: str | None) -> bool:
        """Return whether a plugin is there in this version or range; so is an unknown plugin."""
        ...


class OpenCatalog:
    """Takes every name for a plugin, and knows nothing about it."""

    def names(self, kind: str) -> Sequence[str]:
        return ()

    def resolve(self, kind: str, name: str) -> str | None:
        return name

    def config_def(self, kind: str, class_name: str) -> ConfigDef:
        return ConfigDef()

    def versions(self, kind: str, name: str) -> Sequence[str]:
        return ()

    def has_version(self, kind: str, name: str, wanted: str | None) -> bool:
        return True


class RecommendPlugins:
    """Offers the plugins of a kind. Java: PluginsRecommenders."""

    def __init__(self, catalog: PluginCatalog, kind: str) -> None:
        self._catalog, self._kind = catalog, kind

    def valid_values(self, name: str, config: object) -> Sequence[object]:
        return self._catalog.names(self._kind)

    def visible(self, name: str, config: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class RecommendVersions:
    """Offers the versions of the plugin that the setting `key` names (KIP-891).

    Java: PluginsRecommenders.
    """

    catalog: PluginCatalog
    kind: str
    key: str
    always_visible: bool = True

    def valid_values(self, name: str, config: Mapping[str, object]) -> Sequence[object]:
        plugin = config.get(self.key)
        return self.catalog.versions(self.kind, str(plugin)) if plugin else ()

    def visible(self, name: str, config: Mapping[str, object]) -> bool:
        return self.always_visible or config.get(self.key) is not None


def check_version(_name: str, value: object) -> None:
    """Refuse a version that is neither a plain one nor a range such as `[1.0,2.0)` (KIP-891)."""
    text = str(value or "").strip()
    if text.startswith(("[", "(")) and not _VERSION_RANGES.fullmatch(text):
        raise ConfigError(f"Unbounded range: {text}")


def connector_config_def(catalog: PluginCatalog | None = None) -> ConfigDef:
    """Return what all connectors have in common. Java: ConnectorConfig."""
    definition = ConfigDef()
    catalog = catalog or OpenCatalog()
    _define_identity(definition, catalog)
    _define_converters(definition, catalog)
    _define_chains(definition)
    _define_errors(definition)
    return definition


def source_config_def(catalog: PluginCatalog | None = None) -> ConfigDef:
    """Return what all source connectors have in common. Java: SourceConnectorConfig."""
    definition = connector_config_def(catalog)
    definition.define(
        "topic.creation.groups",
        Type.LIST,
        (),
        validator=_unique_aliases("topic creation groups"),
        importance=_LOW,
        documentation="Names of groups of topics that are created in a special way, by"
        " topic.creation.<group>.include and others.",
        group="Topic Creation",
        order_in_group=1,
        width=Width.LONG,
        display_name="Topic Creation Groups",
    )
    _define_transactions(definition)
    return definition.define(
        "offsets.storage.topic",
        Type.STRING,
        None,
        validator=NonEmptyString(),
        importance=_LOW,
        documentation="A topic of its own for the offsets of this connector.",
        group="offsets.topic",
        order_in_group=1,
        width=Width.LONG,
        display_name="Offsets topic",
    )


def sink_config_def(catalog: PluginCatalog | None = None) -> ConfigDef:
    """Return what all sink connectors have in common. Java: SinkConnectorConfig."""
    definition = connector_config_def(catalog)
    definition.define(
        "topics",
        Type.LIST,
        (),
        validator=ValidList(),
        importance=_HIGH,
        documentation="The topics to read, separated by commas.",
        group=_COMMON,
        order_in_group=4,
        width=Width.LONG,
        display_name="Topics",
    )
    definition.define(
        "topics.regex",
        Type.STRING,
        "",
        validator=ValidRegex(),
        importance=_HIGH,
        documentation="A regular expression for the names of the topics to read, in place of"
        " topics.",
        group=_COMMON,
        order_in_group=4,
        width=Width.LONG,
        display_name="Topics regex",
    )
    _define_dead_letters(definition)
    return definition


def _define_identity(definition: ConfigDef, catalog: PluginCatalog) -> None:
    definition.define(
        "name",
        Type.STRING,
        validator=NonEmptyStringWithoutControlChars(),
        importance=_HIGH,
        documentation="The name of the connector, unique in the cluster.",
        group=_COMMON,
        order_in_group=1,
        width=Width.MEDIUM,
        display_name="Connector name",
    )
    definition.define(
        "connector.class",
        Type.STRING,
        importance=_HIGH,
        documentation="The class of the connector: its full name, or its last word with or without"
        " the ending Connector.",
        group=_COMMON,
        order_in_group=2,
        width=Width.LONG,
        display_name="Connector class",
    )
    _define_version(
        definition,
        "connector",
        "Connector",
        RecommendVersions(catalog, "connector", "connector.class"),
        order=3,
        look=(_MEDIUM, Width.MEDIUM),
    )
    definition.define(
        "tasks.max",
        Type.INT,
        1,
        validator=Range.at_least(1),
        importance=_HIGH,
        documentation="How many tasks the connector may have.",
        group=_COMMON,
        order_in_group=4,
        width=Width.SHORT,
        display_name="Tasks max",
    )
    definition.define(
        "tasks.max.enforce",
        Type.BOOLEAN,
        True,
        importance=_LOW,
        documentation="Whether a connector fails that makes more tasks than tasks.max; deprecated.",
        group=_COMMON,
        order_in_group=5,
        width=Width.SHORT,
        display_name="Enforce tasks max",
    )


def _define_version(
    definition: ConfigDef,
    what: str,
    title: str,
    recommender: RecommendVersions,
    *,
    order: int,
    look: tuple[Importance, Width] = (_LOW, Width.SHORT),
) -> None:
    definition.define(
        f"{what}.plugin.version",
        Type.STRING,
        None,
        validator=check_version,
        importance=look[0],
        documentation=f"The version, or range of versions, of the {what.replace('.', ' ')}; the"
        " newest if not set.",
        group=_COMMON,
        order_in_group=order,
        width=look[1],
        display_name=f"{title} version",
        recommender=recommender,
    )


def _define_converters(definition: ConfigDef, catalog: PluginCatalog) -> None:
    for order, part, kind, java in (
        (6, "key", "converter", "Converter"),
        (8, "value", "converter", "Converter"),
        (10, "header", "header_converter", "HeaderConverter"),
    ):

        def resolve(name: str, kind: str = kind) -> str | None:
            return catalog.resolve(kind, name)

        title = f"{part.capitalize()} converter"
        definition.define(
            f"{part}.converter",
            Type.CLASS,
            None,
            validator=_described(
                f"A concrete subclass of org.apache.kafka.connect.storage.{java},"
                " A class with a public, no-argument constructor"
            ),
            importance=_LOW,
            documentation=f"The converter of record {part}s, in place of the worker's. Its options"
            f" follow as {part}.converter.<option>.",
            group=_COMMON,
            order_in_group=order,
            width=Width.SHORT,
            display_name=f"{title} class",
            recommender=RecommendPlugins(catalog, kind),
            resolver=resolve,
        )
        _define_version(
            definition,
            f"{part}.converter",
            title,
            RecommendVersions(catalog, kind, f"{part}.converter", always_visible=False),
            order=order + 1,
        )


def _define_chains(definition: ConfigDef) -> None:
    definition.define(
        "transforms",
        Type.LIST,
        (),
        validator=_unique_aliases("transformation aliases"),
        importance=_LOW,
        documentation="Names of the transformations of records, in their order. Each is described"
        " by transforms.<name>.type and its options.",
        group="Transforms",
        order_in_group=12,
        width=Width.LONG,
        display_name="Transforms",
    )
    definition.define(
        "predicates",
        Type.LIST,
        (),
        validator=_unique_aliases("predicate aliases"),
        importance=_LOW,
        documentation="Names of the predicates that transformations refer to. Each is described by"
        " predicates.<name>.type and its options.",
        group="Predicates",
        order_in_group=13,
        width=Width.LONG,
        display_name="Predicates",
    )
    definition.define(
        "config.action.reload",
        Type.STRING,
        "restart",
        validator=ValidString("none", "restart"),
        importance=_LOW,
        documentation="What to do when a value from a config provider expires: restart, or none.",
        group=_COMMON,
        order_in_group=14,
        width=Width.MEDIUM,
        display_name="Reload Action",
    )


#: Key, type, default, validator, width, display name and documentation.
_ERROR_KEYS: Final[tuple[tuple[str, Type, object, Validator | None, Width, str, str], ...]] = (
    (
        "errors.retry.timeout",
        Type.LONG,
        0,
        None,
        Width.MEDIUM,
        "Retry Timeout for Errors",
        "For how many milliseconds a failed operation is tried again; 0 not at all, -1 for ever.",
    ),
    (
        "errors.retry.delay.max.ms",
        Type.LONG,
        60000,
        None,
        Width.MEDIUM,
        "Maximum Delay Between Retries for Errors",
        "The longest pause between two attempts.",
    ),
    (
        "errors.tolerance",
        Type.STRING,
        "none",
        ValidString("none", "all"),
        Width.SHORT,
        "Error Tolerance",
        "Whether a record that fails ends the task (none) or is skipped (all).",
    ),
    (
        "errors.log.enable",
        Type.BOOLEAN,
        False,
        None,
        Width.SHORT,
        "Log Errors",
        "Whether each record that fails is logged.",
    ),
    (
        "errors.log.include.messages",
        Type.BOOLEAN,
        False,
        None,
        Width.SHORT,
        "Log Error Details",
        "Whether the record itself is logged too.",
    ),
)


def _define_errors(definition: ConfigDef) -> None:
    for order, (name, type_, default, validator, width, display_name, text) in enumerate(
        _ERROR_KEYS, 1
    ):
        definition.define(
            name,
            type_,
            default,
            validator=validator,
            importance=_MEDIUM,
            documentation=text,
            group=_ERRORS,
            order_in_group=order,
            width=width,
            display_name=display_name,
        )


def _define_transactions(definition: ConfigDef) -> None:
    definition.define(
        "exactly.once.support",
        Type.STRING,
        "requested",
        validator=CaseInsensitiveValidString("required", "requested"),
        importance=_MEDIUM,
        documentation="Whether a connector that cannot write exactly once is refused (required) or"
        " taken (requested).",
        group=_EXACTLY_ONCE,
        order_in_group=2,
        width=Width.SHORT,
        display_name="Exactly once support",
    )
    definition.define(
        "transaction.boundary",
        Type.STRING,
        "poll",
        validator=CaseInsensitiveValidString("interval", "poll", "connector"),
        importance=_MEDIUM,
        documentation="What goes into one transaction: the records of one poll, those of an"
        " interval, or what the connector says.",
        group=_EXACTLY_ONCE,
        order_in_group=3,
        width=Width.SHORT,
        display_name="Transaction Boundary",
    )
    definition.define(
        "transaction.boundary.interval.ms",
        Type.LONG,
        None,
        validator=LambdaValidator(_check_interval, str(Range.at_least(0))),
        importance=_LOW,
        documentation="The interval for transaction.boundary=interval; the worker's"
        " offset.flush.interval.ms if not set.",
        group=_EXACTLY_ONCE,
        order_in_group=4,
        width=Width.SHORT,
        display_name="Transaction boundary interval",
    )


def _define_dead_letters(definition: ConfigDef) -> None:
    prefix = "errors.deadletterqueue."
    for order, (name, type_, default, display_name, text) in enumerate(
        (
            (
                "topic.name",
                Type.STRING,
                "",
                "Dead Letter Queue Topic Name",
                "The topic that takes the records which fail in this connector; none if empty.",
            ),
            (
                "topic.replication.factor",
                Type.SHORT,
                3,
                "Dead Letter Queue Topic Replication Factor",
                "How many replicas that topic is created with.",
            ),
            (
                "context.headers.enable",
                Type.BOOLEAN,
                False,
                "Enable Error Context Headers",
                "Whether headers tell where and why a record failed.",
            ),
        ),
        6,
    ):
        definition.define(
            prefix + name,
            type_,
            default,
            importance=_MEDIUM,
            documentation=text,
            group=_ERRORS,
            order_in_group=order,
            width=Width.MEDIUM,
            display_name=display_name,
        )


def _unique_aliases(what: str) -> Validator:
    unique = LambdaValidator(_check_unique, f"unique {what}")
    return CompositeValidator((NonNullValidator(), unique))


def _check_unique(name: str, value: object) -> None:
    aliases = cast("list[str]", value)
    if len(set(aliases)) != len(aliases):
        raise ConfigError.invalid(name, value, "Duplicate alias provided.")


def _check_interval(name: str, value: object) -> None:
    if value is not None:
        Range.at_least(0)(name, value)


def _described(description: str) -> Validator:
    """Return a validator that only tells what is expected; the resolver has checked it."""
    return LambdaValidator(lambda _name, _value: None, description)
