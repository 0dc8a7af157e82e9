"""Starts again by itself what has failed here; off unless `auto.restart.enable` asks for it.

A failure comes in, and

    its kind decides                    a wrong configuration is left alone: it would fail again
    the count decides                   so many in a row, with a pause that doubles each time
    the herder's turn comes             nothing else is started or stopped meanwhile
    what failed is started anew         unless it was stopped, moved or restarted by somebody else

Each worker counts for what it runs. A count ends when its connector or task leaves this worker, is
restarted by a user or a new configuration, or has run for `auto.restart.reset.ms`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, Failure
from isthmus.config.supervision import RestartSettings
from isthmus.group.assignor import Work
from isthmus.herder.views import RestartsInfo
from isthmus.metrics import Sample

log = logging.getLogger(__name__)

#: A connector by its name, or a task.
Subject = str | ConnectorTaskId

_JITTER = 0.2


@dataclass(slots=True)
class _History:
    """What has happened to one connector or task since the count began; moments are monotonic."""

    count: int = 0
    reason: str = ""
    gave_up: str | None = None
    running_since: float | None = None
    next_attempt: float | None = None
    timer: asyncio.TimerHandle | None = None


def delay_before(restart: int, settings: RestartSettings, jitter: float) -> float:
    """Return the seconds before restart number `restart`, 0 being the first.

    `jitter`, -1 to 1, spreads what failed together, such as the tasks of one database.
    """
    # The exponent is bounded: no float is as large as the power of a count without end.
    pause = min(settings.backoff * 2.0 ** min(restart, 64), settings.longest_backoff)
    return min(pause * (1 + _JITTER * jitter), settings.longest_backoff)


class Restarts:
    """The automatic restarts of one worker. For the event loop only."""

    def __init__(
        self,
        settings: Callable[[str], RestartSettings],
        restart: Callable[[Work], Awaitable[None]],
        in_turn: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        """`settings` are those of a connector by its name; it raises a ConnectError if it must.

        `restart` is called in a turn that `in_turn` gives it.
        """
        self._settings = settings
        self._restart = restart
        self._in_turn = in_turn
        self._clock = clock
        self._jitter = jitter
        self._histories: dict[Subject, _History] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._total = 0

    def runs(self, subject: Subject) -> None:
        """Take note that it is where its user wants it."""
        history = self._histories.get(subject)
        if history is not None and history.running_since is None:
            history.running_since = self._clock()

    def failed(self, subject: Subject, failure: Failure, trace: str) -> None:
        """Take note of a failure, and have it restarted if that may help."""
        try:
            settings = self._settings(_connector_of(subject))
        except ConnectError as error:
            log.warning("%s is not restarted: %s", _named(subject), error)
            return
        history = self._histories.setdefault(subject, _History())
        self._forget_if_healthy(history, settings)
        if history.timer is not None:
            history.timer.cancel()
        history.running_since = history.next_attempt = history.timer = None
        history.reason = reason_of(trace)
        # A stall's end was asked for, as `stall.action`, in order to restart.
        if not settings.enabled and failure is not Failure.STALL:
            return
        history.gave_up = _why_not(history, failure, settings)
        if history.gave_up is not None:
            log.error("%s is not restarted: %s", _named(subject), history.gave_up)
            return
        delay = delay_before(history.count, settings, self._jitter())
        history.next_attempt = self._clock() + delay
        of = "" if settings.most < 0 else f" of {settings.most}"
        log.warning(
            "%s failed, restart %d%s in %.1f s: %s",
            _named(subject),
            history.count + 1,
            of,
            delay,
            history.reason,
        )
        loop = asyncio.get_running_loop()
        history.timer = loop.call_later(delay, self._attempt, subject, history)

    def forget(self, work: Work) -> None:
        """Forget all of this work: it is stopped, or somebody else starts it anew."""
        for subject in (*work.connectors, *work.tasks):
            history = self._histories.pop(subject, None)
            if history is not None and history.timer is not None:
                history.timer.cancel()

    def info(self, subject: Subject) -> RestartsInfo:
        """Return what there is to say of a connector or task that runs here.

        Raises:
            ConnectError: Its settings cannot be read.
        """
        settings = self._settings(_connector_of(subject))
        history = self._histories.get(subject)
        if history is None:
            return RestartsInfo(settings.enabled, 0, settings.most, None, None, None)
        self._forget_if_healthy(history, settings)
        at: int | None = None
        if history.next_attempt is not None:
            at = round((time.time() + history.next_attempt - self._clock()) * 1000)
        return RestartsInfo(
            settings.enabled,
            history.count,
            settings.most,
            history.reason or None,
            at,
            history.gave_up,
        )

    def samples(self) -> Iterator[Sample]:
        """Return the metrics: all restarts of this worker, and the counts as they are now."""
        yield Sample("connect-worker-metrics", "automatic-restarts-total", {}, self._total)
        for subject, history in self._histories.items():
            if isinstance(subject, str):
                group, labels = "connector-metrics", {"connector": subject}
            else:
                group = "connector-task-metrics"
                labels = {"connector": subject.connector, "task": str(subject.task)}
            yield Sample(group, "automatic-restart-count", labels, history.count)

    def _forget_if_healthy(self, history: _History, settings: RestartSettings) -> None:
        since = history.running_since
        if since is not None and self._clock() - since >= settings.reset_after:
            history.count = 0

    def _attempt(self, subject: Subject, history: _History) -> None:
        attempt = asyncio.create_task(
            self._restart_in_turn(subject, history), name=f"restart of {subject}"
        )
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _restart_in_turn(self, subject: Subject, history: _History) -> None:
        async def restart() -> None:
            if self._histories.get(subject) is not history:
                return  # somebody else was faster
            history.next_attempt = history.timer = None
            history.count += 1
            self._total += 1
            log.info("Restarting %s, restart %d", _named(subject), history.count)
            await self._restart(_work_of(subject))

        try:
            await self._in_turn(restart)
        except ConnectError as error:  # the worker is shutting down, say
            log.warning("%s was not restarted: %s", _named(subject), error)
        except Exception:
            log.exception("%s could not be restarted", _named(subject))


def _why_not(history: _History, failure: Failure, settings: RestartSettings) -> str | None:
    if failure is Failure.CONFIG:
        return "the same configuration would fail again"
    if 0 <= settings.most <= history.count:
        return f"it was restarted {history.count} times (auto.restart.max={settings.most})"
    return None


def reason_of(trace: str) -> str:
    """Return the line that says what happened: the last of a traceback, else the first."""
    lines: Sequence[str] = trace.strip().splitlines() or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()


def _connector_of(subject: Subject) -> str:
    return subject if isinstance(subject, str) else subject.connector


def _work_of(subject: Subject) -> Work:
    if isinstance(subject, str):
        return Work(connectors=frozenset({subject}))
    return Work(tasks=frozenset({subject}))


def _named(subject: Subject) -> str:
    return f"Connector {subject}" if isinstance(subject, str) else f"Task {subject}"
