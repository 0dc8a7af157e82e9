"""Creates the topics of a source connector as its config says (KIP-158). Java: TopicCreation."""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
)

from isthmus import logs
from isthmus.api.errors import ConnectError
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import connector_admin_config
from isthmus.config.topic_creation import (
    TopicCreationGroup,
    has_topic_creation,
    topic_creation_groups,
)
from isthmus.config.worker import WorkerConfig

log = logging.getLogger(__name__)

_TIMEOUT: Final = 30.0


class TopicCreation:
    """Makes sure of a topic before the first record goes to it; once a topic and task.

    Without `topic.creation.…` settings it leaves everything to the broker's auto-creation.
    """

    def __init__(
        self, worker: WorkerConfig, config: Mapping[str, str | None], connector: str, task: int
    ) -> None:
        self._groups: list[TopicCreationGroup] = []
        if worker.topic_creation_enable and has_topic_creation(config):
            worker.override_policy.check(config, ClientKind.ADMIN)
            self._groups = topic_creation_groups(config)
        client_id = f"connector-adminclient-{connector}-{task}"
        self._settings = connector_admin_config(worker, config, client_id).settings
        self._admin: AdminClient | None = None

    def ensure(self, topic: str) -> None:
        """Create the topic unless it is there.

        Raises:
            ConnectError: It cannot be created.
        """
        if not self._groups:
            return
        if self._admin is None:
            client: dict[str, Any] = {**self._settings, "logger": logs.librdkafka_logger()}
            self._admin = AdminClient(client)
        try:
            if self._exists(self._admin, topic):
                log.debug("Found existing topic %s", topic)
                return
            self._create(self._admin, topic)
        except KafkaException as error:
            raise ConnectError(
                f"Task failed to create new topic {topic}. Ensure that the task is authorized to"
                " create topics or that the topic exists and restart the task:"
                f" {error.args[0].str()}"
            ) from error

    def _exists(self, admin: AdminClient, topic: str) -> bool:
        # Not list_topics(topic), which would have the broker create it.
        wanted = TopicCollection([topic])
        try:
            admin.describe_topics(wanted, request_timeout=_TIMEOUT)[topic].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return False
            raise
        return True

    def _create(self, admin: AdminClient, topic: str) -> None:
        group = next(group for group in self._groups if group.matches(topic))
        wanted = NewTopic(
            topic,
            num_partitions=group.partitions,
            replication_factor=group.replication_factor,
            config=dict(group.settings),
        )
        try:
            admin.create_topics([wanted])[topic].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        else:
            log.info("Created topic %s using creation group %s", topic, group.name)
