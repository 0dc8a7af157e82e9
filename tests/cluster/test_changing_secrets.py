"""Values behind variables change: tasks can look again, and leases end (KIP-297)."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, expect
from tests.support.leases import PROVIDER, SINK, SOURCE
from tests.support.troubled import entries


@pytest.fixture(scope="module")
def cluster(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(
        bootstrap_servers,
        tmp_path_factory.mktemp("secrets"),
        config_providers="file,lease",
        config_providers_file_class="FileConfigProvider",
        config_providers_lease_class=PROVIDER,
    )
    try:
        yield made.start(workers=1)
        made.stop()
    finally:
        made.close()


@pytest.mark.parametrize(
    ("connector", "topics"), [(SOURCE, None), (SINK, "changing-secrets")], ids=["source", "sink"]
)
def test_a_running_task_can_read_a_secret_that_has_changed(
    cluster: Cluster, tmp_path: Path, connector: str, topics: str | None
) -> None:
    secrets, diary = tmp_path / "secrets.properties", tmp_path / "diary"
    secrets.write_text("password=first-word")
    name = f"c-{uuid.uuid4().hex[:6]}"
    config = {
        "connector.class": connector,
        "password": f"${{file:{secrets}:password}}",
        "diary": str(diary),
    }
    cluster.create(name, config if topics is None else {**config, "topics": topics})
    expect("the task to start", lambda: entries(diary) == ["start:first-word"])

    secrets.write_text("password=second-word")

    expect("the task to see it", lambda: entries(diary)[1:] == ["later:second-word"])
    cluster.request("DELETE", f"/connectors/{name}")


def test_a_lease_that_ends_has_the_connector_and_then_its_tasks_take_the_new_value(
    cluster: Cluster, tmp_path: Path
) -> None:
    diary, password = tmp_path / "diary", tmp_path / "password"
    password.write_text("first-word")
    name = f"c-{uuid.uuid4().hex[:6]}"
    variable = f"${{lease:{tmp_path}:password}}"
    cluster.create(name, {"connector.class": SOURCE, "password": variable, "diary": str(diary)})
    expect("the task to start", lambda: entries(diary) == ["start:first-word"])
    log = cluster.running[0].log
    expect(
        "two restarts of the connector alone",
        lambda: log.read_text().count(f"Restarting connector {name}, whose values") >= 2,
    )
    assert entries(diary) == ["start:first-word"]

    password.write_text("second-word")

    expect("a new start", lambda: "start:second-word" in entries(diary))
    assert cluster.request("GET", f"/connectors/{name}/config")[1]["password"] == variable
    cluster.request("DELETE", f"/connectors/{name}")
    restarts = log.read_text().count("whose values")
    expect("the connector to be gone", lambda: not cluster.states(name))
    assert log.read_text().count("whose values") <= restarts + 1
