"""What Isthmus does about connectors and tasks that fail, stand still or take too much.

    auto.restart.*      start again what has failed
    stall.*             tell of a task that stands still, or start it again
    limit.*             memory, processor time and open files of each process of a connector

Java's worker knows none of these keys and ignores them. Each is one of a connector, and of a worker
for all its connectors that do not set it.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from isthmus.api.config_def import (
    ConfigDef,
    ConfigValue,
    Importance,
    LambdaValidator,
    Range,
    Type,
    Validator,
    ValidString,
    Width,
)
from isthmus.api.errors import ConfigError

#: Fewer than these open files are not enough for a Kafka client beside a plugin.
_FEWEST_FILES: Final = 64
_LOWEST_PRIORITY: Final = 19
_MAX_INT: Final = 2**31 - 1

_SOFT: Final = "limit.memory.soft.bytes"
_HARD: Final = "limit.memory.hard.bytes"


class StallAction(StrEnum):
    """What is done about a task that stands still."""

    REPORT = "report"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class RestartSettings:
    """How what has failed is started again; `most` -1 is without end, durations are seconds."""

    enabled: bool
    most: int
    backoff: float
    longest_backoff: float
    #: After running so long, what fails is restarted as if for the first time.
    reset_after: float


@dataclass(frozen=True, slots=True)
class StallSettings:
    """When a task stands still, in seconds, 0 for never; and what is done about it."""

    timeout: float
    action: StallAction


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process of a connector may take; 0 where there is no limit."""

    soft_memory: int
    hard_memory: int
    nice: int
    open_files: int


@dataclass(frozen=True, slots=True)
class Supervision:
    """The settings of one connector."""

    restart: RestartSettings
    stall: StallSettings
    limits: Limits

    @classmethod
    def of(
        cls, connector: Mapping[str, str | None], worker: Mapping[str, str | None]
    ) -> "Supervision":
        """Return what holds for a connector: its own settings, else those of its worker.

        Raises:
            ConfigError: The first setting that is wrong.
        """
        values = _parse(connector, worker)
        _check_memory(values)

        def number(key: str) -> int:
            return cast("int", values[key])

        return cls(
            RestartSettings(
                cast("bool", values["auto.restart.enable"]),
                number("auto.restart.max"),
                number("auto.restart.backoff.ms") / 1000,
                number("auto.restart.backoff.max.ms") / 1000,
                number("auto.restart.reset.ms") / 1000,
            ),
            StallSettings(
                number("stall.timeout.ms") / 1000, StallAction(str(values["stall.action"]))
            ),
            Limits(
                number(_SOFT), number(_HARD), number("limit.cpu.nice"), number("limit.open.files")
            ),
        )


def supervision_errors(
    connector: Mapping[str, str | None], worker: Mapping[str, str | None]
) -> list[ConfigValue]:
    """Return the error that no setting shows alone, if there is one."""
    try:
        values = _parse(connector, worker)
    except ConfigError:
        return []  # the setting's own validator says so
    try:
        _check_memory(values)
    except ConfigError as error:
        return [ConfigValue(_SOFT, values[_SOFT], [], [str(error)])]
    return []


def _parse(
    connector: Mapping[str, str | None], worker: Mapping[str, str | None]
) -> dict[str, object]:
    definition = supervision_def()
    own = {key: value for key, value in connector.items() if key in definition}
    return definition.parse({**worker, **own})


@functools.cache
def supervision_def() -> ConfigDef:
    """Return the definition of these settings alone; treat it as read-only."""
    definition = ConfigDef()
    define_supervision(definition)
    return definition


def define_supervision(definition: ConfigDef) -> None:
    """Add these settings to those of a worker or a connector."""
    for order, (name, type_, default, validator, title, text) in enumerate(_KEYS, 1):
        definition.define(
            name,
            type_,
            default,
            validator=validator,
            importance=Importance.LOW,
            documentation=text,
            group="Supervision",
            order_in_group=order,
            width=Width.SHORT,
            display_name=title,
        )


def _check_memory(values: Mapping[str, object]) -> None:
    soft, hard = cast("int", values[_SOFT]), cast("int", values[_HARD])
    if soft and hard and soft >= hard:
        raise ConfigError.invalid(_SOFT, soft, f"expected less than {_HARD}={hard}")


def _check_files(name: str, value: object) -> None:
    if value != 0:
        Range.at_least(_FEWEST_FILES)(name, value)


_DURATION: Final = Range.between(0, _MAX_INT)

#: Key, type, default, validator, display name and documentation.
_KEYS: Final[tuple[tuple[str, Type, object, Validator | None, str, str], ...]] = (
    (
        "auto.restart.enable",
        Type.BOOLEAN,
        False,
        None,
        "Automatic restart",
        "Whether a connector or task that has FAILED is started again by itself, unless its"
        " configuration is the cause.",
    ),
    (
        "auto.restart.max",
        Type.INT,
        10,
        Range.at_least(-1),
        "Automatic restarts",
        "How many times in a row it is started again; -1 without end.",
    ),
    (
        "auto.restart.backoff.ms",
        Type.LONG,
        10000,
        Range.between(1, _MAX_INT),
        "Automatic restart backoff",
        "The pause before the first restart, a fifth more or less; each further one is twice as"
        " long.",
    ),
    (
        "auto.restart.backoff.max.ms",
        Type.LONG,
        600000,
        Range.between(1, _MAX_INT),
        "Longest automatic restart backoff",
        "The longest pause before a restart.",
    ),
    (
        "auto.restart.reset.ms",
        Type.LONG,
        600000,
        _DURATION,
        "Automatic restart reset",
        "What has run for so long is restarted as if it failed for the first time.",
    ),
    (
        "stall.timeout.ms",
        Type.LONG,
        300000,
        _DURATION,
        "Stall timeout",
        "A task that sits in one call, or gets no further although there are records, for so long"
        " is reported as stalled; 0 for never.",
    ),
    (
        "stall.action",
        Type.STRING,
        "report",
        ValidString(*StallAction),
        "Stall action",
        "What to do about a stalled task: report it, or restart it as well, with the pauses and"
        " the limit of auto.restart.*, whether or not that is enabled.",
    ),
    (
        _SOFT,
        Type.LONG,
        0,
        Range.at_least(0),
        "Soft memory limit",
        "The resident memory of one process beyond which a warning is logged and a task reads"
        " nothing more until it has flushed and committed; 0 for no limit.",
    ),
    (
        _HARD,
        Type.LONG,
        0,
        Range.at_least(0),
        "Hard memory limit",
        "The resident memory of one process beyond which it is killed and FAILED; 0 for no limit.",
    ),
    (
        "limit.cpu.nice",
        Type.INT,
        0,
        Range.between(0, _LOWEST_PRIORITY),
        "Nice level",
        "By how much the processes' claim to the processor is lower than the worker's.",
    ),
    (
        "limit.open.files",
        Type.INT,
        0,
        LambdaValidator(_check_files, f"0 or [{_FEWEST_FILES},...]"),
        "Open files",
        "How many files and sockets one process may have open; 0 for as many as the worker.",
    ),
)
