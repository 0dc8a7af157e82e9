"""A worker as the system tests of Apache Kafka start, find, watch and end it.

By the start script in the background of a shell, which notes the pid; with standard output,
standard error and the log in files that are appended to over all lives of the worker.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import urllib3

from isthmus.embedded.process import free_port

_SCRIPT = Path(__file__).parents[2] / "bin" / "connect-distributed.sh"
_START = '( exec "$1" "$2" & echo $! >&3 ) 1>> "$3/connect.stdout" 2>> "$3/connect.stderr" 3> "$4"'


class SystemWorker:
    """One node of a cluster, with a directory of its own. For one thread."""

    def __init__(self, directory: Path, properties: str) -> None:
        """Prepare, start nothing; `properties` is the text of the file but for the listener."""
        directory.mkdir(parents=True)
        self.port = free_port()
        self._directory = directory
        self._properties = directory / "connect.properties"
        listener = f"listeners = http://127.0.0.1:{self.port}\n"
        self._properties.write_text(properties + listener, encoding="ascii")
        self._pid_file = directory / "connect.pid"
        self.log = directory / "connect.log"
        self._log_settings = directory / "connect-log4j.properties"
        self._log_settings.write_text(
            "log4j.rootLogger = INFO, FILE\n"
            f"log4j.appender.FILE.File={self.log}\n"
            "log4j.appender.FILE.layout.conversionPattern=[%d] %p %m (%c)%n\n",
            encoding="utf-8",
        )
        self._http = urllib3.PoolManager(retries=False)

    @property
    def pid(self) -> int:
        return int(self._pid_file.read_text())

    def start(self, line: str, timeout: float = 60.0) -> None:
        """Start the worker, and wait until it has written a line like this to its log."""
        before = self.log.stat().st_size if self.log.exists() else 0
        arguments = [_SCRIPT, self._properties, self._directory, self._pid_file]
        # None of these has a meaning but the first, which names the log file.
        environment = {
            **os.environ,
            "KAFKA_LOG4J_OPTS": f"-Dlog4j.configuration=file:{self._log_settings}",
            "KAFKA_OPTS": "-XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=/tmp/heap.bin",
            "KAFKA_HEAP_OPTS": "-Xmx256M",
            "CLASSPATH": ":/opt/connect-file.jar",
        }
        subprocess.run(["sh", "-c", _START, "sh", *arguments], check=True, env=environment)
        deadline = time.monotonic() + timeout
        while line not in (text := self._log_from(before)):
            assert time.monotonic() < deadline, f"no {line!r} in {timeout} s:\n{text}"
            assert psutil.pid_exists(self.pid), f"it ended:\n{text}"
            time.sleep(0.1)

    def stop(self, number: signal.Signals, timeout: float = 60.0) -> None:
        """Send the signal, and wait until the process and all below it are gone."""
        process = psutil.Process(self.pid)
        tree = [process, *process.children(recursive=True)]
        process.send_signal(number)
        _, alive = psutil.wait_procs(tree, timeout)
        assert not alive, f"{signal.Signals(number).name} left {alive} after {timeout} s"

    def kill(self) -> None:
        """Make sure that it does not run."""
        if self._pid_file.exists() and psutil.pid_exists(self.pid):
            os.kill(self.pid, signal.SIGKILL)

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request, again while a rebalance is in the way, and return the answer's JSON."""
        deadline = time.monotonic() + 10
        while True:
            answer = self._http.request(
                method, f"http://127.0.0.1:{self.port}{path}", json=body, timeout=30.0
            )
            if answer.status not in (404, 409) or time.monotonic() > deadline:
                break
            time.sleep(0.25)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.data}"
        return json.loads(answer.data) if answer.data else None

    def printed(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of JSON that a connector has printed in all lives of this worker."""
        text = (self._directory / "connect.stdout").read_text(encoding="utf-8")
        found: list[dict[str, Any]] = []
        for line in text.splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said["name"] == name:
                found.append(said)
        return found

    def _log_from(self, position: int) -> str:
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[position:].decode("utf-8", "replace")
