"""A child's end of the channel, spoken to over a real socket pair."""

import socket
import threading
from collections.abc import Iterator
from queue import Queue
from typing import NoReturn

import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import (
    AnyMessage,
    ChangeState,
    FrameReader,
    GenerateTaskConfigs,
    ReadOffsets,
    ReadyToStart,
    Reply,
    StartConnector,
    State,
    StateChanged,
    Stop,
    TargetState,
    TopicsUsed,
    encode,
)
from isthmus.task.errors import TaskStoppedError
from isthmus.task.link import Link

JOB = StartConnector("numbers", {}, {}, TargetState.PAUSED, {})


class Worker:
    """The other end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(5.0)
        self._connection = connection
        self._frames = FrameReader()
        self._received: list[AnyMessage] = []

    def send(self, *messages: AnyMessage) -> None:
        self._connection.sendall(b"".join(map(encode, messages)))

    def send_bytes(self, data: bytes) -> None:
        self._connection.sendall(data)

    def receive(self) -> AnyMessage:
        while not self._received:
            self._received += self._frames.feed(self._connection.recv(65536))
        return self._received.pop(0)

    def go_away(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def ends(lost: "Queue[str]") -> Iterator[tuple[Worker, Link]]:
    def end(reason: str) -> NoReturn:
        lost.put(reason)
        while True:  # as in a process that ends, the thread that noticed does nothing more
            threading.Event().wait()

    ours, theirs = socket.socketpair()
    worker = Worker(ours)
    with ours, theirs:
        yield worker, Link(theirs, end)
        worker.go_away()
        lost.get(timeout=5.0)


@pytest.fixture
def lost() -> "Queue[str]":
    return Queue()


def test_the_job_comes_first_and_orders_behind_it_are_not_lost(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB, GenerateTaskConfigs(1, 3), Stop())

    assert link.receive_job() == JOB

    assert link.target_state is TargetState.PAUSED
    assert link.wanted_task_configs() == GenerateTaskConfigs(1, 3)
    assert link.stopping.wait(5.0)


def test_what_is_no_job_is_refused(ends: tuple[Worker, Link], lost: "Queue[str]") -> None:
    worker, link = ends
    worker.send(Stop())
    worker.go_away()

    with pytest.raises(ConnectError, match="expected a job first, the worker sent Stop"):
        link.receive_job()
    lost.put("")


def test_orders_arrive_while_the_main_thread_is_busy(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()

    worker.send(ChangeState(TargetState.STOPPED), ChangeState(TargetState.STARTED))

    assert link.wait_for_order(TargetState.PAUSED, 5.0)
    assert link.wait_for_order(TargetState.STOPPED, 5.0)
    assert link.target_state is TargetState.STARTED


def test_waiting_for_orders_ends_in_time_without_any(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()

    assert not link.wait_for_order(TargetState.PAUSED, 0.01)


def test_of_several_requests_for_task_configs_the_newest_counts(
    ends: tuple[Worker, Link],
) -> None:
    worker, link = ends
    worker.send(JOB, GenerateTaskConfigs(1, 3), GenerateTaskConfigs(2, 5))
    link.receive_job()

    assert link.wanted_task_configs() == GenerateTaskConfigs(2, 5)
    assert link.wanted_task_configs() is None


def test_each_question_gets_its_own_answer_whatever_the_order(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()
    answers: dict[bytes, bytes] = {}

    def ask(key: bytes) -> None:
        answers[key] = link.ask(ReadOffsets(0, [key])).body

    askers = [threading.Thread(target=ask, args=[key]) for key in (b"a", b"b")]
    for asker in askers:
        asker.start()
    questions = [worker.receive() for _ in askers]
    for question in reversed(questions):
        assert isinstance(question, ReadOffsets)
        worker.send(Reply(question.request, question.keys[0].upper()))
    for asker in askers:
        asker.join(5.0)

    assert answers == {b"a": b"A", b"b": b"B"}


def test_an_error_as_the_answer_is_raised(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()

    def refuse() -> None:
        worker.receive()
        worker.send(Reply(1, error_type="ConnectError", error="no such topic"))

    refusing = threading.Thread(target=refuse)
    refusing.start()
    with pytest.raises(ConnectError, match="no such topic"):
        link.ask(ReadOffsets(0, []), timeout=5.0)
    refusing.join(5.0)


def test_a_question_without_an_answer_ends_in_time(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()

    with pytest.raises(
        ConnectError, match=r"ReadOffsets was not answered by the worker in 0\.01 s"
    ):
        link.ask(ReadOffsets(0, []), timeout=0.01)
    worker.send(Reply(1, b"late"), Stop())

    assert link.stopping.wait(5.0)


def test_a_stop_ends_the_wait_for_an_answer_that_may_take_long(
    ends: tuple[Worker, Link],
) -> None:
    worker, link = ends
    worker.send(JOB, Stop())
    link.receive_job()

    with pytest.raises(TaskStoppedError):
        link.ask_until_stopped(ReadyToStart(0))


def test_messages_of_several_threads_do_not_mix(ends: tuple[Worker, Link]) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()
    long = TopicsUsed(["x" * 100_000])
    sending = [threading.Thread(target=link.send, args=[long]) for _ in range(8)]
    for thread in sending:
        thread.start()

    received = [worker.receive() for _ in sending]

    assert received == [long] * 8
    link.send(StateChanged(State.RUNNING))
    assert worker.receive() == StateChanged(State.RUNNING)


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\0\0\0\1x", b""])
def test_the_end_of_the_channel_or_garbage_in_it_ends_the_process(
    ends: tuple[Worker, Link], lost: "Queue[str]", garbage: bytes
) -> None:
    worker, link = ends
    worker.send(JOB)
    link.receive_job()

    if garbage:
        worker.send_bytes(garbage)
    else:
        worker.go_away()

    reason = lost.get(timeout=5.0)
    assert bool(reason) == bool(garbage)
    lost.put("")
