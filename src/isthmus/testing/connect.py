"""A worker on a real Kafka, for tests of whole connectors."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from confluent_kafka import Consumer, Message, Producer

from isthmus.api.errors import ConnectError
from isthmus.embedded.worker_process import WorkerProcess

T = TypeVar("T")

_STRING = "org.apache.kafka.connect.storage.StringConverter"
_TOPICS = ("config", "offset", "status")


class Connect:
    """One worker of a cluster of its own, and the topics beside it. For one thread.

    Plugins are found as in the test itself: the worker has the same environment and module path.
    Connectors have string converters if their configs name no others.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        directory: Path,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare, start nothing.

        Args:
            bootstrap_servers: Of the Kafka.
            directory: Where the worker's properties and its log are written.
            properties: Worker properties, on top of ours.
        """
        run = uuid.uuid4().hex[:8]
        self.bootstrap_servers = bootstrap_servers
        defaults = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"connect-{run}",
            "key.converter": _STRING,
            "value.converter": _STRING,
            "offset.flush.interval.ms": "500",
            **{f"{name}.storage.topic": f"{run}-{name}" for name in _TOPICS},
            **{f"{name}.storage.replication.factor": "1" for name in _TOPICS},
        }
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.worker = WorkerProcess(
            directory, f"worker-{run}", {**defaults, **(properties or {})}, environment
        )

    def __enter__(self) -> Self:
        self.worker.start()
        self.worker.wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.worker.stop()

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the REST API; return the JSON of the answer, None if it has none.

        Raises:
            ConnectError: The answer is an error; the text is the worker's.
        """
        status, answer = self.worker.request(method, path, body)
        if status >= 400:
            message = answer["message"] if answer else ""
            raise ConnectError(f"{method} {path}: {status} {message}")
        return answer

    def create(self, name: str, config: Mapping[str, str], timeout: float = 30.0) -> None:
        """Create a connector, or give it another config, and wait until all of it is RUNNING.

        Raises:
            ConnectError: The worker refuses the config, or a part of the connector FAILED; the
                text has the reason, or the trace.
            AssertionError: It is not running in time; the text has the last status.
        """
        self.request("PUT", f"/connectors/{name}/config", {"name": name, **config})
        self._wait(f"{name} to be RUNNING", lambda: self._parts(name), _running, timeout)

    def delete(self, name: str) -> None:
        """Delete a connector."""
        self.request("DELETE", f"/connectors/{name}")

    def wait_failed(self, name: str, timeout: float = 30.0) -> str:
        """Wait until the connector or a task of it is FAILED; return the trace."""

        def traces() -> list[str]:
            status = self._status(name)
            parts = [status["connector"], *status["tasks"]] if status else []
            return [part.get("trace", "") for part in parts if part["state"] == "FAILED"]

        return self._wait(f"{name} to be FAILED", traces, bool, timeout)[0]

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return the committed offsets of a connector, as `GET /connectors/…/offsets` does."""
        return cast(
            "list[dict[str, Any]]", self.request("GET", f"/connectors/{name}/offsets")["offsets"]
        )

    def produce(
        self, topic: str, values: Iterable[bytes | str | None], key: str | None = None
    ) -> None:
        """Write records to a topic; return when Kafka has them."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers})
        for value in values:
            producer.produce(topic, value=value, key=key)
            producer.poll(0)
        left = producer.flush(30)
        assert left == 0, f"{left} records for {topic} were not taken by Kafka within 30 s"

    def values(self, topic: str, count: int, timeout: float = 30.0) -> list[bytes | None]:
        """Return the values of the first `count` records of a topic."""
        return [message.value() for message in self.records(topic, count, timeout)]

    def records(self, topic: str, count: int, timeout: float = 30.0) -> list[Message]:
        """Wait for the first `count` records of a topic, and return them.

        Raises:
            AssertionError: There are not so many in time; names those there are.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": f"reader-{uuid.uuid4().hex}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500,
            }
        )
        consumer.subscribe([topic])
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        try:
            while len(found) < count and time.monotonic() < deadline:
                found += [m for m in consumer.consume(count - len(found), 0.2) if m.error() is None]
        finally:
            consumer.close()
        if len(found) < count:
            values = [message.value() for message in found]
            raise AssertionError(
                f"{len(found)} records in {topic} after {timeout} s, expected {count}: {values!r}"
            )
        return found

    def wait_for(self, what: str, seen: Callable[[], T], timeout: float = 30.0) -> T:
        """Wait until `seen` returns something true, and return it.

        Raises:
            AssertionError: It does not in time; the text has what was seen last.
        """
        return self._wait(what, seen, bool, timeout)

    def _wait(
        self, what: str, look: Callable[[], T], enough: Callable[[T], bool], timeout: float
    ) -> T:
        deadline = time.monotonic() + timeout
        while not enough(last := look()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"waited {timeout} s for {what}, last seen: {last!r}\n{self.worker.log_end()}"
                )
            time.sleep(0.05)
        return last

    def _status(self, name: str) -> dict[str, Any]:
        status, answer = self.worker.request("GET", f"/connectors/{name}/status")
        return answer if status == 200 else {}

    def _parts(self, name: str) -> list[str]:
        """Return the states of connector and tasks; none while the tasks are not known."""
        status = self._status(name)
        if not status:
            return []
        parts = [status["connector"], *status["tasks"]]
        for part in parts:
            if part["state"] == "FAILED":
                raise ConnectError(f"{name} FAILED:\n{part.get('trace')}")
        wanted = self.request("GET", f"/connectors/{name}/tasks")
        states = [part["state"] for part in parts]
        return states if len(wanted) == len(status["tasks"]) > 0 else [*states, "no tasks yet"]


def _running(states: list[str]) -> bool:
    return bool(states) and set(states) == {"RUNNING"}
