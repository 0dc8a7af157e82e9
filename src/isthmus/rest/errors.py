"""How an error becomes an answer. Java: ConnectExceptionMapper."""

import logging
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from isthmus.herder.errors import ConflictError, RestError

log = logging.getLogger(__name__)

#: What a client that was told to come back should wait, in seconds: about one rebalance.
_RETRY_AFTER = "1"


class ErrorMessage(msgspec.Struct, frozen=True):
    """The body of every error. Java: ErrorMessage."""

    error_code: int
    message: str | None


class RequestTimeoutError(RestError):
    """500: the herder did not answer in time. `stage` says what it was doing."""

    def __init__(self, stage: str | None) -> None:
        text = f"Request timed out. {stage}" if stage else "Request timed out"
        super().__init__(HTTPStatus.INTERNAL_SERVER_ERROR, text)
        self.stage = stage


def error_response(error: Exception, path: str) -> Response:
    """Return the answer for what a handler of `path` raised."""
    if not isinstance(error, RestError):
        log.error("Uncaught exception in REST call to %s", path, exc_info=error)
        return json_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error) or None)
    log.debug("REST call to %s failed: %s", path, error)
    response = json_error(error.status, error.message)
    if isinstance(error, ConflictError):
        response.headers["Retry-After"] = _RETRY_AFTER
    return response


def json_error(status: int, message: str | None) -> Response:
    """Return an error whose text clients can see: they look at the Content-Type first."""
    return Response(_body(status, message), status, media_type="application/json")


def routing_error(status: HTTPStatus) -> Response:
    """Return an error of a request that no resource takes; Java sends no Content-Type with it."""
    return Response(_body(status, f"HTTP {status.value} {status.phrase}"), status)


def _body(status: int, message: str | None) -> bytes:
    return msgspec.json.encode(ErrorMessage(int(status), message))
