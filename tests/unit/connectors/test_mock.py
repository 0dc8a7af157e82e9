import time

import pytest

from isthmus.connectors.mock import MockSinkConnector, MockSourceConnector
from isthmus.testing.sink import SinkRun
from isthmus.testing.source import SourceRun


def wait_for_failure(run: SourceRun | SinkRun) -> Exception:
    deadline = time.monotonic() + 5
    while run.raised is None:
        assert time.monotonic() < deadline, "the connector has not failed in 5 s"
        time.sleep(0.001)
    return run.raised


@pytest.mark.parametrize("mode", ["connector-failure", "task-failure"])
def test_nothing_fails_before_its_time(mode: str) -> None:
    with SourceRun(MockSourceConnector(), {"mock_mode": mode}) as run:
        assert run.poll_once() == []
        assert run.raised is None


def test_a_source_connector_fails_after_the_delay() -> None:
    with SourceRun(
        MockSourceConnector(), {"mock_mode": "connector-failure", "delay_ms": "1"}
    ) as run:
        assert isinstance(wait_for_failure(run), RuntimeError)


def test_a_sink_connector_fails_after_the_delay() -> None:
    with SinkRun(MockSinkConnector(), {"mock_mode": "connector-failure", "delay_ms": "1"}) as run:
        assert isinstance(wait_for_failure(run), RuntimeError)


def test_a_source_task_fails_after_the_delay() -> None:
    with (
        SourceRun(MockSourceConnector(), {"mock_mode": "task-failure", "delay_ms": "-1"}) as run,
        pytest.raises(RuntimeError),
    ):
        run.poll_once()


def test_a_sink_task_fails_after_the_delay_even_without_records() -> None:
    with (
        SinkRun(MockSinkConnector(), {"mock_mode": "task-failure", "delay_ms": "-1"}) as run,
        pytest.raises(RuntimeError),
    ):
        run.put()


def test_without_a_mode_records_are_taken_and_none_are_made() -> None:
    with SinkRun(MockSinkConnector(), {"delay_ms": "-1"}) as sink:
        sink.put("a", "b")
        assert sink.commit() == {("topic", 0): 2}
    with SourceRun(MockSourceConnector(), {"delay_ms": "-1"}) as source:
        assert source.poll_once() == []


def test_there_is_one_task_however_many_are_allowed() -> None:
    with SourceRun(MockSourceConnector(), {}, tasks_max=3) as run:
        assert len(run.tasks) == 1
