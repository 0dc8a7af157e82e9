"""What has come out: of the topic, as a reader of committed records sees it, and of the sink."""

from collections import Counter
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, TopicPartition


class Counts:
    """How often each number of each task was seen in one place."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, int]] = Counter()

    def add(self, task: str, number: int) -> None:
        self._seen[task, number] += 1

    def missing(self, tasks: int, until: int) -> list[str]:
        """Return which of the numbers below `until` were never seen."""
        wanted = ((str(task), number) for task in range(tasks) for number in range(until))
        return [f"{task}:{number}" for task, number in wanted if not self._seen[task, number]]

    @property
    def records(self) -> int:
        return self._seen.total()

    @property
    def distinct(self) -> int:
        return len(self._seen)

    @property
    def duplicated(self) -> int:
        return self.records - self.distinct


class TopicCounts(Counts):
    """Reads a topic's committed records; close it at the end."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        super().__init__()
        self._partitions = [TopicPartition(topic, number, 0) for number in range(partitions)]
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"counts-{topic}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._consumer.assign(self._partitions)

    def read(self) -> None:
        for message in self._consumer.consume(10_000, 0.1):
            error = message.error()
            if error is not None:
                # The broker may be away; the consumer goes on by itself.
                assert error.code() != KafkaError._INVALID_ARG, error
                continue
            self.add((message.key() or b"").decode(), int(message.value() or b"-1"))

    def ends(self) -> dict[int, int]:
        """Return where the committed records of each partition end.

        Raises:
            KafkaException: The broker does not say.
        """
        return {
            partition.partition: self._consumer.get_watermark_offsets(partition, timeout=5.0)[1]
            for partition in self._partitions
        }

    def close(self) -> None:
        self._consumer.close()


class SinkCounts(Counts):
    """Reads the files of the sink's processes."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._positions: dict[Path, int] = {}

    def read(self) -> None:
        for file in self._directory.iterdir():
            if file.name.startswith("."):
                continue
            with file.open("rb") as lines:
                lines.seek(self._positions.get(file, 0))
                data = lines.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._positions[file] = self._positions.get(file, 0) + len(whole)
            for line in whole.decode().splitlines():
                task, _, number = line.partition(" ")
                self.add(task, int(number))
