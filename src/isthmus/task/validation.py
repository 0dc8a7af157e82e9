"""Validates a connector's config: what the runtime says of it, and what its plugins say.

    the runtime's own settings       config/connector.py, with those of each transformation
    the connector's settings         Connector.validate
    client overrides                 config/override_policy.py
    converter options                each converter's own definition

The answer is what `PUT /connector-plugins/{p}/config/validate` sends, as plain dicts.
Java: AbstractHerder.validateConnectorConfig.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from isthmus.api.config_def import ConfigDef, ConfigValue
from isthmus.api.connector import AnyConnector, SourceConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.config.connector import (
    ConverterKey,
    enrich,
    validate_converter,
    validate_no_nulls,
    validate_sink,
)
from isthmus.config.connector_def import connector_config_def, sink_config_def, source_config_def
from isthmus.config.infos import Info, config_infos, extend_infos
from isthmus.config.override_policy import build_override_policy, clients_used
from isthmus.plugins import (
    CONNECTORS,
    PluginDescriptor,
    PluginIndex,
    PluginKind,
    PluginNotFoundError,
    Plugins,
    Wanted,
    wanted_by,
)
from isthmus.plugins.versions import VersionRange

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]

_CONVERTERS: Final[tuple[tuple[ConverterKey, PluginKind], ...]] = (
    ("header.converter", PluginKind.HEADER_CONVERTER),
    ("key.converter", PluginKind.CONVERTER),
    ("value.converter", PluginKind.CONVERTER),
)

_NO_EXACTLY_ONCE: Final = "This worker does not have exactly-once source support enabled."
_UNKNOWN_EXACTLY_ONCE: Final = (
    "The connector does not implement the API required for preflight validation of exactly-once"
    " source support. Please consult the documentation for the connector to determine whether it"
    " supports exactly-once semantics, and then consider reconfiguring the connector to use the"
    ' value "requested" for this property (which will disable this preflight check and allow the'
    " connector to be created)."
)
_NO_BOUNDARIES: Final = (
    "The connector does not support connector-defined transaction boundaries with the given"
    " configuration. Please reconfigure it to use a different transaction boundary definition."
)


class Catalog:
    """The plugins that settings may name, to the definitions of those settings."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def names(self, kind: str) -> Sequence[str]:
        """Return the class names of all plugins of a kind."""
        found = self._plugins.everywhere().of(PluginKind(kind))
        return list(dict.fromkeys(descriptor.class_name for descriptor in found))

    def resolve(self, kind: str, name: str) -> str | None:
        """Return the full class name for a class name or alias; None if there is none."""
        try:
            return self._plugins.find(PluginKind(kind), name).class_name
        except PluginNotFoundError:
            return None

    def config_def(self, kind: str, class_name: str) -> ConfigDef:
        """Return the settings of a plugin that `resolve` gave the name of."""
        plugin = self._plugins.create(self._plugins.find(PluginKind(kind), class_name))
        return cast("ConfigDef", plugin.config())


def validate_config(config: Config, worker: Mapping[str, str], plugins: Plugins) -> Info:
    """Return each setting of the connector with its value and errors.

    Raises:
        ConnectError: There is no such connector, or it breaks the contract of connectors.
    """
    class_name = config.get("connector.class") or ""
    descriptor = plugins.find(CONNECTORS, class_name)
    wrong_version = _validate_connector_version(config, descriptor, plugins)
    if wrong_version is not None:
        return wrong_version
    connector = cast("AnyConnector", plugins.create(descriptor))
    catalog = Catalog(plugins)
    own_def = framework_def(descriptor.kind, catalog)
    definition = enrich(_with_defaults(own_def, worker, plugins), config, catalog)
    values = {value.name: value for value in definition.validate(config)}
    _add_errors(values, _cross_checks(config, worker, connector, values))
    _add_errors(values, validate_no_nulls(config))
    _add_errors(values, _validate_versions(config, plugins))

    connector_def, connector_values = _ask_connector(connector, config)
    keys = {**definition.keys, **connector_def.keys}
    groups = dict.fromkeys([*definition.groups, *connector_def.groups])
    infos = config_infos(class_name, list(groups), keys, [*values.values(), *connector_values])
    infos = _with_client_overrides(infos, config, worker, descriptor.kind)
    return _with_converters(infos, config, values, plugins)


def framework_def(kind: PluginKind, catalog: Catalog) -> ConfigDef:
    """Return the settings that the runtime itself knows for a kind of connector."""
    return sink_config_def(catalog) if kind is PluginKind.SINK else source_config_def(catalog)


def _validate_connector_version(
    config: Config, descriptor: PluginDescriptor, plugins: Plugins
) -> Info | None:
    """Return the answer for a connector that there is only in other versions (KIP-891)."""
    names = ("connector.class", "connector.plugin.version")
    version = config.get("connector.plugin.version")
    wanted = Wanted(*names, CONNECTORS, descriptor.class_name, version)
    known = PluginIndex([descriptor, *plugins.everywhere()])
    message = _why_not(known, wanted)
    if message is None:
        return None
    keys = {name: connector_config_def().keys[name] for name in names}
    values = [ConfigValue(name, config.get(name), [], [message]) for name in names]
    return config_infos(config.get("connector.class") or "", [], keys, values)


def _validate_versions(config: Config, plugins: Plugins) -> Sequence[ConfigValue]:
    """Return errors of converters, transformations and predicates that lack the version wanted."""
    errors: list[ConfigValue] = []
    for wanted in wanted_by(config, {}):
        message = _why_not(plugins.everywhere(), wanted)
        if message is not None and wanted.key != "connector.class":
            names = (wanted.key, wanted.version_key)
            errors += [ConfigValue(name, config.get(name), [], [message]) for name in names]
    return errors


def _why_not(known: PluginIndex, wanted: Wanted) -> str | None:
    """Return why no version of a plugin is what is wanted; None if one is, or there is no plugin.

    Raises:
        ConnectError: The version is no version.
    """
    if not VersionRange.is_given(wanted.version):
        return None
    try:
        known.matching(wanted)
    except PluginNotFoundError as error:
        return str(error)
    return None


def _with_defaults(definition: ConfigDef, worker: Mapping[str, str], plugins: Plugins) -> ConfigDef:
    """Return the definition with the converters that hold if the connector names none."""
    enriched = definition.copy()
    for name, kind in _CONVERTERS:
        if class_name := worker.get(name, "").strip():
            try:
                class_name = plugins.find(kind, class_name).class_name
            except PluginNotFoundError:
                log.warning("The worker's %s is no plugin: %s", name, class_name)
            enriched.replace(replace(enriched.keys[name], default=class_name))
    return enriched


def _cross_checks(
    config: Config,
    worker: Mapping[str, str],
    connector: AnyConnector,
    values: Mapping[str, ConfigValue],
) -> list[ConfigValue]:
    """Return errors that one setting alone does not show."""
    if not isinstance(connector, SourceConnector):
        try:
            return validate_sink(config)
        except ConfigError:
            return []  # topics.regex is no regular expression; its own validator says so
    found: list[ConfigValue] = []
    if _is(values, "exactly.once.support", "required"):
        enabled = worker.get("exactly.once.source.support", "disabled").strip().lower() == "enabled"
        if not enabled:
            found.append(ConfigValue("exactly.once.support", None, [], [_NO_EXACTLY_ONCE]))
        found.append(ConfigValue("exactly.once.support", None, [], [_UNKNOWN_EXACTLY_ONCE]))
    if _is(values, "transaction.boundary", "connector"):
        found.append(ConfigValue("transaction.boundary", None, [], [_NO_BOUNDARIES]))
    return found


def _is(values: Mapping[str, ConfigValue], name: str, wanted: str) -> bool:
    value = values[name]
    return not value.error_messages and str(value.value).lower() == wanted


def _add_errors(values: dict[str, ConfigValue], errors: Iterable[ConfigValue]) -> None:
    for error in errors:
        value = values.setdefault(error.name, ConfigValue(error.name, error.value))
        value.error_messages += error.error_messages


def _ask_connector(
    connector: AnyConnector, config: Config
) -> tuple[ConfigDef, Sequence[ConfigValue]]:
    """Return the connector's settings and what it says of their values.

    Raises:
        ConnectError: The connector returns neither.
    """
    name = f"{type(connector).__module__}.{type(connector).__qualname__}"
    definition = cast("ConfigDef | None", connector.config())
    if definition is None:
        raise ConnectError(f"{name}.config() must return a ConfigDef that is not null.")
    values = cast("Sequence[ConfigValue] | None", connector.validate(config))
    if values is None:
        raise ConnectError(f"{name}.validate() must return a Config that is not null.")
    return definition, values


def _with_client_overrides(
    infos: Info, config: Config, worker: Mapping[str, str], kind: PluginKind
) -> Info:
    policy = build_override_policy(worker)
    exactly_once = worker.get("exactly.once.source.support", "").strip().lower() == "enabled"
    is_source = kind is PluginKind.SOURCE
    for client in clients_used(config, is_source=is_source, exactly_once=exactly_once):
        infos = extend_infos(infos, {}, policy.validate(config, client))
    return infos


def _with_converters(
    infos: Info, config: Config, values: Mapping[str, ConfigValue], plugins: Plugins
) -> Info:
    for name, kind in _CONVERTERS:
        # Only a class that the connector names itself uses the connector's options.
        class_name = (config.get(name) or "").strip()
        if not class_name or values[name].error_messages:
            continue
        definition = cast("ConfigDef", plugins.create(plugins.find(kind, class_name)).config())
        role = f"{name}.converter.type"
        infos = extend_infos(
            infos, *validate_converter({role: name.split(".")[0], **config}, name, definition)
        )
    return infos
