"""`/admin/loggers`: levels of loggers, while the worker runs (KIP-495, KIP-976).

Java: LoggingResource.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.errors import BadRequestError, NotFoundError
from isthmus.rest.bodies import UnreadableBodyError, read_config
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import RequestHandler
from isthmus.rest.resource import empty_answer, json_answer, json_body, resource

log = logging.getLogger(__name__)

#: The levels of log4j, which are those that Connect's users write.
_LEVELS = frozenset({"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"})


class LoggersResource:
    """The loggers of this worker, or of all workers."""

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self) -> Sequence[Route]:
        return [
            resource("/admin/loggers", get=self._list),
            resource("/admin/loggers/{logger}", get=self._get, put=self._set_level),
        ]

    async def _list(self, _request: Request) -> Response:
        levels = await self._requests.complete(self._herder.all_loggers())
        return json_answer(dict(sorted(levels.items())))

    async def _get(self, request: Request) -> Response:
        name = request.path_params["logger"]
        level = await self._requests.complete(self._herder.logger(name))
        if level is None:
            raise NotFoundError(f"Logger {name} not found.")
        return json_answer(level)

    async def _set_level(self, request: Request) -> Response:
        namespace = request.path_params["logger"]
        level = await _read_level(request)
        scope = (request.query_params.get("scope") or "worker").lower()
        if scope == "cluster":
            await self._requests.complete(self._herder.set_cluster_logger(namespace, level))
            return empty_answer(HTTPStatus.NO_CONTENT)
        if scope != "worker":
            log.warning("Unknown scope %s for the level of %s; using worker", scope, namespace)
        changed = await self._requests.complete(
            self._herder.set_worker_logger(namespace, level.upper())
        )
        return json_answer(sorted(changed))


async def _read_level(request: Request) -> str:
    """Return the level in the case in which it was given: so it goes into the config topic."""
    body = read_config(await json_body(request))
    if body is None:
        raise UnreadableBodyError(
            'Cannot invoke "java.util.Map.get(Object)" because "levelMap" is null'
        )
    level = body.get("level")
    if level is None:
        raise BadRequestError("Desired 'level' parameter was not specified in request.")
    if level.strip().upper() not in _LEVELS:
        raise NotFoundError(f"invalid log level '{level}'.")
    return level.strip()
