"""What the REST API of a standalone worker asks of its herder.

A standalone worker is a herder whose group has one member and whose topics are in memory. Java:
StandaloneHerder.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from isthmus.herder.api import HerderServices
from isthmus.herder.errors import RestError
from isthmus.herder.views import JsonConfig


class StandaloneServices(HerderServices):
    """The herder and its parts as one. For the event loop only.

    The worker is not ready before the connectors of its command line have been created.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._complete = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        return super().is_ready and self._complete.is_set()

    def connectors_created(self) -> None:
        """Take note that all connectors of the command line are there."""
        self._complete.set()

    async def health_check(self) -> None:
        await self._complete.wait()
        await super().health_check()

    async def put_task_configs(self, name: str, configs: Sequence[JsonConfig]) -> None:
        raise RestError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Kafka Connect in standalone mode does not support externally setting task"
            " configurations.",
        )

    async def fence_zombies(self, name: str) -> None:
        raise RestError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Kafka Connect in standalone mode does not support exactly-once source connectors.",
        )
