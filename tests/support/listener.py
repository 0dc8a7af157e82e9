"""Remembers what a worker reports, and waits for it."""

import asyncio
from collections.abc import Callable, Sequence

from isthmus.channel import ConnectorTaskId, Failure, State

Subject = str | ConnectorTaskId


class RecordingListener:
    """A `WorkerListener` that keeps everything in order."""

    def __init__(self) -> None:
        self.states: list[tuple[Subject, State]] = []
        self.traces: dict[Subject, str] = {}
        self.failures: dict[Subject, Failure] = {}
        self.versions: dict[Subject, str | None] = {}
        self.reconfigurations: list[str] = []
        self.topics: dict[ConnectorTaskId, list[str]] = {}
        self._changed = asyncio.Event()

    def connector_state(
        self,
        name: str,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        self._take(name, state, trace, version, failure)

    def task_state(
        self,
        task: ConnectorTaskId,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None = None,
    ) -> None:
        self._take(task, state, trace, version, failure)

    def reconfiguration_requested(self, name: str) -> None:
        self.reconfigurations.append(name)
        self._changed.set()

    def topics_used(self, task: ConnectorTaskId, topics: Sequence[str]) -> None:
        self.topics.setdefault(task, []).extend(topics)
        self._changed.set()

    def of(self, subject: Subject) -> list[State]:
        """Return the states of one connector or task, oldest first."""
        return [state for whose, state in self.states if whose == subject]

    async def state(self, subject: Subject, wanted: State, timeout: float = 10.0) -> None:
        """Wait until this is the newest state of the connector or task."""
        await self.until(lambda: self.of(subject)[-1:] == [wanted], timeout)

    async def until(self, reached: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait for a condition on what was reported."""
        try:
            async with asyncio.timeout(timeout):
                while not reached():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"not reported in {timeout:g} s; states {self.states}, traces {self.traces},"
                f" reconfigurations {self.reconfigurations}"
            ) from None

    def _take(
        self,
        subject: Subject,
        state: State,
        trace: str | None,
        version: str | None,
        failure: Failure | None,
    ) -> None:
        self.states.append((subject, state))
        self.versions[subject] = version
        if trace is not None:
            self.traces[subject] = trace
        if failure is not None:
            self.failures[subject] = failure
        self._changed.set()
