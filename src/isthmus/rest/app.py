"""The applications that the server runs: one for the main listeners, one for the admin's.

A request's way: middleware.py → the router here → resource.py → the noun's file →
request_handler.py → the herder.
"""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from isthmus.api.rest_extension import Middleware
from isthmus.rest.client import RestClient
from isthmus.rest.config import RestConfig
from isthmus.rest.connectors import ConnectorsResource
from isthmus.rest.errors import routing_error
from isthmus.rest.health import HealthResource
from isthmus.rest.herder import HerderApi
from isthmus.rest.internal import InternalResource
from isthmus.rest.loggers import LoggersResource
from isthmus.rest.metrics import MetricsResource
from isthmus.rest.middleware import AccessLog, ConfiguredHeaders, CrossOrigin, ResourcePaths
from isthmus.rest.offsets import OffsetsResource
from isthmus.rest.plugins import PluginsResource
from isthmus.rest.request_handler import RequestHandler
from isthmus.rest.root import Root
from isthmus.rest.tasks import TasksResource
from isthmus.rest.topics import TopicsResource


class Application:
    """An ASGI application that has no resources, and so answers 404, until it is given some."""

    def __init__(self) -> None:
        self._inner: ASGIApp = _router([])
        self._app: ASGIApp = AccessLog(ResourcePaths(self._route))

    @classmethod
    def main(cls, config: RestConfig) -> "Application":
        """Return the application of the main listeners, with the headers that they add."""
        application = cls()
        inner: ASGIApp = application._route
        if config.response_headers:
            inner = ConfiguredHeaders(inner, config.response_headers)
        if config.access_control_allow_origin.strip():
            inner = CrossOrigin(
                inner, config.access_control_allow_origin, config.access_control_allow_methods
            )
        application._app = AccessLog(ResourcePaths(inner))
        return application

    def serve(self, routes: Sequence[BaseRoute], middleware: Sequence[Middleware] = ()) -> None:
        """Answer with these resources from now on; the first middleware sees a request first."""
        inner: ASGIApp = _router(routes)
        for wrap in reversed(middleware):
            inner = wrap(inner)
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._inner(scope, receive, send)


def main_routes(herder: HerderApi, client: RestClient, config: RestConfig) -> list[Route]:
    """Return all resources but those of `/admin`."""
    requests = RequestHandler(herder, client, config.request_timeout)
    tasks = TasksResource(herder, requests)
    return [
        *Root(herder, requests, config.health_timeout).routes(),
        *ConnectorsResource(herder, requests).routes(),
        *tasks.routes(),
        *InternalResource(herder, requests).routes(tasks.list),
        *TopicsResource(herder, requests, config).routes(),
        *OffsetsResource(herder, requests).routes(),
        *PluginsResource(herder, requests).routes(),
        *MetricsResource(herder).routes(),
        *HealthResource(herder, requests, client, config.advertised_scheme).routes(),
    ]


def admin_routes(herder: HerderApi, client: RestClient, config: RestConfig) -> list[Route]:
    """Return the resources of `/admin`."""
    requests = RequestHandler(herder, client, config.request_timeout)
    return [*LoggersResource(herder, requests).routes()]


def _router(routes: Sequence[BaseRoute]) -> Router:
    return Router(routes, redirect_slashes=False, default=_not_found)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await routing_error(HTTPStatus.NOT_FOUND)(scope, receive, send)
