"""Apache's own Connect worker 4.3.1: the peer in tests, the other side of benchmarks."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import javaproperties
import urllib3

from isthmus.api.errors import ConnectError
from isthmus.embedded.jars import class_path, read_list
from isthmus.embedded.java import find_java
from isthmus.embedded.process import ServerProcess, free_port, last_lines

#: For tests: sooner up and smaller, never at its full speed.
QUICK_START = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: What Apache's start script gives a worker.
AS_SHIPPED = (
    "-Xms256M",
    "-Xmx2G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)

_JARS = Path(__file__).with_name("connect-4.3.1.jars")
_JSON = "org.apache.kafka.connect.json.JsonConverter"
_STOP_SECONDS = 40.0

_LOGGING = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:connect.log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d] %p %X{connector.context}%m (%c:%L)%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class ApacheConnect:
    """One worker of Java's, our child process. For one thread, which must outlive it.

    Without `group.id` among the properties it is a group of its own with topics of its own; the
    topics' names follow from the group's unless they are given.
    """

    def __init__(
        self,
        directory: Path,
        bootstrap_servers: str,
        properties: Mapping[str, str] | None = None,
        port: int | None = None,
        *,
        jvm_options: Sequence[str] = AS_SHIPPED,
        libraries: Sequence[Path] = (),
    ) -> None:
        """Prepare, start nothing.

        Args:
            directory: For its properties and log; one worker's alone.
            bootstrap_servers: Where the Kafka is.
            properties: Worker settings on top of those that it needs.
            port: Where it serves REST; None for a free one.
            jvm_options: `QUICK_START` in tests; what is measured keeps the default.
            libraries: Lists of jars on its class path beside its own.
        """
        self.port = free_port() if port is None else port
        self.properties = worker_properties(bootstrap_servers, self.port, properties or {})
        self.log = directory / "connect.log"
        self._directory = directory
        self._jvm_options = jvm_options
        self._lists = (_JARS, *libraries)
        self._process: ServerProcess | None = None
        self._http = urllib3.PoolManager(retries=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def worker_id(self) -> str:
        """The name under which the worker stands in statuses."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "Apache's worker was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout: float = 60.0) -> None:
        """Start the worker and return when `GET /` answers; downloads take longer.

        Raises:
            ConnectError: It ended, or did not answer in time; the text holds the end of its log.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = self._directory / "connect-distributed.properties"
        text = javaproperties.dumps(self.properties, timestamp=False)
        settings.write_text(text, encoding="ascii")
        logging = self._directory / "connect-log4j2.properties"
        logging.write_text(_LOGGING, encoding="ascii")
        command = [str(find_java()), *self._jvm_options]
        command += [f"-Dlog4j2.configurationFile={logging}", f"-Dconnect.log={self.log}"]
        command += ["-cp", class_path([jar for one in self._lists for jar in read_list(one)])]
        command += ["org.apache.kafka.connect.cli.ConnectDistributed", str(settings)]
        output = self._directory / "connect.out"
        self._process = ServerProcess("Apache's worker", command, output)
        self._process.start()
        try:
            self._wait_until_it_answers(timeout)
        except BaseException:
            self._process.kill()
            raise

    def stop(self) -> None:
        """Have the worker leave its group and end."""
        if self._process is not None:
            self._process.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """End the worker as a power cut would."""
        if self._process is not None:
            self._process.kill()

    def request(
        self, method: str, path: str, body: object = None, timeout: float = 90.0
    ) -> tuple[int, Any]:
        """Send a request to the worker; return the status and the JSON of the answer, or None."""
        answer = self._http.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            timeout=timeout,
        )
        found: Any = json.loads(answer.data) if answer.data else None
        return answer.status, found

    def log_end(self) -> str:
        """Return the last lines of what the worker said."""
        return f"{last_lines(self.log)}\n{last_lines(self._directory / 'connect.out')}".strip()

    def _wait_until_it_answers(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        last: object = "nothing"
        while time.monotonic() < deadline:
            if not self.is_running:
                raise ConnectError(f"Apache's worker ended while starting:\n{self.log_end()}")
            try:
                status, last = self.request("GET", "/", timeout=5.0)
                if status == 200:
                    return
            except urllib3.exceptions.HTTPError as error:
                last = error
            time.sleep(0.05)
        raise ConnectError(
            f"Apache's worker did not answer within {timeout:.0f} s; last seen: {last}\n"
            f"{self.log_end()}"
        )


def worker_properties(
    bootstrap_servers: str, port: int, chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return the worker's settings: those it needs, then the chosen ones."""
    group = chosen.get("group.id", f"apache-{uuid.uuid4().hex[:8]}")
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "listeners": f"http://127.0.0.1:{port}",
        "key.converter": _JSON,
        "value.converter": _JSON,
        "config.storage.topic": f"{group}-configs",
        "offset.storage.topic": f"{group}-offsets",
        "offset.storage.partitions": "5",
        "status.storage.topic": f"{group}-status",
        "status.storage.partitions": "1",
        "config.storage.replication.factor": "1",
        "offset.storage.replication.factor": "1",
        "status.storage.replication.factor": "1",
        # The jars all have service manifests; to scan them as well would take 1.5 s.
        "plugin.discovery": "service_load",
        **chosen,
    }
