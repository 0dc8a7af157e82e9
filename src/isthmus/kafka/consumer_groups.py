"""The offsets of consumer groups, for sink connectors (KIP-875)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from isthmus.api.errors import ConnectError

_TIMEOUT = 30.0

PartitionOffsets = Mapping[tuple[str, int], int]


class ConsumerGroups:
    """Reads and writes what groups have committed. For the event loop."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

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
        altered = client.alter_consumer_group_offsets([wanted])[group].result(_TIMEOUT)
        for partition in altered.topic_partitions:
            if partition.error is not None:
                raise KafkaException(partition.error)

    async def delete(self, group: str) -> None:
        """Delete a group that has no members; nothing if it does not exist."""
        await asyncio.to_thread(self._delete, group)

    def _delete(self, group: str) -> None:
        client = AdminClient(self._settings)
        try:
            client.delete_consumer_groups([group])[group].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
