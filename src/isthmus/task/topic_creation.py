"""Creates the topics of a source connector as its config says (KIP-158). Java: TopicCreation."""

import logging
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)

from isthmus.api.errors import ConnectError
from isthmus.config.clients import connector_admin_config
from isthmus.config.topic_creation import (
    TopicCreationGroup,
    has_topic_creation,
    topic_creation_groups,
)
from isthmus.config.worker import WorkerConfig

log = logging.getLogger(__name__)

_TIMEOUT = 30.0


class TopicCreation:
    """Makes sure of a topic before the first record goes to it; once a topic and task.

    Without `topic.creation.…` settings it leaves everything to the broker's auto-creation.
    """

    def __init__(
        self, worker: WorkerConfig, config: Mapping[str, str | None], connector: str, task: int
    ) -> None:
        self._groups: list[TopicCreationGroup] = []
        if worker.topic_creation_enable and has_topic_creation(config):
            self._groups = topic_creation_groups(config)
        client_id = f"connector-adminclient-{connector}-{task}"
        self._settings = connector_admin_config(worker, config, client_id).settings

    def ensure(self, topic: str) -> None:
        """Create the topic unless it is there.

        Raises:
            ConnectError: It cannot be created.
        """
        if not self._groups:
            return
        group = next(group for group in self._groups if group.matches(topic))
        admin = AdminClient(self._settings)
        if topic in admin.list_topics(timeout=_TIMEOUT).topics:
            return
        wanted = NewTopic(
            topic,
            num_partitions=group.partitions,
            replication_factor=group.replication_factor,
            config=dict(group.settings),
        )
        try:
            admin.create_topics([wanted])[topic].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return
            raise ConnectError(
                f"Task failed to create new topic {topic}. Ensure that the task is authorized to"
                " create topics or that the topic exists and restart the task:"
                f" {error.args[0].str()}"
            ) from error
        log.info("Created topic %s as topic creation group %s says", topic, group.name)
