from collections.abc import Mapping

import pytest

from isthmus.channel import ConnectorTaskId, State
from isthmus.group.assignor import Work
from isthmus.group.protocol import Assignment
from isthmus.herder.reconcile import (
    AfterRebalance,
    Staged,
    after_rebalance,
    configs_with_placeholders,
    restart_plan,
    task_configs_changed,
)
from isthmus.storage.cluster_state import AppliedConfig, ClusterState, Config
from isthmus.storage.config_store import RestartRequest

TASK_0, TASK_1 = ConnectorTaskId("c", 0), ConnectorTaskId("c", 1)


def assignment(*, error: int = 0, offset: int = 5) -> Assignment:
    return Assignment(error=error, leader="m", leader_url="http://h:1/", config_offset=offset)


@pytest.mark.parametrize(
    ("offset", "has_read", "expected"),
    [
        (5, False, AfterRebalance.START),
        (4, False, AfterRebalance.READ_CONFIGS),
        (4, True, AfterRebalance.REJOIN),
        (6, False, AfterRebalance.REJOIN),
        (6, True, AfterRebalance.REJOIN),
    ],
)
def test_work_starts_only_on_equal_config_offsets(
    offset: int, has_read: bool, expected: AfterRebalance
) -> None:
    assert after_rebalance(assignment(), offset, leads=False, has_read=has_read) is expected


def test_after_a_failed_assignment_the_leader_reads_on_before_it_joins_again() -> None:
    failed = assignment(error=1)

    assert after_rebalance(failed, 5, leads=True, has_read=False) is AfterRebalance.READ_CONFIGS
    assert after_rebalance(failed, 5, leads=True, has_read=True) is AfterRebalance.REJOIN
    assert after_rebalance(failed, 5, leads=False, has_read=False) is AfterRebalance.REJOIN
    assert after_rebalance(failed, 4, leads=False, has_read=False) is AfterRebalance.READ_CONFIGS


def test_a_task_config_gets_its_placeholders_back_by_key() -> None:
    raw: Mapping[str, str | None] = {"password": "${file:/s:p}", "user": "me", "none": None}

    stored = configs_with_placeholders(raw, [{"password": "hunter2", "user": "other", "x": "1"}])

    assert stored == [{"password": "${file:/s:p}", "user": "other", "x": "1"}]


def test_another_value_behind_the_same_variable_changes_the_task_configs() -> None:
    raw = {"name": "c", "password": "${file:/s:p}"}
    state = ClusterState(
        configs={"c": raw},
        task_counts={"c": 1},
        tasks_by_id={TASK_0: {"n": "0"}},
        applied={"c": AppliedConfig(raw)},
    )
    secrets = {"p": "first"}

    def resolve(config: Config) -> Config:
        return {**config, "password": secrets["p"]}

    assert not task_configs_changed(state, "c", [{"n": "0"}], resolve)
    secrets["p"] = "second"
    assert task_configs_changed(state, "c", [{"n": "0"}], resolve)


def test_of_several_restart_requests_for_a_connector_the_one_with_most_impact_is_kept() -> None:
    staged = Staged()
    all_tasks = RestartRequest("c", only_failed=False, include_tasks=True)

    staged.add_restart(RestartRequest("c", only_failed=True, include_tasks=True))
    staged.add_restart(all_tasks)
    staged.add_restart(RestartRequest("c", only_failed=False, include_tasks=False))

    assert staged.restarts == {"c": all_tasks}


def test_a_restart_of_what_failed_leaves_what_runs_alone() -> None:
    request = RestartRequest("c", only_failed=True, include_tasks=True)

    plan = restart_plan(request, State.RUNNING, {TASK_0: State.FAILED, TASK_1: State.RUNNING})

    assert not plan.connector
    assert plan.tasks == {TASK_0}


def test_a_restart_without_tasks_concerns_the_connector_alone() -> None:
    request = RestartRequest("c", only_failed=False, include_tasks=False)

    plan = restart_plan(request, State.RUNNING, {TASK_0: State.FAILED})

    assert plan.within(Work(frozenset({"c"}), frozenset({TASK_0}))) == Work(frozenset({"c"}))


def test_each_worker_restarts_only_what_it_owns() -> None:
    request = RestartRequest("c", only_failed=False, include_tasks=True)

    plan = restart_plan(request, State.RUNNING, {TASK_0: State.RUNNING, TASK_1: State.RUNNING})

    assert plan.within(Work(tasks=frozenset({TASK_1}))) == Work(tasks=frozenset({TASK_1}))
