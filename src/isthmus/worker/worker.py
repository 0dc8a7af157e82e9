"""The worker: runs connectors and tasks, each in a process of its own. Java: Worker.

    Worker              what the herder calls; which connectors and tasks there are
    WorkerConnector     one connector's process and state       connector.py
    WorkerTask          one task's process and state            task.py
    Child               a process and the channel to it         child.py
    Environments        which plugins there are, and where      environments.py
    ForkServer          the parent of all these processes       fork_server.py

Code of plugins never runs here, so nothing that it does can stop a heartbeat or an answer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from isthmus import logs, secrets
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.channel import (
    AnyMessage,
    ConnectorTaskId,
    Failure,
    RunPluginJob,
    SetLogLevel,
    StartConnector,
    StartTask,
    State,
    TargetState,
)
from isthmus.config.supervision import Supervision
from isthmus.metrics import Sample
from isthmus.plugins import PluginDescriptor, PluginIndex, Wanted, wanted_by
from isthmus.worker.child import Child, end_in_order
from isthmus.worker.connector import ConnectorListener, WorkerConnector
from isthmus.worker.environments import Environments
from isthmus.worker.fork_server import ForkServer
from isthmus.worker.memory import guard_memory, resident_memory
from isthmus.worker.metrics import (
    Startups,
    connector_samples,
    memory_samples,
    plugin_samples,
    task_samples,
    watch_samples,
)
from isthmus.worker.requests import OffsetStores, Requests, TaskAnswers
from isthmus.worker.task import TaskListener, WorkerTask
from isthmus.worker.watchdog import TaskWatch, Vitals

log = logging.getLogger(__name__)

_CONNECTOR_STOP_TIMEOUT = 5.0
#: How long a start or a change of state is waited for. Both go on after that.
_START_TIMEOUT = 10.0
_CHANGE_TIMEOUT = 2.0
#: More jobs than this wait for each other, so that a flood of requests is no flood of processes.
_JOBS_AT_ONCE = 32
#: How long the plugins of one place may take to be imported and listed.
_DESCRIBE_TIMEOUT = 90.0


class WorkerSettings(Protocol):
    """What the worker needs to know of its own configuration."""

    @property
    def originals(self) -> Mapping[str, str]:
        """All of the worker's properties, `${…}` resolved."""
        ...

    @property
    def plugin_path(self) -> Sequence[str] | None: ...

    @property
    def task_shutdown_graceful_timeout(self) -> float: ...


class WorkerListener(ConnectorListener, TaskListener, Protocol):
    """Is told what becomes of connectors and tasks, on the loop."""


class PluginError(RuntimeError):
    """Code of a plugin, run for its answer, raised an error that is none of Connect's own."""


class Worker:
    """The connectors and tasks that run here. For the event loop only.

    A `fork_server` that was started beforehand saves its start-up time here.
    """

    def __init__(
        self,
        config: WorkerSettings,
        listener: WorkerListener,
        offsets: OffsetStores,
        cluster_id: str,
        fork_server: ForkServer | None = None,
    ) -> None:
        self._config = config
        self._listener = listener
        self._offsets = offsets
        self._cluster_id = cluster_id
        self._environments = Environments(
            fork_server or ForkServer(), config.plugin_path or (), self._describe
        )
        self._connectors: dict[str, WorkerConnector] = {}
        #: Those that have a process, and those that wait for one.
        self._tasks: dict[ConnectorTaskId, WorkerTask] = {}
        self._starting: set[ConnectorTaskId] = set()
        self._watches: dict[ConnectorTaskId, TaskWatch] = {}
        self._guards: set[asyncio.Task[None]] = set()
        self._stalls = 0
        self._jobs: set[Child] = set()
        self._free_jobs = asyncio.Semaphore(_JOBS_AT_ONCE)
        self._log_levels: dict[str, str] = {}
        self._connector_startups = Startups()
        self._task_startups = Startups()

    async def start(self) -> None:
        """Start the fork server, unless the caller has, and look for plugins on the path."""
        self._environments.start()

    async def check_converters(self) -> None:
        """Look for the converters that connectors have if they name none.

        Raises:
            ConfigError: One of them is not there.
            ConnectError: A child that looks for them failed.
        """
        wanted = wanted_by({}, self._config.originals)
        await self.run_job("check_converters", {}, _DESCRIBE_TIMEOUT, wanted)

    async def stop(self) -> None:
        """Stop everything that runs here in order, and all processes."""
        await asyncio.gather(
            self.stop_connectors(self.connector_names), self.stop_tasks(self.task_ids)
        )
        await self._environments.stop()

    async def end_processes(self) -> None:
        """End all processes that are left, and let no other start."""
        await self._environments.stop()

    async def plugins(self) -> PluginIndex:
        """Return all plugins that connectors on this worker can use, all versions of each."""
        return await self._environments.plugins()

    def renew_lease(self, until: float) -> None:
        """Let connectors and tasks run until then, a moment of `time.monotonic`.

        Unless it is renewed, all of them are killed at that moment, even if this process is frozen.
        """
        self._environments.renew_lease(until)

    @property
    def connector_names(self) -> list[str]:
        return sorted(self._connectors)

    @property
    def task_ids(self) -> list[ConnectorTaskId]:
        return sorted({*self._tasks, *self._starting})

    def samples(self) -> Iterator[Sample]:
        """Return the metrics of the worker, its connectors and its tasks."""
        counts = {"connector-count": len(self._connectors), "task-count": len(self._tasks)}
        for name, count in counts.items():
            yield Sample("connect-worker-metrics", name, {}, count)
        yield from self._connector_startups.samples("connector")
        yield from self._task_startups.samples("task")
        yield from connector_samples(self._connectors.values())
        yield from task_samples(self._tasks.values())
        yield from plugin_samples([*self._connectors.values(), *self._tasks.values()])
        yield Sample("connect-worker-metrics", "task-stalls-total", {}, self._stalls)
        yield from watch_samples(self._watches)
        yield from memory_samples(self.pids())

    async def vitals(self, subject: str | ConnectorTaskId, timeout: float) -> Vitals:
        """Return what is known now of a process that runs here; a task is asked for it.

        Without an answer in time it is what the task said last.
        """
        pid = self.pids().get(subject)
        memory = None if pid is None else resident_memory(pid)
        watch = None if isinstance(subject, str) else self._watches.get(subject)
        if watch is None:
            return Vitals(memory, None, None)
        await watch.look(timeout)
        return Vitals(memory, watch.progress, watch.stall)

    def _count_stall(self) -> None:
        self._stalls += 1

    def is_running(self, name: str) -> bool:
        """Return whether the connector is here and RUNNING."""
        connector = self._connectors.get(name)
        return connector is not None and connector.is_running

    def pids(self) -> dict[str | ConnectorTaskId, int]:
        """Return the processes of the connectors and tasks that have one, by name or id."""
        found: dict[str | ConnectorTaskId, Child | None] = {
            **{name: connector.child for name, connector in self._connectors.items()},
            **{id: task.child for id, task in self._tasks.items()},
        }
        return {
            key: child.pid
            for key, child in found.items()
            if child is not None and child.pid and not child.has_ended
        }

    async def start_connector(
        self, name: str, config: Mapping[str, str | None], target_state: TargetState
    ) -> None:
        """Start a connector and wait for it, but not long: one that is slow goes on starting.

        How it fares is reported to the listener, a failure as well. When a slow one runs at last,
        the listener is asked for a reconfiguration.

        Raises:
            ConnectError: It runs here already, or there can be no process now.
        """
        if name in self._connectors:
            raise ConnectError(f"Connector with name {name} already exists")
        job = StartConnector(
            name,
            dict(config),
            dict(self._config.originals),
            target_state,
            self._log_levels,
            secrets.known_in([config, self._config.originals]),
        )
        self._connector_startups.attempt(name)
        connector = WorkerConnector(job, self._start_child, self)
        self._connectors[name] = connector
        try:
            await connector.start()
        except ConnectError:
            del self._connectors[name]
            raise
        await connector.reach(_START_TIMEOUT)

    async def stop_connectors(self, names: Sequence[str]) -> None:
        """Stop these connectors together; one that takes longer than 5 s is killed."""
        stopping = {n: found for n in names if (found := self._connectors.get(n)) is not None}
        for connector in stopping.values():
            connector.begin_stop()
        await end_in_order(
            {
                f"Connector {name}": connector.child
                for name, connector in stopping.items()
                if connector.child is not None
            },
            _CONNECTOR_STOP_TIMEOUT,
        )
        for name, connector in stopping.items():
            connector.finish_stop()
            self._connectors.pop(name, None)

    async def start_task(
        self,
        id: ConnectorTaskId,
        connector_config: Mapping[str, str | None],
        task_config: Mapping[str, str | None],
        target_state: TargetState,
        answers: TaskAnswers | None = None,
    ) -> bool:
        """Have a process started that runs the task; how it fares is reported to the listener.

        A source task that writes exactly once (KIP-618) has `answers.verify` awaited when nobody
        else can write under its transactional id any more, and before it reads where it stands: if
        that raises a ConnectError, the task fails with its text.

        Raises:
            ConnectError: It runs here already, or there can be no process now.
        """
        if id in self._tasks or id in self._starting:
            raise ConnectError(f"Task already exists in this worker: {id}")
        job = StartTask(
            connector=id.connector,
            task=id.task,
            config=dict(task_config),
            connector_config=dict(connector_config),
            worker_config=dict(self._config.originals),
            target_state=target_state,
            cluster_id=self._cluster_id,
            log_levels=self._log_levels,
            secrets=secrets.known_in([task_config, connector_config, self._config.originals]),
        )
        self._task_startups.attempt(id)
        task = WorkerTask(id, self)
        self._starting.add(id)
        try:
            task.attach(await self._start_child(job, task.take, answers))
        finally:
            self._starting.discard(id)
        self._tasks[id] = task
        stall = Supervision.of(connector_config, self._config.originals).stall
        self._watches[id] = TaskWatch(task, stall, self._count_stall)
        return True

    async def stop_tasks(self, ids: Sequence[ConnectorTaskId]) -> None:
        """Stop these tasks together.

        Those that take longer than `task.shutdown.graceful.timeout.ms` are killed.
        """
        stopping = {id: found for id in ids if (found := self._tasks.get(id)) is not None}
        for task in stopping.values():
            task.begin_stop()
        await end_in_order(
            {f"Task {id}": task.child for id, task in stopping.items()},
            self._config.task_shutdown_graceful_timeout,
        )
        for id, task in stopping.items():
            task.finish_stop()
            self._tasks.pop(id, None)
            self._watches.pop(id, None)

    async def task_configs(self, name: str, max_tasks: int) -> list[dict[str, str]]:
        """Return the task configs that the connector generates now.

        Raises:
            TooManyTasksError: There are more than allowed; the connector has FAILED.
            ConnectError: The connector is not running, raised an error, or took too long.
        """
        connector = self._connectors.get(name)
        if connector is None:
            raise ConnectError(f"Connector {name} not found in this worker")
        return await connector.task_configs(max_tasks)

    async def change_state(self, name: str, target_state: TargetState) -> None:
        """Bring the connector and its tasks to a target state, as far as they are here.

        The connector is waited for, but not long: its way goes on in any case.

        Raises:
            ConnectError: The connector needs a new process, and there can be none now.
        """
        for id, task in self._tasks.items():
            if id.connector == name:
                task.change_state(target_state)
        if (connector := self._connectors.get(name)) is not None:
            await connector.change_state(target_state, _CHANGE_TIMEOUT)

    async def run_job(
        self, job: str, arguments: object, timeout: float, wanted: Sequence[Wanted] = ()
    ) -> Any:
        """Run code of plugins once, in a process of its own, and return its answer.

        `job` is the name of a function in `isthmus.task.jobs`; arguments and answer are JSON. The
        process can load the plugins that are `wanted`, and all of the worker's own.

        Raises:
            ConnectError: The job says no, took longer than `timeout`, or its process died.
            LookupError: There is no such plugin.
            PluginError: Code of a plugin raised what is no error of Connect's.
        """
        locations = await self._environments.locations_for(wanted)
        message = RunPluginJob(
            1,
            job,
            msgspec.json.encode(arguments),
            dict(self._config.originals),
            self._log_levels,
            msgspec.json.encode(await self._environments.elsewhere(locations)),
            secrets.known_in([arguments, self._config.originals]),
        )
        return await self._run_job(message, self._environments.server(locations), timeout)

    async def _describe(self, server: ForkServer) -> Sequence[PluginDescriptor]:
        worker_config = dict(self._config.originals)
        message = RunPluginJob(
            1,
            "describe_plugins",
            b"{}",
            worker_config,
            self._log_levels,
            secrets=secrets.known_in(worker_config),
        )
        described = await self._run_job(message, server, _DESCRIBE_TIMEOUT)
        return msgspec.convert(described, list[PluginDescriptor])

    async def _run_job(self, message: RunPluginJob, server: ForkServer, timeout: float) -> Any:
        job = message.job
        async with self._free_jobs:
            child = await Child.start(server, f"isthmus: job {job}", message, None, _take_nothing)
            self._jobs.add(child)
            try:
                reply = await child.result(message, timeout)
            except TimeoutError:
                log.warning(
                    "Job %s, pid %d, took longer than %g s; killed", job, child.pid, timeout
                )
                raise ConnectError(f"{job} took longer than {timeout:g} s and was ended") from None
            finally:
                self._jobs.discard(child)
                child.kill()
        if reply.error_type:
            raise _JOB_ERRORS.get(reply.error_type, ConnectError)(reply.error)
        return msgspec.json.decode(reply.body)

    def connector_state(
        self,
        name: str,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        """Pass on what a connector has become."""
        self._connector_startups.reached(name, state)
        self._listener.connector_state(name, state, trace, version, failure)

    def task_state(
        self,
        task: ConnectorTaskId,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        """Pass on what a task has become."""
        self._task_startups.reached(task, state)
        self._listener.task_state(task, state, trace, version, failure)

    def reconfiguration_requested(self, name: str) -> None:
        """Pass on that a connector wants its task configs generated anew."""
        self._listener.reconfiguration_requested(name)

    def topics_used(self, task: ConnectorTaskId, topics: Sequence[str]) -> None:
        """Pass on which topics a task has used for the first time."""
        self._listener.topics_used(task, topics)

    def set_log_level(self, logger: str, level: str) -> list[str]:
        """Set a level here and in all processes, also in those to come.

        Returns:
            The loggers of this process whose level changed, as `logs.set_level` does.

        Raises:
            ValueError: There is no such level.
        """
        changed = logs.set_level(logger, level)
        # Levels are set by prefix, so the order in which they were set counts.
        self._log_levels.pop(logger, None)
        self._log_levels[logger] = level
        connectors = [connector.child for connector in self._connectors.values()]
        tasks = [task.child for task in self._tasks.values()]
        for child in (*connectors, *tasks):
            if child is not None:
                child.send(SetLogLevel(logger, level))
        return changed

    async def _start_child(
        self,
        job: StartConnector | StartTask,
        on_report: Callable[[AnyMessage], None],
        answers: TaskAnswers | None = None,
    ) -> Child:
        if isinstance(job, StartConnector):
            name, config = job.name, job.config
        else:
            name, config = job.connector, job.connector_config
        limits = Supervision.of(config, self._config.originals).limits
        wanted = wanted_by(config, self._config.originals)
        server = self._environments.server(await self._environments.locations_for(wanted))
        requests = Requests(self._offsets.open(name, config), answers)
        try:
            child = await Child.start(server, _title(job), job, requests, on_report)
        except BaseException:
            requests.close()
            raise
        if limits.soft_memory or limits.hard_memory:
            title = _title(job).removeprefix("isthmus: ")
            guard = asyncio.create_task(guard_memory(child, title, limits))
            self._guards.add(guard)
            guard.add_done_callback(self._guards.discard)
        return child


#: What an error of a job is in this process; others are ConnectError.
_JOB_ERRORS: dict[str, type[Exception]] = {
    "ConfigError": ConfigError,
    "LookupError": LookupError,
    "PluginError": PluginError,
}


def _title(job: StartConnector | StartTask) -> str:
    if isinstance(job, StartConnector):
        return f"isthmus: connector {job.name}"
    return f"isthmus: task {job.connector}-{job.task}"


def _take_nothing(message: AnyMessage) -> None:
    log.warning("A job sent %s, which has no use", message)
