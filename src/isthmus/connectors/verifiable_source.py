"""Numbers in a row, each said on standard output. Java: VerifiableSourceConnector.

For tests of whole clusters: a line when a record is made, and another one, with `committed`, when
Kafka has it. Tasks number their records from 0 and go on after the last committed one, so that gaps
and repetitions show. Members stand in the order in which Java prints them.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from isthmus import CONNECT_VERSION
from isthmus.api.config_def import ConfigDef, Type, parse_type
from isthmus.api.connector import SourceConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.api.record import SourceBatch, SourceOffset, SourcePartition, SourceRecord
from isthmus.api.schema import INT32, INT64, STRING, struct_schema
from isthmus.api.struct import Struct
from isthmus.api.task import SourceTask
from isthmus.connectors.throughput import Throughput
from isthmus.kafka.jackson import jackson_dumps

_ID: Final = "id"
_SEQNO: Final = "seqno"
#: A wait for the next record is cut into these, so that the worker's orders are seen in between.
_LONGEST_WAIT: Final = 1.0

_COMPLETE_VALUE: Final = struct_schema(
    ("name", STRING), ("task", INT32), ("topic", STRING), ("time_ms", INT64), ("seqno", INT64)
)

log = logging.getLogger(__name__)


class VerifiableSourceConnector(SourceConnector):
    """As many tasks as allowed, each with its number as `id`. Java: VerifiableSourceConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        """Return no settings: Java declares none, and its task reads them all the same."""
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)

    def task_class(self) -> type[SourceTask]:
        return VerifiableSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self._config, _ID: str(number)} for number in range(max_tasks)]


class VerifiableSourceTask(SourceTask):
    """Makes the records of one source partition, its `id`. Java: VerifiableSourceTask."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._name = ""
        self._id = 0
        self._topic = ""
        self._seqno = 0
        self._is_complete = False
        self._throughput = Throughput(-1)

    def start(self, config: Mapping[str, str]) -> None:
        try:
            self._id = integer_setting(config, _ID)
            self._throughput = Throughput(integer_setting(config, "throughput"))
        except ConfigError as error:
            raise ConnectError("Invalid VerifiableSourceTask configuration") from error
        self._name = config["name"]
        self._topic = config["topic"]
        self._is_complete = config.get("complete.record.data", "").lower() == "true"
        self._seqno = next_seqno(self.context.offset_reader.offset({_ID: self._id}))
        log.info(
            "Started VerifiableSourceTask %s-%d producing to topic %s resuming from seqno %d",
            self._name,
            self._id,
            self._topic,
            self._seqno,
        )

    def poll(self) -> Sequence[SourceRecord] | None:
        wait = self._throughput.wait()
        if wait and (self.context.sleep(min(wait, _LONGEST_WAIT)) or wait > _LONGEST_WAIT):
            return None
        said = self._said(self._seqno)
        print_json(said)
        value = self._seqno
        if self._is_complete:
            value = Struct(_COMPLETE_VALUE, **said)
        partition: SourcePartition = {_ID: self._id}
        record = SourceRecord(
            topic=self._topic,
            key=self._id,
            key_schema=INT32,
            value=value,
            value_schema=_COMPLETE_VALUE if self._is_complete else INT64,
            source_partition=partition,
            source_offset={_SEQNO: self._seqno},
        )
        self._seqno += 1
        self._throughput.made()
        return [record]

    def commit_batch(self, batch: SourceBatch) -> None:
        for value in batch.values:
            print_json({"committed": True, **self._said(value)})

    def _said(self, seqno: Any) -> dict[str, Any]:
        return {
            "task": self._id,
            "seqno": seqno,
            "time_ms": time.time_ns() // 1_000_000,
            "name": self._name,
            "topic": self._topic,
        }


def integer_setting(config: Mapping[str, str], key: str) -> int:
    """Return a setting as a number.

    Raises:
        ConfigError: It is missing, or no number.
    """
    if key not in config:
        raise ConfigError(f'Missing required configuration "{key}" which has no default value.')
    value = parse_type(key, config[key], Type.LONG)
    assert isinstance(value, int)
    return value


def next_seqno(committed: SourceOffset | None) -> int:
    """Return the number to go on with."""
    return 0 if committed is None else int(committed[_SEQNO]) + 1


def print_json(members: Mapping[str, Any]) -> None:
    """Print an object as a line; Java's words instead when a member has no place in JSON."""
    try:
        print(jackson_dumps(members).decode())  # noqa: T201  # what it is for
    except TypeError as error:
        print(f"Bad data can't be written as json: {error}")  # noqa: T201  # what it is for
