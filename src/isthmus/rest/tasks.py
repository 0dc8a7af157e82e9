"""`/connectors/{connector}/tasks`. Java: ConnectorsResource."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.channel import ConnectorTaskId
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import Hop, RequestHandler
from isthmus.rest.resource import connector_name, empty_answer, json_answer, resource, task_number


class TasksResource:
    """The tasks of a connector: their configs, what they do, and starting them again."""

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self) -> Sequence[Route]:
        task = "/connectors/{connector}/tasks/{task}"
        return [
            resource(f"{task}/status", get=self._status),
            resource(f"{task}/restart", post=self._restart),
        ]

    async def list(self, request: Request) -> Response:
        """Answer GET of the path which `internal.py` has for its POST."""
        tasks = self._herder.task_configs(connector_name(request))
        return json_answer(await self._requests.complete(tasks))

    async def _status(self, request: Request) -> Response:
        status = self._herder.task_status(_task(request))
        return json_answer(await self._requests.complete(status))

    async def _restart(self, request: Request) -> Response:
        await self._requests.complete_or_forward(
            self._herder.restart_task(_task(request)), Hop.of(request), type(None)
        )
        return empty_answer(HTTPStatus.NO_CONTENT)


def _task(request: Request) -> ConnectorTaskId:
    return ConnectorTaskId(connector_name(request), task_number(request))
