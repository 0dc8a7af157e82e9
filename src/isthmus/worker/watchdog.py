"""Watches over a task: asks where it is, and tells of one that stands still.

A task stands still when it sits in one call, or gets no further although records wait, or does not
answer, for longer than `stall.timeout.ms`. What a user has paused does not count.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec

from isthmus import logs
from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, Failure, Progress, State, TellProgress
from isthmus.config.supervision import StallAction, StallSettings
from isthmus.worker.child import Child

log = logging.getLogger(__name__)

#: A task is asked four times within its timeout, but neither all the time nor hardly ever.
_LOOKS = 4
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_ANSWER_TIMEOUT = 5.0
#: It starts, or runs.
_WATCHED = frozenset({State.UNASSIGNED, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Stall:
    """A task that stands still; `since` is a moment of the monotonic clock."""

    since: float
    reason: str
    stack: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of a process now: bytes of memory, and of a task where it is."""

    memory: int | None
    progress: Progress | None
    stall: Stall | None


class WatchedTask(Protocol):
    """What is to be known of a task."""

    id: ConnectorTaskId
    state: State
    child: Child


class TaskWatch:
    """The watch over one process of a task. For the event loop only."""

    def __init__(
        self,
        task: WatchedTask,
        settings: StallSettings,
        count: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count` is called for each stall."""
        self.stall: Stall | None = None
        #: What the task said last; None before it has said anything.
        self.progress: Progress | None = None
        self._task = task
        self._settings = settings
        self._count = count
        self._clock = clock
        self._heard_of = clock()
        self._patience = min(settings.timeout / 2, _ANSWER_TIMEOUT)
        self._watching: asyncio.Task[None] | None = None
        if settings.timeout:
            self._watching = asyncio.create_task(self._watch(), name=f"watch over {task.id}")

    async def look(self, timeout: float, *, with_stack: bool = False) -> bool:
        """Ask the task where it is; without an answer `progress` stays what it was."""
        try:
            reply = await self._task.child.ask(TellProgress(0, with_stack), timeout)
        except (ConnectError, TimeoutError):
            return False
        self.progress = msgspec.msgpack.decode(reply.body, type=Progress)
        self._heard_of = self._clock()
        return True

    async def _watch(self) -> None:
        pause = min(max(self._settings.timeout / _LOOKS, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        ended = asyncio.ensure_future(self._task.child.wait())
        while not (await asyncio.wait({ended}, timeout=pause))[0]:
            await self.look(self._patience)
            with logs.context(f"{self._task.id.connector}|task-{self._task.id.task}"):
                await self._judge()

    async def _judge(self) -> None:
        if self._task.state not in _WATCHED or self._task.child.has_lost_lease:
            found = None
        else:
            found = standing_still(
                self.progress, self._heard_of, self._settings.timeout, self._clock()
            )
        if found is None:
            if self.stall is not None:
                log.info("Task %s goes on", self._task.id)
            self.stall = None
        elif self.stall is None:
            await self._report(*found)

    async def _report(self, since: float, reason: str) -> None:
        answers = await self.look(self._patience, with_stack=True)
        stack = self.progress.stack if self.progress is not None else ""
        if not answers:
            stack = "(it does not answer; where its threads are is on the worker's standard error)"
            with suppress(ProcessLookupError):
                os.kill(self._task.child.pid, signal.SIGQUIT)
        self.stall = Stall(since, reason, stack)
        self._count()
        log.warning("Task %s stands still: it %s\n%s", self._task.id, reason, stack.rstrip())
        if self._settings.action is StallAction.RESTART:
            text = f"it stood still: it {reason} (stall.action=restart)"
            self._task.child.kill_because(text, Failure.STALL)


def standing_still(
    progress: Progress | None, heard_of: float, timeout: float, now: float
) -> tuple[float, str] | None:
    """Return since when a task stands still, and how; None if it does not.

    `heard_of` is when it answered last, or was started.
    """
    if now - heard_of >= timeout:
        return heard_of, f"has not answered for {now - heard_of:.0f} s"
    if progress is None:
        return None
    if now - progress.since >= timeout:
        seconds = now - progress.since
        return progress.since, f"has been in one call, {progress.call}, for {seconds:.0f} s"
    behind = progress.behind_since
    if behind is not None and now - behind >= timeout:
        waiting, lag = progress.waiting, progress.lag
        left = f"{waiting} records wait" if waiting else f"its lag has grown to {lag}"
        return behind, f"has not come further for {now - behind:.0f} s, although {left}"
    return None
