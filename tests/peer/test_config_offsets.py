"""Members whose reading of the config topic is not the leader's, with leaders of both kinds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from isthmus.embedded.worker_process import WorkerProcess
from isthmus.group.protocol import CONFIG_MISMATCH, NO_ERROR
from tests.broker.test_group_member import Configuration, Group, Worker, expect
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import Cluster, expect_value, file_source

AnyWorker = ApacheConnect | WorkerProcess


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["apache", "isthmus"])
def leader(
    request: pytest.FixtureRequest, cluster: Cluster, bootstrap_servers: str, tmp_path: Path
) -> Iterator[AnyWorker]:
    """A worker that leads, and runs a connector with one task."""
    apache = ApacheConnect(
        tmp_path / "apache", bootstrap_servers, cluster.properties, jvm_options=QUICK_START
    )
    if request.param == "apache":
        apache.start()
        started: AnyWorker = apache
    else:
        started = cluster.start(1).workers[0]
    (tmp_path / "lines").touch()
    config = file_source(tmp_path / "lines", f"{cluster.group}-lines")
    status, answer = started.request("PUT", "/connectors/c/config", config)
    assert status == 201, answer
    expect_value("states", lambda: states(started), ["RUNNING", "RUNNING"], 60)
    yield started
    apache.stop()


@pytest.fixture
async def group(cluster: Cluster, bootstrap_servers: str) -> AsyncIterator[Group]:
    """The leader's group, for members that the test makes."""
    group = Group(bootstrap_servers)
    group.group_id = cluster.group
    yield group
    await asyncio.gather(*(member.leave_and_stop() for member in group.members))


def states(worker: AnyWorker) -> list[str]:
    status, answer = worker.request("GET", "/connectors/c/status")
    parts = [answer["connector"], *answer["tasks"]] if status == 200 else []
    return [part["state"] for part in parts]


async def test_a_member_that_is_behind_learns_how_far_to_read_and_one_ahead_makes_all_read_on(
    leader: AnyWorker, group: Group
) -> None:
    follower = Worker("http://follower:8083/", Configuration(0, offset=1))

    member = group.member(follower)
    await expect(lambda: follower.joins > 0, lambda: follower.events, 30)

    assert follower.last is not None
    assert follower.last.error == NO_ERROR
    assert follower.last.leader_url == f"{leader.url}/"
    offset = follower.last.config_offset
    assert offset > 1

    # What it knows, nobody can read: no work is given out, and all try again.
    follower.configuration = replace(follower.configuration, offset=offset + 5)
    member.request_rejoin("it has read on")
    await expect(
        lambda: follower.last is not None and follower.last.error == CONFIG_MISMATCH,
        lambda: follower.last,
        30,
    )
    assert follower.last.config_offset == offset + 5
    assert follower.last.connectors == ()
    assert follower.last.tasks == ()

    follower.configuration = replace(follower.configuration, offset=offset)
    member.request_rejoin("it was mistaken")
    await expect(
        lambda: follower.last is not None and follower.last.error == NO_ERROR,
        lambda: follower.last,
        30,
    )
    assert follower.last.config_offset >= offset
    await asyncio.to_thread(group_settles, leader, follower)


def group_settles(leader: AnyWorker, follower: Worker) -> None:
    """Wait until the leader runs what the follower was not given."""
    given = len(follower.running)
    expect_value(
        "running on the leader", lambda: states(leader).count("RUNNING") >= 2 - given, True, 30
    )
