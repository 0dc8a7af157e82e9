"""The bytes of `group/protocol.py`, against vectors written by Apache's own classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.channel import ConnectorTaskId
from isthmus.group.protocol import (
    CONFIG_MISMATCH,
    Assignment,
    ConnectProtocol,
    ProtocolError,
    WorkerState,
    decode_assignment,
    decode_worker_state,
    delay_to_ms,
    encode_assignment,
    encode_worker_state,
)

URL = "http://h:8083/"
METADATA = {
    ConnectProtocol.EAGER: "0000000e687474703a2f2f683a383038332f0000000000000005",
    ConnectProtocol.COMPATIBLE: "0001000e687474703a2f2f683a383038332f0000000000000005ffffffff",
    ConnectProtocol.SESSIONED: "0002000e687474703a2f2f683a383038332f0000000000000005ffffffff",
}
NO_WORK = (
    "0002000000096c65616465722d6964000e687474703a2f2f683a383038332f0000000000000007"
    "000000000000000000000000"
)
REVOKING = (
    "000000096c65616465722d6964000e687474703a2f2f683a383038332f0000000000000007"
    "000000020002633100000002ffffffff0000000000026332000000010000000300000001"
    "0002633300000002ffffffff00000001000493e0"
)
EAGER_WORK = (
    "0000000000096c65616465722d6964000e687474703a2f2f683a383038332f0000000000000007"
    "000000010002633100000002ffffffff00000000"
)
CARRYING_NO_WORK = (
    "0002000e687474703a2f2f683a383038332f000000000000000700000033"
    "0002000000096c65616465722d6964000e687474703a2f2f683a383038332f0000000000000007"
    "000000000000000000000000"
)


def task(text: str) -> ConnectorTaskId:
    connector, _, number = text.rpartition("-")
    return ConnectorTaskId(connector, int(number))


def assignment(**work: object) -> Assignment:
    return Assignment(error=0, leader="leader-id", leader_url=URL, config_offset=7, **work)  # pyright: ignore[reportArgumentType]


revoking = assignment(
    connectors=("c1",),
    tasks=(task("c1-0"), task("c2-3")),
    revoked_connectors=("c3",),
    revoked_tasks=(task("c3-1"),),
    delay=300.0,
)


@pytest.mark.parametrize("protocol", ConnectProtocol)
def test_member_metadata_has_the_bytes_of_apache(protocol: ConnectProtocol) -> None:
    state = WorkerState(URL, config_offset=5)

    data = encode_worker_state(state, protocol)

    assert data.hex() == METADATA[protocol]
    assert decode_worker_state(data) == state


def test_member_metadata_carries_the_allocation_in_its_own_version() -> None:
    state = WorkerState(URL, config_offset=7, allocation=assignment())

    data = encode_worker_state(state, ConnectProtocol.SESSIONED)
    older = encode_worker_state(state, ConnectProtocol.COMPATIBLE)

    assert data.hex() == CARRYING_NO_WORK
    assert older.hex() == CARRYING_NO_WORK.replace("00020", "00010")
    assert decode_worker_state(data) == decode_worker_state(older) == state


def test_the_eager_protocol_offers_no_allocation() -> None:
    state = WorkerState(URL, config_offset=5, allocation=assignment(connectors=("c1",)))

    data = encode_worker_state(state, ConnectProtocol.EAGER)

    assert data.hex() == METADATA[ConnectProtocol.EAGER]


def test_assignments_have_the_bytes_of_apache() -> None:
    eager = assignment(connectors=("c1",), tasks=(task("c1-0"),))

    assert encode_assignment(assignment(), ConnectProtocol.SESSIONED).hex() == NO_WORK
    assert encode_assignment(revoking, ConnectProtocol.SESSIONED).hex() == "0002" + REVOKING
    assert encode_assignment(revoking, ConnectProtocol.COMPATIBLE).hex() == ("0001" + REVOKING)
    assert encode_assignment(eager, ConnectProtocol.EAGER).hex() == EAGER_WORK


def test_assignments_of_apache_are_read() -> None:
    assert decode_assignment(bytes.fromhex(NO_WORK)) == assignment()
    assert decode_assignment(bytes.fromhex("0002" + REVOKING)) == revoking
    assert decode_assignment(bytes.fromhex(EAGER_WORK)) == assignment(
        connectors=("c1",), tasks=(task("c1-0"),)
    )


def test_a_failed_assignment_says_so() -> None:
    failed = Assignment(error=CONFIG_MISMATCH, leader="l", leader_url=URL, config_offset=9)

    read = decode_assignment(encode_assignment(failed, ConnectProtocol.SESSIONED))

    assert read.failed
    assert not assignment().failed


@pytest.mark.parametrize("dropped", [4, 8, 12])
def test_trailing_fields_that_an_older_writer_did_not_know_are_empty(dropped: int) -> None:
    data = bytes.fromhex(NO_WORK)[:-dropped]

    assert decode_assignment(data) == assignment()


def test_null_arrays_are_empty() -> None:
    data = bytes.fromhex(NO_WORK)[:-12] + b"\xff" * 8 + b"\x00\x00\x00\x05"

    assert decode_assignment(data) == assignment(delay=0.005)


def test_fields_of_a_later_version_are_left_alone() -> None:
    data = b"\x00\x09" + bytes.fromhex(NO_WORK)[2:] + b"more"

    assert decode_assignment(data) == assignment()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "member metadata: ends after 0 bytes, expected at least 2"),
        (b"\xff\xfe", "Unsupported subscription version: -2"),
        (b"\x00\x01\x00\x09short", "member metadata: ends after 9 bytes, expected at least 13"),
        (b"\x00\x01\xff\xff", "member metadata: a length of -1 at byte 4"),
        (b"\x00\x01\x00\x01\xff" + bytes(8), "member metadata: a string is not UTF-8"),
        (b"\x00\x01\x00\x00" + bytes(8) + b"\x7f\xff\xff\xff", "ends after 16 bytes"),
        (b"\x00\x01\x00\x00" + bytes(8) + b"\x80\x00\x00\x00", "a length of -2147483648"),
        (
            b"\x00\x01\x00\x00" + bytes(8) + b"\x00\x00\x00\x02\xff\xff",
            "Unsupported assignment version: -1",
        ),
    ],
)
def test_broken_metadata_is_refused_by_name(data: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text.replace("(", r"\(")):
        decode_worker_state(data)


@given(st.binary(max_size=60))
def test_hostile_bytes_raise_nothing_but_a_protocol_error(data: bytes) -> None:
    for decode in (decode_assignment, decode_worker_state):
        try:
            decode(data)
        except ProtocolError:
            continue


@given(st.integers(0, len(REVOKING) // 2 + 1))
def test_an_assignment_cut_anywhere_is_read_or_refused(length: int) -> None:
    data = bytes.fromhex("0002" + REVOKING)[:length]

    try:
        read = decode_assignment(data)
    except ProtocolError:
        return

    assert read.leader == "leader-id"


def test_an_endless_array_is_refused_before_it_is_read() -> None:
    data = bytes.fromhex(NO_WORK)[:-12] + b"\x7f\xff\xff\xff"

    with pytest.raises(ProtocolError, match="ends after"):
        decode_assignment(data)


def test_values_that_do_not_fit_are_refused_when_written() -> None:
    with pytest.raises(ProtocolError, match="a string of 40000 bytes; at most 32767 fit"):
        encode_worker_state(WorkerState("x" * 40_000, 0), ConnectProtocol.SESSIONED)
    with pytest.raises(ProtocolError, match="does not fit its field"):
        encode_worker_state(WorkerState(URL, 2**63), ConnectProtocol.SESSIONED)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
work = st.lists(names, unique=True, max_size=4).flatmap(
    lambda connectors: st.tuples(
        st.just(tuple(connectors)),
        st.lists(
            st.builds(ConnectorTaskId, st.sampled_from([*connectors, "other"]), st.integers(0, 99)),
            unique=True,
            max_size=8,
        ),
    )
)


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    connectors, tasks = draw(work)
    revoked_connectors, revoked_tasks = draw(work)
    return Assignment(
        error=draw(st.integers(0, 1)),
        leader=draw(names),
        leader_url=draw(names),
        config_offset=draw(st.integers(-1, 2**63 - 1)),
        connectors=connectors,
        tasks=tuple(tasks),
        revoked_connectors=revoked_connectors,
        revoked_tasks=tuple(revoked_tasks),
        delay=draw(st.integers(0, 2**31 - 1)) / 1000,
    )


def in_order(value: Assignment) -> tuple[object, ...]:
    """The assignment without the order of its work, which the wire groups by connector."""
    lists = (value.connectors, value.tasks, value.revoked_connectors, value.revoked_tasks)
    head = (value.error, value.leader, value.leader_url, value.config_offset, value.delay)
    return (*head, *(sorted(work, key=str) for work in lists))


@given(assignments(), st.sampled_from([ConnectProtocol.COMPATIBLE, ConnectProtocol.SESSIONED]))
def test_what_is_written_is_what_is_read(value: Assignment, protocol: ConnectProtocol) -> None:
    state = WorkerState(value.leader_url, value.config_offset, value)

    read = decode_worker_state(encode_worker_state(state, protocol))

    assert read.allocation is not None
    assert in_order(read.allocation) == in_order(value)
    assert (read.url, read.config_offset) == (state.url, state.config_offset)


@pytest.mark.parametrize(
    ("delay", "milliseconds"),
    [(0, 0), (-1, 0), (1e-9, 1), (0.04, 40), (0.07, 70), (1.6, 1600), (299.9991, 300_000)],
)
def test_delays_are_rounded_up_to_milliseconds(delay: float, milliseconds: int) -> None:
    assert delay_to_ms(delay) == milliseconds


def test_protocols_are_offered_newest_first_down_to_the_eager_one() -> None:
    offered = {
        name: [protocol.group_protocol for protocol in ConnectProtocol.of_setting(name).offered]
        for name in ("eager", "compatible", "sessioned")
    }

    assert offered == {
        "eager": ["default"],
        "compatible": ["compatible", "default"],
        "sessioned": ["sessioned", "compatible", "default"],
    }


def test_a_group_protocol_that_is_not_connects_is_refused() -> None:
    assert ConnectProtocol.of_group_protocol("default") is ConnectProtocol.EAGER
    with pytest.raises(ProtocolError, match="'range': expected sessioned, compatible or default"):
        ConnectProtocol.of_group_protocol("range")
