"""The life of a request between resource and herder: a time limit, and forwarding.

Java: HerderRequestHandler.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request

from isthmus.herder.errors import ConflictError, RebalanceNeededError, RequestTargetError
from isthmus.herder.views import Created
from isthmus.rest.client import Answer, RestClient
from isthmus.rest.errors import RequestTimeoutError
from isthmus.rest.herder import HerderApi
from isthmus.rest.resource import optional_flag

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hop:
    """A request as it goes on to another worker, should this one be the wrong one.

    `forward` is what the request says about that: None is a client's own request, which may be
    forwarded twice; True one that was forwarded once; False one that must not go on.
    """

    method: str
    path: str
    authorization: str | None
    forward: bool | None
    body: object = None
    query: str = ""

    @classmethod
    def of(cls, request: Request, body: object = None, query: str = "") -> "Hop":
        """Return the hop of this request; `body` None has none, `query` is added to the URL."""
        return cls(
            request.method,
            request.scope["raw_path"].decode("ascii"),
            request.headers.get("authorization"),
            optional_flag(request, "forward"),
            body,
            query,
        )


class RequestHandler:
    """Gets answers from the herder, or from the worker that it names instead. For the loop only."""

    def __init__(self, herder: HerderApi, client: RestClient, timeout: float) -> None:
        self._herder = herder
        self._client = client
        self._timeout = timeout
        self._overdue: set[asyncio.Task[Any]] = set()

    async def complete(self, answer: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Return the herder's answer.

        A herder that takes too long is not interrupted: it may be in the middle of a write. What
        it answers in the end goes to the log.

        Raises:
            RequestTimeoutError: There was no answer within the time limit.
        """
        task = asyncio.ensure_future(answer)
        done, _ = await asyncio.wait({task}, timeout=self._timeout if timeout is None else timeout)
        if done:
            return task.result()
        self._overdue.add(task)
        task.add_done_callback(self._log_overdue)
        raise RequestTimeoutError(self._herder.stage())

    def _log_overdue(self, task: asyncio.Task[Any]) -> None:
        self._overdue.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("A request that had timed out failed in the end: %s", error)

    async def complete_or_forward(
        self, answer: Coroutine[Any, Any, T], hop: Hop, result_type: type[T]
    ) -> T:
        """Return the herder's answer, or that of the worker which the herder names.

        Raises:
            ConflictError: Nobody knows now who must answer, or not with certainty.
        """
        try:
            return await self._complete_on_settled(answer)
        except RequestTargetError as target:
            return (await self._forward(target, hop, result_type)).result

    async def complete_or_forward_put(
        self, answer: Coroutine[Any, Any, Created[T]], hop: Hop, result_type: type[T]
    ) -> Created[T]:
        """Do as `complete_or_forward`, for what tells whether it created something."""
        try:
            return await self._complete_on_settled(answer)
        except RequestTargetError as target:
            forwarded = await self._forward(target, hop, result_type)
            return Created(forwarded.status == 201, forwarded.result)

    async def _complete_on_settled(self, answer: Coroutine[Any, Any, T]) -> T:
        try:
            return await self.complete(answer)
        except RebalanceNeededError:
            raise ConflictError(
                "Cannot complete request momentarily due to stale configuration (typically caused"
                " by a concurrent config change)"
            ) from None

    async def _forward(
        self, target: RequestTargetError, hop: Hop, result_type: type[T]
    ) -> Answer[T]:
        if hop.forward is False:
            log.error("%s %s did not find its worker within two hops", hop.method, hop.path)
            raise ConflictError(
                "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
            )
        if not target.url:
            raise ConflictError(
                "Cannot complete request momentarily due to no known leader URL, likely because a"
                " rebalance was underway."
            )
        may_go_on = "true" if hop.forward is None else "false"
        url = f"{target.url.rstrip('/')}{hop.path}?forward={may_go_on}{hop.query}"
        log.debug("Forwarding request %s %s", hop.method, url)
        return await self._client.request(
            hop.method, url, result_type, body=hop.body, authorization=hop.authorization
        )
