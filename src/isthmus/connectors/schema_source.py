"""Structs that are all alike but for a number. Java: SchemaSourceConnector.

For tests of converters and sinks: `num.messages` records a task, at most `throughput` a second, to
the partition of `topic` that is the task's number. With `multiple.schema=true` every second one is
of a later version of the schema.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from isthmus import CONNECT_VERSION
from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SourceConnector
from isthmus.api.errors import ConfigError, ConnectError
from isthmus.api.record import SourceRecord
from isthmus.api.schema import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    STRING,
    Schema,
    Type,
    struct_schema,
)
from isthmus.api.struct import Struct
from isthmus.api.task import SourceTask
from isthmus.connectors.throughput import Throughput
from isthmus.connectors.verifiable_source import integer_setting, next_seqno

_ID: Final = "id"
_SEQNO: Final = "seqno"
_LONGEST_WAIT: Final = 1.0

_FIRST_MEMBERS: Final = (
    ("boolean", BOOLEAN),
    ("int", INT32),
    ("long", INT64),
    ("float", FLOAT32),
    ("double", FLOAT64),
    ("partitioning", INT32),
)
_LAST_MEMBERS: Final = ((_ID, INT32), (_SEQNO, INT64))
_VALUE: Final = struct_schema(*_FIRST_MEMBERS, *_LAST_MEMBERS, name="record", version=1)
_VALUE_2: Final = struct_schema(
    *_FIRST_MEMBERS,
    ("string", Schema(Type.STRING, default="abc")),
    *_LAST_MEMBERS,
    name="record",
    version=2,
)
_MEMBERS: Final = {"boolean": True, "int": 12, "long": 12, "float": 12.2, "double": 12.2}

log = logging.getLogger(__name__)


class SchemaSourceConnector(SourceConnector):
    """As many tasks as allowed, each with its number as `id`. Java: SchemaSourceConnector."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        """Return no settings, as Java."""
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)

    def task_class(self) -> type[SourceTask]:
        return SchemaSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{**self._config, _ID: str(number)} for number in range(max_tasks)]


class SchemaSourceTask(SourceTask):
    """Makes the records of one source partition, its `id`. Java: SchemaSourceTask."""

    version = CONNECT_VERSION

    def __init__(self) -> None:
        self._id = 0
        self._topic = ""
        self._most = 0
        self._made = 0
        self._seqno = 0
        self._partition_count = 1
        self._has_two_schemas = False
        self._throughput = Throughput(-1)

    def start(self, config: Mapping[str, str]) -> None:
        try:
            self._id = integer_setting(config, _ID)
            self._most = integer_setting(config, "num.messages")
            self._partition_count = integer_setting(
                {"partition.count": "1", **config}, "partition.count"
            )
            self._throughput = Throughput(integer_setting(config, "throughput"))
        except ConfigError as error:
            raise ConnectError("Invalid SchemaSourceTask configuration") from error
        self._topic = config["topic"]
        self._has_two_schemas = config.get("multiple.schema", "").lower() == "true"
        self._seqno = next_seqno(self.context.offset_reader.offset({_ID: self._id}))
        log.info(
            "Started SchemaSourceTask %s-%d producing to topic %s resuming from seqno %d",
            config.get("name"),
            self._id,
            self._topic,
            self._seqno,
        )

    def poll(self) -> Sequence[SourceRecord] | None:
        wait = self._throughput.wait() if self._made < self._most else _LONGEST_WAIT
        if wait and (self.context.sleep(min(wait, _LONGEST_WAIT)) or wait >= _LONGEST_WAIT):
            return None
        # Not JSON's members in Java's order, but what Java prints here.
        print(f'{{"task": {self._id}, "seqno": {self._seqno}}}')  # noqa: T201  # what it is for
        value = self._value()
        record = SourceRecord(
            topic=self._topic,
            partition=self._id,
            key="key",
            key_schema=STRING,
            value=value,
            value_schema=value.schema,
            source_partition={_ID: self._id},
            source_offset={_SEQNO: self._seqno},
        )
        self._seqno += 1
        self._made += 1
        self._throughput.made()
        return [record]

    def _value(self) -> Struct:
        counted = {
            "partitioning": self._seqno % self._partition_count,
            _ID: self._id,
            _SEQNO: self._seqno,
        }
        if self._has_two_schemas and self._made % 2:
            return Struct(_VALUE_2, **_MEMBERS, **counted, string="def")
        return Struct(_VALUE, **_MEMBERS, **counted)
