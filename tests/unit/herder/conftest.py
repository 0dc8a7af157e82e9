from collections.abc import AsyncIterator

import pytest

from tests.unit.herder.bench import Bench, make_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with make_bench() as made:
        yield made
