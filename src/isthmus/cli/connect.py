"""One worker of a cluster: all its parts put together, started in order, stopped in reverse.

Java: Connect, ConnectDistributed.
"""

import asyncio
import logging

from isthmus.config.clients import (
    internal_admin_config,
)
from isthmus.config.worker import WorkerConfig
from isthmus.group.member import GroupMember
from isthmus.herder.herder import Herder
from isthmus.kafka.admin import describe_cluster
from isthmus.rest.server import RestServer
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.offset_store import OffsetStore
from isthmus.storage.status_store import StatusStore
from isthmus.worker.fork_server import ForkServer

log = logging.getLogger(__name__)

_CLUSTER_TIMEOUT = 30.0


class Connect:
    """The worker as a whole. For the event loop, but for the making of the fork server."""

    def __init__(self, config: WorkerConfig, fork_server: ForkServer) -> None:
        self._config = config
        self._fork_server = fork_server
        self._rest = RestServer(_rest_config(config))
        self._configs: ConfigStore
        self._statuses: StatusStore
        self._offsets: OffsetStore
        self._herder: Herder
        self._member: GroupMember
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start everything; returns when the worker has read its topics and joins the group.

        Raises:
            ConnectError: Something of it cannot be had: a port, the broker, a topic.
        """
        await self._rest.bind()
        admin = internal_admin_config(self._config)
        cluster_id = await describe_cluster(admin.settings, _CLUSTER_TIMEOUT)
        self._build(cluster_id)
        await self._rest.start(self._services)
        await asyncio.gather(
            self._configs.start(self._herder), self._statuses.start(), self._offsets.start()
        )
        self._running = asyncio.create_task(self._herder.run(), name="herder")
        self._member.start()
