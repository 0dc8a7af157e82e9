"""Says on standard output what it was given, and again what was flushed.

The other end of `verifiable_source`: what a sink has printed, with `flushed` once its offset is
about to be committed, tells whether records were lost or came twice. Members stand in the order in
which Java prints them. Java: VerifiableSinkConnector.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from isthmus import CONNECT_VERSION
from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SinkConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.api.record import SinkBatch, SinkRecords
from isthmus.api.task import SinkTask, TopicPartition
from isthmus.connectors.verifiable_source import integer_setting, print_json

_ID: Final = "id"


class VerifiableSinkConnector(SinkConnector):
    """As many tasks as allowed, each with its number as `id`. Java: VerifiableSinkConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        """Return no settings, as Java."""
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)

    def task_class(self) -> type[SinkTask]:
        return VerifiableSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self._config, _ID: str(number)} for number in range(max_tasks)]


class VerifiableSinkTask(SinkTask):
    """Prints a line a record when it is put, and another when it is flushed.

    Java: VerifiableSinkTask.
    """

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._name = ""
        self._id = 0
        self._unflushed: dict[TopicPartition, list[dict[str, Any]]] = {}

    def start(self, config: Mapping[str, str]) -> None:
        try:
            self._id = integer_setting(config, _ID)
        except ConfigError as error:
            raise ConnectError("Invalid VerifiableSinkTask configuration") from error
        self._name = config["name"]

    def put(self, records: SinkRecords) -> None:
        now = time.time_ns() // 1_000_000
        for batch in records.batches:
            origin = batch.original_topic, batch.original_partition
            unflushed = self._unflushed.setdefault(origin, [])
            for members in self._said(batch, now):
                print_json(members)
                unflushed.append(members)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        now = time.time_ns() // 1_000_000
        for partition in offsets:
            for members in self._unflushed.pop(partition, ()):
                print_json({**members, "time_ms": now, "flushed": True})

    def _said(self, batch: SinkBatch, now: int) -> Iterator[dict[str, Any]]:
        for row, value in enumerate(batch.values):
            yield {
                "task": batch.keys[row] if batch.keys is not None else None,
                "seqno": value,
                "offset": batch.offsets[row],
                "time_ms": now,
                "name": self._name,
                "topic": batch.topic,
                "sinkTask": self._id,
            }
