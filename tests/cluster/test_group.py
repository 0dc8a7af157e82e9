"""Any worker takes any request, under each protocol of the group."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, expect, expect_value, file_source


@pytest.mark.parametrize("protocol", ["eager", "compatible", "sessioned"])
def test_work_moves_from_a_killed_worker_under_each_protocol(
    make_cluster: Callable[..., Cluster], tmp_path: Path, protocol: str
) -> None:
    cluster = make_cluster(connect_protocol=protocol).start(2)
    names = [f"source-{n}" for n in range(4)]
    for name in names:
        cluster.create(name, file_source(tmp_path / name, f"{cluster.group}-t"))
    for name in names:
        cluster.expect_running(name)
    both = {worker.worker_id for worker in cluster.workers}
    expect_value("owners", lambda: {cluster.owner(n, 0).worker_id for n in names}, both)

    cluster.workers[0].kill()

    for name in names:
        cluster.expect_running(name, timeout=60)
    cluster.stop()


def test_a_follower_answers_as_the_leader_does(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(2)
    follower, leader = cluster.follower(), cluster.leader()
    config = file_source(tmp_path / "in.txt", f"{cluster.group}-t")

    cluster.create("c", config, on=follower)
    cluster.expect_running("c")
    taken, _ = cluster.request("POST", "/connectors", {"name": "c", "config": config}, on=follower)
    assert taken == 409
    # A follower validates what is complete by itself; a patch only the leader can complete.
    at_home = "/connectors/c/config?forward=false"
    assert cluster.request("PUT", at_home, {**config, "tasks.max": "x"}, on=follower)[0] == 400
    assert cluster.request("PATCH", at_home, {"tasks.max": "x"}, on=follower)[0] == 409
    changed = {**config, "batch.size": "5"}
    assert cluster.request("PUT", "/connectors/c/config", changed, on=follower)[0] == 200
    path = "/connectors/c/config"
    wanted = (200, {**changed, "name": "c"})
    expect_value("config on the leader", lambda: cluster.request("GET", path, on=leader), wanted)
    for worker in (follower, leader):
        assert cluster.request("POST", "/connectors/c/restart", on=worker)[0] == 204
        cluster.expect_running("c")
        assert cluster.request("POST", "/connectors/c/tasks/0/restart", on=worker)[0] == 204
        cluster.expect_running("c")
    assert cluster.request("PUT", "/connectors/c/stop", on=follower) == (204, None)
    cluster.expect_states("c", "STOPPED")
    assert cluster.request("DELETE", "/connectors/c", on=follower) == (204, None)

    for worker in (follower, leader):
        expect(
            "no connector", lambda w=worker: cluster.request("GET", "/connectors", on=w)[1] == []
        )
    cluster.stop()


def test_a_pause_on_one_worker_reaches_tasks_on_another(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(2)
    names = [f"source-{n}" for n in range(2)]
    for name in names:
        cluster.create(name, file_source(tmp_path / name, f"{cluster.group}-t"))
        cluster.expect_running(name)

    for name in names:
        assert cluster.request("PUT", f"/connectors/{name}/pause", on=cluster.workers[0])[0] == 202

    for name in names:
        cluster.expect_states(name, "PAUSED", "PAUSED")
    cluster.stop()


def test_a_request_for_workers_alone_is_refused_without_their_signature(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    cluster.create("c", file_source(tmp_path / "in.txt", f"{cluster.group}-t"))
    cluster.expect_running("c")

    status, answer = cluster.request("POST", "/connectors/c/tasks", [])

    assert status == 400
    assert answer["message"] == "Internal request missing required signature"
    cluster.expect_running("c")
    cluster.stop()


def test_a_task_that_dies_is_failed_with_the_reason_and_can_be_restarted(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    cluster.create("c", file_source(tmp_path / "in.txt", f"{cluster.group}-t"))
    cluster.expect_running("c")

    killed = cluster.kill_task("c", 0)
    cluster.expect_states("c", "RUNNING", "FAILED")
    trace = cluster.status("c")["tasks"][0]["trace"]
    assert f"(pid {killed})" in trace
    assert "SIGKILL" in trace
    cluster.request("POST", "/connectors/c/tasks/0/restart")

    cluster.expect_running("c")
    cluster.stop()
