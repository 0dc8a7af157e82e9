"""Connectors whose variables hold for a while only; the shortest pause is made no pause."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from isthmus.config.providers import Resolved
from isthmus.herder import reloads
from isthmus.herder.reloads import Reloads

Config = Mapping[str, str | None]


@dataclass
class Bench:
    ttl: float | None = 0.01
    restarted: list[str] = field(default_factory=list[str])
    #: Turns are taken only while this is set.
    turns: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.turns.set()
        self.reloads = Reloads(self._resolve, self._restart, self._in_turn)

    def _resolve(self, raw: Config) -> Resolved[str | None]:
        return Resolved({**raw, "password": "secret"}, self.ttl)

    async def _restart(self, name: str) -> None:
        self.restarted.append(name)

    async def _in_turn(self, action: Callable[[], Awaitable[None]]) -> None:
        await self.turns.wait()
        await action()

    def start(self, **config: str) -> dict[str, str | None]:
        return self.reloads.resolve("c", {key.replace("_", "."): v for key, v in config.items()})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloads, "_SHORTEST", 0.0)


async def test_a_connector_is_restarted_once_when_its_values_end() -> None:
    bench = Bench()

    assert bench.start(a="b") == {"a": "b", "password": "secret"}
    await asyncio.sleep(0.05)

    assert bench.restarted == ["c"]


async def test_a_connector_that_wants_none_of_it_is_left_alone() -> None:
    bench = Bench()

    bench.start(config_action_reload="none")
    await asyncio.sleep(0.05)

    assert bench.restarted == []


async def test_values_that_hold_for_ever_restart_nothing() -> None:
    bench = Bench(ttl=None)

    bench.start()
    await asyncio.sleep(0.05)

    assert bench.restarted == []


async def test_a_connector_that_stops_meanwhile_is_not_started_again() -> None:
    bench = Bench()
    bench.start()
    bench.turns.clear()
    await asyncio.sleep(0.05)

    bench.reloads.forget("c")
    bench.turns.set()
    await asyncio.sleep(0.01)

    assert bench.restarted == []


async def test_a_connector_that_was_started_anew_meanwhile_is_not_restarted_too_early() -> None:
    bench = Bench()
    bench.start()
    bench.turns.clear()
    await asyncio.sleep(0.05)

    bench.ttl = 60.0
    bench.start()
    bench.turns.set()
    await asyncio.sleep(0.01)

    assert bench.restarted == []
    bench.reloads.forget("c")
