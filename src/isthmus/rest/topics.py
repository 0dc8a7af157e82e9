"""`/connectors/{connector}/topics`: which topics a connector has used (KIP-558).

Java: ConnectorsResource.
"""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.errors import RestError
from isthmus.rest.config import RestConfig
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import RequestHandler
from isthmus.rest.resource import connector_name, empty_answer, json_answer, resource


class TopicsResource:
    """The topics in use, as far as the worker's settings allow to ask for them."""

    def __init__(self, herder: HerderApi, requests: RequestHandler, config: RestConfig) -> None:
        self._herder = herder
        self._requests = requests
        self._config = config

    def routes(self) -> Sequence[Route]:
        topics = "/connectors/{connector}/topics"
        return [resource(topics, get=self._get), resource(f"{topics}/reset", put=self._reset)]

    async def _get(self, request: Request) -> Response:
        self._require_tracking()
        active = self._herder.active_topics(connector_name(request))
        used = await self._requests.complete(active)
        return json_answer({used.connector: {"topics": used.topics}})

    async def _reset(self, request: Request) -> Response:
        self._require_tracking()
        if not self._config.topic_tracking_allow_reset:
            raise RestError(HTTPStatus.FORBIDDEN, "Topic tracking reset is disabled.")
        reset = self._herder.reset_active_topics(connector_name(request))
        await self._requests.complete(reset)
        return empty_answer(HTTPStatus.ACCEPTED)

    def _require_tracking(self) -> None:
        if not self._config.topic_tracking_enable:
            raise RestError(HTTPStatus.FORBIDDEN, "Topic tracking is disabled.")
