"""Work for a connector that all who ask for it meanwhile share."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Rounds:
    """At most one round for a connector is under way. For the event loop only.

    Java: DistributedHerder.activeZombieFencings.
    """

    def __init__(self) -> None:
        self._rounds: dict[str, _Round] = {}

    def join(
        self, name: str, begin: Callable[[], Coroutine[Any, Any, None]]
    ) -> asyncio.Future[None]:
        """Return the outcome of the round that is under way; begin one if there is none.

        Who waits for it should shield it: it is others' too.
        """
        found = self._rounds.get(name)
        if found is None or found.outcome.done():
            found = self._rounds[name] = _Round(name, begin())
        return found.outcome

    def fail(self, name: str, error: Exception) -> None:
        """Tell all who wait for the connector's round, if there is one, that it has failed."""
        if (found := self._rounds.get(name)) is not None:
            found.fail(error)


class _Round:
    def __init__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(work, name=f"round for {name}")
        self._task.add_done_callback(self._take)

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # perhaps nobody waits any more
        self._task.cancel()

    def _take(self, task: asyncio.Task[None]) -> None:
        if self.outcome.done():
            return
        if task.cancelled():
            self.outcome.cancel()
        elif (error := task.exception()) is not None:
            self.outcome.set_exception(error)
            self.outcome.exception()
        else:
            self.outcome.set_result(None)
