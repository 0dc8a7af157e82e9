"""Connect workers as processes of their own, for the quickstart and the tests."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3

from isthmus.api.errors import ConnectError
from isthmus.embedded.process import ServerProcess, free_port, last_lines


class WorkerProcess:
    """One worker, started as a user starts it: by a properties file. For one thread.

    With connectors' files, even with none of them, it is a standalone worker.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        properties: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        connector_files: Sequence[Path] | None = None,
    ) -> None:
        """Prepare, start nothing; `environment` None means ours."""
        self.name = name
        self.port = free_port()
        self.log = directory / f"{name}.log"
        self._properties_file = directory / f"{name}.properties"
        self._properties = {"listeners": f"http://127.0.0.1:{self.port}", **properties}
        mode = "distributed" if connector_files is None else "standalone"
        command = [sys.executable, "-m", f"isthmus.cli.{mode}", str(self._properties_file)]
        command += map(str, connector_files or ())
        self._process = ServerProcess(name, command, self.log, environment)
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
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    def start(self) -> None:
        """Start the process; `wait_until_ready` says when it has joined the group."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}={value}" for key, value in self._properties.items()]
        self._properties_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process.start()

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Wait until the worker says that it is healthy.

        Raises:
            ConnectError: It ended, or is not ready in time; the text holds the end of its log.
        """
        deadline = time.monotonic() + timeout
        last: object = "nothing"
        while time.monotonic() < deadline:
            if not self.is_running:
                code = self._process.exit_code
                raise ConnectError(f"{self.name} ended with exit code {code}:\n{self.log_end()}")
            try:
                status, last = self.request("GET", "/health", timeout=2.0)
                if status == 200:
                    return
            except (urllib3.exceptions.HTTPError, OSError) as error:
                last = error
            time.sleep(0.05)
        raise ConnectError(
            f"{self.name} was not ready within {timeout:.0f} s; last answer: {last}\n"
            f"{self.log_end()}"
        )

    def request(
        self, method: str, path: str, body: object = None, timeout: float = 30.0
    ) -> tuple[int, Any]:
        """Send a request to the worker; return the status and the JSON of the answer, or None."""
        answer = self._http.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            timeout=timeout,
        )
        return answer.status, json.loads(answer.data) if answer.data else None

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal and do not wait."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._process.kill()

    def stop(self, timeout: float = 40.0) -> int | None:
        """Ask the process to end, wait for it, and return its exit code.

        A worker that does not end in time is killed. None if it was never started.
        """
        self._process.stop(timeout)
        return self._process.exit_code

    def log_end(self) -> str:
        """Return the last lines of the worker's log."""
        return last_lines(self.log)
