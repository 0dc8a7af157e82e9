"""Requests between workers of both kinds are signed, with keys that expire (KIP-507)."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from isthmus.embedded.worker_process import WorkerProcess
from isthmus.herder.signature import Signer
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.cluster import Cluster, expect, expect_value, file_source
from tests.support.topic_recorder import TopicRecorder

SOURCES = ("a", "b")
KEY_TTL_MS = 1500

AnyWorker = ApacheConnect | WorkerProcess


@pytest.fixture
def cluster(bootstrap_servers: str, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(bootstrap_servers, tmp_path, inter_worker_key_ttl_ms=str(KEY_TTL_MS))
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


class Keys:
    """The session keys of the group, as the config topic has them."""

    def __init__(self, cluster: Cluster) -> None:
        servers = cluster.properties["bootstrap.servers"]
        topic = cluster.properties["config.storage.topic"]
        self._recorder = TopicRecorder(servers, {"configs": topic})

    def close(self) -> None:
        self._recorder.close()

    def all(self) -> list[bytes]:
        """Return the keys so far, the newest last."""
        self._recorder.read_until_quiet(0.1)
        return [
            base64.b64decode(json.loads(record.value or b"")["key"])
            for record in self._recorder.records["configs"]
            if record.key == b"session-key"
        ]


def fence(worker: AnyWorker, headers: dict[str, str]) -> tuple[int, str | None]:
    """Ask for what only workers may ask for; return the status and the error's text."""
    answer = urllib3.request(
        "PUT", f"{worker.url}/connectors/a/fence", headers=headers, timeout=30, retries=False
    )
    return answer.status, json.loads(answer.data)["message"] if answer.data else None


def signed(key: bytes) -> dict[str, str]:
    return Signer(key, "HmacSHA256").headers(b"")


@pytest.mark.parametrize("leading", ["apache", "isthmus"])
def test_a_leaders_keys_expire_and_followers_of_the_other_kind_sign_with_the_newest(
    cluster: Cluster, apache: ApacheConnect, tmp_path: Path, leading: str
) -> None:
    if leading == "apache":
        apache.start()
    ours = cluster.start(1).workers[0]
    if leading == "isthmus":
        apache.start()
    leader, follower = (apache, ours) if leading == "apache" else (ours, apache)
    keys = Keys(cluster)
    for name in SOURCES:
        (tmp_path / name).touch()
        put(follower, name, file_source(tmp_path / name, f"{cluster.group}-first"))
    both = {leader.worker_id, follower.worker_id}
    expect_value("owners", lambda: {owner(follower, name) for name in SOURCES}, both, 60)

    # One of the connectors is the follower's, which must give the leader its task configs.
    first = keys.all()[0]
    expect("two more keys", lambda: len(keys.all()) >= 3, 30)
    for name in SOURCES:
        put(follower, name, file_source(tmp_path / name, f"{cluster.group}-second"))
    topics = dict.fromkeys(SOURCES, f"{cluster.group}-second")
    expect_value("topics", lambda: {name: topic(follower, name) for name in SOURCES}, topics, 60)

    invalid = (403, "Internal request contained invalid signature.")
    missing = (400, "Internal request missing required signature")
    assert fence(leader, signed(first)) == invalid
    assert fence(follower, signed(first)) == invalid
    assert fence(leader, signed(bytes(32))) == invalid
    assert fence(leader, {}) == missing
    assert fence(follower, {}) == missing
    # A key may expire on the way; those of the next one are waited for.
    expect_value("newest key", lambda: fence(leader, signed(keys.all()[-1])), (204, None), 30)
    # What one worker sends on to another is not signed again.
    expect_value("sent on", lambda: fence(follower, signed(keys.all()[-1])), missing, 30)
    keys.close()


def put(worker: AnyWorker, name: str, config: dict[str, str]) -> None:
    status, answer = worker.request("PUT", f"/connectors/{name}/config", config)
    assert status in (200, 201), f"{name}: {status} {answer}"


def owner(worker: AnyWorker, name: str) -> str:
    """Return who runs the connector, once it and its task run."""
    _, answer = worker.request("GET", f"/connectors/{name}/status")
    parts = [answer["connector"], *answer["tasks"]] if answer and "connector" in answer else []
    running = len(parts) == 2 and all(part["state"] == "RUNNING" for part in parts)
    return parts[0]["worker_id"] if running else ""


def topic(worker: AnyWorker, name: str) -> str:
    """Return the topic in the task's config."""
    status, answer = worker.request("GET", f"/connectors/{name}/tasks")
    return answer[0]["config"].get("topic", "") if status == 200 and answer else ""
