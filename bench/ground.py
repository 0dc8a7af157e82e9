"""What all cases stand on: a broker, files and topics with data, workers, the figures so far."""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import compileall
import time
import traceback
import uuid
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import isthmus
from bench.cases import AVRO_CASES, AVRO_JARS, LINE, STRING, Topic, fitting, text_line
from bench.measure import request, wait
from bench.summary import ISTHMUS, shown
from isthmus.embedded.worker_process import WorkerProcess
from tests.support.apache import ApacheConnect
from tests.support.registry import ApicurioRegistry

#: Java's tools for tests of clusters, which ours has within.
TOOLS_JARS = Path(__file__).with_name("connect-test-plugins-4.3.1.jars")
_STORES = ("config", "offset", "status")
#: What the memory of the client that fills topics holds at most.
_QUEUE_KB = 262_144


class Peer(Protocol):
    """A worker under test."""

    @property
    def url(self) -> str: ...
    @property
    def worker_id(self) -> str: ...
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> object: ...
    def kill(self) -> None: ...


@dataclass(slots=True)
class Bench:
    """The broker, the data, and what was measured so far."""

    bootstrap_servers: str
    directory: Path
    records: int
    #: Where a schema registry speaks Apicurio's API; None if no case needs one.
    registry_url: str | None = None
    #: The part of the connectors that a case names which is really created, to try a case out.
    scale: float = 1.0
    results: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    failed: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        # Of what was edited since bin/environment compiled it, as jars are, starts would be slower.
        compileall.compile_dir(Path(isthmus.__file__).parent, quiet=1)

    def note(self, case: str, column: str, figure: float, unit: str) -> None:
        self.results[case][column].append(figure)
        print(f"  {column:8} {case}: {shown(figure, unit)}", flush=True)

    @contextmanager
    def attempt(self, what: str) -> Generator[None]:
        """Go on with other cases when one fails; the run as a whole has failed then."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # hours of figures outlive one bad case
            self.failed.append(what)
            print(f"  FAILED {what}: {error}", flush=True)
            traceback.print_exc()

    def scaled(self, connectors: int) -> int:
        return max(1, round(connectors * self.scale))

    def lines(self, size: int = LINE) -> Path:
        """Return the file of lines of that length, which is written at the first call."""
        file = self.directory / f"lines-{size}.txt"
        if not file.exists():
            with file.open("w", encoding="ascii") as out:
                count = fitting(self.records, size)
                out.writelines(f"{text_line(n, size)}\n" for n in range(count))
        return file

    def fill(self, name: str, topic: Topic) -> None:
        """Create a topic and write its records, spread evenly over its partitions."""
        self.topic(name, topic.partitions)
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "compression.type": topic.codec,
                "message.max.bytes": 1_048_576,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": _QUEUE_KB,
                "linger.ms": 20,
            }
        )
        for n in range(fitting(self.records, topic.size)):
            while True:
                try:
                    producer.produce(name, topic.value(n), partition=n % topic.partitions)
                    break
                except BufferError:
                    producer.poll(0.1)
            if n % 10_000 == 0:
                producer.poll(0)
        if left := producer.flush(120):
            raise TimeoutError(f"{left} records of {name} were not taken after 120 s")

    def topic(self, name: str, partitions: int = 1) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)

        def known() -> bool:
            found = admin.list_topics(name, 10).topics[name]
            return found.error is None and len(found.partitions) == partitions

        # The controller answers before the broker knows, and asking for its end would fail.
        wait(f"{name} to be known", known, 30.0)

    def drop(self, names: Sequence[str]) -> None:
        """Delete topics, so that a long run does not fill the disk."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        for future in admin.delete_topics(list(names)).values():
            future.result(30)


def group_properties(bench: Bench) -> dict[str, str]:
    """Return the properties of the workers of a group with topics of its own."""
    group = f"bench-{uuid.uuid4().hex[:6]}"
    return {
        "bootstrap.servers": bench.bootstrap_servers,
        "group.id": group,
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.flush.interval.ms": "10000",
        **{f"{store}.storage.topic": f"{group}-{store}" for store in _STORES},
        **{f"{store}.storage.replication.factor": "1" for store in _STORES},
    }


@contextmanager
def started(
    bench: Bench,
    worker: str,
    properties: Mapping[str, str] | None = None,
    libraries: Iterable[Path] = (),
) -> Generator[tuple[Peer, float]]:
    """Start a worker, by default of a group of its own; it is stopped at the end.

    Args:
        bench: Where.
        worker: Whose, a name of `summary.WORKERS`.
        properties: From `group_properties`, for a second worker of a group.
        libraries: More lists of jars for Java's.

    Yields:
        The worker, ready, and the moment of `time.monotonic` at which it was started.
    """
    properties = properties or group_properties(bench)
    name = f"{worker}-{uuid.uuid4().hex[:6]}"
    jars = [*libraries, *([] if bench.registry_url is None else [AVRO_JARS])]
    peer: Peer = (
        WorkerProcess(bench.directory, name, properties)
        if worker == ISTHMUS
        else ApacheConnect(
            bench.directory / name, bench.bootstrap_servers, properties, libraries=jars
        )
    )
    began = time.monotonic()
    try:
        peer.start()
        wait("the first answer", lambda: answers(peer), 60.0)
        yield peer, began
    finally:
        peer.stop()


def ready(peer: Peer) -> None:
    """Wait until a worker has joined its group."""
    wait("the worker to be ready", lambda: answers(peer, "/connectors"), 60.0)


def answers(peer: Peer, path: str = "/") -> bool:
    try:
        return request(peer.url, "GET", path)[0] == 200
    except Exception:  # noqa: BLE001  # not up yet, in whatever way
        return False


@contextmanager
def registry_for(cases: set[str], directory: Path) -> Generator[str | None]:
    """Start a schema registry if a case needs one; yields where it speaks Apicurio's API."""
    if not cases & AVRO_CASES:
        yield None
        return
    registry = ApicurioRegistry(directory)
    with ExitStack() as stack:
        stack.callback(registry.stop)
        registry.start()
        # Apicurio's converters of 2.6, the newest to be had, speak the second version of its API.
        yield f"{registry.address}/apis/registry/v2"
