"""The config topic as a store: connectors, task configs, target states, keys.

A record read becomes a change of the state and at most one event, in pure functions
(`config_records.py`). A write is sent, acknowledged, and read back, so that whoever returns from
it sees it in the snapshot. Java: KafkaConfigBackingStore.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.kafka.topic_log import LogRecord, TopicLog
from isthmus.storage.cluster_state import ClusterState, SessionKey
from isthmus.storage.config_records import (
    ConfigListener,
    ConfigReader,
    Event,
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

#: Seconds for one operation in all. Java: READ_WRITE_TOTAL_TIMEOUT_MS.
TOTAL_TIMEOUT = 30.0
_ROOT_FAILURE = "Error writing root configuration to Kafka"

Record = tuple[bytes, bytes | None]


class ConfigStore:
    """Reads and writes the config topic. For the event loop only, but `snapshot` for any thread."""

    def __init__(self, topic_log: TopicLog, timeout: float = TOTAL_TIMEOUT) -> None:
        self._log = topic_log
        self._timeout = timeout
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

    async def refresh(self, timeout: float = TOTAL_TIMEOUT) -> None:
        """Read to the present end of the topic.

        Raises:
            ConnectError: That has taken more than `timeout` seconds, or cannot be done.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._log.read_to_end()
        except TimeoutError as error:
            raise ConnectError(
                f"The config topic could not be read to its end within {timeout:g} s"
            ) from error

    def _read(self, records: Sequence[LogRecord]) -> None:
        events = [event for record in records if (event := self._reader.read(record)) is not None]
        self._snapshot = self._reader.state()
        if self._listener is not None:
            for tell in events:
                self._tell(self._listener, tell)

    def _tell(self, listener: ConfigListener, tell: Event) -> None:
        try:
            tell(listener)
        except Exception:
            # The other events of the batch must be told all the same.
            log.exception("Unexpected error in a listener of the config topic")

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
        records: list[Record] = [
            (_key("task", f"{name}-{number}"), encode_properties(config))
            for number, config in enumerate(configs)
        ]
        commit: list[Record] = [(_key("commit", name), encode_commit(len(configs)))]
        deadline = asyncio.get_running_loop().time() + self._timeout
        # What an earlier leader wrote must not come between the configs and their commit unseen.
        await self._write([], _ROOT_FAILURE, deadline=deadline)
        if records:
            failure = "Error writing task configurations to Kafka"
            await self._write(records, failure, deadline=deadline)
        await self._write(commit, _ROOT_FAILURE, deadline=deadline)

    async def put_target_state(self, name: str, state: TargetState) -> None:
        """Write what the connector is to be; not read back, since any worker may write it."""
        records = [(_key("target-state", name), encode_target_state(state))]
        await self._write(records, "Error writing target state to Kafka", read_back=False)

    async def put_session_key(self, key: SessionKey) -> None:
        records = [(b"session-key", encode_session_key(key))]
        await self._write(records, "Error writing session key to Kafka")

    async def put_restart_request(self, request: RestartRequest) -> None:
        records = [(_key("restart-connector", request.connector), encode_restart(request))]
        await self._write(records, f"Error writing {request} to Kafka")

    async def put_task_count_record(self, name: str, count: int) -> None:
        """Write how many producers to fence out the next time (KIP-618)."""
        records = [(_key("tasks-fencing", name), encode_task_count(count))]
        await self._write(records, "Error writing task count record to Kafka")

    async def put_logger_level(self, namespace: str, level: str) -> None:
        """Have every running worker set a level (KIP-976); not read back."""
        records = [(_key("logger-cluster", namespace), encode_logger_level(level))]
        await self._write(records, "Error writing logger level to Kafka", read_back=False)

    async def _write(
        self,
        records: Sequence[Record],
        failure: str,
        *,
        read_back: bool = True,
        deadline: float | None = None,
    ) -> None:
        """Write the records, or read to the end if there are none.

        Raises:
            ConnectError: With `failure` as its text, which is what clients of Java's get; the
                cause is logged. Whether the records were written is not known then.
        """
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                if not records:
                    await self._log.read_to_end()
                elif read_back:
                    await self._log.send_and_read(records)
                else:
                    await self._log.send(records)
        except (ConnectError, TimeoutError) as error:
            cause = str(error) or f"no answer within {self._timeout:g} s"
            log.error("%s: %s", failure, cause)
            raise ConnectError(failure) from error


def _key(kind: str, name: str) -> bytes:
    return f"{kind}-{name}".encode()
