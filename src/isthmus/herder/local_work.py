"""What runs on this worker: started, stopped, restarted, and its states written down.

The herder decides, `LocalWork` acts, the `Worker` runs the processes. Starting a connector may
take long (it is somebody else's code), so it goes on in the background; whatever stops that
connector later waits its turn in the worker.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from isthmus import secrets
from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, Failure, State, TargetState
from isthmus.config.tasks_max import TooManyTasksError, check_tasks_max, tasks_max
from isthmus.group.assignor import Work
from isthmus.herder.errors import RestError
from isthmus.herder.reconcile import configs_with_placeholders, described, task_configs_changed
from isthmus.herder.reloads import Reloads
from isthmus.herder.restarts import Restarts, Subject
from isthmus.plugins import is_config_error
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.status_store import Status, StatusStore
from isthmus.worker.requests import TaskAnswers, Verify
from isthmus.worker.watchdog import Vitals
from isthmus.worker.worker import Worker, WorkerListener

log = logging.getLogger(__name__)

Config = Mapping[str, str | None]

_FIRST_RETRY = 0.25
_LONGEST_RETRY = 60.0
_AT_TARGET = frozenset({State.RUNNING, State.PAUSED})


class Publish(Protocol):
    """Writes a connector's task configs, here or on the leader."""

    def __call__(self, name: str, configs: Sequence[Mapping[str, str]]) -> Awaitable[None]: ...


class Preflight(Protocol):
    """What source tasks wait for with exactly-once support (KIP-618); see herder/fencing.py."""

    async def is_for(self, connector: Config) -> bool: ...

    async def fence(self, name: str) -> None: ...

    async def in_turn(self, action: Callable[[], Awaitable[None]]) -> None: ...

    def verification(self, task: ConnectorTaskId) -> Verify: ...


class LocalWork:
    """The connectors and tasks that this worker was told to run. For the event loop only.

    `running` is what was started and not stopped, whether or not it has failed since: a failed
    task stays where it is until a user, or a new config, restarts it.
    """

    def __init__(
        self,
        make_worker: Callable[[WorkerListener], Worker],
        configs: ConfigStore,
        statuses: StatusStore,
        worker_id: str,
        resolve: Callable[[Config], dict[str, str | None]],
        publish: Publish,
        restarts: Restarts,
        reloads: Reloads,
        preflight: Preflight | None = None,
    ) -> None:
        """`preflight` is for exactly-once support; None without it."""
        self.running = Work()
        self.generation = -1
        self._worker = make_worker(self)
        self._configs = configs
        self._statuses = statuses
        self.worker_id = worker_id
        self._resolve = resolve
        self._publish = publish
        self.restarts = restarts
        self._reloads = reloads
        self._preflight = preflight
        #: Tasks that wait for their preflight, before they have a process.
        self._in_preflight: dict[ConnectorTaskId, asyncio.Task[None]] = {}
        self._background: dict[str, asyncio.Task[None]] = {}
        self._asked_again: set[str] = set()
        #: Connectors that are being stopped to be started anew; set once that has happened.
        self._restarting: dict[str, asyncio.Event] = {}

    def renew_lease(self, until: float) -> None:
        """Let the work go on until then, a moment of `time.monotonic`; see `Worker.renew_lease`."""
        self._worker.renew_lease(until)

    async def start(self, work: Work) -> None:
        """Start what is not running yet; returns when the tasks' processes were asked for."""
        new = work - self.running
        if not new:
            return
        log.info("Starting %s", described(new))
        self.running |= new
        for name in sorted(new.connectors):
            self._in_background(name, self._start_connector(name))
        await asyncio.gather(*(self._start_task(task) for task in sorted(new.tasks)))

    async def stop(self, work: Work) -> None:
        """Stop what runs of this work; returns when it has ended, or was ended."""
        stopping = work & self.running
        self.restarts.forget(stopping)
        await self._stop(stopping)

    async def _stop(self, stopping: Work) -> None:
        if not stopping:
            return
        log.info("Stopping %s", described(stopping))
        self.running -= stopping
        for name in stopping.connectors:
            self._cancel_background(name)
            self._reloads.forget(name)
        for task in stopping.tasks & self._in_preflight.keys():
            self._in_preflight.pop(task).cancel()
        await asyncio.gather(
            self._worker.stop_connectors(sorted(stopping.connectors)),
            self._worker.stop_tasks(sorted(stopping.tasks)),
        )
        state = self._configs.snapshot()
        for name in stopping.connectors:
            if not state.contains(name):
                self._statuses.delete_topics(name)

    def abandon_preflights(self) -> None:
        """Start no task that waits for its preflight."""
        for waiting in self._in_preflight.values():
            waiting.cancel()
        self._in_preflight.clear()

    async def vitals(self, subject: Subject, timeout: float) -> Vitals:
        """Return what is known of a process that runs here; see `Worker.vitals`."""
        return await self._worker.vitals(subject, timeout)

    async def stop_all(self) -> None:
        """Stop everything and write down the last states."""
        await self.stop(self.running)

    async def restart(self, work: Work) -> None:
        """Stop and start this work where it runs, as a user asks for it."""
        owned = work & self.running
        self.restarts.forget(owned)
        await self.restart_failed(owned)

    async def restart_failed(self, work: Work) -> None:
        """Stop and start this work where it runs, and let automatic restarts go on counting."""
        owned = work & self.running
        await self._stop(owned)
        for name in sorted(owned.connectors):
            self._put_connector(name, State.RESTARTING)
        for task in sorted(owned.tasks):
            self._put_task(task, State.RESTARTING)
        await self.start(owned)

    async def restart_connector(self, name: str, patience: float = 0.0) -> None:
        """Stop the connector and start it anew if it still has a config; leave its tasks alone.

        It is stopped in the background, so that connectors that do not stop hold up neither each
        other nor requests; `patience` is how many seconds of that are waited for here.
        """
        if name not in self._restarting:
            work = Work(connectors=frozenset({name}))
            self.restarts.forget(work)
            self.running |= work
            stopped = asyncio.Event()
            self._in_background(name, self._restart_connector(name, stopped))
            self._restarting[name] = stopped
        if patience:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._restarting[name].wait(), patience)

    async def restart_task(self, task: ConnectorTaskId) -> bool:
        """Stop the task and start it anew; return False if it could not be started."""
        await self.stop(Work(tasks=frozenset({task})))
        self.running |= Work(tasks=frozenset({task}))
        return await self._start_task(task)

    async def change_state(self, name: str) -> None:
        """Bring the connector and its local tasks to the target state in the config topic."""
        target = self._configs.snapshot().target_state(name)
        if target is None:
            return
        await self._worker.change_state(name, target)
        if target is TargetState.STARTED and name in self.running.connectors:
            self.reconfigure(name)

    def reconfigure(self, name: str) -> None:
        """Ask the connector for its task configs, and publish them if they changed.

        Goes on in the background until it succeeds, or the connector stops. A start that is under
        way is not disturbed: it asks for the task configs at its end anyway.
        """
        if name in self._background:
            self._asked_again.add(name)
        else:
            self._in_background(name, self._reconfigure_until_done(name))

    async def _start_connector(self, name: str) -> None:
        state = self._configs.snapshot()
        raw, target = state.connector_config(name), state.target_state(name)
        if raw is None:
            return
        try:
            config = self._reloads.resolve(name, raw)
            await self._worker.start_connector(name, config, target or TargetState.STARTED)
        except ConnectError as error:
            log.error("Connector %s could not be started: %s", name, error)
            self.connector_state(name, State.FAILED, str(error), None, _kind_of(error))
            return
        if target is TargetState.STARTED:
            await self._reconfigure_until_done(name)

    async def _restart_connector(self, name: str, stopped: asyncio.Event) -> None:
        await self._worker.stop_connectors([name])
        del self._restarting[name]
        stopped.set()
        # The newest config counts: it may have changed again in the meantime.
        await self._start_connector(name)

    async def _start_task(self, task: ConnectorTaskId) -> bool:
        raw_connector = self._configs.snapshot().connector_config(task.connector)
        if (
            self._preflight is not None
            and raw_connector is not None
            and await self._preflight.is_for(raw_connector)
        ):
            going = asyncio.create_task(self._take_off(task, self._preflight), name=f"start {task}")
            self._in_preflight[task] = going
            return True
        return await self._start_task_now(task)

    async def _take_off(self, task: ConnectorTaskId, preflight: Preflight) -> None:
        """Start a task once nothing before it can write; cancelled if it is to stop before that."""

        async def start() -> None:
            self._in_preflight.pop(task, None)
            await self._start_task_now(task, preflight.verification(task))

        try:
            await preflight.fence(task.connector)
            await preflight.in_turn(start)
        except Exception as error:  # noqa: BLE001  # the task's state is where a user looks for it
            self._in_preflight.pop(task, None)
            self._could_not_start(task, error)

    async def _start_task_now(self, task: ConnectorTaskId, verify: Verify | None = None) -> bool:
        state = self._configs.snapshot()
        raw_connector, raw = state.connector_config(task.connector), state.task_config(task)
        if raw_connector is None or raw is None:
            return False
        target = state.target_state(task.connector) or TargetState.STARTED
        try:
            connector_config, config = self._resolve(raw_connector), self._resolve(raw)
            limit, count = tasks_max(connector_config), state.task_count(task.connector)
            check_tasks_max(task.connector, connector_config, count, limit)
            answers = TaskAnswers(lambda: self._resolve(raw), verify)
            return await self._worker.start_task(task, connector_config, config, target, answers)
        except ConnectError as error:
            self._could_not_start(task, error)
            return False

    def _could_not_start(self, task: ConnectorTaskId, error: Exception) -> None:
        log.error("Task %s could not be started: %s", task, error)
        self.task_state(task, State.FAILED, str(error), None, _kind_of(error))

    async def _reconfigure_until_done(self, name: str) -> None:
        delay = _FIRST_RETRY
        while True:
            self._asked_again.discard(name)
            try:
                await self._reconfigure(name)
                if name not in self._asked_again:
                    return
                continue
            except TooManyTasksError:
                return  # the connector is FAILED with this as its trace; asking again cannot help
            except (ConnectError, RestError, OSError) as error:
                log.warning(
                    "Task configs of connector %s could not be published, next try in %.2f s: %s",
                    name,
                    delay,
                    error,
                )
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_RETRY)

    async def _reconfigure(self, name: str) -> None:
        state = self._configs.snapshot()
        raw = state.connector_config(name)
        started = state.target_state(name) is TargetState.STARTED
        if raw is None or not started or not self._worker.is_running(name):
            return
        config = self._resolve(raw)
        configs = await self._worker.task_configs(name, tasks_max(config))
        stored = configs_with_placeholders(raw, configs)
        if task_configs_changed(self._configs.snapshot(), name, stored, self._resolve):
            await self._publish(name, stored)

    def _in_background(self, name: str, action: Coroutine[Any, Any, None]) -> None:
        """Run the action for the connector, in place of what was under way for it."""
        self._cancel_background(name)
        task = asyncio.create_task(action, name=f"connector {name}")
        self._background[name] = task
        task.add_done_callback(lambda done: self._background_ended(name, done))

    def _cancel_background(self, name: str) -> None:
        if (task := self._background.pop(name, None)) is not None:
            task.cancel()
        if (stopped := self._restarting.pop(name, None)) is not None:
            stopped.set()

    def _background_ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._background.get(name) is task:
            del self._background[name]
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                log.error("Unexpected error with connector %s", name, exc_info=error)

    # What the worker reports (WorkerListener).

    def connector_state(
        self,
        name: str,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        """Write the connector's state; states of an end give way to what others wrote since."""
        self._put_connector(name, state, trace, version)
        if state is State.STOPPED:
            self.restarts.forget(Work(connectors=frozenset({name})))
        self._note(name, state, trace, failure)

    def task_state(
        self,
        task: ConnectorTaskId,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        """Write the task's state; states of an end give way to what others wrote since."""
        self._put_task(task, state, trace, version)
        self._note(task, state, trace, failure)

    def _note(
        self, subject: Subject, state: State, trace: str | None, failure: Failure | None
    ) -> None:
        if state is State.FAILED:
            self.restarts.failed(subject, failure or Failure.ERROR, trace or "")
        elif state in _AT_TARGET:
            self.restarts.runs(subject)

    def reconfiguration_requested(self, name: str) -> None:
        """Generate task configs anew, because the connector says that they changed."""
        if name in self.running.connectors:
            self.reconfigure(name)

    def topics_used(self, task: ConnectorTaskId, topics: Sequence[str]) -> None:
        """Note the topics that the task's connector uses (KIP-558)."""
        for topic in topics:
            self._statuses.put_topic(topic, task)

    def _put_connector(
        self, name: str, state: State, trace: str | None = None, version: str | None = None
    ) -> None:
        status = self._status(state, trace, version)
        if state in (State.FAILED, State.UNASSIGNED):
            self._statuses.put_connector_safe(name, status)
        else:
            self._statuses.put_connector(name, status)

    def _put_task(
        self,
        task: ConnectorTaskId,
        state: State,
        trace: str | None = None,
        version: str | None = None,
    ) -> None:
        status = self._status(state, trace, version)
        if state in (State.FAILED, State.UNASSIGNED):
            self._statuses.put_task_safe(task, status)
        else:
            self._statuses.put_task(task, status)

    def _status(self, state: State, trace: str | None, version: str | None) -> Status:
        shown = None if trace is None else secrets.hide(trace)
        return Status(state, shown, self.worker_id, self.generation, version)


def _kind_of(error: Exception) -> Failure:
    return Failure.CONFIG if is_config_error(error) else Failure.ERROR
