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

from isthmus.api.config_def import ConfigDef, ConfigKey, ConfigValue, parse_type
from isthmus.api.connector import AnyConnector, SourceConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.config.client_definitions import client_keys
from isthmus.config.client_keys import ClientKind
from isthmus.config.connector import (
    ConverterKey,
    enrich,
    validate_converter,
    validate_group,
    validate_no_nulls,
    validate_sink,
)
from isthmus.config.connector_def import connector_config_def, sink_config_def, source_config_def
from isthmus.config.infos import Info, config_infos, extend_infos, in_hash_order
from isthmus.config.override_policy import (
    OverridePolicy,
    build_override_policy,
    clients_used,
)
from isthmus.config.supervision import supervision_def, supervision_errors
from isthmus.plugins import (
    CONNECTORS,
    PluginDescriptor,
    PluginIndex,
    PluginKind,
    Plugins,
    Wanted,
    wanted_by,
)
from isthmus.task.catalog import Catalog, why_not
from isthmus.task.preflight import exactly_once_errors

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]

_CONVERTERS: Final[tuple[tuple[ConverterKey, PluginKind], ...]] = (
    ("header.converter", PluginKind.HEADER_CONVERTER),
    ("key.converter", PluginKind.CONVERTER),
    ("value.converter", PluginKind.CONVERTER),
)
_DEFAULT_HEADER_CONVERTER: Final = "org.apache.kafka.connect.storage.SimpleHeaderConverter"


def validate_config(config: Config, worker: Mapping[str, str], plugins: Plugins) -> Info:
    """Return each setting of the connector with its value and errors.

    Raises:
        ConnectError: There is no such connector, or it breaks the contract of connectors.
    """
    class_name = config.get("connector.class") or ""
    descriptor = plugins.find(CONNECTORS, class_name)
    catalog = Catalog(plugins)
    refused = _refused_version(config, descriptor, catalog, plugins)
    if refused is not None:
        return refused
    connector = cast("AnyConnector", plugins.create(descriptor))
    definition = framework_def(descriptor, catalog)
    definition = enrich(_with_defaults(definition, config, worker, catalog), config, catalog)
    for key in supervision_def():
        if key.name in config:  # else Java's clients would find settings that they do not know
            definition.add(key)
    values = {value.name: value for value in definition.validate(config)}
    _add_errors(values, _cross_checks(config, worker, connector, values))
    _add_errors(values, validate_no_nulls(config))
    _add_errors(values, _wrong_versions(config, plugins))
    _add_errors(values, supervision_errors(config, worker))

    connector_def, connector_values = _ask_connector(connector, config)
    keys = {**definition.keys, **connector_def.keys}
    groups = dict.fromkeys([*definition.groups, *connector_def.groups])
    infos = config_infos(class_name, list(groups), keys, [*values.values(), *connector_values])
    infos = _with_client_overrides(infos, config, worker, descriptor.kind)
    return _with_converters(infos, config, values, plugins)


def framework_def(connector: PluginDescriptor, catalog: Catalog) -> ConfigDef:
    """Return the settings that the runtime itself knows for this connector."""
    is_sink = connector.kind is PluginKind.SINK
    definition = sink_config_def(catalog) if is_sink else source_config_def(catalog)
    newest = catalog.newest_version("connector", connector.class_name)
    definition.replace(_version_key(definition, "connector", newest))
    return definition


def _version_key(definition: ConfigDef, what: str, default: str | None) -> ConfigKey:
    return replace(definition.keys[f"{what}.plugin.version"], default=default)


def _wrong_versions(config: Config, plugins: Plugins) -> Sequence[ConfigValue]:
    """Return errors of converters, transformations and predicates that lack the version wanted."""
    errors: list[ConfigValue] = []
    for wanted in wanted_by(config, {}):
        if wanted.key == "connector.class":
            continue
        try:
            message = why_not(plugins.everywhere(), wanted)
        except ConnectError:
            continue  # It is no version at all, as its own setting says.
        if message is not None:
            names = (wanted.key, wanted.version_key)
            errors += [ConfigValue(name, config.get(name), [], [message]) for name in names]
    return errors


def _refused_version(
    config: Config, descriptor: PluginDescriptor, catalog: Catalog, plugins: Plugins
) -> Info | None:
    """Return the answer for a connector that there is only in other versions (KIP-891).

    Nothing is known then but what all connectors have in common; converters are not looked at.
    """
    names = ("connector.class", "connector.plugin.version")
    wanted = Wanted(*names, CONNECTORS, descriptor.class_name, config.get(names[1]))
    message = why_not(PluginIndex([descriptor, *plugins.everywhere()]), wanted)
    if message is None:
        return None
    definition = connector_config_def()
    version = connector_config_def(catalog).keys["connector.plugin.version"]
    newest = catalog.newest_version("connector", descriptor.class_name)
    definition.replace(replace(version, default=newest))
    values = {value.name: value for value in definition.validate(config)}
    for name in names:
        values[name].add_error(message)
    class_name = config.get("connector.class") or ""
    return config_infos(class_name, definition.groups, definition.keys, list(values.values()))


def _with_defaults(
    definition: ConfigDef, config: Config, worker: Mapping[str, str], catalog: Catalog
) -> ConfigDef:
    """Return the definition with the converters that hold if the connector names none.

    The default version of a converter is that of the one which the connector names, if it does.
    """
    enriched = definition.copy()
    for name, kind in _CONVERTERS:
        default = worker.get(name, "").strip()
        if not default and name == "header.converter":
            default = _DEFAULT_HEADER_CONVERTER
        own = config.get(name)
        if default:
            class_name = catalog.resolve(kind, default)
            if class_name is None:
                log.warning("The worker's %s is no plugin: %s", name, default)
            enriched.replace(replace(enriched.keys[name], default=class_name or default))
        version = catalog.newest_version(kind, default if own is None else own)
        if own is None:
            version = worker.get(f"{name}.plugin.version", version)
        enriched.replace(_version_key(enriched, name, version))
    return enriched


def _cross_checks(
    config: Config,
    worker: Mapping[str, str],
    connector: AnyConnector,
    values: Mapping[str, ConfigValue],
) -> list[ConfigValue]:
    """Return errors that one setting alone does not show."""
    if not isinstance(connector, SourceConnector):
        group = validate_group(config, worker.get("group.id", ""))
        try:
            return [*validate_sink(config), *group]
        except ConfigError:
            return group  # topics.regex is no regular expression; its own validator says so
    return exactly_once_errors(config, worker, connector, values)


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
        infos = extend_infos(infos, *_overrides(policy, config, client))
    return infos


def _overrides(
    policy: OverridePolicy, config: Config, client: ClientKind
) -> tuple[dict[str, ConfigKey], list[ConfigValue]]:
    """Return a client's overrides with what the client says of them, both under full names."""
    prefix = f"{client}.override."
    judged = {value.name: value for value in policy.validate(config, client)}
    names = in_hash_order(key.removeprefix(prefix) for key in config if key.startswith(prefix))
    # An override that is null has been refused before, and is shown all the same.
    values = [judged.get(prefix + name) or ConfigValue(prefix + name) for name in names]
    known: Mapping[str, ConfigKey] = client_keys(client) if values else {}
    keys: dict[str, ConfigKey] = {}
    for value in values:
        key = known.get(value.name.removeprefix(prefix))
        if key is None:
            continue
        keys[value.name] = replace(key, name=value.name)
        try:
            value.value = parse_type(key.name, value.value, key.type)
        except ConfigError as error:
            value.value = None
            value.add_error(str(error))
    return keys, values


def _with_converters(
    infos: Info, config: Config, values: Mapping[str, ConfigValue], plugins: Plugins
) -> Info:
    for name, kind in _CONVERTERS:
        # Only a class that the connector names itself uses the connector's options.
        class_name = (config.get(name) or "").strip()
        wrong = values[name].error_messages or values[f"{name}.plugin.version"].error_messages
        if not class_name or wrong:
            continue
        definition = cast("ConfigDef", plugins.create(plugins.find(kind, class_name)).config())
        role = f"{name}.converter.type"
        infos = extend_infos(
            infos, *validate_converter({role: name.split(".")[0], **config}, name, definition)
        )
    return infos
