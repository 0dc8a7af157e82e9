"""What a source connector says about exactly-once writing before it starts (KIP-618).

Java: DistributedHerder.validateSourceConnectorConfig.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final, cast

from isthmus.api.config_def import ConfigValue
from isthmus.api.connector import (
    ConnectorTransactionBoundaries,
    ExactlyOnceSupport,
    SourceConnector,
)

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]

_NO_EXACTLY_ONCE: Final = "This worker does not have exactly-once source support enabled."
_UNKNOWN_EXACTLY_ONCE: Final = (
    "The connector does not implement the API required for preflight validation of exactly-once"
    " source support. Please consult the documentation for the connector to determine whether it"
    " supports exactly-once semantics, and then consider reconfiguring the connector to use the"
    ' value "requested" for this property (which will disable this preflight check and allow the'
    " connector to be created)."
)
_EXACTLY_ONCE_UNSUPPORTED: Final = (
    "The connector does not support exactly-once semantics with the provided configuration."
)
_NO_ANSWER_ABOUT_BOUNDARIES: Final = (
    "This connector has returned a null value from its canDefineTransactionBoundaries method,"
    " which is not permitted. The connector will be treated as if it cannot define its own"
    " transaction boundaries, and cannot be configured with 'transaction.boundary' set to"
    " 'connector'."
)
_NO_BOUNDARIES: Final = (
    "The connector does not support connector-defined transaction boundaries with the given"
    " configuration. Please reconfigure it to use a different transaction boundary definition."
)


def exactly_once_errors(
    config: Config,
    worker: Mapping[str, str],
    connector: SourceConnector,
    values: Mapping[str, ConfigValue],
) -> list[ConfigValue]:
    """Return errors of `exactly.once.support` and `transaction.boundary`, if they ask for a lot."""
    found: list[ConfigValue] = []
    if _is(values, "exactly.once.support", "required"):
        enabled = worker.get("exactly.once.source.support", "").strip().lower() == "enabled"
        support = _preflight(lambda: _support_error(connector, config))
        reasons = (None if enabled else _NO_EXACTLY_ONCE, support)
        found += [_error("exactly.once.support", reason) for reason in reasons if reason]
    if _is(values, "transaction.boundary", "connector"):
        reason = _preflight(lambda: _boundary_error(connector, config))
        found += [_error("transaction.boundary", reason)] if reason else []
    return found


def _is(values: Mapping[str, ConfigValue], name: str, wanted: str) -> bool:
    value = values[name]
    return not value.error_messages and str(value.value).lower() == wanted


def _error(name: str, message: str) -> ConfigValue:
    return ConfigValue(name, None, [], [message])


def _support_error(connector: SourceConnector, config: Config) -> str | None:
    support = connector.exactly_once_support(cast("Mapping[str, str]", config))
    if support is None:
        return _UNKNOWN_EXACTLY_ONCE
    return None if support is ExactlyOnceSupport.SUPPORTED else _EXACTLY_ONCE_UNSUPPORTED


def _boundary_error(connector: SourceConnector, config: Config) -> str | None:
    answer = cast(
        "ConnectorTransactionBoundaries | None",
        connector.can_define_transaction_boundaries(cast("Mapping[str, str]", config)),
    )
    if answer is None:
        return _NO_ANSWER_ABOUT_BOUNDARIES
    return None if answer is ConnectorTransactionBoundaries.SUPPORTED else _NO_BOUNDARIES


def _preflight(ask: Callable[[], str | None]) -> str | None:
    """Return what the connector says, or that it raised something, which ends no validation."""
    try:
        return ask()
    except Exception as error:
        log.exception("Failed while asking the connector about exactly-once support")
        reason = f": {error}" if str(error) else "; please see the worker logs for more details."
        return f"An unexpected error occurred during validation{reason}"
