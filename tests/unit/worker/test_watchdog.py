"""When a task stands still."""

import asyncio

import pytest

from isthmus.channel import Failure, Progress, RelieveMemory
from isthmus.config.supervision import Limits
from isthmus.worker.memory import guard_memory
from isthmus.worker.watchdog import standing_still

NOW = 1000.0


@pytest.mark.parametrize(
    ("progress", "heard_of", "expected"),
    [
        (Progress("poll", NOW - 59), NOW, None),
        (Progress("poll", NOW - 60), NOW, "has been in one call, poll, for 60 s"),
        (Progress("poll", NOW), NOW - 60, "has not answered for 60 s"),
        (None, NOW - 59, None),
        (None, NOW - 60, "has not answered for 60 s"),
        (Progress("poll", NOW, behind_since=NOW - 59, waiting=7), NOW, None),
        (
            Progress("poll", NOW, behind_since=NOW - 61, waiting=7),
            NOW,
            "has not come further for 61 s, although 7 records wait",
        ),
        (
            Progress("poll", NOW, behind_since=NOW - 61, lag=9),
            NOW,
            "has not come further for 61 s, although its lag has grown to 9",
        ),
    ],
)
def test_a_task_stands_still_in_one_call_or_behind_or_without_an_answer(
    progress: Progress | None, heard_of: float, expected: str | None
) -> None:
    found = standing_still(progress, heard_of, 60.0, NOW)
    assert (found and found[1]) == expected


class NotedChild:
    """Stands in for a child process."""

    pid = 4711

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.sent: list[object] = []
        self.killed: list[tuple[str, Failure]] = []

    async def wait(self) -> None:
        await self.ended.wait()

    def send(self, message: object) -> None:
        self.sent.append(message)
        self.ended.set()

    def kill_because(self, reason: str, failure: Failure) -> None:
        self.killed.append((reason, failure))


@pytest.mark.parametrize(
    ("used", "asked", "killed"), [(100, False, False), (101, True, False), (201, False, True)]
)
async def test_memory_is_asked_for_beyond_the_soft_limit_and_death_follows_the_hard_one(
    used: int, asked: bool, killed: bool
) -> None:
    child = NotedChild()
    if used == 100:
        child.ended.set()
    limits = Limits(soft_memory=100, hard_memory=200, nice=0, open_files=0)
    await asyncio.wait_for(
        guard_memory(child, "task c-0", limits, lambda _pid: used),  # pyright: ignore[reportArgumentType]
        10,
    )
    assert bool(child.killed) == killed
    assert child.sent == ([RelieveMemory()] if asked else [])
