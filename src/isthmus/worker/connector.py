"""One connector of this worker: its process, its state, and how both go on. Java: WorkerConnector.

A process that has failed is gone. What the user wants of the connector after that is decided here:
it may be STOPPED, which needs no process, and started again, which needs a new one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from isthmus import logs
from isthmus.api.errors import ConnectError
from isthmus.channel import (
    AnyMessage,
    ChangeState,
    Failure,
    GenerateTaskConfigs,
    PluginSample,
    PluginsMeasured,
    ReconfigurationRequested,
    StartConnector,
    State,
    StateChanged,
    TargetState,
)
from isthmus.config.tasks_max import TooManyTasksError
from isthmus.worker.child import Child

log = logging.getLogger(__name__)

#: The state that a connector or task reports once it is where the user wants it.
STATE_OF_TARGET = {
    TargetState.STARTED: State.RUNNING,
    TargetState.PAUSED: State.PAUSED,
    TargetState.STOPPED: State.STOPPED,
}

_FINAL_STATES = (State.UNASSIGNED, State.FAILED)

#: A connector may ask a slow source what there is, but not keep the herder for ever.
_TASK_CONFIGS_TIMEOUT = 60.0


class ConnectorListener(Protocol):
    """Is told what becomes of connectors, on the loop."""

    def connector_state(
        self,
        name: str,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None: ...

    def reconfiguration_requested(self, name: str) -> None: ...


class WorkerConnector:
    """A connector from its start to its end here. For the event loop only."""

    def __init__(
        self,
        job: StartConnector,
        start_child: Callable[[StartConnector, Callable[[AnyMessage], None]], Awaitable[Child]],
        listener: ConnectorListener,
    ) -> None:
        self.name = job.name
        self.state = State.UNASSIGNED
        self._job = job
        self._start_child = start_child
        self._listener = listener
        self._version: str | None = None
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._target = job.target_state
        self._left_alone = False
        self._stopping = False
        self._has_reported_end = False
        #: The metrics that the connector has registered, while its process runs.
        self.plugins_measured: Sequence[PluginSample] = ()

    @property
    def child(self) -> Child | None:
        """The process, if there is one that has not ended."""
        return None if self._child is None or self._child.has_ended else self._child

    @property
    def class_name(self) -> str:
        """The class that its config names."""
        return self._job.config.get("connector.class") or ""

    @property
    def version(self) -> str | None:
        """The version that the connector says it has, once it runs."""
        return self._version

    @property
    def is_running(self) -> bool:
        return self.state is State.RUNNING and not self._stopping

    async def start(self) -> None:
        """Have a process forked that goes to the target state.

        Raises:
            ConnectError: There can be no process now.
        """
        job = msgspec.structs.replace(self._job, target_state=self._target)
        self._child = await self._start_child(job, self._take)
        self._watch = asyncio.create_task(self._report_end(self._child), name=self.name)

    async def reach(self, timeout: float) -> None:
        """Wait until the connector is where the user wants it, or has failed, or time runs out.

        In the last case its way goes on, and the listener is asked for a reconfiguration at its
        end, since whoever waits here would have done that.
        """
        wanted = STATE_OF_TARGET[self._target]
        reached = False
        try:
            async with asyncio.timeout(timeout):
                while self.state not in (wanted, State.FAILED) and not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()
            reached = True
        except TimeoutError:
            log.warning("Connector %s is not yet %s after %g s", self.name, wanted, timeout)
        finally:
            self._left_alone = not reached

    async def change_state(self, target: TargetState, timeout: float) -> None:
        """Go to another target state; returns as `reach` does.

        One that is being stopped goes nowhere: what is started after it begins with the target.
        """
        if self._stopping:
            return
        if self.state is State.FAILED:
            if target is not TargetState.STOPPED:
                log.error("Connector %s is FAILED and cannot become %s", self.name, target)
                return
            self._let_go_of_child()
        self._target = target
        if (child := self.child) is not None:
            child.send(ChangeState(target))
        elif target is TargetState.STOPPED:
            self._change(State.STOPPED)
        else:
            await self.start()
        await self.reach(timeout)

    async def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        """Return the task configs that the connector generates now.

        Raises:
            TooManyTasksError: There are more than allowed; the connector has FAILED.
            ConnectError: The connector is not running, raised an error, or took too long.
        """
        if (child := self.child) is None:
            raise ConnectError(f"Connector {self.name} is not running")
        try:
            reply = await child.ask(GenerateTaskConfigs(0, max_tasks), _TASK_CONFIGS_TIMEOUT)
        except TimeoutError:
            raise ConnectError(
                f"Connector {self.name} generated no task configs in {_TASK_CONFIGS_TIMEOUT:g} s"
            ) from None
        if reply.error_type == TooManyTasksError.__name__:
            raise TooManyTasksError(reply.error)
        if reply.error_type:
            raise ConnectError(reply.error)
        return msgspec.json.decode(reply.body, type=list[dict[str, str]])

    def begin_stop(self) -> None:
        """Expect the end of the process from now on."""
        self._stopping = True
        self._changed.set()

    def finish_stop(self) -> None:
        """Report the end, unless the process did, or the connector is others' by now.

        The process is no more, or was sent SIGKILL.
        """
        is_others = self._child is not None and self._child.has_lost_lease
        if not self._has_reported_end and not is_others:
            self._change(State.UNASSIGNED)
            self._has_reported_end = True

    def _take(self, message: AnyMessage) -> None:
        match message:
            case StateChanged(state, trace, version, failure) if not self._has_reported_end:
                self._version = version or self._version
                self._has_reported_end = self._stopping and state in _FINAL_STATES
                self._change(state, trace, failure)
            case PluginsMeasured(samples):
                self.plugins_measured = samples
            case ReconfigurationRequested():
                self._listener.reconfiguration_requested(self.name)
            case _:
                log.warning("Connector %s sent %s, which has no use", self.name, message)

    def _change(
        self, state: State, trace: str | None = None, failure: Failure | None = None
    ) -> None:
        self.state = state
        if state in _FINAL_STATES:
            self.plugins_measured = ()
        self._changed.set()
        with logs.context(f"{self.name}|worker"):
            self._listener.connector_state(self.name, state, trace, self._version, failure)
        if state is State.RUNNING and self._left_alone:
            self._left_alone = False
            self._listener.reconfiguration_requested(self.name)

    async def _report_end(self, child: Child) -> None:
        ended = await child.wait()
        if self._stopping or self.state is State.FAILED or child is not self._child:
            return
        if child.has_lost_lease:
            self.state = State.UNASSIGNED
            return
        trace = f"Connector process of {self.name} (pid {child.pid}) {ended.reason}"
        with logs.context(f"{self.name}|worker"):
            log.error("%s", trace)
        self._change(State.FAILED, trace, child.failure)

    def _let_go_of_child(self) -> None:
        """Forget a process that has failed; it should be gone already."""
        if (child := self.child) is not None:
            child.kill()
        self._child = None
