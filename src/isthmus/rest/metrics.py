"""`/metrics` for Prometheus. Java has MBeans, and needs an agent."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.metrics import CONTENT_TYPE, DIALECTS, prometheus_text
from isthmus.rest.herder import HerderApi


class MetricsResource:
    """The worker's metrics, under the names that boards for Connect know."""

    def __init__(self, herder: HerderApi) -> None:
        self._herder = herder

    def routes(self) -> Sequence[Route]:
        return [Route("/metrics", self._metrics, methods=["GET"])]

    async def _metrics(self, request: Request) -> Response:
        dialect = request.query_params.get("dialect", DIALECTS[0])
        if dialect not in DIALECTS:
            text = f"dialect={dialect}: expected one of {', '.join(DIALECTS)}\n"
            return Response(text, HTTPStatus.BAD_REQUEST, media_type="text/plain")
        text = prometheus_text(self._herder.metrics(), dialect)
        return Response(text, headers={"Content-Type": CONTENT_TYPE})
