"""What this worker knows of a connector and its tasks beyond their states.

Each worker knows that of what runs on it. The REST API asks all that have a part in a connector,
and puts their answers together (`rest/health.py`).
"""

from isthmus.channel import ConnectorTaskId
from isthmus.herder.errors import NotFoundError
from isthmus.herder.herder import Herder
from isthmus.herder.views import ConnectorHealth, HealthInfo, TaskHealth
from isthmus.storage.status_store import Status


class Health:
    """One worker's share of the truth. For the event loop only."""

    def __init__(self, herder: Herder) -> None:
        self._herder = herder
        self._restarts = herder.work.restarts
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
        tasks = self._herder.statuses.tasks(name)
        shown = [self._task(task, found) for task, found in sorted(tasks.items())]
        return HealthInfo(name, self._connector(name, status), shown, {})

    def _connector(self, name: str, status: Status) -> ConnectorHealth:
        if status.worker_id != self.worker_id:
            return ConnectorHealth(status.state, status.worker_id)
        return ConnectorHealth(status.state, status.worker_id, self._restarts.info(name))

    def _task(self, task: ConnectorTaskId, status: Status) -> TaskHealth:
        if status.worker_id != self.worker_id:
            return TaskHealth(task.task, status.state, status.worker_id)
        return TaskHealth(task.task, status.state, status.worker_id, self._restarts.info(task))
