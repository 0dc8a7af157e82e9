"""What is done to every request around its resource. All are ASGI applications.

AccessLog            a line for each request
ResourcePaths        the path made plain, or 400
CrossOrigin          CORS headers, for the origins that may have them
ConfiguredHeaders    the headers of `response.http.headers.config`
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import formatdate

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isthmus.config.rest_def import HeaderRule
from isthmus.herder.errors import BadRequestError
from isthmus.rest.errors import error_response
from isthmus.rest.uri import resource_path

access_log = logging.getLogger("isthmus.rest.access")

_DEFAULT_METHODS = "HEAD,POST,GET"
_PREFLIGHT_SECONDS = "60"


class AccessLog:
    """Logs each request in the extended NCSA format with the time taken, as Connect does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not access_log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, size = 0, 0

        async def watch(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            _log_access(scope, status, size, time.perf_counter() - started)


def _log_access(scope: Scope, status: int, size: int, seconds: float) -> None:
    headers = Headers(scope=scope)
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    access_log.info(
        '%s - - [%s] "%s %s%s HTTP/%s" %d %d "%s" "%s" %d',
        scope["client"][0] if scope["client"] else "-",
        datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S %z"),
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        query,
        scope["http_version"],
        status,
        size,
        headers.get("referer", ""),
        headers.get("user-agent", ""),
        round(seconds * 1000),
    )


class ResourcePaths:
    """Gives the router paths that mean one thing only. See `resource_path`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope["raw_path"].decode("latin-1")
        try:
            path = resource_path(raw)
        except BadRequestError as error:
            await error_response(error, raw)(scope, receive, send)
            return
        await self._app({**scope, "path": path}, receive, send)


class CrossOrigin:
    """Lets pages of other origins read answers. Java: Jetty's CrossOriginHandler.

    A preflight gets its headers and then goes on to its resource, as any OPTIONS does.
    """

    def __init__(self, app: ASGIApp, origins: str, methods: str) -> None:
        self._app = app
        self._origins = {origin.strip().lower() for origin in origins.split(",")}
        named = [method.strip() for method in (methods.strip() or _DEFAULT_METHODS).split(",")]
        self._methods = ",".join(named)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        added = self._headers(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(added)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, scope: Scope) -> dict[str, str]:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        added = {"Vary": "Origin"}
        if origin is None or not (origin.lower() in self._origins or "*" in self._origins):
            return added
        added["Access-Control-Allow-Origin"] = origin
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            added["Access-Control-Allow-Methods"] = self._methods
            added["Access-Control-Allow-Headers"] = "Content-Type"
            added["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return added


class ConfiguredHeaders:
    """Adds headers to answers; those that the answer has itself win over a `set`.

    The value of a date is how many milliseconds from now it is. Java: Jetty's HeaderFilter.
    """

    def __init__(self, app: ASGIApp, rules: Sequence[HeaderRule]) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._configured(message)}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _configured(self, message: Message) -> list[tuple[bytes, bytes]]:
        own = Headers(raw=message.get("headers", []))
        headers = MutableHeaders()
        for action, name, value in self._rules:
            text = _date(value) if action.endswith("Date") else value
            if action.startswith("add"):
                headers.append(name, text)
            elif name not in own:
                headers[name] = text
        return headers.raw + own.raw


def _date(offset_ms: str) -> str:
    return formatdate(time.time() + int(offset_ms) / 1000, usegmt=True)
