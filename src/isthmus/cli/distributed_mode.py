"""What a worker of a cluster has: three topics, and a membership of its group."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from isthmus.cli.connect import RunningMember
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import (
    ClientConfig,
    connector_admin_config,
    connector_log_configs,
    internal_log_configs,
    kafka_python_config,
    leader_producer_config,
)
from isthmus.config.offsets_topic import offsets_topic
from isthmus.config.worker import InternalTopic, Store, WorkerConfig
from isthmus.group.membership import GroupSettings
from isthmus.group.protocol import ConnectProtocol
from isthmus.herder.api import HerderServices
from isthmus.herder.herder import Herder
from isthmus.kafka.admin import TopicAdmin
from isthmus.kafka.topic_log import KafkaTopicLog
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.logs import librdkafka_logger
from isthmus.storage.connector_offsets import MakeLog

_PURPOSES: dict[Store, str] = {
    "config": "connector configurations",
    "offset": "source connector offsets",
    "status": "connector and task statuses",
}


class DistributedMode:
    """Java: ConnectDistributed."""

    services = HerderServices

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config

    def topic_log(self, store: Store, admin: TopicAdmin) -> KafkaTopicLog:
        """Return the log over the topic of a store, which is made when the log starts."""
        topic = self._config.internal_topic(store)

        def prepare() -> None:
            _ensure(admin, topic, store)
            if store == "config":
                admin.ensure_single_partition(topic.name, topic.property)

        clients = internal_log_configs(self._config, store)
        return KafkaTopicLog(
            topic.name,
            admin,
            prepare,
            _with_logger(clients.consumer),
            _with_logger(clients.producer),
        )

    def own_offsets_log(self, connector: str, config: Mapping[str, str | None]) -> MakeLog | None:
        """Return what makes the log over a source connector's own offsets topic, if it has one.

        The topic is made as the worker's own would be, by the connector's clients.
        """
        own = offsets_topic(self._config, config)
        if own.is_workers:
            return None

        def make_log() -> KafkaTopicLog:
            for kind in (ClientKind.ADMIN, ClientKind.CONSUMER, ClientKind.PRODUCER):
                self._config.override_policy.check(config, kind)
            client_id = f"connector-adminclient-{connector}"
            admin = TopicAdmin(connector_admin_config(self._config, config, client_id).settings)
            topic = replace(self._config.internal_topic("offset"), name=own.name)
            clients = connector_log_configs(self._config, config, connector)
            return KafkaTopicLog(
                topic.name,
                admin,
                lambda: _ensure(admin, topic, "offset"),
                _with_logger(clients.consumer),
                _with_logger(clients.producer),
            )

        return make_log

    def leader_writer(self) -> TransactionalWriter | None:
        """Return what the leader writes the config topic with; None without exactly-once support.

        A cluster that prepares for that support has it too, so that a leader that is not prepared
        is never the only one who is not fenced out.
        """
        if self._config.exactly_once_source_support == "disabled":
            return None
        topic = self._config.internal_topic("config").name
        return TransactionalWriter(topic, _with_logger(leader_producer_config(self._config)))

    def make_member(
        self, herder: Herder, worker_id: str, loop: asyncio.AbstractEventLoop
    ) -> RunningMember:
        """Make the group member, off the loop: kafka-python takes 0.3 s to import.

        By then the REST API answers; imported first, it would come a third later.
        """
        from isthmus.group.member import GroupMember  # noqa: PLC0415

        return GroupMember(
            kafka_python_config(self._config, f"connect-{worker_id}"),
            _group_settings(self._config),
            herder,
            loop,
        )


def _ensure(admin: TopicAdmin, topic: InternalTopic, store: Store) -> None:
    admin.ensure_compacted_topic(
        topic.name,
        topic.property,
        _PURPOSES[store],
        topic.partitions,
        topic.replication_factor,
        topic.settings,
    )


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
