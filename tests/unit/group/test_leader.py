"""What a leader answers, from the members' states to their assignments."""

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.channel import ConnectorTaskId
from isthmus.group.leader import Leader, Owners
from isthmus.group.membership import Election
from isthmus.group.protocol import CONFIG_MISMATCH, Assignment, ConnectProtocol, WorkerState


@dataclass(frozen=True, slots=True)
class Configuration:
    """Connectors with one task each."""

    offset: int
    names: tuple[str, ...] = ("c1", "c2")

    def connectors(self) -> Sequence[str]:
        return self.names

    def tasks(self, connector: str) -> Sequence[ConnectorTaskId]:
        return [ConnectorTaskId(connector, 0)]


def election(*offsets: int, protocol: ConnectProtocol = ConnectProtocol.SESSIONED) -> Election:
    """Members `m0`, `m1`, … with these config offsets; the first leads."""
    return Election(
        leader="m0",
        protocol=protocol,
        generation=1,
        last_completed_generation=-1,
        members={
            f"m{number}": WorkerState(f"http://m{number}:8083/", offset)
            for number, offset in enumerate(offsets)
        },
    )


def leader(now: float = 0.0) -> Leader:
    return Leader(max_delay=300.0, clock=lambda: now)


def unexpected() -> Configuration:
    raise AssertionError("the snapshot is new enough")


def test_each_member_gets_its_part_and_the_leader_knows_the_owners() -> None:
    decision = leader().decide(election(7, 7), Configuration(7), unexpected)

    assert decision.assignments == {
        "m0": Assignment(
            0, "m0", "http://m0:8083/", 7, connectors=("c1",), tasks=(ConnectorTaskId("c1", 0),)
        ),
        "m1": Assignment(
            0, "m0", "http://m0:8083/", 7, connectors=("c2",), tasks=(ConnectorTaskId("c2", 0),)
        ),
    }
    assert decision.owners == Owners(
        connectors={"c1": "http://m0:8083/", "c2": "http://m1:8083/"},
        tasks={
            ConnectorTaskId("c1", 0): "http://m0:8083/",
            ConnectorTaskId("c2", 0): "http://m1:8083/",
        },
    )


def test_the_eager_protocol_is_answered_by_the_eager_assignor() -> None:
    chosen = election(7, 7, protocol=ConnectProtocol.EAGER)
    one = leader()

    first = one.decide(chosen, Configuration(7), unexpected)
    second = one.decide(chosen, Configuration(7), unexpected)

    assert first == second
    assert second.assignments["m1"].connectors == ("c2",)


def test_a_leader_that_is_behind_takes_what_has_arrived_meanwhile() -> None:
    newer = Configuration(9, names=("c3",))

    decision = leader().decide(election(7, 8), Configuration(7), lambda: newer)

    assert {assignment.config_offset for assignment in decision.assignments.values()} == {9}
    assert decision.owners.connectors == {"c3": "http://m0:8083/"}


def test_a_leader_that_stays_behind_tells_all_to_read_the_configuration() -> None:
    decision = leader().decide(election(7, 9), Configuration(7), lambda: Configuration(8))

    failed = Assignment(CONFIG_MISMATCH, "m0", "http://m0:8083/", 9)
    assert decision.assignments == {"m0": failed, "m1": failed}
    assert decision.owners == Owners()


def test_a_snapshot_newer_than_what_was_offered_is_announced_as_such() -> None:
    decision = leader().decide(election(7, 7), Configuration(8), unexpected)

    assert decision.assignments["m1"].config_offset == 8


def test_revocations_and_the_delay_are_passed_on() -> None:
    one = leader()
    one.decide(election(7, 7), Configuration(7), unexpected)
    running = Assignment(0, "m0", "", 7, connectors=("c1", "gone"))
    state = WorkerState("http://m0:8083/", 7, running)
    left = Election("m0", ConnectProtocol.SESSIONED, 2, 1, {"m0": state})

    decision = one.decide(left, Configuration(7), unexpected)

    assert decision.assignments["m0"].revoked_connectors == ("gone",)
    assert decision.assignments["m0"].delay == 300.0
    assert decision.owners.connectors == {"c1": "http://m0:8083/"}
