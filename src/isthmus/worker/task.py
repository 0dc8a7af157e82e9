"""One task of this worker: its process and its state. Java: WorkerTask, on the worker's side."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from isthmus import logs
from isthmus.channel import (
    AnyMessage,
    ChangeState,
    ConnectorTaskId,
    Failure,
    Measured,
    PluginSample,
    PluginsMeasured,
    State,
    StateChanged,
    Stop,
    TargetState,
    TopicsUsed,
)
from isthmus.worker.child import Child

log = logging.getLogger(__name__)


class TaskListener(Protocol):
    """Is told what becomes of tasks, on the loop."""

    def task_state(
        self,
        task: ConnectorTaskId,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None: ...

    def topics_used(self, task: ConnectorTaskId, topics: Sequence[str]) -> None: ...


class StateTimes:
    """How much of its time something was in each state. Java: StateTracker."""

    def __init__(self) -> None:
        self._began = self._since = time.monotonic()
        self._state = State.UNASSIGNED
        self._seconds: dict[State, float] = {}

    def enter(self, state: State) -> None:
        """Begin to count for another state."""
        now = time.monotonic()
        self._seconds[self._state] = self._seconds.get(self._state, 0.0) + now - self._since
        self._state, self._since = state, now

    def share(self, state: State) -> float:
        """Return the part of its life, 0 to 1, that it was in this state."""
        now = time.monotonic()
        seconds = self._seconds.get(state, 0.0)
        if state is self._state:
            seconds += now - self._since
        return seconds / (now - self._began) if now > self._began else 0.0


class WorkerTask:
    """A task from its start to its end here. For the event loop only."""

    def __init__(self, id: ConnectorTaskId, listener: TaskListener) -> None:
        self.id = id
        self.state = State.UNASSIGNED
        self.child: Child
        self._listener = listener
        self._version: str | None = None
        self._watch: asyncio.Task[None]
        #: What the task said of itself last, by the names of Java's attributes.
        self.measured: Mapping[str, float] = {}
        #: The metrics of its plugins, while it runs.
        self.plugins_measured: Sequence[PluginSample] = ()
        self.times = StateTimes()
        self._stopping = False
        self._has_reported_end = False

    def attach(self, child: Child) -> None:
        """Complete the task with its process; once."""
        self.child = child
        self._watch = asyncio.create_task(self._report_end(), name=str(self.id))

    def change_state(self, target: TargetState) -> None:
        """Have the task go to another target state; STOPPED is its end."""
        self.child.send(Stop() if target is TargetState.STOPPED else ChangeState(target))
        self._stopping |= target is TargetState.STOPPED

    def begin_stop(self) -> None:
        """Expect the end of the process from now on."""
        self._stopping = True

    def finish_stop(self) -> None:
        """Report the end, unless the process did; it is no more, or was sent SIGKILL.

        Java writes nothing for a task that had to be cancelled, since it may still be at work. A
        process that was killed is not. With the lease gone there is nothing left to say.
        """
        if not self._has_reported_end and not self.child.has_lost_lease:
            self._change(State.UNASSIGNED)

    def take(self, message: AnyMessage) -> None:
        """Take what the process reports."""
        match message:
            case StateChanged(state, trace, version, failure) if not self._has_reported_end:
                self._version = version or self._version
                self._change(state, trace, failure)
            case Measured(values):
                self.measured = values
            case PluginsMeasured(samples):
                self.plugins_measured = samples
            case TopicsUsed(topics):
                self._listener.topics_used(self.id, topics)
            case _:
                log.warning("Task %s sent %s, which has no use", self.id, message)

    def _change(
        self, state: State, trace: str | None = None, failure: Failure | None = None
    ) -> None:
        self.state = state
        self.times.enter(state)
        self._has_reported_end = state in (State.UNASSIGNED, State.FAILED)
        if self._has_reported_end:
            self.plugins_measured = ()
        with logs.context(f"{self.id.connector}|task-{self.id.task}"):
            self._listener.task_state(self.id, state, trace, self._version, failure)

    async def _report_end(self) -> None:
        ended = await self.child.wait()
        if self._has_reported_end or self.child.has_lost_lease:
            return
        if self._stopping:
            self._change(State.UNASSIGNED)
            return
        trace = f"Task process of {self.id} (pid {self.child.pid}) {ended.reason}"
        with logs.context(f"{self.id.connector}|task-{self.id.task}"):
            log.error("%s", trace)
        self._change(State.FAILED, trace, self.child.failure)
