"""Connectors in files, for the command line of a standalone worker.

A file is, in the order in which it is tried:

    {"name": "x", "connector.class": …}                           the settings as JSON
    {"name": "x", "config": {…}, "initial_state": "PAUSED"}       a request's body; more is ignored
    name=x                                                        properties
"""

from pathlib import Path

import msgspec

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.config.properties import read_properties
from isthmus.herder.errors import RestError
from isthmus.herder.views import JsonConfig
from isthmus.rest.bodies import read_config, read_create_request

_REQUEST_FIELDS = ("name", "config", "initial_state")


def read_connector_file(file: Path) -> tuple[str, JsonConfig, TargetState | None]:
    """Return name, settings and initial state of the connector; the name is in its settings.

    Raises:
        ConnectError: The file cannot be read, or has no name.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConnectError(f"{file} could not be read: {error}") from error
    config = _read_settings(data)
    if config is not None:
        if not config.get("name"):
            raise ConnectError(
                f"Connector configuration at '{file}' is missing the mandatory 'name' configuration"
            )
        return config["name"] or "", config, None
    if (found := _read_request(data, file)) is not None:
        return found
    properties = read_properties(file)
    return properties.get("name", ""), dict(properties), None


def _read_settings(data: bytes) -> JsonConfig | None:
    try:
        return read_config(data)
    except RestError:
        return None


def _read_request(data: bytes, file: Path) -> tuple[str, JsonConfig, TargetState | None] | None:
    try:
        fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        known = {name: fields[name] for name in _REQUEST_FIELDS if name in fields}
        request = read_create_request(msgspec.json.encode(known))
    except (msgspec.DecodeError, RestError):
        return None
    if request is None or request.config is None:
        return None
    name, config = request.name or "", request.config
    if config.get("name", name) != name:
        raise ConnectError(
            "Connector name configuration in 'config' doesn't match the one specified in 'name' at"
            f" '{file}'"
        )
    state = None if request.initial_state is None else request.initial_state.target_state()
    return name, {**config, "name": name}, state
