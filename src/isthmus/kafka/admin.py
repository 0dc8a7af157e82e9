"""Questions and orders to the Kafka cluster: what it is, its topics, its groups."""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from isthmus.api.errors import ConfigError, ConnectError, RetriableError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds for creating or checking a topic, with all tries. Java: default.api.timeout.ms.
API_TIMEOUT = 60.0
_REQUEST_TIMEOUT = 30.0
#: Short, since it is asked again until there is an answer, and holds up who stops meanwhile.
_END_TIMEOUT = 5.0
_RETRY_PAUSE = 0.1


class TopicAdmin:
    """An admin client with Connect's words for what goes wrong. Calls block: not for the loop.

    `api_timeout` is for the creation of a topic, in seconds. Java: TopicAdmin, SharedTopicAdmin.
    """

    def __init__(self, settings: Mapping[str, Any], api_timeout: float = API_TIMEOUT) -> None:
        """Make the client; nothing is sent yet.

        Raises:
            ConfigError: librdkafka cannot do what the settings ask for, such as Kerberos.
        """
        self._servers = settings.get("bootstrap.servers")
        self._api_timeout = api_timeout
        self._last_error = ""
        # librdkafka would write each failed connection to stderr; answers and `_reason` say it.
        quiet: dict[str, Any] = {**settings, "log_level": 0, "error_cb": self._note_error}
        try:
            self._client = AdminClient(quiet)
        except KafkaException as error:
            raise ConfigError(
                f"The settings of Kafka clients cannot be used: {_text(error)}"
            ) from None

    def _note_error(self, error: KafkaError) -> None:
        self._last_error = error.str()

    def _reason(self, error: Exception) -> str:
        """Return why a question was not answered: how the last connection failed, if one did."""
        self._client.poll(0)
        return self._last_error if _code(error) in _TIMED_OUT and self._last_error else _text(error)

    def cluster_id(self, timeout: float) -> str:
        """Return the id of the Kafka cluster.

        Raises:
            ConnectError: No broker answered within `timeout` seconds.
        """
        try:
            described = _result(self._client.describe_cluster(request_timeout=timeout), timeout)
        except (KafkaException, TimeoutError) as error:
            raise ConnectError(
                "Failed to connect to and describe Kafka cluster. Check worker's broker connection"
                f" and security properties. bootstrap.servers={self._servers}:"
                f" {self._reason(error)}"
            ) from error
        return described.cluster_id

    def ensure_compacted_topic(
        self,
        topic: str,
        key: str,
        purpose: str,
        partitions: int,
        replication_factor: int,
        settings: Mapping[str, str],
    ) -> None:
        """Create an internal topic, or check the one that is there.

        Args:
            topic: Its name.
            key: The worker property that names it.
            purpose: What it keeps, for the message.
            partitions: How many; -1 is the broker's default.
            replication_factor: -1 is the broker's default.
            settings: The topic's further settings.

        Raises:
            ConnectError: It cannot be created.
            ConfigError: It is there, and not compacted.
        """
        if self._create(topic, partitions, replication_factor, settings):
            return
        found = self._cleanup_policy(topic)
        if found is not None and found != "compact":
            raise ConfigError(
                f"Topic '{topic}' supplied via the '{key}' property is required to have"
                f" 'cleanup.policy=compact' to guarantee consistency and durability of {purpose},"
                f" but found the topic currently has 'cleanup.policy={found}'. Continuing would"
                f" likely result in eventually losing {purpose} and problems restarting this"
                f" Connect cluster in the future. Change the '{key}' property in the Connect worker"
                " configurations to use a topic with 'cleanup.policy=compact'."
            )

    def ensure_single_partition(self, topic: str, key: str) -> None:
        """Check that the config topic has one partition, the only way to keep its order.

        Raises:
            ConfigError: It has more.
        """
        try:
            found = self._client.list_topics(topic, _REQUEST_TIMEOUT).topics[topic].partitions
        except KafkaException as error:
            raise ConnectError(f"partitions of topic {topic}: {self._reason(error)}") from error
        if len(found) > 1:
            raise ConfigError(
                f"Topic '{topic}' supplied via the '{key}' property is required to have a single"
                " partition in order to guarantee consistency of connector configurations, but"
                f" found {len(found)} partitions."
            )

    def topic_id(self, topic: str, timeout: float) -> str | None:
        """Return what tells the topic from others of its name; None if it is not there.

        Brokers before 2.8 have the same answer for all topics.

        Raises:
            RetriableError: The cluster does not say within `timeout` seconds.
        """
        try:
            (answer,) = self._client.describe_topics(
                TopicCollection([topic]), request_timeout=timeout
            ).values()
            return str(_result(answer, timeout).topic_id)
        except (KafkaException, TimeoutError) as error:
            if _code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise RetriableError(f"id of topic {topic}: {self._reason(error)}") from error

    def end_offsets(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Return the offset after the last record of each partition, committed or not.

        Raises:
            RetriableError: The cluster does not say at the moment.
            ConnectError: It never will.
        """
        self._client.poll(0)  # nobody else takes what it has to say about its connections
        asked: dict[TopicPartition, Any] = {
            TopicPartition(topic, number): OffsetSpec.latest() for number in partitions
        }
        try:
            answers = self._client.list_offsets(
                asked,
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=_END_TIMEOUT,
            )
            ends = {
                partition.partition: int(_result(answer, _END_TIMEOUT).offset)
                for partition, answer in answers.items()
            }
        except (KafkaException, TimeoutError) as error:
            reason = f"end of topic {topic}: {self._reason(error)}"
            if _code(error) in _REFUSED:
                raise ConnectError(reason) from error
            self._forget_leaders(topic)
            raise RetriableError(reason) from error
        # The answer of a client that has just lost its connection may be no offset, -1001, without
        # an error; taken for an end, it would say that the topic was made anew.
        if any(end < 0 for end in ends.values()):
            self._forget_leaders(topic)
            raise RetriableError(f"end of topic {topic}: brokers gave no offset, but {ends}")
        return ends

    def _forget_leaders(self, topic: str) -> None:
        """Have the client learn who leads the topic's partitions now.

        It does not by itself: after a broker's restart it would ask with the leaders' old epochs,
        and be refused, for the minutes until its next regular look.
        """
        with contextlib.suppress(KafkaException):
            self._client.list_topics(topic, _END_TIMEOUT)

    def _create(
        self, topic: str, partitions: int, replication_factor: int, settings: Mapping[str, str]
    ) -> bool:
        """Create a topic; return False if it may be there already."""
        wanted = NewTopic(
            topic,
            num_partitions=partitions,
            replication_factor=replication_factor,
            config=dict(settings),
        )
        deadline = time.monotonic() + self._api_timeout
        timeout = min(_REQUEST_TIMEOUT, self._api_timeout)
        trouble = ""
        while True:
            try:
                created = self._client.create_topics([wanted], request_timeout=timeout)
                _result(created[topic], timeout)
                log.info("Created topic %s", topic)
                return True
            except (KafkaException, TimeoutError) as error:
                code, reason = _code(error), self._reason(error)
                if code in _PERHAPS_THERE:
                    return False
                if code not in _WORTH_ANOTHER_TRY or time.monotonic() > deadline:
                    raise _creation_error(topic, code, reason) from error
                if reason != trouble:
                    trouble = reason
                    log.warning("Topic %s could not be created yet: %s", topic, reason)
                time.sleep(_RETRY_PAUSE)

    def _cleanup_policy(self, topic: str) -> str | None:
        """Return the topic's cleanup policy, None if this worker may not know it."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        deadline = time.monotonic() + self._api_timeout
        timeout = min(_REQUEST_TIMEOUT, self._api_timeout)
        while True:
            try:
                answers = self._client.describe_configs([resource], request_timeout=timeout)
                return _result(answers[resource], timeout)["cleanup.policy"].value
            except (KafkaException, TimeoutError) as error:
                code = _code(error)
                if code in _PERHAPS_THERE:
                    return None
                # Another worker may be creating it at this moment, and no broker know it yet.
                if code not in _WORTH_ANOTHER_TRY or time.monotonic() > deadline:
                    raise _creation_error(topic, code, self._reason(error)) from error
            time.sleep(_RETRY_PAUSE)


def _creation_error(topic: str, code: int | None, reason: str) -> ConnectError:
    """Return the error in Java's words, and for what may have many causes, which it is."""
    if code in _TIMED_OUT:
        return ConnectError(
            f"Timed out while checking for or creating topic(s) '{topic}'. This could indicate a"
            " connectivity issue, unavailable topic partitions, or if this is your first use of the"
            " topic it may have taken too long to create."
        )
    if code in (KafkaError.INVALID_CONFIG, KafkaError.INVALID_REPLICATION_FACTOR):
        return ConnectError(f"Unable to create topic(s) '{topic}': {reason}")
    return ConnectError(f"Error while attempting to create/find topic(s) '{topic}': {reason}")


#: Answers that leave it open whether the topic exists; the first read will tell.
_PERHAPS_THERE = frozenset(
    {
        KafkaError.TOPIC_ALREADY_EXISTS,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)
_REFUSED = _PERHAPS_THERE - {KafkaError.TOPIC_ALREADY_EXISTS}
#: None stands for our own patience.
_TIMED_OUT = frozenset(
    {
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001  # confluent-kafka's public names begin so
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        None,
    }
)
#: A cluster that is starting has too few brokers at first, and news of a topic takes its time.
_WORTH_ANOTHER_TRY = frozenset(
    {
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._TIMED_OUT,  # noqa: SLF001  # confluent-kafka's public names begin so
        KafkaError._TRANSPORT,  # noqa: SLF001
        None,
    }
)


def _result(future: "Future[T]", timeout: float) -> T:
    return future.result(timeout)


def _code(error: Exception) -> int | None:
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return error.args[0].code()
    return None


def _text(error: Exception) -> str:
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return error.args[0].str()
    return str(error) or "time ran out"
