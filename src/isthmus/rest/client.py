"""Requests to other workers: those of clients, passed on, and those that workers send themselves.

Java: RestClient.
"""

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec
import urllib3

from isthmus.herder.errors import ConflictError, RestError, UnreachableWorkerError
from isthmus.herder.signature import Signer
from isthmus.rest.errors import ErrorMessage

log = logging.getLogger(__name__)

T = TypeVar("T")

#: As many requests may be with other workers at once; more wait for one of these to end.
_MAX_REQUESTS = 16
#: The other worker answers within its own limit of 90 s, or never.
_TIMEOUT = urllib3.Timeout(connect=10.0, read=100.0)
_HEADERS = {
    "Accept": "application/json",
    "User-Agent": "kafka-connect",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What another worker answered. `result` is None if the answer has no body."""

    status: int
    result: T


class RestClient:
    """Sends requests to other workers, each on a thread of its own, so that the loop never waits.

    To be used on the loop, until `close`. The threads are daemons: a worker that hangs must not
    keep this one from ending, as the threads of an executor would.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._free = asyncio.Semaphore(_MAX_REQUESTS)
        # urllib3 would compare the names of hosts although the context does not want it.
        any_host = ssl_context is not None and not ssl_context.check_hostname
        self._pool = urllib3.PoolManager(
            maxsize=_MAX_REQUESTS,
            retries=False,
            timeout=_TIMEOUT,
            ssl_context=ssl_context,
            assert_hostname=False if any_host else None,
        )

    async def request(
        self,
        method: str,
        url: str,
        result_type: type[T],
        *,
        body: object = None,
        authorization: str | None = None,
        signer: Signer | None = None,
    ) -> Answer[T]:
        """Send a request and return what was answered; `body` None has none, else it is JSON.

        Raises:
            RestError: The other worker answered with an error, which this repeats; or 500, if it
                could not be reached or understood.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = dict(_HEADERS)
        if authorization is not None:
            headers["Authorization"] = authorization
        if signer is not None:
            headers.update(signer.headers(content or b""))
        async with self._free:
            response = await self._on_thread(method, url, content, headers)
        return _answer(response, result_type)

    async def put_task_configs(
        self,
        worker_url: str,
        connector: str,
        configs: Sequence[Mapping[str, str | None]],
        key: bytes | None,
        algorithm: str,
    ) -> None:
        """Give the leader at `worker_url` the task configs that a connector here has made.

        They are signed with the session key, unless `key` is None.
        """
        signer = None if key is None else Signer(key, algorithm)
        url = _connector_url(worker_url, connector, "tasks")
        await self.request("POST", url, type(None), body=configs, signer=signer)

    async def fence_zombies(
        self, worker_url: str, connector: str, key: bytes | None, algorithm: str
    ) -> None:
        """Ask the leader at `worker_url` to fence out older tasks of a connector (KIP-618)."""
        signer = None if key is None else Signer(key, algorithm)
        url = _connector_url(worker_url, connector, "fence")
        await self.request("PUT", url, type(None), signer=signer)

    async def close(self) -> None:
        """Close the connections; requests that still wait for an answer are left to their end."""
        self._pool.clear()

    async def _on_thread(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[urllib3.BaseHTTPResponse] = loop.create_future()

        def settle(answer: urllib3.BaseHTTPResponse | RestError) -> None:
            if answered.cancelled():
                return
            if isinstance(answer, RestError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        def send() -> None:
            answer = self._send(method, url, body, headers)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and all that waited
                loop.call_soon_threadsafe(settle, answer)

        threading.Thread(target=send, name=f"rest-client {method}", daemon=True).start()
        return await answered

    def _send(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse | RestError:
        try:
            return self._pool.request(method, url, body=body, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.error("Request %s %s failed: %s", method, url, error)
            return UnreachableWorkerError(f"IO Error trying to forward REST request: {error}")
        except Exception as error:  # whoever waits must hear of it, whatever it is
            log.error("Request %s %s failed", method, url, exc_info=error)
            return _failure(f"Error trying to forward REST request: {error}")


def _connector_url(worker_url: str, connector: str, what: str) -> str:
    return f"{worker_url.rstrip('/')}/connectors/{quote(connector, safe='')}/{what}"


def _answer(response: urllib3.BaseHTTPResponse, result_type: type[T]) -> Answer[T]:
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise _repeated_error(response)
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _failure(f"Unexpected status code when handling forwarded request: {response.status}")
    has_body = response.status != HTTPStatus.NO_CONTENT and result_type is not type(None)
    return Answer(response.status, _decode(response.data if has_body else b"null", result_type))


def _repeated_error(response: urllib3.BaseHTTPResponse) -> RestError:
    message = _decode(response.data, ErrorMessage).message
    log.info("Received error %d from another worker: %s", response.status, message)
    if response.status == HTTPStatus.CONFLICT and "Retry-After" in response.headers:
        return ConflictError(message or "")
    return RestError(response.status, message)


def _decode(data: bytes, result_type: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=result_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _failure(f"Error trying to forward REST request: {error}") from error


def _failure(message: str) -> RestError:
    return RestError(HTTPStatus.INTERNAL_SERVER_ERROR, message)
