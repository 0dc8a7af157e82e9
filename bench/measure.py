"""What the benchmark measures of a running worker, from the outside."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import urllib3
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

_HTTP = urllib3.PoolManager(retries=False)


def request(url: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Send a request to a worker; return the status and the JSON of the answer, or None."""
    answer = _HTTP.request(
        method,
        url + path,
        body=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        timeout=60.0,
    )
    return answer.status, json.loads(answer.data) if answer.data else None


def wait(
    what: str, reached: Callable[[], bool], timeout: float = 300.0, pause: float = 0.01
) -> None:
    """Wait until `reached`; a benchmark that hangs says where."""
    deadline = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(pause)


def create(url: str, name: str, config: dict[str, str]) -> None:
    """Create a connector; answers of a rebalance are tried again, as a client has to."""

    def created() -> bool:
        status, answer = request(url, "POST", "/connectors", {"name": name, "config": config})
        if status not in (201, 409, 500):
            raise RuntimeError(f"{name} was not created: {status} {answer}")
        if status == 500:
            raise RuntimeError(f"{name}: {answer}")
        return status == 201

    wait(f"{name} to be created", created, 60.0, 0.05)


def delete(url: str, name: str) -> None:
    """Delete a connector and wait until its tasks have ended."""
    wait(f"{name} to be deleted", lambda: request(url, "DELETE", f"/connectors/{name}")[0] == 204)
    wait(f"{name} to end", lambda: request(url, "GET", f"/connectors/{name}/status")[0] == 404)


def running_tasks(url: str) -> int:
    """Return how many tasks of all connectors are RUNNING."""
    _, answer = request(url, "GET", "/connectors?expand=status")
    found = [task for entry in answer.values() for task in entry["status"]["tasks"]]
    return sum(task["state"] == "RUNNING" for task in found)


def task_states(url: str, name: str) -> list[str]:
    """Return the states of a connector's tasks; none while it has no status."""
    status, answer = request(url, "GET", f"/connectors/{name}/status")
    return [task["state"] for task in answer["tasks"]] if status == 200 else []


def pss_mb(pid: int) -> float:
    """Return the memory of a process and all below it, shared pages counted by share."""
    root = psutil.Process(pid)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        total += int(
            next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]
        )
    return total / 1024


class Progress:
    """Rate of something that grows from 0 to `total`, without the time until it began.

    Timed from the first moment at which a twentieth was there: starting a task is another case.
    """

    def __init__(self, total: int, now: Callable[[], int]) -> None:
        self._total = total
        self._now = now

    def rate(self, timeout: float = 300.0) -> float:
        """Wait until all is there; return the growth a second."""
        began: tuple[float, int] | None = None
        deadline = time.monotonic() + timeout
        while (count := self._now()) < self._total:
            if began is None and count >= self._total // 20:
                began = (time.monotonic(), count)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} of {self._total} after {timeout:.0f} s")
            time.sleep(0.01)
        began = began or (deadline - timeout, 0)
        return (self._total - began[1]) / (time.monotonic() - began[0])


class Watermark:
    """The end of partition 0 of a topic, which is the number of records written to it."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, "group.id": "bench"}
        self._consumer = Consumer(settings)
        self._partition = TopicPartition(topic, 0)

    def __call__(self) -> int:
        return self._consumer.get_watermark_offsets(self._partition, timeout=10.0)[1]

    def close(self) -> None:
        self._consumer.close()


class StatusTopic:
    """The keys that are written to a status topic from now on; for `with`."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, "group.id": "bench"}
        self._consumer = Consumer(settings)
        partitions = self._consumer.list_topics(topic, 10).topics[topic].partitions
        places = [TopicPartition(topic, partition) for partition in partitions]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10.0)[1]
        self._consumer.assign(places)

    def written(self) -> set[str]:
        """Return what was written since the last call, or since the start."""
        messages = self._consumer.consume(10_000, 3.0)
        return {(message.key() or b"").decode() for message in messages}

    def __enter__(self) -> "StatusTopic":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


class GroupMembers:
    """How many members the coordinator counts in a stable group; 0 while it rebalances.

    A member whose session has ended is gone at once, or the group is not stable from then on.
    """

    def __init__(self, bootstrap_servers: str, group: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        self._group = group

    def __call__(self) -> int:
        found: Any = self._admin.list_groups(self._group, timeout=10.0)
        return len(found[0].members) if found and found[0].state == "Stable" else 0
