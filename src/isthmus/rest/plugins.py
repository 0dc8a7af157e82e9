"""`/connector-plugins`. Java: ConnectorPluginsResource."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.api.errors import ConnectError
from isthmus.herder.errors import BadRequestError, RestError
from isthmus.herder.views import ConfigInfos, JsonConfig
from isthmus.rest.bodies import UnreadableBodyError, read_config
from isthmus.rest.errors import RequestTimeoutError
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import RequestHandler
from isthmus.rest.resource import flag, json_answer, json_body, resource


class PluginsResource:
    """What this worker can run, and what it makes of a config."""

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self) -> Sequence[Route]:
        plugin = "/connector-plugins/{plugin}/config"
        return [
            resource("/connector-plugins", get=self._list),
            resource(plugin, get=self._config_keys),
            resource(f"{plugin}/validate", put=self._validate),
        ]

    async def _list(self, request: Request) -> Response:
        connectors_only = flag(request, "connectorsOnly", default=True)
        plugins = self._herder.plugins(connectors_only=connectors_only)
        return json_answer(await self._requests.complete(plugins))

    async def _config_keys(self, request: Request) -> Response:
        version = request.query_params.get("version", "latest")
        keys = self._herder.connector_plugin_config(
            request.path_params["plugin"], None if version == "latest" else version
        )
        return json_answer(await self._requests.complete(keys))

    async def _validate(self, request: Request) -> Response:
        config = read_config(await json_body(request))
        if config is None:
            raise UnreadableBodyError(
                'Cannot invoke "java.util.Map.get(Object)" because "connectorConfig" is null'
            )
        _check_class(config.get("connector.class"), request.path_params["plugin"])
        return json_answer(await self._validated(config))

    async def _validated(self, config: JsonConfig) -> ConfigInfos:
        """Return the herder's answer; its errors are 500 here and name their Java class."""
        try:
            return await self._requests.complete(self._herder.validate_connector_config(config))
        except RequestTimeoutError as overdue:
            text = str(overdue).removesuffix(".")
            raise RestError(HTTPStatus.INTERNAL_SERVER_ERROR, text) from None
        except ConnectError as error:
            text = f"{_java_class(error)}: {error}"
            raise RestError(HTTPStatus.INTERNAL_SERVER_ERROR, text) from error


def _check_class(included: str | None, requested: str) -> None:
    if included is not None and not _pruned(included).endswith(_pruned(requested)):
        raise BadRequestError(
            f"Included connector type {included} does not match request type {requested}"
        )


def _pruned(name: str) -> str:
    return name.removesuffix("Connector") or name


def _java_class(error: ConnectError) -> str:
    if isinstance(error, BadRequestError):
        return "org.apache.kafka.connect.runtime.rest.errors.BadRequestException"
    if isinstance(error, RestError):
        return "org.apache.kafka.connect.runtime.rest.errors.ConnectRestException"
    return "org.apache.kafka.connect.errors.ConnectException"
