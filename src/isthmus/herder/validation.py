"""Which plugins there are, what their settings are, and whether a connector's config is right.

All of that is plugin code, so it runs in a short-lived child. What cannot change while the worker
runs, the list of plugins and what kind of connector a class is, is asked once and remembered.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from isthmus.api.config_def import Password, Type
from isthmus.api.errors import ConnectError
from isthmus.config.worker import WorkerConfig
from isthmus.herder.errors import BadRequestError, NotFoundError, RestError
from isthmus.herder.views import ConfigInfo, ConfigInfos, ConfigKeyInfo, JsonConfig, PluginInfo
from isthmus.plugins import (
    CONNECTORS,
    PluginDescriptor,
    PluginIndex,
    PluginKind,
    Wanted,
    wanted_by,
)
from isthmus.secrets import hide, hide_values

#: Validation is the connector's own code and may ask its source or target; the REST API gives up
#: on a request at this age, so a validation that takes longer has nobody left to tell.
VALIDATION_TIMEOUT = 90.0


class PluginJobs(Protocol):
    """Knows the plugins, and runs their code in a child of its own."""

    async def plugins(self) -> PluginIndex: ...

    async def run_job(
        self, job: str, arguments: object, timeout: float, wanted: Sequence[Wanted] = ()
    ) -> Any: ...


class Validation:
    """Asks plugins about themselves. For the event loop only."""

    def __init__(
        self,
        jobs: PluginJobs,
        config: WorkerConfig,
        resolve: Callable[[Mapping[str, str | None]], dict[str, str | None]],
    ) -> None:
        self._jobs = jobs
        self._config = config
        self._resolve = resolve
        self._types: dict[str, str] = {}

    async def plugins(self, *, connectors_only: bool) -> list[PluginInfo]:
        """Return the plugins of this worker in Java's order: sinks, sources, then the others."""
        index = await self._jobs.plugins()
        found = index.of(CONNECTORS) if connectors_only else list(index)
        # A converter that is in several places in the same version is one entry.
        return list(dict.fromkeys(map(_plugin_info, found)))

    async def plugin_config(self, plugin: str, version: str | None) -> list[ConfigKeyInfo]:
        """Return the settings of a plugin, a connector's together with the runtime's own."""
        arguments = {"plugin": plugin, "version": version}
        wanted = [Wanted("plugin", "version", tuple(PluginKind), plugin, version)]
        try:
            described = await self._jobs.run_job(
                "plugin_config", arguments, VALIDATION_TIMEOUT, wanted
            )
        except LookupError as error:
            raise NotFoundError(f"Unknown plugin {plugin}.") from error
        except ConnectError as error:  # the version is no version
            raise BadRequestError(str(error)) from error
        return msgspec.convert(described, list[ConfigKeyInfo])

    async def connector_type(self, config: Mapping[str, str | None]) -> str:
        """Return `source`, `sink`, or `unknown` if this worker cannot load the class."""
        name = config.get("connector.class")
        if not name:
            return "unknown"
        if name not in self._types:
            try:
                kind = await self._find_type(name)
            except ConnectError:
                return "unknown"
            if kind == "unknown":
                return "unknown"
            self._types[name] = kind
        return self._types[name]

    async def _find_type(self, name: str) -> str:
        if listed := (await self._jobs.plugins()).named(CONNECTORS, name):
            return str(listed[0].kind)
        arguments = {"connector.class": name}
        return await self._jobs.run_job("connector_type", arguments, VALIDATION_TIMEOUT)

    async def validate(self, config: JsonConfig) -> ConfigInfos:
        """Return each setting of the connector with its value and errors.

        Raises:
            BadRequestError: There is no connector class, or none of that name.
        """
        resolved = self._resolve(config)
        if not resolved.get("connector.class"):
            shown = ", ".join(
                f"{key}={'null' if value is None else value}" for key, value in config.items()
            )
            raise BadRequestError(f"Connector config {{{shown}}} contains no connector type")
        try:
            answer = await self._jobs.run_job(
                "validate_config",
                {"config": resolved},
                VALIDATION_TIMEOUT,
                wanted_by(resolved, self._config.originals),
            )
        except RestError:
            raise
        except ConnectError as error:
            raise BadRequestError(hide_values(str(error), config, resolved)) from error
        return _as_written(msgspec.convert(answer, ConfigInfos), config, resolved)

    async def require_valid(self, config: JsonConfig) -> ConfigInfos:
        """Return the validated config.

        Raises:
            BadRequestError: It has errors; the text lists them all, worded as Java words it.
        """
        infos = await self.validate(config)
        if infos.error_count == 0:
            return infos
        messages = [message for entry in infos.configs for message in entry.value.errors]
        raise BadRequestError(
            f"Connector configuration is invalid and contains the following {infos.error_count}"
            " error(s):\n" + "\n".join(messages) + "\nYou can also find the above list of errors at"
            " the endpoint `/connector-plugins/{connectorType}/config/validate`"
        )


def _as_written(
    infos: ConfigInfos, config: JsonConfig, resolved: Mapping[str, str | None]
) -> ConfigInfos:
    """Return an answer that shows variables where Java's shows what they stand for."""

    def shown(info: ConfigInfo) -> ConfigInfo:
        value, written = info.value, config.get(info.value.name)
        if value.value is not None and written != resolved.get(value.name):
            secret = info.definition is not None and info.definition.type == Type.PASSWORD
            value = replace(value, value=Password.HIDDEN if secret else written)
        errors = [hide_values(error, config, resolved) for error in value.errors]
        recommended = [each and hide(each) for each in value.recommended_values]
        return replace(info, value=replace(value, errors=errors, recommended_values=recommended))

    return replace(infos, configs=[shown(info) for info in infos.configs])


def _plugin_info(plugin: PluginDescriptor) -> PluginInfo:
    return PluginInfo(plugin.class_name, str(plugin.kind), plugin.version)
