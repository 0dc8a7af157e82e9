"""Workers to test with."""

from isthmus.config.worker import WorkerConfig

MINIMUM = {
    "bootstrap.servers": "localhost:9092",
    "group.id": "connect-cluster",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "offset.storage.topic": "connect-offsets",
    "config.storage.topic": "connect-configs",
    "status.storage.topic": "connect-status",
}


def worker(props: dict[str, str] | None = None) -> WorkerConfig:
    """Return a worker with the least that it needs, and what the test adds."""
    return WorkerConfig.from_properties(MINIMUM | (props or {}))
