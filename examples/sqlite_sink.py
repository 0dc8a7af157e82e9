"""A sink: each record becomes a row of a table in an SQLite file, once."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from isthmus.api.config_def import ConfigDef, Importance, NonEmptyString, Type
from isthmus.api.connector import SinkConnector
from isthmus.api.errors import ConnectError, RetriableError
from isthmus.api.record import SinkRecords
from isthmus.api.task import SinkTask

_CREATE = """
CREATE TABLE IF NOT EXISTS records (
    topic TEXT, partition INTEGER, offset INTEGER, key TEXT, value TEXT,
    PRIMARY KEY (topic, partition, offset)
)
"""
_INSERT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)"


class SqliteSinkConnector(SinkConnector):
    """As many tasks as allowed; Kafka shares the partitions out among them."""

    version = "1.0"

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "file",
            Type.STRING,
            validator=NonEmptyString(),
            importance=Importance.HIGH,
            documentation="The SQLite file; made if it is not there.",
        )

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)

    def task_class(self) -> type[SinkTask]:
        return SqliteSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [self._config] * max_tasks


class SqliteSinkTask(SinkTask):
    """Writes each `put` in one transaction.

    Connect delivers at least once. The place in Kafka is the primary key, so a record that comes
    again replaces itself.
    """

    version = "1.0"

    def start(self, config: Mapping[str, str]) -> None:
        try:
            self._database = sqlite3.connect(config["file"], timeout=1.0)
            self._database.execute(_CREATE)
        except sqlite3.Error as error:
            raise ConnectError(f"{config['file']} cannot be used: {error}") from error
        self._rows = self.context.plugin_metrics.counter("rows")

    def put(self, records: SinkRecords) -> None:
        rows = [
            (
                record.original_topic,
                record.original_partition,
                record.offset,
                _text(record.key),
                _text(record.value),
            )
            for record in records
        ]
        try:
            with self._database:  # commits, or rolls back
                self._database.executemany(_INSERT, rows)
        except sqlite3.OperationalError as error:
            # Another task is writing: the same records come again after a while.
            raise RetriableError(f"the database is busy: {error}") from error
        self._rows.add(len(rows))

    def stop(self) -> None:
        self._database.close()


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str)
