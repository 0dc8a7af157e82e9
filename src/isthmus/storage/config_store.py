"""The config topic as a store: connectors, task configs, target states, keys.

A record read becomes a change of the state and at most one event, in pure functions
(`config_records.py`). A write is sent, acknowledged, and read back, so that whoever returns from
it sees it in the snapshot. Java: KafkaConfigBackingStore.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.kafka.topic_log import LogRecord, TopicLog
from isthmus.storage.cluster_state import ClusterState, SessionKey
from isthmus.storage.config_records import (
    ConfigListener,
    ConfigReader,
    RestartRequest,
    encode_commit,
    encode_logger_level,
    encode_properties,
    encode_restart,
    encode_session_key,
    encode_target_state,
    encode_task_count,
)

__all__ = ["ConfigListener", "ConfigStore", "RestartRequest"]

log = logging.getLogger(__name__)

_WRITE_TIMEOUT = 30.0

Record = tuple[bytes, bytes | None]


class ConfigStore:
    """Reads and writes the config topic. For the event loop only, but `snapshot` for any thread."""

    def __init__(self, topic_log: TopicLog) -> None:
        self._log = topic_log
        self._reader = ConfigReader()
        self._snapshot = ClusterState()
        self._listener: ConfigListener | None = None

    async def start(self, listener: ConfigListener) -> None:
        """Read the topic to its end, and tell `listener` of every change after that."""
        await self._log.start(self._read)
        self._listener = listener

    async def stop(self) -> None:
        await self._log.stop()

    def snapshot(self) -> ClusterState:
        """Return what has been read so far."""
        return self._snapshot

    async def refresh(self) -> None:
        """Read to the present end of the topic."""
        await self._log.read_to_end()

    def _read(self, records: Sequence[LogRecord]) -> None:
        events = [event for record in records if (event := self._reader.read(record)) is not None]
        self._snapshot = self._reader.state()
        if self._listener is not None:
            for tell in events:
                tell(self._listener)

    async def put_connector(
        self, name: str, config: Mapping[str, str | None], target_state: TargetState | None
    ) -> None:
        """Write a connector's config, behind its initial target state if one is given (KIP-980)."""
        records: list[Record] = []
        if target_state is not None:
            records.append((_key("target-state", name), encode_target_state(target_state)))
        records.append((_key("connector", name), encode_properties(config)))
        await self._write(records, "Error writing connector configuration to Kafka")

    async def remove_connector(self, name: str) -> None:
        """Delete config and target state; task configs stay in the topic, as in Java."""
        records = [(_key("connector", name), None), (_key("target-state", name), None)]
        await self._write(records, "Error removing connector configuration from Kafka")

    async def put_task_configs(
        self, name: str, configs: Sequence[Mapping[str, str | None]]
    ) -> None:
        """Write all task configs of a connector, then the commit that makes them count."""
        failure = "Error writing task configurations to Kafka"
        records = [
            (_key("task", f"{name}-{number}"), encode_properties(config))
            for number, config in enumerate(configs)
        ]
        if records:
            # Nobody may see the commit before the configs; the topic's order sees to it.
            await self._write(records, failure)
        await self._write([(_key("commit", name), encode_commit(len(configs)))], failure)

    async def put_target_state(self, name: str, state: TargetState) -> None:
        """Write what the connector is to be; not read back, since any worker may write it."""
        records = [(_key("target-state", name), encode_target_state(state))]
        await self._in_time(self._log.send(records), "Error writing target state to Kafka")

    async def put_session_key(self, key: SessionKey) -> None:
        records = [(b"session-key", encode_session_key(key))]
        await self._write(records, "Error writing session key to Kafka")

    async def put_restart_request(self, request: RestartRequest) -> None:
        records = [(_key("restart-connector", request.connector), encode_restart(request))]
        await self._write(records, "Error writing root configuration to Kafka")

    async def put_task_count_record(self, name: str, count: int) -> None:
        """Write how many producers to fence out the next time (KIP-618)."""
        records = [(_key("tasks-fencing", name), encode_task_count(count))]
        await self._write(records, "Error writing task count record to Kafka")

    async def put_logger_level(self, namespace: str, level: str) -> None:
        """Have every running worker set a level (KIP-976); not read back."""
        records = [(_key("logger-cluster", namespace), encode_logger_level(level))]
        await self._in_time(self._log.send(records), "Error writing logger level to Kafka")

    async def _write(self, records: Sequence[Record], failure: str) -> None:
        await self._in_time(self._log.send_and_read(records), failure)

    async def _in_time(self, writing: Awaitable[None], failure: str) -> None:
        try:
            await asyncio.wait_for(writing, _WRITE_TIMEOUT)
        except TimeoutError as error:
            raise ConnectError(f"{failure}: no answer within {_WRITE_TIMEOUT:.0f} s") from error
        except ConnectError as error:
            raise ConnectError(f"{failure}: {error}") from error


def _key(kind: str, name: str) -> bytes:
    return f"{kind}-{name}".encode()
