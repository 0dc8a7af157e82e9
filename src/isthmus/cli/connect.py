"""One worker: all its parts put together, started in order, stopped in reverse.

Java: Connect.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from isthmus.api.errors import ConnectError
from isthmus.config.clients import (
    connector_admin_config,
    fencing_producer_config,
    internal_admin_config,
    kafka_python_config,
    source_producer_config,
    task_transactional_id,
)
from isthmus.config.offsets_topic import offsets_topic
from isthmus.config.supervision import RestartSettings, Supervision
from isthmus.config.worker import Store, WorkerConfig
from isthmus.herder.api import HerderServices
from isthmus.herder.connectors import Connectors
from isthmus.herder.errors import NotLeaderError
from isthmus.herder.fencing import Fencing, Preflight
from isthmus.herder.herder import Herder, Member
from isthmus.herder.leader import Leadership
from isthmus.herder.local_work import LocalWork
from isthmus.herder.loggers import Loggers
from isthmus.herder.metrics import Metrics
from isthmus.herder.offsets import ExactlyOnce, Offsets
from isthmus.herder.reloads import Reloads
from isthmus.herder.restarts import Restarts
from isthmus.herder.validation import Validation
from isthmus.kafka.admin import TopicAdmin
from isthmus.kafka.consumer_groups import ConsumerGroups
from isthmus.kafka.fencing import fence_producers
from isthmus.kafka.topic_log import TopicLog
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.logs import librdkafka_logger
from isthmus.rest.config import RestConfig
from isthmus.rest.server import RestServer
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.connector_offsets import MakeLog, OffsetStores
from isthmus.storage.offset_store import OffsetStore
from isthmus.storage.status_store import StatusStore
from isthmus.worker.fork_server import ForkServer
from isthmus.worker.worker import Worker, WorkerListener

log = logging.getLogger(__name__)

_PORTION = 2.0

#: Seconds for one round of fencing, as long as a request may take.
_FENCING_TIMEOUT = 90.0

_STORES: Final[tuple[Store, ...]] = ("config", "offset", "status")


class RunningMember(Member, Protocol):
    """A membership from its start to its end."""

    def start(self) -> None: ...

    async def leave_and_stop(self) -> None: ...


class Mode(Protocol):
    """What a worker of a cluster and a standalone worker do not have in common."""

    @property
    def services(self) -> type[HerderServices]:
        """What answers the REST API."""
        ...

    def topic_log(self, store: Store, admin: TopicAdmin) -> TopicLog:
        """Return what a store stands on."""
        ...

    def own_offsets_log(self, connector: str, config: Mapping[str, str | None]) -> MakeLog | None:
        """Return what makes the log over a source connector's own offsets topic, if it has one."""
        ...

    def leader_writer(self) -> TransactionalWriter | None:
        """Return what only the leader writes the config topic with; None if any worker may."""
        ...

    def make_member(
        self, herder: Herder, worker_id: str, loop: asyncio.AbstractEventLoop
    ) -> RunningMember:
        """Return the membership of the group; not called on the event loop."""
        ...


class Connect:
    """The worker as a whole. For the event loop."""

    def __init__(self, config: WorkerConfig, fork_server: ForkServer, mode: Mode) -> None:
        self._config = config
        self._mode = mode
        self._fork_server = fork_server
        self._rest = RestServer(RestConfig.of(config))
        self._admin = TopicAdmin(internal_admin_config(config).settings)
        logs = {store: mode.topic_log(store, self._admin) for store in _STORES}
        self._configs = ConfigStore(logs["config"], leader_writer=mode.leader_writer())
        self._statuses = StatusStore(logs["status"])
        self._offsets = OffsetStores(OffsetStore(logs["offset"]), mode.own_offsets_log)
        self._herder: Herder
        self._worker: Worker
        self._member: RunningMember
        self.services: HerderServices
        self._reading: asyncio.Future[tuple[None, None, None]] | None = None
        self._is_built = False
        self._is_member = False

    async def prepare(self) -> None:
        """Open the ports, look for the Kafka cluster, put all parts together and answer requests.

        Raises:
            ConnectError: A port is taken, no broker answers, or a converter is not there.
        """
        await self._rest.bind()
        cluster_id = await self._cluster_id()
        log.info("Kafka cluster ID: %s", cluster_id)
        self.services = self._build(cluster_id)
        self._is_built = True
        await self._worker.start()
        await self._rest.start(self.services)
        self._reading = asyncio.gather(
            self._offsets.start(),  # first: it has the most partitions, and takes longest to make
            self._statuses.start(self._herder.work_ended),
            self._configs.start(self._herder),
        )
        loop, worker_id = asyncio.get_running_loop(), self._config.worker_id(self._rest.bound)
        # The first waits for imports, the second for a child that imports, reading for the broker.
        self._member, _ = await asyncio.gather(
            asyncio.to_thread(self._mode.make_member, self._herder, worker_id, loop),
            self._worker.check_converters(),
        )
        self._herder.join(self._member)

    async def start(self) -> None:
        """Start what is left; returns when the worker has read its topics and joins the group.

        Raises:
            ConnectError: An internal topic cannot be made, read or used.
        """
        assert self._reading is not None
        await self._reading
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
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.gather(self._configs.stop(), self._statuses.stop(), self._offsets.stop())
        log.info("Kafka Connect stopped")

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

        exactly_once = config.exactly_once_source_support == "enabled"
        preflight = Preflight(herder, self._type_of, self._fence)
        herder.attach(self._local_work(cluster_id, worker_id, preflight if exactly_once else None))
        validation = self._validation = Validation(self._worker, config, resolve)
        self._fencing = Fencing(
            herder, self._type_of, resolve, self._fence_producers, config.worker_sync_timeout
        )
        self._connectors = Connectors(herder, validation)
        return self._mode.services(
            cluster_id,
            herder,
            self._connectors,
            Offsets(
                herder,
                validation,
                self._worker,
                self._offsets,
                self._groups,
                resolve,
                ExactlyOnce(self._fencing.fence_zombies, self._offset_writer)
                if exactly_once
                else None,
            ),
            validation,
            Loggers(self._configs, self._worker.set_log_level),
            Metrics(herder, self._worker),
            self._fencing,
        )

    def _local_work(
        self, cluster_id: str, worker_id: str, preflight: Preflight | None
    ) -> LocalWork:
        config, resolve = self._config, self._config.transformer.transform

        def make_worker(listener: WorkerListener) -> Worker:
            self._worker = Worker(config, listener, self._offsets, cluster_id, self._fork_server)
            return self._worker

        return LocalWork(
            make_worker,
            self._configs,
            self._statuses,
            worker_id,
            resolve,
            self._publish,
            self._restarts(),
            Reloads(
                self._config.transformer.resolve,
                lambda name: self._herder.work.restart_connector(name),
                self._herder.request,
            ),
            preflight,
        )

    def _restarts(self) -> Restarts:
        config, herder = self._config, self._herder

        def settings(name: str) -> RestartSettings:
            connector = config.transformer.transform(
                self._configs.snapshot().connector_config(name) or {}
            )
            return Supervision.of(connector, config.originals).restart

        return Restarts(settings, lambda work: herder.work.restart_failed(work), herder.request)

    async def _type_of(self, connector: Mapping[str, str | None]) -> str:
        return await self._validation.connector_type(connector)

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
            key, algorithm = self._signing()
            await self._rest.client.put_task_configs(error.url, name, configs, key, algorithm)

    async def _fence(self, name: str) -> None:
        """Fence out earlier tasks of a connector if this worker leads, else ask the leader to."""
        try:
            await self._fencing.fence_zombies(name)
        except NotLeaderError as error:
            if error.url is None:
                raise
            await self._rest.client.fence_zombies(error.url, name, *self._signing())

    def _offset_writer(self, name: str, connector: Mapping[str, str | None]) -> TransactionalWriter:
        """Return what writes offsets in place of the connector's first task."""
        found = source_producer_config(self._config, connector, name, 0, transactional=True)
        settings = {**found.settings, "logger": librdkafka_logger()}
        return TransactionalWriter(offsets_topic(self._config, connector).name, settings)

    def _signing(self) -> tuple[bytes | None, str]:
        """Return the session key, None while the group needs none, and what to sign with."""
        rules = self._herder.signature_rules()
        key = rules.key if rules is not None else None
        return key, self._config.inter_worker_signature_algorithm

    async def _fence_producers(
        self, name: str, connector: Mapping[str, str | None], tasks: int
    ) -> None:
        found = fencing_producer_config(self._config, connector, name).settings
        settings = {**found, "logger": librdkafka_logger()}
        ids = [task_transactional_id(self._config, name, task) for task in range(tasks)]
        await asyncio.to_thread(fence_producers, settings, ids, _FENCING_TIMEOUT)
