"""One worker of a cluster: all its parts put together, started in order, stopped in reverse.

Java: Connect, ConnectDistributed.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.api.errors import ConnectError
from isthmus.config.clients import (
    ClientConfig,
    connector_admin_config,
    internal_admin_config,
    internal_log_configs,
    kafka_python_config,
)
from isthmus.config.worker import Store, WorkerConfig
from isthmus.group.membership import GroupSettings
from isthmus.group.protocol import ConnectProtocol
from isthmus.herder.api import HerderServices
from isthmus.herder.connectors import Connectors
from isthmus.herder.errors import NotLeaderError
from isthmus.herder.herder import Herder
from isthmus.herder.leader import Leadership
from isthmus.herder.local_work import LocalWork
from isthmus.herder.loggers import Loggers
from isthmus.herder.metrics import Metrics
from isthmus.herder.offsets import Offsets
from isthmus.herder.validation import Validation
from isthmus.kafka.admin import TopicAdmin
from isthmus.kafka.consumer_groups import ConsumerGroups
from isthmus.kafka.topic_log import KafkaTopicLog
from isthmus.logs import librdkafka_logger
from isthmus.rest.config import RestConfig
from isthmus.rest.server import RestServer
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.offset_store import OffsetStore
from isthmus.storage.status_store import StatusStore
from isthmus.worker.fork_server import ForkServer
from isthmus.worker.worker import Worker, WorkerListener

if TYPE_CHECKING:
    from isthmus.group.member import GroupMember

log = logging.getLogger(__name__)

_PORTION = 2.0

_PURPOSES: dict[Store, str] = {
    "config": "connector configurations",
    "offset": "source connector offsets",
    "status": "connector and task statuses",
}


class Connect:
    """The worker as a whole. For the event loop."""

    def __init__(self, config: WorkerConfig, fork_server: ForkServer) -> None:
        self._config = config
        self._fork_server = fork_server
        self._rest = RestServer(RestConfig.of(config))
        self._admin = TopicAdmin(internal_admin_config(config).settings)
        self._logs = {store: self._topic_log(store) for store in _PURPOSES}
        self._configs = ConfigStore(self._logs["config"])
        self._statuses = StatusStore(self._logs["status"])
        self._offsets = OffsetStore(self._logs["offset"])
        self._herder: Herder
        self._worker: Worker
        self._member: GroupMember
        self._services: HerderServices
        self._is_built = False
        self._is_member = False

    async def prepare(self) -> None:
        """Open the ports, look for the Kafka cluster, and put all parts together.

        Raises:
            ConnectError: A port is taken, or no broker answers.
        """
        await self._rest.bind()
        cluster_id = await self._cluster_id()
        log.info("Kafka cluster ID: %s", cluster_id)
        self._services = self._build(cluster_id)
        self._is_built = True

    async def start(self) -> None:
        """Start all parts; returns when the worker has read its topics and joins the group.

        Raises:
            ConnectError: An internal topic cannot be made, read or used.
        """
        await self._worker.start()
        await self._rest.start(self._services)
        await asyncio.to_thread(self._make_member, asyncio.get_running_loop())
        await asyncio.gather(
            self._configs.start(self._herder), self._statuses.start(), self._offsets.start()
        )
        self._member.start()
        self._is_member = True

    async def _cluster_id(self) -> str:
        """Ask for the cluster's id, in small portions, so that a stop need not wait long."""
        deadline = time.monotonic() + self._config.request_timeout
        while True:
            try:
                return await asyncio.to_thread(self._admin.cluster_id, _PORTION)
            except ConnectError:
                if time.monotonic() > deadline:
                    raise

    async def run(self) -> None:
        """Do the herder's work until it is stopped, or fails."""
        await self._herder.run()

    @property
    def is_running(self) -> bool:
        """Whether the worker has been started and takes part in the group."""
        return self._is_member

    async def stop(self) -> None:
        """Stop in order: requests, work, membership, topics; as far as it was started."""
        log.info("Kafka Connect stopping")
        if self._is_member:
            # Requests that wait for a turn are refused, so that the server can end.
            await asyncio.gather(self._herder.stop_work(), self._rest.stop())
            await self._member.leave_and_stop()
        if self._is_built:
            self._herder.halt()
        await self._rest.stop()
        if self._is_built:
            await self._worker.end_processes()
        else:
            await self._fork_server.stop()
        await asyncio.gather(self._configs.stop(), self._statuses.stop(), self._offsets.stop())
        log.info("Kafka Connect stopped")

    def _topic_log(self, store: Store) -> KafkaTopicLog:
        topic = self._config.internal_topic(store)

        def prepare() -> None:
            self._admin.ensure_compacted_topic(
                topic.name,
                topic.property,
                _PURPOSES[store],
                topic.partitions,
                topic.replication_factor,
                topic.settings,
            )
            if store == "config":
                self._admin.ensure_single_partition(topic.name, topic.property)

        clients = internal_log_configs(self._config, store)
        return KafkaTopicLog(
            topic.name,
            self._admin,
            prepare,
            _with_logger(clients.consumer),
            _with_logger(clients.producer),
        )

    def _build(self, cluster_id: str) -> HerderServices:
        """Put the herder together with what it leads and what it asks."""
        config, resolve = self._config, self._config.transformer.transform
        worker_id = config.worker_id(self._rest.bound)
        leadership = Leadership(config, self._configs, self._statuses)
        herder = self._herder = Herder(
            config,
            self._configs,
            self._statuses,
            leadership,
            config.advertised_url(self._rest.bound),
            lambda logger, level: self._worker.set_log_level(logger, level),
        )

        def make_worker(listener: WorkerListener) -> Worker:
            self._worker = Worker(config, listener, self._offsets, cluster_id, self._fork_server)
            return self._worker

        work = LocalWork(
            make_worker, self._configs, self._statuses, worker_id, resolve, self._publish
        )
        herder.attach(work)
        validation = Validation(self._worker, config, resolve)
        self._connectors = Connectors(herder, validation)
        return HerderServices(
            cluster_id,
            herder,
            self._connectors,
            Offsets(herder, validation, self._worker, self._offsets, self._groups, resolve),
            validation,
            Loggers(self._configs, self._worker.set_log_level),
            Metrics(herder, self._worker),
        )

    def _make_member(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the group member, off the loop: kafka-python takes 0.3 s to import.

        By then the REST API answers; imported first, it would come a third later.
        """
        from isthmus.group.member import GroupMember  # noqa: PLC0415

        worker_id = self._config.worker_id(self._rest.bound)
        self._member = GroupMember(
            kafka_python_config(self._config, f"connect-{worker_id}"),
            _group_settings(self._config),
            self._herder,
            loop,
        )
        self._herder.join(self._member)

    def _groups(self, connector: Mapping[str, str | None]) -> ConsumerGroups:
        client_id = f"connector-worker-adminclient-{connector.get('name')}"
        admin = connector_admin_config(self._config, connector, client_id)
        group_only = {
            "group_id",
            "heartbeat_interval_ms",
            "max_poll_interval_ms",
            "session_timeout_ms",
        }
        connection = kafka_python_config(self._config, client_id)
        return ConsumerGroups(
            admin.settings, {k: v for k, v in connection.items() if k not in group_only}
        )

    async def _publish(self, name: str, configs: Sequence[Mapping[str, str]]) -> None:
        """Write task configs here if this worker leads, else give them to the leader."""
        try:
            await self._connectors.publish_task_configs(name, configs)
        except NotLeaderError as error:
            if error.url is None:
                raise
            rules = self._herder.signature_rules()
            algorithm = self._config.inter_worker_signature_algorithm
            key = rules.key if rules is not None else None
            await self._rest.client.put_task_configs(error.url, name, configs, key, algorithm)


def _group_settings(config: WorkerConfig) -> GroupSettings:
    return GroupSettings(
        group_id=config.group_id,
        protocol=ConnectProtocol.of_setting(config.connect_protocol),
        session_timeout=config.session_timeout,
        rebalance_timeout=config.rebalance_timeout,
        heartbeat_interval=config.heartbeat_interval,
    )


def _with_logger(client: ClientConfig) -> dict[str, Any]:
    return {**client.settings, "logger": librdkafka_logger()}
