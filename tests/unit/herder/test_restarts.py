"""When what has failed is started again, by a clock that tests turn."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from isthmus.api.errors import ConfigError
from isthmus.channel import ConnectorTaskId, Failure
from isthmus.config.supervision import RestartSettings, Supervision
from isthmus.group.assignor import Work
from isthmus.herder.restarts import Restarts, delay_before, reason_of

TASK = ConnectorTaskId("c", 0)
#: Pauses that are over at once.
SETTINGS = RestartSettings(
    enabled=True, most=3, backoff=0.0, longest_backoff=600.0, reset_after=60.0
)


@dataclass
class Bench:
    settings: RestartSettings = SETTINGS
    now: float = 1000.0
    restarted: list[Work] = field(default_factory=list[Work])
    #: Turns are taken only while this is set.
    turns: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.turns.set()
        self.restarts = Restarts(
            lambda _name: self.settings, self._restart, self._in_turn, lambda: self.now, lambda: 0.0
        )

    async def _restart(self, work: Work) -> None:
        self.restarted.append(work)

    async def _in_turn(self, action: Callable[[], Awaitable[None]]) -> None:
        await self.turns.wait()
        await action()

    async def fail(self, failure: Failure = Failure.ERROR) -> None:
        """Fail, and let a restart that is due happen."""
        self.restarts.failed(TASK, failure, "Traceback:\n  …\nConnectError: away\n")
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


def test_pauses_double_up_to_the_longest() -> None:
    settings = replace(SETTINGS, backoff=10.0, longest_backoff=70.0)
    assert [delay_before(n, settings, 0.0) for n in range(5)] == [10, 20, 40, 70, 70]
    assert delay_before(10**9, settings, 0.0) == 70


def test_jitter_is_a_fifth_and_never_goes_beyond_the_longest_pause() -> None:
    settings = replace(SETTINGS, backoff=10.0, longest_backoff=70.0)
    assert delay_before(0, settings, -1.0) == pytest.approx(8)
    assert delay_before(0, settings, 1.0) == pytest.approx(12)
    assert delay_before(3, settings, 1.0) == 70


async def test_a_task_is_restarted_as_often_as_it_may_be() -> None:
    bench = Bench()
    for _ in range(5):
        await bench.fail()

    assert bench.restarted == [Work(tasks=frozenset({TASK}))] * 3
    info = bench.restarts.info(TASK)
    assert (info.count, info.last_reason, info.next_at) == (3, "ConnectError: away", None)
    assert info.gave_up == "it was restarted 3 times (auto.restart.max=3)"


async def test_there_may_be_no_end() -> None:
    bench = Bench(replace(SETTINGS, most=-1))
    for _ in range(20):
        await bench.fail()
    assert len(bench.restarted) == 20


async def test_a_connector_is_restarted_without_its_tasks() -> None:
    bench = Bench()
    bench.restarts.failed("c", Failure.CRASH, "it was killed by signal 9 (SIGKILL)")
    await bench.settle()
    assert bench.restarted == [Work(connectors=frozenset({"c"}))]


async def test_what_has_run_long_enough_is_restarted_as_if_for_the_first_time() -> None:
    bench = Bench()
    await bench.fail()
    await bench.fail()
    bench.restarts.runs(TASK)
    bench.now += 59
    assert bench.restarts.info(TASK).count == 2
    bench.now += 1
    assert bench.restarts.info(TASK).count == 0
    await bench.fail()
    assert bench.restarts.info(TASK).count == 1


async def test_running_briefly_resets_nothing() -> None:
    bench = Bench()
    for _ in range(5):
        bench.restarts.runs(TASK)
        bench.now += 59
        await bench.fail()
    assert len(bench.restarted) == 3


async def test_a_wrong_configuration_is_not_restarted() -> None:
    bench = Bench()
    await bench.fail(Failure.CONFIG)
    assert bench.restarted == []
    assert bench.restarts.info(TASK).gave_up == "the same configuration would fail again"


async def test_nothing_is_restarted_that_nobody_asked_for() -> None:
    bench = Bench(replace(SETTINGS, enabled=False))
    await bench.fail()
    assert bench.restarted == []
    info = bench.restarts.info(TASK)
    assert (info.enabled, info.count, info.gave_up) == (False, 0, None)
    assert info.last_reason == "ConnectError: away"


async def test_a_task_that_was_ended_because_it_stalled_is_restarted_all_the_same() -> None:
    bench = Bench(replace(SETTINGS, enabled=False))
    await bench.fail(Failure.STALL)
    assert len(bench.restarted) == 1


async def test_the_next_restart_is_told() -> None:
    bench = Bench(replace(SETTINGS, backoff=60.0))
    await bench.fail()
    first = bench.restarts.info(TASK).next_at
    bench.now += 10
    second = bench.restarts.info(TASK).next_at
    assert first is not None
    assert second is not None
    assert first - second == pytest.approx(10_000, abs=5_000)
    bench.restarts.forget(Work(tasks=frozenset({TASK})))


async def test_what_was_stopped_is_not_restarted() -> None:
    bench = Bench()
    bench.restarts.failed(TASK, Failure.ERROR, "")
    bench.restarts.forget(Work(tasks=frozenset({TASK})))
    await bench.settle()
    assert bench.restarted == []


async def test_a_restart_that_waits_for_its_turn_gives_way_to_a_user() -> None:
    bench = Bench()
    bench.turns.clear()
    await bench.fail()
    bench.restarts.forget(Work(tasks=frozenset({TASK})))
    bench.turns.set()
    await bench.settle()
    assert bench.restarted == []
    assert bench.restarts.info(TASK).count == 0


async def test_a_user_who_restarts_begins_the_count_anew() -> None:
    bench = Bench()
    for _ in range(4):
        await bench.fail()
    bench.restarts.forget(Work(tasks=frozenset({TASK})))
    await bench.fail()
    assert bench.restarts.info(TASK).count == 1


async def test_restarts_are_counted_for_prometheus() -> None:
    bench = Bench()
    await bench.fail()
    samples = {(s.attribute, s.labels.get("task")): s.value for s in bench.restarts.samples()}
    assert samples == {("automatic-restarts-total", None): 1, ("automatic-restart-count", "0"): 1}


def test_the_reason_is_the_last_line_of_a_traceback_or_the_first_of_another_text() -> None:
    assert reason_of("Traceback\n  File\nValueError: no\n\n") == "ValueError: no"
    assert reason_of("it stood still\n  File a.py, line 1\n") == "it stood still"
    assert reason_of("") == ""


def test_settings_of_a_connector_come_before_those_of_its_worker() -> None:
    worker = {"auto.restart.enable": "true", "auto.restart.max": "5"}
    settings = Supervision.of({"auto.restart.max": "7", "file": "x"}, worker).restart
    assert (settings.enabled, settings.most) == (True, 7)
    assert (settings.backoff, settings.longest_backoff) == (10.0, 600.0)


def test_a_soft_limit_must_be_below_the_hard_one() -> None:
    with pytest.raises(ConfigError, match=r"Invalid value 9 for configuration limit.memory.soft"):
        Supervision.of({"limit.memory.soft.bytes": "9"}, {"limit.memory.hard.bytes": "9"})
