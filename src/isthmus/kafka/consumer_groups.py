"""The offsets of consumer groups, for sink connectors (KIP-875)."""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from isthmus.api.errors import ConnectError

_TIMEOUT = 30.0
#: What Kafka says of a group whose members are still there.
_IN_USE = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
    }
)

PartitionOffsets = Mapping[tuple[str, int], int]


class GroupInUseError(ConnectError):
    """The group has members, so its offsets are theirs."""


class ConsumerGroups:
    """Reads and writes what groups have committed. For the event loop."""

    def __init__(self, settings: Mapping[str, Any], kafka_python: Mapping[str, Any]) -> None:
        """`settings` are librdkafka's; `kafka_python` those of the other client.

        librdkafka cannot delete single offsets of a group, kafka-python can.
        """
        self._settings = dict(settings)
        self._kafka_python = dict(kafka_python)

    async def offsets(self, group: str) -> PartitionOffsets:
        """Return the committed offsets of a group; of one that does not exist, none."""
        return await asyncio.to_thread(self._offsets, group)

    def _offsets(self, group: str) -> PartitionOffsets:
        client = AdminClient(self._settings)
        asked = ConsumerGroupTopicPartitions(group)
        try:
            listed = client.list_consumer_group_offsets([asked])[group].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise ConnectError(f"offsets of group {group}: {error}") from error
        return {
            (found.topic, found.partition): found.offset
            for found in listed.topic_partitions
            if found.offset >= 0
        }

    async def alter(self, group: str, offsets: PartitionOffsets) -> None:
        """Commit offsets for a group that has no members."""
        await asyncio.to_thread(self._alter, group, offsets)

    def _alter(self, group: str, offsets: PartitionOffsets) -> None:
        client = AdminClient(self._settings)
        wanted = ConsumerGroupTopicPartitions(
            group,
            [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()],
        )
        with _busy_groups():
            altered = client.alter_consumer_group_offsets([wanted])[group].result(_TIMEOUT)
            for partition in altered.topic_partitions:
                if partition.error is not None:
                    raise KafkaException(partition.error)

    async def delete_offsets(self, group: str, partitions: Sequence[tuple[str, int]]) -> None:
        """Forget what a group that has no members committed for these partitions."""
        await asyncio.to_thread(self._delete_offsets, group, partitions)

    def _delete_offsets(self, group: str, partitions: Sequence[tuple[str, int]]) -> None:
        # kafka-python takes a third of the worker's start-up to import, and this is rarely called.
        from kafka import KafkaAdminClient  # noqa: PLC0415
        from kafka.structs import TopicPartition as KafkaPythonPartition  # noqa: PLC0415

        client: Any = KafkaAdminClient(**self._kafka_python)
        try:
            deleted = client.delete_group_offsets(
                group, [KafkaPythonPartition(topic, number) for topic, number in partitions]
            )
            for error in deleted.values():
                if getattr(error, "errno", 0) in _IN_USE:
                    raise GroupInUseError(str(error))
                if getattr(error, "errno", 0):
                    raise ConnectError(f"offsets of group {group}: {error}")
        finally:
            client.close()

    async def delete(self, group: str) -> None:
        """Delete a group that has no members; nothing if it does not exist."""
        await asyncio.to_thread(self._delete, group)

    def _delete(self, group: str) -> None:
        client = AdminClient(self._settings)
        try:
            with _busy_groups():
                client.delete_consumer_groups([group])[group].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise


@contextmanager
def _busy_groups() -> Generator[None]:
    """Tell errors of a group that has members from others."""
    try:
        yield
    except KafkaException as error:
        if error.args[0].code() in _IN_USE:
            raise GroupInUseError(str(error)) from error
        raise
