"""A resource: one path and the methods that it takes, with HTTP's rules around them.

Which answers an unfit request gets, and in what order they are looked at, is Jersey's:

    405   the resource does not take the method; the answer names none that it does take
    415   the body is of another type than JSON
    406   the client does not take JSON
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from isthmus.herder.errors import NotFoundError, RestError
from isthmus.rest.errors import error_response, routing_error
from isthmus.rest.uri import ENCODED_SLASH

Handler = Callable[[Request], Awaitable[Response]]

_JSON = "application/json"
_WILDCARDS = frozenset({"*/*", "application/*"})
_MAX_BODY_BYTES = 16 << 20


def resource(
    path: str,
    *,
    get: Handler | None = None,
    post: Handler | None = None,
    put: Handler | None = None,
    patch: Handler | None = None,
    delete: Handler | None = None,
) -> Route:
    """Return the route to a resource; what handlers raise becomes an error's answer."""
    handlers = {"POST": post, "DELETE": delete, "GET": get, "PUT": put, "PATCH": patch}
    return Route(
        path, _Resource({method: handler for method, handler in handlers.items() if handler})
    )


def json_answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer that holds `value`."""
    return Response(msgspec.json.encode(value), status, media_type=_JSON)


def empty_answer(status: HTTPStatus) -> Response:
    return Response(status_code=status)


def connector_name(request: Request) -> str:
    """Return the connector that the path names."""
    return request.path_params["connector"].replace(ENCODED_SLASH, "/")


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        RestError: It is larger than anything that a connector's config can be: such a config
            would not fit into a record of the config topic.
    """
    parts: list[bytes] = []
    size = int(request.headers.get("content-length") or 0)
    if size <= _MAX_BODY_BYTES:
        size = 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > _MAX_BODY_BYTES:
                break
    if size > _MAX_BODY_BYTES:
        raise RestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The request's body is larger than {_MAX_BODY_BYTES} bytes",
        )
    return b"".join(parts)


async def json_body(request: Request) -> bytes:
    """Return the body of a request, which must say that it is JSON, if there is one at all.

    Unlike a wrong Content-Type, one that is missing or has a `*` is found by what reads the body;
    so the answer is an error like any other, and has a Content-Type itself.
    """
    body = await read_body(request)
    if body and _media_type(request.headers.get("content-type", "*/*")) in _WILDCARDS:
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        raise RestError(status, f"HTTP {status.value} {status.phrase}")
    return body


def task_number(request: Request) -> int:
    """Return the task's number from the path; what is no 32-bit integer names no task."""
    text: str = request.path_params["task"]
    if text.isascii() and text.removeprefix("-").removeprefix("+").isdigit() and text[:2] != "-+":
        number = int(text)
        if -(2**31) <= number < 2**31:
            return number
    raise NotFoundError("HTTP 404 Not Found")


def flag(request: Request, name: str, default: bool = False) -> bool:
    """Return a query parameter as Java reads a boolean: `true` in any case, all else is false."""
    value = optional_flag(request, name)
    return default if value is None else value


def optional_flag(request: Request, name: str) -> bool | None:
    """Return a query parameter's first value as `flag` does; None if it is missing or empty."""
    values = request.query_params.getlist(name)
    return values[0].lower() == "true" if values and values[0] else None


class _Resource:
    """Takes the requests to one path. An ASGI application."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        if "GET" in handlers:
            handlers = {"HEAD": handlers["GET"], **handlers}
        self._handlers = handlers
        # The order in which Java happens to name them; OPTIONS comes after what only reads.
        names = [name for name in ("HEAD", "POST", "DELETE", "GET") if name in handlers]
        self._methods = [*names, "OPTIONS", *(m for m in ("PUT", "PATCH") if m in handlers)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._options(request)
        handler = self._handlers.get(request.method)
        if handler is None:
            return routing_error(HTTPStatus.METHOD_NOT_ALLOWED)
        content_type = request.headers.get("content-type")
        if content_type is not None and _media_type(content_type) not in {_JSON, *_WILDCARDS}:
            return routing_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if not _accepts(request, _JSON):
            return routing_error(HTTPStatus.NOT_ACCEPTABLE)
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - whatever happened, the client gets an answer
            return error_response(error, request.url.path)

    def _options(self, request: Request) -> Response:
        allow = {"Allow": ",".join(self._methods)}
        if _accepts(request, "text/plain"):
            return Response(
                ", ".join(self._methods), headers={**allow, "Content-Type": "text/plain"}
            )
        return Response(headers={**allow, "Content-Type": _JSON})


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _accepts(request: Request, media_type: str) -> bool:
    """Tell whether a client takes this type. Java does not look at `q`, not even at `q=0`."""
    ranges = [_media_type(item) for item in request.headers.get("accept", "").split(",")]
    wanted = [item for item in ranges if item]
    family = f"{media_type.partition('/')[0]}/*"
    return not wanted or any(item in {media_type, family, "*/*"} for item in wanted)
