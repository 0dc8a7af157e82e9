"""What transactions cost: a file source at least once and exactly once, on the same broker.

    python -m bench.exactly_once [--rounds N] [--records N] [--bootstrap-servers HOST:PORT]

One worker for each is started, and warmed up. A round writes the same file with each in turn: from
the request to create the connector to the last record that a reader of committed records sees. The
table holds medians of records a second, and the ratio to at least once.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from isthmus.embedded.kafka import EmbeddedKafka
from tests.support.cluster import Cluster, file_source

_PLAIN: Final = "at least once"
_CASES: Final[Mapping[str, Mapping[str, str]]] = {
    _PLAIN: {},
    "exactly once, poll": {"transaction.boundary": "poll"},
    "exactly once, interval of 1 s": {
        "transaction.boundary": "interval",
        "transaction.boundary.interval.ms": "1000",
    },
}
_LIMIT: Final = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.exactly_once", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT")
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers: str | None = arguments.bootstrap_servers
        if servers is None:
            kafka = stack.enter_context(EmbeddedKafka(directory / "kafka", heap_mb=1024))
            servers = kafka.bootstrap_servers
        file = directory / "lines"
        file.write_text("".join(f"{number:099d}\n" for number in range(arguments.records)))
        clusters = {name: _cluster(stack, servers, directory, name) for name in _CASES}
        for number in range(arguments.rounds + 1):  # the first warms up
            for name, cluster in clusters.items():
                rate = arguments.records / _seconds(cluster, file, arguments.records, number, name)
                if number:
                    rates[name].append(rate)
    plain = statistics.median(rates[_PLAIN])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{name:32} {rate:>10,.0f} records/s   {rate / plain:.2f}")


def _cluster(stack: contextlib.ExitStack, servers: str, directory: Path, name: str) -> Cluster:
    support = "disabled" if name == _PLAIN else "enabled"
    place = directory / name.replace(" ", "-")
    place.mkdir()
    cluster = Cluster(servers, place, exactly_once_source_support=support)
    stack.callback(cluster.close)
    return cluster.start(1)


def _seconds(cluster: Cluster, file: Path, records: int, number: int, name: str) -> float:
    """Return how long one connector takes for the file."""
    topic = f"{cluster.group}-{number}"
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.properties["bootstrap.servers"],
            "group.id": "bench",
            "isolation.level": "read_committed",
            "allow.auto.create.topics": True,
        }
    )
    consumer.list_topics(topic, 10)
    consumer.assign([TopicPartition(topic, 0, 0)])
    began = time.monotonic()
    cluster.create(f"files-{number}", {**file_source(file, topic), **_CASES[name]})
    left = records
    while left > 0:
        left -= sum(not message.error() for message in consumer.consume(10_000, 0.1))
        if time.monotonic() - began > _LIMIT:
            raise SystemExit(f"{name}: {left} of {records} records missing after {_LIMIT:g} s")
    taken = time.monotonic() - began
    consumer.close()
    cluster.request("DELETE", f"/connectors/files-{number}")
    return taken


if __name__ == "__main__":
    main()
