"""`/connectors/{connector}/health`: what the workers of a connector know of it. None in Java."""

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.errors import RestError
from isthmus.herder.views import HealthInfo, TaskHealth
from isthmus.rest.client import RestClient
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import Hop, RequestHandler
from isthmus.rest.resource import connector_name, json_answer, resource

#: An operator wants an answer now: a worker that takes longer is reported as not answering.
_TIMEOUT = 5.0


class HealthResource:
    """One request to any worker gives the whole."""

    def __init__(
        self, herder: HerderApi, requests: RequestHandler, client: RestClient, scheme: str
    ) -> None:
        """`scheme` is the one by which workers reach each other."""
        self._herder = herder
        self._requests = requests
        self._client = client
        self._scheme = scheme

    def routes(self) -> Sequence[Route]:
        return [resource("/connectors/{connector}/health", get=self._health)]

    async def _health(self, request: Request) -> Response:
        hop = Hop.of(request)
        own = await self._requests.complete(
            self._herder.connector_health(connector_name(request)), _TIMEOUT
        )
        if hop.forward is False:
            return json_answer(own)
        workers = {own.connector.worker_id, *(task.worker_id for task in own.tasks)}
        others = sorted(workers - {self._herder.worker_id})
        answers = await asyncio.gather(*(self._ask(worker, hop) for worker in others))
        return json_answer(_merged(own, dict(zip(others, answers, strict=True))))

    async def _ask(self, worker_id: str, hop: Hop) -> HealthInfo | str:
        url = f"{self._scheme}://{worker_id}{hop.path}?forward=false"
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._client.request(
                    hop.method, url, HealthInfo, authorization=hop.authorization
                )
        except TimeoutError:
            return f"no answer in {_TIMEOUT:g} s"
        except RestError as error:
            return str(error)
        return answer.result


def _merged(own: HealthInfo, answers: dict[str, HealthInfo | str]) -> HealthInfo:
    """Return the whole: of each part what the worker says that runs it."""
    connector, tasks = own.connector, {task.id: task for task in own.tasks}
    unanswered: dict[str, str] = {}
    for worker, answer in answers.items():
        if isinstance(answer, str):
            unanswered[worker] = answer
            continue
        if answer.connector.worker_id == worker:
            connector = answer.connector
        tasks |= {task.id: task for task in answer.tasks if task.worker_id == worker}
    return msgspec.structs.replace(
        own, connector=connector, tasks=_by_number(tasks), unanswered=unanswered
    )


def _by_number(tasks: dict[int, TaskHealth]) -> list[TaskHealth]:
    return [tasks[number] for number in sorted(tasks)]
