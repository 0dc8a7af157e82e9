"""What the worker measures of the group and of starts."""

import math

import pytest

from isthmus.channel import State
from isthmus.herder.metrics import Rebalances
from isthmus.worker.metrics import Startups


def test_rebalances_are_counted_with_their_times() -> None:
    now = [100.0]
    rebalances = Rebalances(lambda: now[0])
    assert rebalances.values()["time-since-last-rebalance-ms"] == math.inf

    rebalances.began()
    assert rebalances.values()["rebalancing"] == 1
    now[0] += 2
    rebalances.began()  # prepared again, after the coordinator was lost
    now[0] += 2
    rebalances.ended()
    now[0] += 1

    assert rebalances.values() == {
        "completed-rebalances-total": 1,
        "rebalancing": 0,
        "rebalance-max-time-ms": 4000,
        "rebalance-avg-time-ms": 4000,
        "time-since-last-rebalance-ms": 1000,
    }


def test_a_start_has_ended_at_its_first_state() -> None:
    startups = Startups()
    for name in ("a", "b", "c"):
        startups.attempt(name)

    startups.reached("a", State.RUNNING)
    startups.reached("a", State.FAILED)  # later: not of the start any more
    startups.reached("b", State.FAILED)
    startups.reached("c", State.UNASSIGNED)

    values = {sample.attribute: sample.value for sample in startups.samples("task")}
    assert values == {
        "task-startup-attempts-total": 3,
        "task-startup-success-total": 1,
        "task-startup-failure-total": 1,
        "task-startup-success-percentage": pytest.approx(0.5),
        "task-startup-failure-percentage": pytest.approx(0.5),
    }
