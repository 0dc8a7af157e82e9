"""The herder's turns: everything that it does, it does one after the other.

Java does this with one thread; here it is one coroutine that takes turns from two queues. Turns
of the group (join, assignment) come first and always. Turns of requests wait until this worker is
a member of the group.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from isthmus.herder.errors import RestError

T = TypeVar("T")


@dataclass(slots=True)
class _Turn:
    action: Callable[[], Awaitable[Any]]
    result: asyncio.Future[Any]

    async def take(self) -> None:
        if self.result.cancelled():
            return  # nobody waits for it any more, and it has not begun
        try:
            value = await self.action()
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked for the turn
            if not self.result.done():
                self.result.set_exception(error)
        else:
            if not self.result.done():
                self.result.set_result(value)


class Turns:
    """Two queues of turns and the wake-up of the one who takes them; for the loop's thread."""

    def __init__(self) -> None:
        self._group: deque[_Turn] = deque()
        self._requests: deque[_Turn] = deque()
        self._awake = asyncio.Event()
        self._refuses_requests = False
        self._closed = False

    async def of_group(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run `action` as the next turn, and return what it returns."""
        return await self._queue(self._group, action)

    async def of_request(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run `action` once this worker is in the group, after the requests before it."""
        return await self._queue(self._requests, action)

    async def _queue(self, queue: deque[_Turn], action: Callable[[], Awaitable[T]]) -> T:
        if self._closed or (self._refuses_requests and queue is self._requests):
            raise RestError(500, "Worker is shutting down")
        turn = _Turn(action, asyncio.get_running_loop().create_future())
        queue.append(turn)
        self._awake.set()
        return await turn.result

    async def take_group_turn(self) -> bool:
        """Take the group's next turn; return whether there was one."""
        return await self._take(self._group)

    async def take_request_turn(self) -> bool:
        """Take the next request's turn; return whether there was one."""
        return await self._take(self._requests)

    async def _take(self, queue: deque[_Turn]) -> bool:
        if not queue:
            return False
        await queue.popleft().take()
        return True

    def wake(self) -> None:
        """Make `wait` return: something other than a turn is to be done."""
        self._awake.set()

    async def wait(self, timeout: float | None) -> None:
        """Wait until there may be something to do, or `timeout` seconds have passed."""
        try:
            await asyncio.wait_for(self._awake.wait(), timeout)
        except TimeoutError:
            return
        finally:
            self._awake.clear()

    def close_requests(self) -> None:
        """Refuse the requests that wait and all that come; turns of the group go on."""
        self._refuses_requests = True
        _refuse(self._requests)

    def close(self) -> None:
        """Refuse all turns that wait and all that come."""
        self._closed = True
        _refuse(self._requests)
        _refuse(self._group)


def _refuse(queue: deque[_Turn]) -> None:
    for turn in queue:
        if not turn.result.done():
            turn.result.set_exception(RestError(500, "Worker is shutting down"))
    queue.clear()
