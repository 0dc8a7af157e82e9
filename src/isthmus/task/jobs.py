"""Code of plugins that is run once for its answer, in a process of its own.

`JOBS` has what the worker may ask for, by name. Arguments and answers are JSON. An error that is
none of Connect's reaches the worker as a `PluginError`: a fault of the plugin, not of the caller.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

from isthmus.api.connector import AnyConnector, SinkConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.channel import Reply, RunPluginJob
from isthmus.config.infos import config_key_info
from isthmus.plugins import (
    CONNECTORS,
    PluginDescriptor,
    PluginKind,
    PluginNotFoundError,
    Plugins,
    wanted_by,
)
from isthmus.plugins.versions import VersionRange
from isthmus.task.catalog import Catalog
from isthmus.task.validation import framework_def, validate_config

log = logging.getLogger(__name__)

Arguments: TypeAlias = Mapping[str, Any]
Job: TypeAlias = Callable[[Arguments, Mapping[str, str], Plugins], object]


class UnknownPluginError(ConnectError):
    """There is no plugin of this name, or none of this version."""


def run_job(message: RunPluginJob, plugins: Plugins) -> Reply:
    """Do the job and return its answer, or the error that it ended with."""
    try:
        arguments = msgspec.json.decode(message.arguments, type=dict[str, Any])
        elsewhere = msgspec.json.decode(message.elsewhere, type=list[PluginDescriptor])
        plugins = plugins.with_others(elsewhere)
        answer = JOBS[message.job](arguments, message.worker_config, plugins)
        return Reply(message.request, msgspec.json.encode(answer))
    except ConnectError as error:
        return Reply(message.request, error_type=_error_type(error), error=str(error))
    except Exception as error:
        log.exception("Job %s failed", message.job)
        return Reply(message.request, error_type="PluginError", error=str(error) or repr(error))


def _error_type(error: ConnectError) -> str:
    """Return the name by which the worker knows what to raise."""
    if isinstance(error, UnknownPluginError):
        return "LookupError"
    return "ConfigError" if isinstance(error, ConfigError) else "ConnectError"


def _validate_config(arguments: Arguments, worker: Mapping[str, str], plugins: Plugins) -> object:
    """`config` → the answer of a validation, as the REST API sends it."""
    return validate_config(arguments["config"], worker, plugins)


def _describe_plugins(_: Arguments, __: Mapping[str, str], plugins: Plugins) -> object:
    """Return all plugins that this process can load, as `PluginDescriptor`s."""
    return list(plugins)


def _plugin_config(arguments: Arguments, _: Mapping[str, str], plugins: Plugins) -> object:
    """`plugin`, `version` → the plugin's settings, then those of the runtime besides (KIP-769)."""
    descriptor = _find(plugins, arguments["plugin"], arguments.get("version"))
    keys = dict(plugins.create(descriptor).config().keys)
    if descriptor.kind in CONNECTORS:
        for name, key in framework_def(descriptor, Catalog(plugins)).keys.items():
            keys.setdefault(name, key)
    return [config_key_info(key) for key in keys.values()]


def _find(plugins: Plugins, name: str, version: str | None) -> PluginDescriptor:
    kinds = tuple(PluginKind)
    try:
        plugins.find(kinds, name)
    except PluginNotFoundError as error:
        raise UnknownPluginError(str(error)) from None
    try:
        VersionRange.parse(version)
    except ConnectError:
        raise ConnectError(f"Invalid version specification: {version}") from None
    return plugins.find(kinds, name, version)


def _connector_type(arguments: Arguments, _: Mapping[str, str], plugins: Plugins) -> object:
    """`connector.class` → `source`, `sink`, or `unknown` if there is no such connector here."""
    try:
        return plugins.find(CONNECTORS, arguments["connector.class"]).kind
    except PluginNotFoundError:
        return "unknown"


def _check_converters(_: Arguments, worker: Mapping[str, str], plugins: Plugins) -> object:
    """Refuse a converter of the worker's own settings that there is not, or not in the version."""
    for wanted in wanted_by({}, worker):
        try:
            plugins.find(wanted.kinds, wanted.name, wanted.version)
        except ConnectError as error:
            raise ConfigError.invalid(wanted.key, wanted.name, str(error)) from None
    return None


def _alter_offsets(arguments: Arguments, _: Mapping[str, str], plugins: Plugins) -> object:
    """`config`, `offsets` → whether the offsets in Kafka are all there is to change (KIP-875).

    Offsets of a source are pairs of partition and offset, those of a sink triples of topic,
    partition and offset; an offset is null for a reset.
    """
    config: dict[str, str] = {k: v for k, v in arguments["config"].items() if v is not None}
    descriptor = plugins.find_connector(config)
    connector = cast("AnyConnector", plugins.create(descriptor))
    offsets = arguments["offsets"]
    try:
        if isinstance(connector, SinkConnector):
            wanted = {(topic, partition): offset for topic, partition, offset in offsets}
            return connector.alter_offsets(config, wanted)
        return connector.alter_offsets(config, [(part, offset) for part, offset in offsets])
    except NotImplementedError:
        raise ConnectError(
            f"Failed to modify offsets for connector {config.get('name')} because it doesn't"
            " support external modification of offsets"
        ) from None


JOBS: Mapping[str, Job] = {
    "validate_config": _validate_config,
    "check_converters": _check_converters,
    "describe_plugins": _describe_plugins,
    "plugin_config": _plugin_config,
    "connector_type": _connector_type,
    "alter_offsets": _alter_offsets,
}
