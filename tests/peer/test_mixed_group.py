"""One group of Apache's worker and ours: work is shared, forwarded and taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import Cluster, expect, expect_value, file_sink, file_source

NAMES = [f"source-{n}" for n in range(4)]


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path)
    yield made
    made.close()


@pytest.fixture
def apache(cluster: Cluster, bootstrap_servers: str, tmp_path: Path) -> Iterator[ApacheConnect]:
    """Apache's worker, of the same group over the same topics; not started."""
    worker = ApacheConnect(
        tmp_path / "apache", bootstrap_servers, cluster.properties, jvm_options=QUICK_START
    )
    yield worker
    worker.stop()


def owners(cluster: Cluster) -> list[str]:
    """Return which worker runs the task of each source, "" for one that does not run."""
    found: list[str] = []
    for name in NAMES:
        status = cluster.status(name)
        tasks = [task for task in status.get("tasks", []) if task["state"] == "RUNNING"]
        found.append(tasks[0]["worker_id"] if tasks else "")
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("first", ["apache", "isthmus"])
def test_work_is_shared_and_taken_over_whoever_led_first(
    cluster: Cluster, apache: ApacheConnect, tmp_path: Path, first: str
) -> None:
    if first == "apache":
        apache.start()
        cluster.start(1)
    else:
        cluster.start(1)
        apache.start()
    ours = cluster.workers[0]
    for n, name in enumerate(NAMES):
        (tmp_path / f"{n}.txt").write_text(f"before {n}\n")
        # Each asks another worker: a follower forwards to the leader, of either kind.
        config = file_source(tmp_path / f"{n}.txt", f"{cluster.group}-{n}")
        url = (apache, ours)[n % 2]
        status, answer = url.request("PUT", f"/connectors/{name}/config", config)
        assert status == 201, answer
    cluster.create("sink", file_sink(tmp_path / "out.txt", f"{cluster.group}-0"), on=ours)

    both = {apache.worker_id, ours.worker_id}
    expect("both to have tasks", lambda: set(owners(cluster)) == both, 60)
    apache.kill()

    expect_value("owners", lambda: set(owners(cluster)), {ours.worker_id}, 90)
    with (tmp_path / "0.txt").open("a") as file:
        file.write("after 0\n")
    out = tmp_path / "out.txt"
    expect("the line after", lambda: out.exists() and "after 0\n" in out.read_text(), 60)
    assert "before 0\n" in out.read_text()


@pytest.mark.timeout(180)
def test_a_java_worker_goes_on_where_ours_stood(
    cluster: Cluster, apache: ApacheConnect, tmp_path: Path
) -> None:
    cluster.start(1)
    original, copy = tmp_path / "in.txt", tmp_path / "out.txt"
    original.write_text("one\ntwo\n")
    cluster.create("source", file_source(original, f"{cluster.group}-t"))
    cluster.create("sink", file_sink(copy, f"{cluster.group}-t"))
    expect("the first lines", lambda: copy.exists() and copy.read_text() == "one\ntwo\n")
    cluster.stop()

    apache.start()
    with original.open("a") as file:
        file.write("three\n")

    expect("the third line", lambda: "three" in copy.read_text(), 60)
    assert copy.read_text() == "one\ntwo\nthree\n"
