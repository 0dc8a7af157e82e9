"""`isthmus quickstart`: a cluster in one command, and a worker killed before your eyes.

Kafka starts          embedded/kafka.py, data kept under $ISTHMUS_HOME
two workers start     from the sample properties, with ports and addresses of their own
a file moves          FileStreamSource → topic → FileStreamSink, made over REST
a worker is killed    SIGKILL; the other one takes over what it ran
the copy is compared  byte for byte with the file
"""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import javaproperties
from rich.console import Console
from rich.live import Live
from rich.table import Table

from isthmus.api.errors import ConnectError
from isthmus.config.home import isthmus_home
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.worker_process import WorkerProcess

T = TypeVar("T")

_PREFIX = "quickstart-"
_PATIENCE = 90.0

#: What differs from the sample file, so that a kill shows its effect in seconds, not in minutes.
_QUICK_SETTINGS = {
    "session.timeout.ms": "6000",
    "heartbeat.interval.ms": "1000",
    "scheduled.rebalance.max.delay.ms": "0",
    "offset.flush.interval.ms": "500",
}


class _Ended(Exception):  # noqa: N818  # the user's wish, not an error
    """Ctrl-C, or a request to terminate."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file on its way through a topic, by two connectors."""

    source_file: Path
    copy_file: Path
    topic: str
    source: str
    sink: str


def quickstart(*, once: bool, file: Path | None) -> int:
    """Run the whole story; return 0, or 1 if the copy is not what it should be.

    Raises:
        ConnectError: Kafka or a worker could not be started, or something took too long.
    """
    console = Console(highlight=False, soft_wrap=True)
    if file is not None and not file.is_file():
        raise ConnectError(f"--file {file}: there is no such file; expected a file with text lines")
    home = isthmus_home() / "quickstart"
    try:
        with ExitStack() as stack, _signals_raise():
            cluster = _start(console, home, stack)
            copy = _move_file(console, cluster, home, file or cluster.kafka.server_log)
            _kill_one(console, cluster, copy)
            same = _compare(console, cluster, copy)
            if not once:
                _stay_up(console, cluster, copy)
            return 0 if same else 1
    except _Ended:
        console.print("All that was started has been stopped.")
        return 0 if not once else 130


@contextmanager
def _signals_raise() -> Generator[None]:
    """Let Ctrl-C and SIGTERM end the block by an exception, once; ending it goes undisturbed."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _Ended

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Cluster:
    kafka: EmbeddedKafka
    workers: list[WorkerProcess]

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask whichever worker is there; 409 and 500 of a rebalance are tried again."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            worker = next(worker for worker in self.workers if worker.is_running)
            status, answer = worker.request(method, path, body)
            if status not in (409, 500) or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.2)

    def owner(self, name: str) -> str | None:
        """Return the worker that runs the connector's only task, None if it does not run."""
        status, answer = self.request("GET", f"/connectors/{name}/status")
        tasks: list[dict[str, str]] = answer["tasks"] if status == 200 else []
        return tasks[0]["worker_id"] if tasks and tasks[0]["state"] == "RUNNING" else None


def _start(console: Console, home: Path, stack: ExitStack) -> _Cluster:
    started = time.monotonic()
    kafka = stack.enter_context(EmbeddedKafka(home / "kafka", short_lived=True))
    console.print(f"Apache Kafka is up on {kafka.bootstrap_servers} (pid {kafka.pid})")
    settings = {**_sample_properties(), **_QUICK_SETTINGS}
    settings["bootstrap.servers"] = kafka.bootstrap_servers
    settings.pop("listeners", None)
    workers = [WorkerProcess(home, f"worker-{number}", settings) for number in (1, 2)]
    for worker in workers:
        worker.start()
        stack.callback(worker.stop)
    for worker in workers:
        worker.wait_until_ready()
        console.print(f"{worker.name} is up on {worker.url} (pid {worker.pid}, log {worker.log})")
    console.print(f"Ready after {time.monotonic() - started:.1f} s")
    return _Cluster(kafka, workers)


def _sample_properties() -> dict[str, str]:
    """Return the sample worker properties, from the wheel or from the source tree."""
    packaged = resources.files("isthmus.embedded") / "connect-distributed.properties"
    if packaged.is_file():
        return javaproperties.loads(packaged.read_text(encoding="utf-8"))
    source_tree = Path(__file__).parents[3] / "config" / "connect-distributed.properties"
    return javaproperties.loads(source_tree.read_text(encoding="utf-8"))


def _move_file(console: Console, cluster: _Cluster, home: Path, file: Path) -> _Copy:
    _, names = cluster.request("GET", "/connectors")
    for name in names:
        if name.startswith(_PREFIX):
            cluster.request("DELETE", f"/connectors/{name}")
    run = f"{_PREFIX}{time.strftime('%H%M%S')}-{os.getpid()}"
    copies = home / "copies"
    copies.mkdir(parents=True, exist_ok=True)
    copy = _Copy(file.resolve(), copies / f"{run}.txt", run, f"{run}-source", f"{run}-sink")
    text = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
    source = {"connector.class": "FileStreamSource", "file": str(copy.source_file), **text}
    sink = {"connector.class": "FileStreamSink", "file": str(copy.copy_file), **text}
    _create(cluster, copy.source, {**source, "topic": copy.topic})
    _create(cluster, copy.sink, {**sink, "topics": copy.topic})
    console.print(f"Moving {copy.source_file} through topic {copy.topic} to {copy.copy_file}")
    _wait("the copy to be complete and committed", lambda: _settled(cluster, copy))
    return copy


def _create(cluster: _Cluster, name: str, config: dict[str, str]) -> None:
    status, answer = cluster.request("POST", "/connectors", {"name": name, "config": config})
    if status != 201:
        raise ConnectError(f"connector {name} was not created: {status} {answer}")


def _settled(cluster: _Cluster, copy: _Copy) -> bool:
    """Tell whether all lines of the file are in the copy, and both offsets say so."""
    if cluster.owner(copy.source) is None or cluster.owner(copy.sink) is None:
        return False
    size = _complete_lines(copy.source_file)
    if not copy.copy_file.exists() or copy.copy_file.stat().st_size < size:
        return False
    lines = copy.copy_file.read_bytes().count(b"\n")
    position = _committed(cluster, copy.source, "position")
    return size == 0 or (
        position == size and _committed(cluster, copy.sink, "kafka_offset") == lines
    )


def _complete_lines(file: Path) -> int:
    """Return the file's size up to the end of its last complete line."""
    return file.read_bytes().rfind(b"\n") + 1


def _committed(cluster: _Cluster, name: str, key: str) -> int:
    _, answer = cluster.request("GET", f"/connectors/{name}/offsets")
    offsets: list[dict[str, dict[str, int]]] = answer["offsets"]
    return offsets[0]["offset"].get(key, -1) if offsets else -1


def _kill_one(console: Console, cluster: _Cluster, copy: _Copy) -> None:
    """Kill the worker that runs the source, and wait until the other one has taken over."""
    owner = cluster.owner(copy.source)
    victim = next(w for w in cluster.workers if w.worker_id == owner)
    survivor = next(w for w in cluster.workers if w is not victim)
    victim.kill()
    killed = time.monotonic()
    console.print(f"[bold]{victim.name} (pid {victim.pid}) was killed with SIGKILL.[/bold]")
    _wait(
        f"{survivor.name} to run both connectors",
        lambda: all(cluster.owner(n) == survivor.worker_id for n in (copy.source, copy.sink)),
    )
    console.print(f"{survivor.name} runs both tasks {time.monotonic() - killed:.1f} s later.")


def _compare(console: Console, cluster: _Cluster, copy: _Copy) -> bool:
    """Compare the copy with the file, as far as its complete lines go."""
    _wait("the copy to be complete and committed again", lambda: _settled(cluster, copy))
    copied = copy.copy_file.read_bytes()
    original = copy.source_file.read_bytes()[: len(copied)]
    if copied == original:
        lines = copied.count(b"\n")
        console.print(f"[green]{lines} lines, {len(copied)} bytes: equal byte for byte.[/green]")
        return True
    at = next((i for i, (a, b) in enumerate(zip(original, copied, strict=False)) if a != b), -1)
    console.print(f"[red]The copy differs from the file, first at byte {at}.[/red]")
    return False


def _wait(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise ConnectError(f"waited {_PATIENCE:.0f} s for {what}")
        time.sleep(0.1)


def _stay_up(console: Console, cluster: _Cluster, copy: _Copy) -> None:
    """Show the cluster's state until Ctrl-C."""
    survivor = next(worker for worker in cluster.workers if worker.is_running)
    console.print(f"REST API: {survivor.url}/connectors?expand=status   Ctrl-C stops everything.")
    if not console.is_terminal:
        while True:
            signal.pause()
    with Live(console=console, refresh_per_second=2) as live:
        while True:
            live.update(_table(cluster, copy))
            time.sleep(1.0)


def _table(cluster: _Cluster, copy: _Copy) -> Table:
    table = Table("connector", "task", "state", "worker", "lines")
    for name, file in ((copy.source, copy.source_file), (copy.sink, copy.copy_file)):
        _, status = cluster.request("GET", f"/connectors/{name}/status")
        lines = str(file.read_bytes().count(b"\n"))
        for task in status["tasks"]:
            row = (name, str(task["id"]), task["state"], task["worker_id"], lines)
            table.add_row(*row)
    return table
