"""Where connectors stand, and moving them there (KIP-875).

A source's offsets are in the offsets topic, a sink's are those of its consumer group.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.herder.errors import (
    BadRequestError,
    NotFoundError,
    RebalanceNeededError,
    RequestTargetError,
    RestError,
)
from isthmus.herder.herder import Herder
from isthmus.herder.validation import VALIDATION_TIMEOUT, PluginJobs, Validation
from isthmus.herder.views import ConnectorOffset, ConnectorOffsets, Message
from isthmus.kafka.consumer_groups import ConsumerGroups, GroupInUseError
from isthmus.kafka.offset_codec import encode_key, encode_value
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.plugins import wanted_by
from isthmus.storage.connector_offsets import OffsetStores

log = logging.getLogger(__name__)

T = TypeVar("T")

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")

_DONE = "The offsets for this connector have been {verb} successfully"
_DONE_BY_FRAMEWORK = (
    "The Connect framework-managed offsets for this connector have been {verb} successfully."
    " However, if this connector manages offsets externally, they will need to be manually {verb}"
    " in the system that the connector uses."
)


@dataclass(frozen=True, slots=True)
class ExactlyOnce:
    """How the offsets of a source are changed with exactly-once support (KIP-618).

    Zombies are fenced out first, lest they write behind the back of who has just set offsets.
    """

    fence_zombies: Callable[[str], Awaitable[None]]
    #: Makes what writes the offsets of a connector with this name and config.
    make_writer: Callable[[str, Mapping[str, str | None]], TransactionalWriter]


class Offsets:
    """Lists and changes connectors' offsets. For the event loop only."""

    def __init__(
        self,
        herder: Herder,
        validation: Validation,
        jobs: PluginJobs,
        stores: OffsetStores,
        groups: Callable[[Mapping[str, str | None]], ConsumerGroups],
        resolve: Callable[[Mapping[str, str | None]], dict[str, str | None]],
        exactly_once: ExactlyOnce | None = None,
    ) -> None:
        """`exactly_once` is how to change the offsets of sources; None without that support."""
        self._herder = herder
        self._validation = validation
        self._jobs = jobs
        self._stores = stores
        self._groups = groups
        self._resolve = resolve
        self._exactly_once = exactly_once

    async def all(self, name: str) -> ConnectorOffsets:
        """Return where the connector stands in each partition of its source, or topic."""
        state = await self._herder.current()
        raw = state.connector_config(name)
        if raw is None:
            raise NotFoundError(f"Connector {name} not found")
        config = self._resolve(raw)
        if await self._validation.connector_type(raw) == "sink":
            found = await self._groups(config).offsets(consumer_group(name, config))
            return ConnectorOffsets(
                [
                    ConnectorOffset(
                        {"kafka_topic": topic, "kafka_partition": partition},
                        {"kafka_offset": offset},
                    )
                    for (topic, partition), offset in sorted(found.items())
                ]
            )
        async with self._stores.opened(name, config) as store:
            known = await store.offsets_of(name)
        return ConnectorOffsets([ConnectorOffset(partition, offset) for partition, offset in known])

    async def alter(self, name: str, offsets: Sequence[ConnectorOffset]) -> Message:
        """Write these offsets for a stopped connector, as the leader."""
        return await self._on_stopped(name, lambda config: self._alter(name, config, offsets))

    async def reset(self, name: str) -> Message:
        """Forget where a stopped connector stands, as the leader."""
        return await self._on_stopped(name, lambda config: self._reset(name, config))

    async def _on_stopped(
        self, name: str, action: Callable[[dict[str, str | None]], Awaitable[T]]
    ) -> T:
        async def when_stopped() -> T:
            return await action(self._resolve(await self._stopped_config(name)))

        if self._exactly_once is not None:
            config = await self._herder.request(lambda: self._stopped_config(name))
            if await self._validation.connector_type(config) == "source":
                await self._fence_zombies(self._exactly_once, name)
        return await self._herder.request(when_stopped)

    async def _fence_zombies(self, exactly_once: ExactlyOnce, name: str) -> None:
        try:
            await exactly_once.fence_zombies(name)
        except RequestTargetError:
            raise
        except ConnectError as error:
            log.error("Zombies of connector %s could not be fenced out: %s", name, error)
            raise RestError(
                500,
                "Failed to perform zombie fencing for source connector prior to modifying offsets",
            ) from error

    async def _stopped_config(self, name: str) -> Mapping[str, str | None]:
        """Return the connector's config if its offsets may be changed now, by this worker."""
        if self._herder.rebalance_expected:
            raise RebalanceNeededError
        self._herder.require_leader()
        try:
            await self._herder.configs.refresh()
        except ConnectError as error:
            raise RestError(
                500, "Failed to read to end of config topic before modifying connector offsets"
            ) from error
        state = self._herder.configs.snapshot()
        raw = state.connector_config(name)
        if raw is None:
            raise NotFoundError(f"Connector {name} not found")
        if state.target_state(name) is not TargetState.STOPPED or state.task_count(name):
            raise BadRequestError(
                "Connectors must be in the STOPPED state before their offsets can be modified."
                " This can be done for the specified connector by issuing a 'PUT' request to"
                f" the '/connectors/{name}/stop' endpoint"
            )
        return raw

    async def _alter(
        self, name: str, config: dict[str, str | None], offsets: Sequence[ConnectorOffset]
    ) -> Message:
        if await self._validation.connector_type(config) == "sink":
            return await self._alter_sink(name, config, _sink_offsets(offsets), "altered")
        for entry in offsets:
            _check_offset(entry)
        wanted = [(entry.partition or {}, entry.offset) for entry in offsets]
        return await self._alter_source(name, config, wanted, "altered")

    async def _reset(self, name: str, config: dict[str, str | None]) -> Message:
        if await self._validation.connector_type(config) == "sink":
            group = consumer_group(name, config)
            known = await self._groups(config).offsets(group)
            message = await self._ask_sink(config, dict.fromkeys(known), "reset")
            with _group_errors(name, "reset"):
                await self._groups(config).delete(group)
            return message
        async with self._stores.opened(name, config) as store:
            known_partitions = await store.partitions_of(name)
        wanted: list[tuple[dict[str, Any], None]] = [(part, None) for part in known_partitions]
        return await self._alter_source(name, config, wanted, "reset")

    async def _alter_source(
        self,
        name: str,
        config: dict[str, str | None],
        offsets: Sequence[tuple[dict[str, Any], dict[str, Any] | None]],
        verb: str,
    ) -> Message:
        arguments = {"config": config, "offsets": [[part, offset] for part, offset in offsets]}
        complete = await self._have_altered(config, arguments)
        records = [(encode_key(name, part), encode_value(offset)) for part, offset in offsets]
        async with self._stores.opened(name, config) as store:
            if self._exactly_once is None:
                await store.set(records)
            elif records:
                writer = self._exactly_once.make_writer(name, config)
                await store.set_at_once(records, writer)
        return _message(complete, verb)

    async def _have_altered(self, config: Mapping[str, str | None], arguments: object) -> Any:
        """Tell the connector of its new offsets; return whether those in Kafka are all of them."""
        wanted = wanted_by(config, {})
        return await self._jobs.run_job("alter_offsets", arguments, VALIDATION_TIMEOUT, wanted)

    async def _alter_sink(
        self,
        name: str,
        config: dict[str, str | None],
        offsets: Mapping[tuple[str, int], int | None],
        verb: str,
    ) -> Message:
        message = await self._ask_sink(config, offsets, verb)
        group = consumer_group(name, config)
        written = {part: offset for part, offset in offsets.items() if offset is not None}
        removed = [part for part, offset in offsets.items() if offset is None]
        with _group_errors(name, "alter"):
            if written:
                await self._groups(config).alter(group, written)
            if removed:
                await self._groups(config).delete_offsets(group, removed)
        return message

    async def _ask_sink(
        self,
        config: dict[str, str | None],
        offsets: Mapping[tuple[str, int], int | None],
        verb: str,
    ) -> Message:
        wanted = [[topic, partition, offset] for (topic, partition), offset in offsets.items()]
        arguments = {"config": config, "offsets": wanted}
        complete = await self._have_altered(config, arguments)
        return _message(complete, verb)


@contextmanager
def _group_errors(name: str, verb: str) -> Generator[None]:
    """Name the connector in what Kafka says against a change of its consumer group."""
    failed = f"Failed to {verb} consumer group offsets for connector {name}"
    try:
        yield
    except GroupInUseError as error:
        raise ConnectError(
            f"{failed} either because its tasks haven't stopped completely yet or the connector was"
            f" resumed before the request to {verb} its offsets could be successfully completed."
            " If the connector is in a stopped state, this operation can be safely retried. If it"
            " doesn't eventually succeed, the Connect cluster may need to be restarted to get rid"
            " of the zombie sink tasks."
        ) from error
    except Exception as error:
        log.exception("%s", failed)
        raise ConnectError(failed) from error


def consumer_group(name: str, config: Mapping[str, str | None]) -> str:
    """Return the consumer group of a sink connector."""
    return config.get("consumer.override.group.id") or f"connect-{name}"


def _message(complete: bool, verb: str) -> Message:
    return Message((_DONE if complete else _DONE_BY_FRAMEWORK).format(verb=verb))


def _sink_offsets(offsets: Sequence[ConnectorOffset]) -> dict[tuple[str, int], int | None]:
    """Return what the request says by topic and partition, or refuse it as Java does."""
    parsed: dict[tuple[str, int], int | None] = {}
    for entry in offsets:
        parsed[_sink_partition(entry.partition)] = _sink_offset(entry.offset)
    return parsed


def _sink_partition(partition: Mapping[str, object] | None) -> tuple[str, int]:
    if partition is None:
        raise BadRequestError("The partition for a sink connector offset cannot be null or missing")
    if "kafka_topic" not in partition or "kafka_partition" not in partition:
        raise BadRequestError(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and"
            " 'kafka_partition'"
        )
    topic, number = partition["kafka_topic"], partition["kafka_partition"]
    if not isinstance(topic, str):
        raise BadRequestError("Kafka topic names must be valid strings and may not be null")
    if number is None:
        raise BadRequestError("Kafka partitions must be valid numbers and may not be null")
    parsed = _integer(number, 32)
    if parsed is None:
        raise BadRequestError(
            "Failed to parse the following Kafka partition value in the provided offsets:"
            f" '{_shown(number)}'. Partition values for sink connectors need to be integers."
        )
    return topic, parsed


def _sink_offset(offset: Mapping[str, object] | None) -> int | None:
    if offset is None:
        return None
    if "kafka_offset" not in offset:
        raise BadRequestError(
            "The offset for a sink connector should either be null or contain the key"
            " 'kafka_offset'"
        )
    parsed = _integer(offset["kafka_offset"], 64)
    if parsed is None:
        raise BadRequestError(
            "Failed to parse the following Kafka offset value in the provided offsets:"
            f" '{_shown(offset['kafka_offset'])}'. Offset values for sink connectors need to be"
            " integers."
        )
    return parsed


def _check_offset(entry: ConnectorOffset) -> None:
    """Refuse what cannot be written to the offsets topic, before the connector is asked.

    Raises:
        ConnectError: An offset has no partition, or a value in one of them is no primitive.
    """
    if entry.partition is None and entry.offset is not None:
        raise ConnectError("Partition objects cannot be null")
    for key, value in (*(entry.partition or {}).items(), *(entry.offset or {}).items()):
        kind = _compound(value)
        if kind is not None:
            raise ConnectError(
                "Offsets may only contain primitive types as values, but field"
                f" {key} contains {kind}"
            )


def _compound(value: object) -> str | None:
    """Return Java's name for what is no primitive; None for a primitive."""
    if isinstance(value, dict):
        return "MAP"
    if isinstance(value, list):
        return "ARRAY"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "class java.math.BigInteger"
    return None


def _integer(value: object, bits: int) -> int | None:
    """Return a JSON number without a fraction, or its text, as Java's parseLong or parseInt."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if not _INTEGER.fullmatch(str(value)):
        return None
    number = int(value)
    return number if -(1 << (bits - 1)) <= number < 1 << (bits - 1) else None


def _shown(value: object) -> str:
    """Return a value of JSON as Java's errors show it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return f"{{{', '.join(f'{key}={_shown(item)}' for key, item in members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, cast('list[object]', value)))}]"
    return str(value)
