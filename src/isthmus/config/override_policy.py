"""Which client settings a connector may override (KIP-458).

Java: ConnectorClientConfigOverridePolicy and its four classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.api.config_def import ConfigValue, parse_list
from isthmus.api.errors import ConfigError
from isthmus.config.client_keys import ClientKind

_KEY: Final = "connector.client.config.override.policy"
_ALLOWLIST_KEY: Final = "connector.client.config.override.allowlist"
_NAMES: Final = ("All", "None", "Principal", "Allowlist")
_JAVA_PACKAGE: Final = "org.apache.kafka.connect.connector.policy."
_JAVA_SUFFIX: Final = "ConnectorClientConfigOverridePolicy"
_PRINCIPAL: Final = frozenset({"sasl.jaas.config", "sasl.mechanism", "security.protocol"})


def client_overrides(connector: Mapping[str, str | None], kind: ClientKind) -> dict[str, str]:
    """Return what a connector sets for its clients by `producer.override.*` and so on (KIP-458)."""
    prefix = f"{kind}.override."
    return {
        key.removeprefix(prefix): value
        for key, value in connector.items()
        if key.startswith(prefix) and value is not None
    }


@dataclass(frozen=True, slots=True)
class OverridePolicy:
    """A policy: the settings that it allows, None for all."""

    name: str
    allowed: frozenset[str] | None

    def validate(self, config: Mapping[str, str | None], kind: ClientKind) -> list[ConfigValue]:
        """Return each override for clients of this kind, under its full name, with its errors."""
        values: list[ConfigValue] = []
        for key, text in client_overrides(config, kind).items():
            value = ConfigValue(f"{kind}.override.{key}", text)
            if self.allowed is not None and key not in self.allowed:
                value.add_error(
                    f"The '{self.name}' policy does not allow '{key}' to be overridden in the"
                    " connector configuration."
                )
            values.append(value)
        return values

    def check(self, config: Mapping[str, str | None], kind: ClientKind) -> None:
        """Refuse overrides that are not allowed, when a client is built.

        Raises:
            ConfigError: There are such overrides.
        """
        errors = [text for value in self.validate(config, kind) for text in value.error_messages]
        if errors:
            raise ConfigError(f"Client Config Overrides not allowed [{', '.join(errors)}]")


def build_override_policy(worker: Mapping[str, str]) -> OverridePolicy:
    """Return the policy that the worker's properties name, by alias or Java class name.

    Raises:
        ConfigError: There is no such policy.
    """
    given = worker.get(_KEY, "All").strip()
    name = given.removeprefix(_JAVA_PACKAGE).removesuffix(_JAVA_SUFFIX)
    if name not in _NAMES:
        raise ConfigError.invalid(
            _KEY,
            given,
            f"expected one of {', '.join(_NAMES)}; a policy of one's own is not supported,"
            f" {_ALLOWLIST_KEY} takes any list of settings",
        )
    allowed = {
        "All": None,
        "None": frozenset[str](),
        "Principal": _PRINCIPAL,
        "Allowlist": frozenset(parse_list(worker.get(_ALLOWLIST_KEY, ""))),
    }
    return OverridePolicy(name, allowed[name])


def clients_used(
    config: Mapping[str, str | None], *, is_source: bool, exactly_once: bool = False
) -> list[ClientKind]:
    """Return the kinds of clients whose overrides matter to this connector.

    `exactly_once` says whether the worker writes source offsets in transactions.
    """
    if not is_source:
        if _is_set(config, "errors.deadletterqueue.topic.name"):
            return [ClientKind.PRODUCER, ClientKind.CONSUMER, ClientKind.ADMIN]
        return [ClientKind.CONSUMER]
    kinds = [ClientKind.PRODUCER]
    own_offsets = exactly_once or _is_set(config, "offsets.storage.topic")
    if own_offsets:
        kinds.append(ClientKind.CONSUMER)
    if own_offsets or any(key.startswith("topic.creation.") for key in config):
        kinds.append(ClientKind.ADMIN)
    return kinds


def _is_set(config: Mapping[str, str | None], key: str) -> bool:
    return bool((config.get(key) or "").strip())
