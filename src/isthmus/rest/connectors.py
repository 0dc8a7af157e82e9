"""`/connectors`, the connectors themselves. Java: ConnectorsResource."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.errors import BadRequestError
from isthmus.herder.views import ConnectorInfo, ConnectorStateInfo, Created, JsonConfig
from isthmus.rest.bodies import UnreadableBodyError, read_config, read_create_request
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import Hop, RequestHandler
from isthmus.rest.resource import (
    connector_name,
    empty_answer,
    flag,
    json_answer,
    json_body,
    resource,
)
from isthmus.rest.uri import connector_location
from isthmus.storage.config_store import RestartRequest

#: What Java's `String.trim` takes off both ends.
_BLANKS = "".join(map(chr, range(0x21)))


class ConnectorsResource:
    """Creates, shows, changes and ends connectors."""

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self) -> Sequence[Route]:
        connector = "/connectors/{connector}"
        return [
            resource("/connectors", get=self._list, post=self._create),
            resource(connector, get=self._info, delete=self._delete),
            resource(
                f"{connector}/config", get=self._config, put=self._put_config, patch=self._patch
            ),
            resource(f"{connector}/status", get=self._status),
            resource(f"{connector}/restart", post=self._restart),
            resource(f"{connector}/pause", put=self._pause),
            resource(f"{connector}/resume", put=self._resume),
            resource(f"{connector}/stop", put=self._stop),
        ]

    async def _list(self, request: Request) -> Response:
        expansions = request.query_params.getlist("expand")
        if not expansions:
            return json_answer(await self._requests.complete(self._herder.connectors()))
        known = [name for name in dict.fromkeys(expansions) if name in {"status", "info"}]
        expanded = await self._requests.complete(
            self._herder.expanded_connectors(status="status" in known, info="info" in known)
        )
        # What was asked for first comes first.
        return json_answer(
            {
                connector: {
                    name: shown
                    for name in known
                    if (shown := getattr(found, name)) is not msgspec.UNSET
                }
                for connector, found in expanded.items()
            }
        )

    async def _create(self, request: Request) -> Response:
        wanted = read_create_request(await json_body(request))
        if wanted is None:
            raise UnreadableBodyError(
                'Cannot invoke "org.apache.kafka.connect.runtime.rest.entities.'
                'CreateConnectorRequest.name()" because "createRequest" is null'
            )
        name = (wanted.name or "").strip(_BLANKS)
        config = _named(wanted.config, name)
        state = wanted.initial_state
        created = await self._requests.complete_or_forward_put(
            self._herder.put_connector_config(
                name, config, None if state is None else state.target_state(), allow_replace=False
            ),
            Hop.of(request, wanted),
            ConnectorInfo,
        )
        return _put_answer(request, name, Created(True, created.result))

    async def _info(self, request: Request) -> Response:
        info = self._herder.connector_info(connector_name(request))
        return json_answer(await self._requests.complete(info))

    async def _config(self, request: Request) -> Response:
        info = await self._requests.complete(self._herder.connector_info(connector_name(request)))
        return json_answer(info.config)

    async def _put_config(self, request: Request) -> Response:
        name = connector_name(request)
        config = _named(read_config(await json_body(request)), name)
        created = await self._requests.complete_or_forward_put(
            self._herder.put_connector_config(name, config, None, allow_replace=True),
            Hop.of(request, config),
            ConnectorInfo,
        )
        return _put_answer(request, name, created)

    async def _patch(self, request: Request) -> Response:
        """Merge settings into a config; a null takes one out (KIP-477)."""
        patch = read_config(await json_body(request))
        if patch is None:
            await self._info(request)  # 404 for an unknown connector comes first
            raise UnreadableBodyError(
                'Cannot invoke "java.util.Map.forEach(java.util.function.BiConsumer)" because'
                ' "patch" is null'
            )
        patched = await self._requests.complete_or_forward_put(
            self._herder.patch_connector_config(connector_name(request), patch),
            Hop.of(request, patch),
            ConnectorInfo,
        )
        return json_answer(patched.result)

    async def _delete(self, request: Request) -> Response:
        await self._act(request, self._herder.delete_connector_config)
        return empty_answer(HTTPStatus.NO_CONTENT)

    async def _status(self, request: Request) -> Response:
        status = self._herder.connector_status(connector_name(request))
        return json_answer(await self._requests.complete(status))

    async def _restart(self, request: Request) -> Response:
        """Restart the connector alone, or what `includeTasks` and `onlyFailed` say (KIP-745)."""
        include_tasks, only_failed = flag(request, "includeTasks"), flag(request, "onlyFailed")
        if not include_tasks and not only_failed:
            await self._act(request, self._herder.restart_connector)
            return empty_answer(HTTPStatus.NO_CONTENT)
        restart = RestartRequest(
            connector_name(request), only_failed=only_failed, include_tasks=include_tasks
        )
        query = f"&includeTasks={_java(include_tasks)}&onlyFailed={_java(only_failed)}"
        state = await self._requests.complete_or_forward(
            self._herder.restart_connector_and_tasks(restart),
            Hop.of(request, query=query),
            ConnectorStateInfo,
        )
        return json_answer(state, HTTPStatus.ACCEPTED)

    async def _pause(self, request: Request) -> Response:
        await self._requests.complete(self._herder.pause_connector(connector_name(request)))
        return empty_answer(HTTPStatus.ACCEPTED)

    async def _resume(self, request: Request) -> Response:
        await self._requests.complete(self._herder.resume_connector(connector_name(request)))
        return empty_answer(HTTPStatus.ACCEPTED)

    async def _stop(self, request: Request) -> Response:
        await self._act(request, self._herder.stop_connector)
        return empty_answer(HTTPStatus.NO_CONTENT)

    async def _act(
        self, request: Request, action: Callable[[str], Coroutine[Any, Any, None]]
    ) -> None:
        """Do something that has no answer to a connector, on the worker that must do it."""
        await self._requests.complete_or_forward(
            action(connector_name(request)), Hop.of(request), type(None)
        )


def _named(config: JsonConfig | None, name: str) -> JsonConfig:
    """Return the config with its connector's name in it, which it may lack but not contradict."""
    if config is None:
        raise UnreadableBodyError(
            'Cannot invoke "java.util.Map.get(Object)" because "connectorConfig" is null'
        )
    included = config.get("name")
    if included is not None and included != name:
        raise BadRequestError(
            f"Connector name configuration ({included}) doesn't match connector name in the URL"
            f" ({name})"
        )
    return {**config, "name": name}


def _put_answer(request: Request, name: str, created: Created[ConnectorInfo]) -> Response:
    if not created.created:
        return json_answer(created.result)
    answer = json_answer(created.result, HTTPStatus.CREATED)
    base = f"{request.url.scheme}://{request.url.netloc}"
    answer.headers["Location"] = connector_location(base, name)
    return answer


def _java(value: bool) -> str:
    return "true" if value else "false"
