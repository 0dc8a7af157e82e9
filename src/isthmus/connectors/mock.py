"""Connectors that move nothing and fail when they are told to. Java: MockConnector.

For tests of what a cluster does about failures:

    mock_mode    `connector-failure` or `task-failure`; anything else, and nothing fails
    delay_ms     how long after its start; 15000 by default
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from isthmus import CONNECT_VERSION
from isthmus.api.config_def import ConfigDef, Type, parse_type
from isthmus.api.connector import ConnectorContext, SinkConnector, SourceConnector
from isthmus.api.record import SinkRecords
from isthmus.api.task import SinkTask, SourceTask

_MODE: Final = "mock_mode"
_DELAY: Final = "delay_ms"
_CONNECTOR_FAILURE: Final = "connector-failure"
_TASK_FAILURE: Final = "task-failure"
_DEFAULT_DELAY_MS: Final = 15_000
_POLL_WAIT: Final = 0.1

log = logging.getLogger(__name__)


class MockSourceConnector(SourceConnector):
    """A source that may fail after a while. Java: MockSourceConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}
        self._failing: threading.Timer | None = None

    def config(self) -> ConfigDef:
        """Return no settings, as Java."""
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)
        self._failing = _fail_later(self._config, self.context)

    def task_class(self) -> type[SourceTask]:
        return MockSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config]

    def stop(self) -> None:
        if self._failing is not None:
            self._failing.cancel()


class MockSinkConnector(SinkConnector):
    """A sink that may fail after a while. Java: MockSinkConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}
        self._failing: threading.Timer | None = None

    def config(self) -> ConfigDef:
        """Return no settings, as Java."""
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)
        self._failing = _fail_later(self._config, self.context)

    def task_class(self) -> type[SinkTask]:
        return MockSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config]

    def stop(self) -> None:
        if self._failing is not None:
            self._failing.cancel()


class MockSourceTask(SourceTask):
    """Polls nothing. Java: MockSourceTask."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._fails_at: float | None = None

    def start(self, config: Mapping[str, str]) -> None:
        self._fails_at = _failure_time(config)

    def poll(self) -> None:
        _fail_if_due(self._fails_at, "source")
        self.context.sleep(_POLL_WAIT)


class MockSinkTask(SinkTask):
    """Takes all records and does nothing with them. Java: MockSinkTask.

    The runtime puts nothing at all several times a second when there are no records, so a failure
    is never late.
    """

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._fails_at: float | None = None

    def start(self, config: Mapping[str, str]) -> None:
        self._fails_at = _failure_time(config)

    def put(self, records: SinkRecords) -> None:
        _fail_if_due(self._fails_at, "sink")


def _delay(config: Mapping[str, str]) -> float:
    milliseconds = parse_type(_DELAY, config.get(_DELAY, str(_DEFAULT_DELAY_MS)), Type.LONG)
    assert isinstance(milliseconds, int)
    return milliseconds / 1000


def _fail_later(config: Mapping[str, str], context: ConnectorContext) -> threading.Timer | None:
    """Let the connector fail after the delay, if that is wanted."""
    if config.get(_MODE) != _CONNECTOR_FAILURE:
        return None

    def fail() -> None:
        log.debug("Triggering connector failure")
        context.raise_error(RuntimeError())

    timer = threading.Timer(_delay(config), fail)
    timer.daemon = True
    timer.start()
    return timer


def _failure_time(config: Mapping[str, str]) -> float | None:
    if config.get(_MODE) != _TASK_FAILURE:
        return None
    return time.monotonic() + _delay(config)


def _fail_if_due(moment: float | None, kind: str) -> None:
    if moment is not None and time.monotonic() > moment:
        log.debug("Triggering %s task failure", kind)
        raise RuntimeError
