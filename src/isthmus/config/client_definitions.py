"""What Kafka's Java clients say about their settings, for overrides in connectors (KIP-458).

The table is large and seldom needed: it is read when the first override is validated.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from isthmus.api.config_def import NO_DEFAULT, ConfigKey, Importance, Type, parse_type
from isthmus.config.client_keys import ClientKind

_SPECIAL: Final[Mapping[str, object]] = {"<required>": NO_DEFAULT, "<null>": None}


@cache
def client_keys(kind: ClientKind) -> Mapping[str, ConfigKey]:
    """Return the settings of a kind of client by name, without limits or other validators."""
    text = files("isthmus.config").joinpath("client_settings.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows: list[list[str]] = list(csv.reader(lines, "excel-tab"))
    return {
        name: _key(kind, name, Type(type_), default, Importance(importance))
        for clients, name, type_, default, importance in rows
        if clients == "all" or kind in clients.split(",")
    }


def _key(
    kind: ClientKind, name: str, type_: Type, default: str, importance: Importance
) -> ConfigKey:
    value = _SPECIAL[default] if default in _SPECIAL else parse_type(name, default, type_)
    return ConfigKey(
        name=name,
        type=type_,
        default=value,
        importance=importance,
        documentation=f"{name} of the connector's {kind} client, as Apache Kafka documents it.",
        display_name=name,
    )
