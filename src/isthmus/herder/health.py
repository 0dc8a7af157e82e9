"""What this worker knows of a connector and its tasks beyond their states.

Each worker knows that of what runs on it. The REST API asks all that have a part in a connector,
and puts their answers together (`rest/health.py`).
"""

import asyncio
import time

from isthmus.channel import ConnectorTaskId, Progress
from isthmus.herder.errors import NotFoundError
from isthmus.herder.herder import Herder
from isthmus.herder.views import (
    ConnectorHealth,
    HealthInfo,
    ProgressInfo,
    StallInfo,
    TaskHealth,
)
from isthmus.storage.status_store import Status
from isthmus.worker.watchdog import Stall

#: A task that takes longer is shown as it was when it answered last.
_ANSWER_TIMEOUT = 1.0


class Health:
    """One worker's share of the truth. For the event loop only."""

    def __init__(self, herder: Herder) -> None:
        self._herder = herder
        self.worker_id = herder.work.worker_id

    async def of(self, name: str) -> HealthInfo:
        """Return all states of a connector, with details where it runs here.

        Raises:
            NotFoundError: There is no such connector, or it has no status yet.
        """
        state = await self._herder.current()
        status = self._herder.statuses.connector(name)
        if not state.contains(name) or status is None:
            raise NotFoundError(f"No status found for connector {name}")
        tasks = sorted(self._herder.statuses.tasks(name).items())
        connector = await self._connector(name, status)
        shown = await asyncio.gather(*(self._task(task, found) for task, found in tasks))
        return HealthInfo(name, connector, list(shown), {})

    async def _connector(self, name: str, status: Status) -> ConnectorHealth:
        if status.worker_id != self.worker_id:
            return ConnectorHealth(status.state, status.worker_id)
        vitals = await self._herder.work.vitals(name, _ANSWER_TIMEOUT)
        restarts = self._herder.work.restarts.info(name)
        return ConnectorHealth(status.state, status.worker_id, vitals.memory, restarts)

    async def _task(self, task: ConnectorTaskId, status: Status) -> TaskHealth:
        if status.worker_id != self.worker_id:
            return TaskHealth(task.task, status.state, status.worker_id)
        vitals = await self._herder.work.vitals(task, _ANSWER_TIMEOUT)
        return TaskHealth(
            task.task,
            status.state,
            status.worker_id,
            vitals.memory,
            self._herder.work.restarts.info(task),
            _progress_info(vitals.progress),
            _stall_info(vitals.stall),
        )


def _progress_info(progress: Progress | None) -> ProgressInfo | None:
    if progress is None:
        return None
    return ProgressInfo(
        progress.call,
        _at(progress.since),
        _at_if_ever(progress.polled),
        _at_if_ever(progress.put),
        _at_if_ever(progress.committed),
        _at_if_ever(progress.moved),
        progress.waiting,
        progress.lag,
    )


def _stall_info(stall: Stall | None) -> StallInfo | None:
    return None if stall is None else StallInfo(_at(stall.since), stall.reason, stall.stack)


def _at(moment: float) -> int:
    """Return a moment of the monotonic clock in ms since 1970."""
    return round((time.time() - time.monotonic() + moment) * 1000)


def _at_if_ever(moment: float | None) -> int | None:
    return None if moment is None else _at(moment)
