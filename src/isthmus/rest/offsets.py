"""`/connectors/{connector}/offsets` (KIP-875). Java: ConnectorsResource."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.herder.errors import BadRequestError
from isthmus.herder.views import ConnectorOffset, ConnectorOffsets, Message
from isthmus.rest.bodies import UnreadableBodyError, read_offsets
from isthmus.rest.herder import HerderApi
from isthmus.rest.request_handler import Hop, RequestHandler
from isthmus.rest.resource import connector_name, json_answer, json_body, resource

_ENTITIES = "org.apache.kafka.connect.runtime.rest.entities"


class OffsetsResource:
    """Where connectors stand, and moving them."""

    def __init__(self, herder: HerderApi, requests: RequestHandler) -> None:
        self._herder = herder
        self._requests = requests

    def routes(self) -> Sequence[Route]:
        return [
            resource(
                "/connectors/{connector}/offsets",
                get=self._get,
                patch=self._alter,
                delete=self._reset,
            )
        ]

    async def _get(self, request: Request) -> Response:
        offsets = self._herder.connector_offsets(connector_name(request))
        return json_answer(await self._requests.complete(offsets))

    async def _alter(self, request: Request) -> Response:
        offsets = _read(await json_body(request))
        message = await self._requests.complete_or_forward(
            self._herder.alter_connector_offsets(connector_name(request), offsets),
            Hop.of(request, ConnectorOffsets(offsets)),
            Message,
        )
        return json_answer(message)

    async def _reset(self, request: Request) -> Response:
        message = await self._requests.complete_or_forward(
            self._herder.reset_connector_offsets(connector_name(request)),
            Hop.of(request),
            Message,
        )
        return json_answer(message)


def _read(body: bytes) -> list[ConnectorOffset]:
    """Return the wanted offsets, one for each partition: the last that is given."""
    items = read_offsets(body)
    if items is None:
        raise UnreadableBodyError(
            f'Cannot invoke "{_ENTITIES}.ConnectorOffsets.offsets()" because "offsets" is null'
        )
    if not items:
        raise BadRequestError(
            "Partitions / offsets need to be provided for an alter offsets request"
        )
    by_partition: dict[bytes, ConnectorOffset] = {}
    for item in items:
        if item is None:
            raise UnreadableBodyError(
                f'Cannot invoke "{_ENTITIES}.ConnectorOffset.partition()" because "offset" is null'
            )
        by_partition[msgspec.json.encode(item.partition, order="deterministic")] = item
    return list(by_partition.values())
