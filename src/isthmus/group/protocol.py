"""The bytes that members of a Connect group exchange through the broker. Pure, no I/O.

Each member offers a `WorkerState` when it joins; the leader answers each with an `Assignment`.
Version 0 (`default`) assigns all work in every rebalance, versions 1 (`compatible`, KIP-415) and
2 (`sessioned`, KIP-507) assign and revoke only what changes.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from isthmus.channel import ConnectorTaskId

#: The protocol type of all Connect groups; the broker keeps other types out of them.
PROTOCOL_TYPE = "connect"

NO_ERROR = 0
#: The leader has not read the newest configuration that a member knows; nobody gets work.
CONFIG_MISMATCH = 1

_CONNECTOR_ITSELF = -1
_INT16_MAX = 0x7FFF


class ProtocolError(Exception):
    """Bytes that no member of a Connect group may send, or a value that its format cannot hold."""


class ConnectProtocol(Enum):
    """How the group agrees on its work. Java: ConnectProtocolCompatibility.

    The value is the version number on the wire.
    """

    EAGER = 0
    COMPATIBLE = 1
    SESSIONED = 2

    @property
    def group_protocol(self) -> str:
        """The name under which members offer it to the broker."""
        return "default" if self is ConnectProtocol.EAGER else self.name.lower()

    @property
    def offered(self) -> tuple["ConnectProtocol", ...]:
        """What a worker offers whose `connect.protocol` is this one, most preferred first."""
        return tuple(ConnectProtocol(version) for version in range(self.value, -1, -1))

    @classmethod
    def of_setting(cls, connect_protocol: str) -> "ConnectProtocol":
        """Return the one that the worker property `connect.protocol` names, in any case."""
        return cls[connect_protocol.upper()]

    @classmethod
    def of_group_protocol(cls, name: str) -> "ConnectProtocol":
        """Return the one that the broker chose.

        Raises:
            ProtocolError: The name is not one of Connect's.
        """
        for protocol in cls:
            if protocol.group_protocol == name:
                return protocol
        raise ProtocolError(f"group protocol {name!r}: expected sessioned, compatible or default")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one member is told to do. Java: ExtendedAssignment.

    From the leader, under versions 1 and 2, `connectors` and `tasks` are only what is new, and
    `delay` is the time in seconds until all members must join again. In a `WorkerState` they are
    all that the member runs.
    """

    error: int
    leader: str
    leader_url: str
    config_offset: int
    connectors: tuple[str, ...] = ()
    tasks: tuple[ConnectorTaskId, ...] = ()
    revoked_connectors: tuple[str, ...] = ()
    revoked_tasks: tuple[ConnectorTaskId, ...] = ()
    delay: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the leader gave no work because it has not read the newest configuration."""
        return self.error != NO_ERROR

    @property
    def revokes(self) -> bool:
        """Whether it takes any work away."""
        return bool(self.revoked_connectors or self.revoked_tasks)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a member offers when it joins. Java: ExtendedWorkerState.

    `config_offset` is the position of its snapshot of the config topic (last offset + 1, -1 when
    empty), `allocation` all that it runs, or None.
    """

    url: str
    config_offset: int
    allocation: Assignment | None = None


def encode_worker_state(state: WorkerState, protocol: ConnectProtocol) -> bytes:
    """Return the member metadata of this protocol; `default` has no place for the allocation."""
    out = _Writer()
    out.int16(protocol.value)
    out.string(state.url)
    out.int64(state.config_offset)
    if protocol is not ConnectProtocol.EAGER:
        allocation = state.allocation
        out.nullable_bytes(None if allocation is None else encode_assignment(allocation, protocol))
    return out.getvalue()


def decode_worker_state(data: bytes) -> WorkerState:
    """Read member metadata of any version; later versions may only add fields at the end.

    Raises:
        ProtocolError: The bytes are not member metadata.
    """
    read = _Reader(data, "member metadata")
    _check_version(read.int16(), "subscription")
    url = read.string()
    config_offset = read.int64()
    allocation = read.nullable_bytes() if read.has_more else None
    return WorkerState(
        url=url,
        config_offset=config_offset,
        allocation=None if allocation is None else decode_assignment(allocation),
    )


def encode_assignment(assignment: Assignment, protocol: ConnectProtocol) -> bytes:
    """Return the assignment's bytes; `default` has no place for revocations and the delay."""
    out = _Writer()
    out.int16(protocol.value)
    out.int16(assignment.error)
    out.string(assignment.leader)
    out.string(assignment.leader_url)
    out.int64(assignment.config_offset)
    out.work(assignment.connectors, assignment.tasks)
    if protocol is not ConnectProtocol.EAGER:
        out.work(assignment.revoked_connectors, assignment.revoked_tasks)
        out.int32(delay_to_ms(assignment.delay))
    return out.getvalue()


def decode_assignment(data: bytes) -> Assignment:
    """Read an assignment of any version.

    Raises:
        ProtocolError: The bytes are not an assignment.
    """
    read = _Reader(data, "assignment")
    _check_version(read.int16(), "assignment")
    error = read.int16()
    leader = read.string()
    leader_url = read.string()
    config_offset = read.int64()
    connectors, tasks = read.work() if read.has_more else ((), ())
    revoked_connectors, revoked_tasks = read.work() if read.has_more else ((), ())
    return Assignment(
        error=error,
        leader=leader,
        leader_url=leader_url,
        config_offset=config_offset,
        connectors=connectors,
        tasks=tasks,
        revoked_connectors=revoked_connectors,
        revoked_tasks=revoked_tasks,
        delay=read.int32() / 1000 if read.has_more else 0.0,
    )


def delay_to_ms(delay: float) -> int:
    """Return whole milliseconds, rounded up.

    Rounded down, members would be back a moment before the leader counts the delay as over, and a
    last remainder would become 0, after which nobody comes back.
    """
    if delay <= 0:
        return 0
    # The inner rounding takes off what binary fractions add: 0.07 s are 70 ms, not 71.
    return max(1, math.ceil(round(delay * 1000, 3)))


def _check_version(version: int, what: str) -> None:
    if version < 0:
        raise ProtocolError(f"Unsupported {what} version: {version}")


class _Writer:
    """Appends values in Kafka's classic encoding, big-endian."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def getvalue(self) -> bytes:
        return b"".join(self._parts)

    def int16(self, value: int) -> None:
        self._parts.append(_packed(">h", value))

    def int32(self, value: int) -> None:
        self._parts.append(_packed(">i", value))

    def int64(self, value: int) -> None:
        self._parts.append(_packed(">q", value))

    def string(self, value: str) -> None:
        data = value.encode(errors="replace")  # a lone surrogate becomes "?", as in Java
        if len(data) > _INT16_MAX:
            raise ProtocolError(f"a string of {len(data)} bytes; at most {_INT16_MAX} fit")
        self.int16(len(data))
        self._parts.append(data)

    def nullable_bytes(self, value: bytes | None) -> None:
        if value is None:
            self.int32(-1)
            return
        self.int32(len(value))
        self._parts.append(value)

    def work(self, connectors: Iterable[str], tasks: Iterable[ConnectorTaskId]) -> None:
        """Write one array per connector: -1 for the connector itself, then its tasks."""
        by_connector: dict[str, list[int]] = {name: [_CONNECTOR_ITSELF] for name in connectors}
        for task in tasks:
            by_connector.setdefault(task.connector, []).append(task.task)
        self.int32(len(by_connector))
        for name, numbers in by_connector.items():
            self.string(name)
            self.int32(len(numbers))
            for number in numbers:
                self.int32(number)


def _packed(form: str, value: int) -> bytes:
    try:
        return struct.pack(form, value)
    except struct.error as error:
        raise ProtocolError(f"the number {value} does not fit its field: {error}") from error


class _Reader:
    """Takes values off bytes that may come from anyone; every fault is a ProtocolError."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def has_more(self) -> bool:
        return self._at < len(self._data)

    def int16(self) -> int:
        return int.from_bytes(self._take(2), "big", signed=True)

    def int32(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def int64(self) -> int:
        return int.from_bytes(self._take(8), "big", signed=True)

    def string(self) -> str:
        data = self._take(self.int16())
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{self._what}: a string is not UTF-8: {error}") from error

    def nullable_bytes(self) -> bytes | None:
        length = self.int32()
        return None if length == -1 else self._take(length)

    def work(self) -> tuple[tuple[str, ...], tuple[ConnectorTaskId, ...]]:
        connectors: list[str] = []
        tasks: list[ConnectorTaskId] = []
        for _ in range(self._array_length()):
            name = self.string()
            for _ in range(self._array_length()):
                number = self.int32()
                if number == _CONNECTOR_ITSELF:
                    connectors.append(name)
                elif number >= 0:
                    tasks.append(ConnectorTaskId(name, number))
                else:
                    raise ProtocolError(f"{self._what}: task {number} of connector {name!r}")
        return tuple(connectors), tuple(tasks)

    def _array_length(self) -> int:
        length = self.int32()
        if length < -1:
            raise ProtocolError(f"{self._what}: an array of {length} elements")
        return max(length, 0)

    def _take(self, length: int) -> bytes:
        if length < 0:
            raise ProtocolError(f"{self._what}: a length of {length} at byte {self._at}")
        end = self._at + length
        if end > len(self._data):
            raise ProtocolError(
                f"{self._what}: ends after {len(self._data)} bytes, expected at least {end}"
            )
        taken = self._data[self._at : end]
        self._at = end
        return taken
