"""Runs one connector in its own process: start, task configs, changes of state, stop.

Java: WorkerConnector, and Worker.connectorTaskConfigs. What leads from one state to the next is
Java's: a connector that has FAILED stays so, and its process ends; the worker knows what may come
after that.
"""

import logging
import threading
import traceback
from collections.abc import Mapping
from typing import cast

import msgspec

from isthmus.api.connector import AnyConnector, SinkConnector
from isthmus.api.errors import ConnectError
from isthmus.api.metrics import PluginMetrics
from isthmus.channel import (
    Failure,
    GenerateTaskConfigs,
    ReconfigurationRequested,
    Reply,
    StartConnector,
    State,
    StateChanged,
    TargetState,
)
from isthmus.config.connector import sink_topics
from isthmus.config.supervision import Supervision
from isthmus.config.tasks_max import TooManyTasksError, check_tasks_max
from isthmus.plugins import PluginDescriptor, Plugins
from isthmus.task.failure import kind_of, trace_of_failure
from isthmus.task.limits import apply_limits
from isthmus.task.link import Link
from isthmus.task.offset_reader import LinkOffsetReader
from isthmus.task.plugin_metrics import PluginMetricsRegistry

log = logging.getLogger(__name__)


class ConnectorRunner:
    """Runs a connector until told to stop. All of its methods run on the calling thread."""

    def __init__(self, job: StartConnector, link: Link, plugins: Plugins) -> None:
        self._job = job
        self._link = link
        self._plugins = plugins
        metrics = PluginMetricsRegistry(link, connector=job.name)
        self._context = _Context(job.name, link, metrics.of())
        self._is_started = False

    def run(self) -> int:
        """Run the connector to its end and return the exit code: 1 if it has failed."""
        try:
            apply_limits(Supervision.of(self._job.config, self._job.worker_config).limits)
            connector = self._build()
            self._live(connector)
        except BaseException as error:  # noqa: BLE001 - also SystemExit of a plugin is a failure
            self._context.fail(trace_of_failure(), kind_of(error))
        return self._context.close()

    def _build(self) -> AnyConnector:
        connector = cast("AnyConnector", self._plugins.create(self._find()))
        connector.context = self._context
        self._context.version = connector.version
        if isinstance(connector, SinkConnector):
            sink_topics(self._job.config)  # raises if there is nothing to read
        return connector

    def _find(self) -> PluginDescriptor:
        return self._plugins.find_connector(self._job.config)

    def _live(self, connector: AnyConnector) -> None:
        state: TargetState | None = None
        while not self._link.stopping.is_set():
            wanted = self._link.target_state
            if wanted is not state:
                self._go_to(wanted, connector)
                state = wanted
            if (request := self._link.wanted_task_configs()) is not None:
                self._link.send(self._task_configs(request, connector))
            self._link.wait_for_order(wanted)
        if self._is_started:
            connector.stop()
        self._context.report(State.UNASSIGNED)

    def _go_to(self, wanted: TargetState, connector: AnyConnector) -> None:
        if wanted is TargetState.STARTED:
            log.info("Starting connector %s", self._job.name)
            connector.start(_without_nulls(self._job.config))
            self._is_started = True
            self._context.report(State.RUNNING)
            return
        if self._is_started:
            self._is_started = False
            self._stop_for(wanted, connector)
        self._context.report(State(wanted))

    def _stop_for(self, wanted: TargetState, connector: AnyConnector) -> None:
        try:
            connector.stop()
        except Exception:
            if wanted is TargetState.PAUSED:
                raise
            log.warning("Connector %s could not be stopped in order", self._job.name, exc_info=True)

    def _task_configs(self, request: GenerateTaskConfigs, connector: AnyConnector) -> Reply:
        try:
            configs = self._generate(request.max_tasks, connector)
        except TooManyTasksError as error:
            self._context.fail(trace_of_failure(), kind_of(error))
            return Reply(request.request, error_type=TooManyTasksError.__name__, error=str(error))
        except Exception as error:
            log.exception("Connector %s failed to generate task configs", self._job.name)
            return Reply(
                request.request, error_type="ConnectError", error=str(error) or repr(error)
            )
        return Reply(request.request, msgspec.json.encode(configs))

    def _generate(self, max_tasks: int, connector: AnyConnector) -> list[dict[str, str]]:
        if not self._is_started:
            raise ConnectError(f"Connector {self._job.name} is not started")
        generated = connector.task_configs(max_tasks)
        check_tasks_max(self._job.name, self._job.config, len(generated), max_tasks)
        added = {"task.class": _task_class_name(self._find(), connector)}
        for key in ("topics", "topics.regex"):
            if (value := self._job.config.get(key)) is not None:
                added[key] = value
        return [
            {**_checked(self._job.name, number, config), **added}
            for number, config in enumerate(generated)
        ]


class _Context:
    """What the connector may ask of the runtime, from any thread. Java: ConnectorContext.

    Also the one place that reports states, so that none follows FAILED.
    """

    def __init__(self, name: str, link: Link, plugin_metrics: PluginMetrics) -> None:
        self.version = "undefined"
        self.plugin_metrics = plugin_metrics
        self.offset_reader = LinkOffsetReader(name, link)
        self._name = name
        self._link = link
        self._reporting = threading.Lock()
        self._has_failed = False
        self._is_closed = False

    def request_task_reconfiguration(self) -> None:
        """Have the worker ask for task configs again; it decides whether this is the time."""
        self._reject_if_closed("for task reconfiguration")
        self._link.send(ReconfigurationRequested())

    def raise_error(self, error: Exception) -> None:
        """Mark the connector FAILED; only the first error counts."""
        self._reject_if_closed("to fail the connector")
        self.fail("".join(traceback.format_exception(error)), kind_of(error))

    def report(self, state: State) -> None:
        """Tell the worker the state, unless the connector has failed."""
        with self._reporting:
            if not self._has_failed:
                self._link.send(StateChanged(state, version=self.version))

    def fail(self, trace: str, failure: Failure) -> None:
        """Tell the worker that the connector has failed, once, and end the process."""
        with self._reporting:
            if self._has_failed:
                return
            self._has_failed = True
            log.error("Connector %s has failed: %s", self._name, trace)
            self._link.send(StateChanged(State.FAILED, trace, self.version, failure))
        self._link.stopping.set()
        self._link.wake()

    def close(self) -> int:
        """Accept no more requests; return the exit code."""
        self._is_closed = True
        return int(self._has_failed)

    def _reject_if_closed(self, request: str) -> None:
        if self._is_closed:
            raise ConnectError(
                f"The request {request} has been rejected because this instance of the connector"
                f" '{self._name}' has already been shut down."
            )


def _task_class_name(descriptor: PluginDescriptor, connector: AnyConnector) -> str:
    """Return the name under which a worker finds the class: Java's if the connector has one too.

    A Java worker of the same group may be given the task.
    """
    task_class = connector.task_class()
    if descriptor.class_name == descriptor.python_class.replace(":", "."):
        return f"{task_class.__module__}:{task_class.__qualname__}"
    return f"{descriptor.class_name.rpartition('.')[0]}.{task_class.__name__}"


def _checked(name: str, number: int, config: Mapping[str, object]) -> dict[str, str]:
    for key, value in config.items():
        if not isinstance(value, str):
            raise ConnectError(
                f"Task config {number} of connector {name} has {value!r} for key {key}; expected"
                " text"
            )
    return cast("dict[str, str]", dict(config))


def _without_nulls(config: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in config.items() if value is not None}
