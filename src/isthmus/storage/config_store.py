"""The config topic as a store: connectors, task configs, target states, keys.

A record read becomes a change of the state and at most one event, in pure functions
(`config_records.py`). A write is sent, acknowledged, and read back, so that whoever returns from
it sees it in the snapshot. With exactly-once sources what only the leader may write goes through a
writer that a later leader fences out (KIP-618). Java: KafkaConfigBackingStore.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.kafka.topic_log import LogRecord, TopicLog
from isthmus.kafka.transactional_writer import PrivilegedWriteError, TransactionalWriter
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
_FENCED = (
    "Failed to write to config topic; this may be due to a transient error and the request can be"
    " safely retried"
)
_ROOT_FAILURE = "Error writing root configuration to Kafka"

Record = tuple[bytes, bytes | None]


class ConfigStore:
    """Reads and writes the config topic. For the event loop only, but `snapshot` for any thread.

    Without a `leader_writer` any worker can write anything, and the herder alone sees to it that
    only the leader does.
    """

    def __init__(
        self,
        topic_log: TopicLog,
        timeout: float = TOTAL_TIMEOUT,
        leader_writer: TransactionalWriter | None = None,
    ) -> None:
        self._log = topic_log
        self._timeout = timeout
        self._leader_writer = leader_writer
        self._reader = ConfigReader()
        self._snapshot = ClusterState()
        self._listener: ConfigListener | None = None

    async def start(self, listener: ConfigListener) -> None:
        """Read the topic to its end, and tell `listener` of every change after that."""
        await self._log.start(self._read)
        self._listener = listener

    async def stop(self) -> None:
        await self._log.stop()
        if self._leader_writer is not None:
            await self._leader_writer.stop()

    @property
    def may_write(self) -> bool:
        """Whether what only the leader may write can be written, as far as this worker knows."""
        return self._leader_writer is None or self._leader_writer.is_claimed

    async def claim_write_privileges(self, timeout: float) -> None:
        """Become the one who may write, and fence out who could before.

        Raises:
            ConnectError: That is not so after `timeout` seconds; it can be tried again.
        """
        if self._leader_writer is not None:
            await self._leader_writer.claim(timeout)

    async def relinquish_write_privileges(self) -> None:
        """Give up what was claimed: another worker leads."""
        if self._leader_writer is not None:
            await self._leader_writer.relinquish()

    def snapshot(self) -> ClusterState:
        """Return what has been read so far."""
        return self._snapshot

    async def refresh(self, timeout: float | None = TOTAL_TIMEOUT) -> None:
        """Read to the present end of the topic.

        Raises:
            ConnectError: That has taken more than `timeout` seconds, of which None sets no limit,
                or cannot be done.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._log.read_to_end()
        except TimeoutError as error:
            raise ConnectError(
                f"The config topic could not be read to its end within {timeout or 0:g} s"
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
        """Write what the connector is to be; any worker may do so, so it is not read back."""
        records = [(_key("target-state", name), encode_target_state(state))]
        await self._write(records, "Error writing target state to Kafka", privileged=False)

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
        await self._write(records, "Error writing logger level to Kafka", privileged=False)

    async def _write(
        self,
        records: Sequence[Record],
        failure: str,
        *,
        privileged: bool = True,
        deadline: float | None = None,
    ) -> None:
        """Write the records, or read to the end if there are none.

        What only the leader may write, which is `privileged`, is read back as well.

        Raises:
            ConnectError: With a text that clients of Java's get, `failure` in most cases; the
                cause is logged. Whether the records were written is not known then.
        """
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                if not records:
                    await self._log.read_to_end()
                elif not privileged:
                    await self._log.send(records)
                elif self._leader_writer is None:
                    await self._log.send_and_read(records)
                else:
                    left = deadline - asyncio.get_running_loop().time()
                    await self._leader_writer.write(records, left)
                    await self._log.read_to_end()
        except PrivilegedWriteError as error:
            log.warning(
                "%s: %s. If this worker still leads, it will claim the privilege to write anew",
                failure,
                error,
            )
            raise ConnectError(_FENCED) from error
        except (ConnectError, TimeoutError) as error:
            cause = str(error) or f"no answer within {self._timeout:g} s"
            log.error("%s: %s", failure, cause)
            raise ConnectError(failure) from error


def _key(kind: str, name: str) -> bytes:
    return f"{kind}-{name}".encode()
