"""What only other workers may ask (KIP-507, KIP-618). Java: InternalConnectResource."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.signature import RequestSignature
from isthmus.rest.bodies import read_task_configs
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import Hop, RequestHandler
from isthmus.rest.resource import Handler, connector_name, empty_answer, read_body, resource


class InternalResource:
    """Requests from worker to leader.

    A request is checked before anything else is done, and not signed again when it goes on to
    another worker, which will thus refuse it: Java's do the same.
    """

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self, task_list: Handler) -> Sequence[Route]:
        """Return the routes; `task_list` answers GET of the path where tasks are posted."""
        return [
            resource("/connectors/{connector}/tasks", get=task_list, post=self._put_task_configs),
            resource("/connectors/{connector}/fence", put=self._fence_zombies),
        ]

    async def _put_task_configs(self, request: Request) -> Response:
        body = await read_body(request)
        configs = read_task_configs(body)
        self._check_signature(request, body)
        await self._requests.complete_or_forward(
            self._herder.put_task_configs(connector_name(request), configs),
            Hop.of(request, configs),
            type(None),
        )
        return empty_answer(HTTPStatus.NO_CONTENT)

    async def _fence_zombies(self, request: Request) -> Response:
        self._check_signature(request, await read_body(request))
        await self._requests.complete_or_forward(
            self._herder.fence_zombies(connector_name(request)),
            Hop.of(request),
            type(None),
        )
        return empty_answer(HTTPStatus.NO_CONTENT)

    def _check_signature(self, request: Request, body: bytes) -> None:
        signature = RequestSignature.of_request(body, request.headers)
        rules = self._herder.signature_rules()
        if rules is not None:
            rules.check(signature)
