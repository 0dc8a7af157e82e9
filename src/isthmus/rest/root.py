"""`/` and `/health`. Java: RootResource."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus import CONNECT_VERSION, __version__
from isthmus.herder.views import ServerInfo, WorkerHealth
from isthmus.rest.errors import RequestTimeoutError
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import RequestHandler
from isthmus.rest.resource import json_answer, resource


class Root:
    """What this worker is, and whether it works."""

    def __init__(self, herder: HerderApi, requests: RequestHandler, health_timeout: float) -> None:
        self._herder = herder
        self._requests = requests
        self._health_timeout = health_timeout

    def routes(self) -> Sequence[Route]:
        return [resource("/", get=self._server_info), resource("/health", get=self._health)]

    async def _server_info(self, _request: Request) -> Response:
        # Clients compare versions with those of Apache Kafka; whose worker it is shows in commit.
        info = ServerInfo(CONNECT_VERSION, f"isthmus-{__version__}", self._herder.cluster_id)
        return json_answer(info)

    async def _health(self, _request: Request) -> Response:
        """Answer 200, 503 while the worker starts, or 500 when it is stuck (KIP-1017)."""
        try:
            await self._requests.complete(self._herder.health_check(), self._health_timeout)
        except RequestTimeoutError as overdue:
            return self._not_healthy(overdue.stage)
        return json_answer(
            WorkerHealth("healthy", "Worker has completed startup and is ready to handle requests.")
        )

    def _not_healthy(self, stage: str | None) -> Response:
        if self._herder.is_ready:
            status, code = "unhealthy", HTTPStatus.INTERNAL_SERVER_ERROR
            message = (
                "Worker was unable to handle this request and may be unable to handle other"
                " requests."
            )
        else:
            status, code = "starting", HTTPStatus.SERVICE_UNAVAILABLE
            message = "Worker is still starting up."
        return json_answer(WorkerHealth(status, f"{message} {stage}" if stage else message), code)
