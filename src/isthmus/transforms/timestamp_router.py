"""Sends records to topics by their time: `logs-20260131`."""

from collections.abc import Iterator, Mapping, Sequence

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.java_text import java_text, schema_text
from isthmus.api.logical import timestamp_from_ms
from isthmus.api.record import RecordBatch, SinkBatch, SinkRecord, SourceBatch, SourceRecord
from isthmus.api.schema import Schema
from isthmus.transforms.columns import BatchTransformation
from isthmus.transforms.date_pattern import PatternError, date_formatter


class TimestampRouter(BatchTransformation):
    """Renames the topic after the record's time in UTC. Java: TimestampRouter."""

    def __init__(self) -> None:
        self._topic_format = ""
        self._write = date_formatter("")

    def config(self) -> ConfigDef:
        return (
            ConfigDef()
            .define(
                "topic.format",
                Type.STRING,
                "${topic}-${timestamp}",
                importance=Importance.HIGH,
                documentation="The new name of the topic; ${topic} stands for the old one and"
                " ${timestamp} for the time.",
            )
            .define(
                "timestamp.format",
                Type.STRING,
                "yyyyMMdd",
                importance=Importance.HIGH,
                documentation="The pattern of the time, as Java's SimpleDateFormat has it.",
            )
        )

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._topic_format = str(options["topic.format"])
        pattern = str(options["timestamp.format"])
        try:
            self._write = date_formatter(pattern)
        except PatternError as error:
            raise ConfigError.invalid("timestamp.format", pattern, str(error)) from None

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        topics = list(self._topics(batch))
        made: list[RecordBatch] = []
        start = 0
        for row in range(1, len(topics) + 1):
            if row == len(topics) or topics[row] != topics[start]:
                made.append(batch.rows(start, row).replace(topic=topics[start]))
                start = row
        return made

    def _topics(self, batch: RecordBatch) -> Iterator[str]:
        named = self._topic_format.replace("${topic}", batch.topic)
        for row, ms in enumerate(batch.timestamps or [None] * len(batch)):
            if ms is None:
                assert isinstance(batch, SourceBatch | SinkBatch)
                raise DataError(f"Timestamp missing on record: {_record_text(batch.record(row))}")
            yield named.replace("${timestamp}", self._write(timestamp_from_ms(ms)))


def _record_text(record: SourceRecord | SinkRecord) -> str:
    """Return Java's text of a record."""
    if isinstance(record, SourceRecord):
        partition, offset = java_text(record.source_partition), java_text(record.source_offset)
        kind = f"SourceRecord{{sourcePartition={partition}, sourceOffset={offset}}}"
    else:
        kind = (
            f"SinkRecord{{kafkaOffset={record.offset}, timestampType={record.timestamp_type},"
            f" originalTopic={record.original_topic},"
            f" originalKafkaPartition={record.original_partition},"
            f" originalKafkaOffset={record.offset}}}"
        )
    key = java_text(record.key, record.key_schema)
    value = java_text(record.value, record.value_schema)
    headers = [
        f"ConnectHeader(key={header.key}, value={java_text(header.value, header.schema)},"
        f" schema={_schema_text(header.schema)})"
        for header in record.headers
    ]
    return (
        f"{kind} ConnectRecord{{topic='{record.topic}',"
        f" kafkaPartition={java_text(record.partition)}, key={key},"
        f" keySchema={_schema_text(record.key_schema)}, value={value},"
        f" valueSchema={_schema_text(record.value_schema)},"
        f" timestamp={java_text(record.timestamp)},"
        f" headers=ConnectHeaders(headers={_in_brackets(headers)})}}"
    )


def _in_brackets(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]" if items else ""


def _schema_text(schema: Schema | None) -> str:
    return "null" if schema is None else schema_text(schema)
