"""What is in a topic, as text."""

import time
from typing import Any

from confluent_kafka import Consumer


def values(bootstrap_servers: str, topic: str, count: int) -> list[str]:
    """Return the values of all records in the topic; wait until there are so many, or more."""
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap_servers,
        "group.id": f"reads-{topic}",
        "auto.offset.reset": "earliest",
        "topic.metadata.refresh.interval.ms": 500,
    }
    consumer = Consumer(config)
    found: list[str] = []
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and not message.error():
                value = message.value()
                found.append("" if value is None else value.decode())
            elif len(found) >= count:
                return found
        raise AssertionError(f"{topic}: wanted {count} records, found {found} after 30 s")
    finally:
        consumer.close()
