import asyncio

import pytest

from isthmus.herder.errors import RestError
from isthmus.herder.turns import Turns


async def _nothing() -> None:
    pass


async def test_a_turn_gives_its_result_to_whoever_asked_for_it() -> None:
    turns = Turns()

    async def answer() -> int:
        return 42

    asked = asyncio.create_task(turns.of_request(answer))
    await asyncio.sleep(0)
    assert await turns.take_request_turn()

    assert await asked == 42


async def test_an_error_of_a_turn_goes_to_whoever_asked_and_the_next_turn_is_taken() -> None:
    turns = Turns()

    async def fail() -> None:
        raise ValueError("no")

    failing = asyncio.create_task(turns.of_group(fail))
    fine = asyncio.create_task(turns.of_group(_nothing))
    await asyncio.sleep(0)
    assert await turns.take_group_turn()
    assert await turns.take_group_turn()

    with pytest.raises(ValueError, match="no"):
        await failing
    await fine


async def test_requests_wait_while_group_turns_are_taken() -> None:
    turns = Turns()
    request = asyncio.create_task(turns.of_request(_nothing))
    group = asyncio.create_task(turns.of_group(_nothing))
    await asyncio.sleep(0)

    assert await turns.take_group_turn()
    assert not await turns.take_group_turn()

    await group
    assert not request.done()
    request.cancel()


async def test_a_turn_that_nobody_waits_for_any_more_is_not_taken() -> None:
    turns = Turns()
    taken: list[str] = []

    async def note() -> None:
        taken.append("taken")

    request = asyncio.create_task(turns.of_request(note))
    await asyncio.sleep(0)
    request.cancel()
    await asyncio.sleep(0)
    await turns.take_request_turn()

    assert taken == []


async def test_closing_refuses_waiting_and_coming_turns() -> None:
    turns = Turns()
    waiting = asyncio.create_task(turns.of_request(_nothing))
    await asyncio.sleep(0)

    turns.close()

    with pytest.raises(RestError, match="Worker is shutting down"):
        await waiting
    with pytest.raises(RestError, match="Worker is shutting down"):
        await turns.of_group(_nothing)


async def test_waiting_ends_when_a_turn_comes_in() -> None:
    turns = Turns()
    waiting = asyncio.create_task(turns.wait(30.0))
    await asyncio.sleep(0)

    request = asyncio.create_task(turns.of_request(_nothing))

    await asyncio.wait_for(waiting, 1.0)
    request.cancel()
