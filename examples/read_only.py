"""A REST extension: takes no changes while it says so, and shows all states at a glance.

    rest.extension.classes=examples.read_only.ReadOnly
    rest.extension.read.only=true

`GET /summary` answers with the number of connectors in each state.
"""

from collections import Counter
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from isthmus.api.errors import ConfigError
from isthmus.api.rest_extension import (
    ConnectClusterState,
    ConnectRestExtension,
    ConnectRestExtensionContext,
)

_KEY = "rest.extension.read.only"
_READING = ("GET", "HEAD", "OPTIONS")


class ReadOnly(ConnectRestExtension):
    """Requests of other workers are let through: they carry on what was decided before."""

    def __init__(self) -> None:
        self._is_read_only = False
        self._cluster: ConnectClusterState

    def configure(self, config: Mapping[str, str]) -> None:
        value = config.get(_KEY, "false").strip().lower()
        if value not in ("true", "false"):
            raise ConfigError.invalid(_KEY, value, "Expected value to be either true or false")
        self._is_read_only = value == "true"

    def register(self, context: ConnectRestExtensionContext) -> None:
        self._cluster = context.cluster_state
        context.add_routes(Route("/summary", self._summary))
        if self._is_read_only:
            context.add_middleware(_ReadOnly)

    async def _summary(self, _request: Request) -> Response:
        names = await self._cluster.connectors()
        health = [await self._cluster.connector_health(name) for name in names]
        return JSONResponse(dict(Counter(each["connector"]["state"] for each in health)))


class _ReadOnly:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_internal = scope["path"].endswith(("/tasks", "/fence"))
        if scope["method"] in _READING or is_internal:
            await self._app(scope, receive, send)
            return
        body = {"error_code": 403, "message": "This worker takes no changes now"}
        await JSONResponse(body, 403)(scope, receive, send)
