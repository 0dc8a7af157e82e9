"""Records that were written by another converter: the error says what they look like, and where."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from isthmus.api.record import Header, SinkBatch, SourceBatch
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import Plugins
from isthmus.task.errors import ErrorPolicy, ErrorSettings, Failure, ToleranceExceededError
from isthmus.task.pipeline import sink_pipeline, source_pipeline
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from tests.support.scripted_link import worker_config
from tests.support.transformations import PACKAGE

WORKER = WorkerConfig.from_properties(worker_config("127.0.0.1:9"))
PLUGINS = Plugins.discover()
APACHE = "org.apache.kafka.connect."
INTEGER = f"{APACHE}converters.IntegerConverter"
CONFLUENT = "io.confluent.connect."

JSON_TEXT = b'{"a":1}'
ENVELOPE = b'{"schema":{"type":"string"},"payload":"x"}'
OF_A_REGISTRY = b"\0\0\0\0\7\x02\x04"
LONG_ID = b"\0\0\0\0\0\0\0\0\7\x02\x04"
TEXT = b"hello, world"
GZIP = b"\x1f\x8b\x08\0\0\0\0\0"

#: Converter, bytes of another one, what is said of them.
WRONG = [
    (f"{APACHE}json.JsonConverter", OF_A_REGISTRY, "data with schema id 7 of a registry"),
    (f"{APACHE}json.JsonConverter", TEXT, "plain text"),
    (f"{APACHE}json.JsonConverter", GZIP, "gzip data"),
    (f"{APACHE}converters.BooleanConverter", JSON_TEXT, "JSON text"),
    (f"{APACHE}converters.ShortConverter", TEXT, "plain text"),
    (f"{APACHE}converters.IntegerConverter", ENVELOPE, "JSON text with its schema (JsonConverter)"),
    (f"{APACHE}converters.LongConverter", OF_A_REGISTRY, "data with schema id 7 of a registry"),
    (f"{APACHE}converters.FloatConverter", JSON_TEXT, "JSON text"),
    (f"{APACHE}converters.DoubleConverter", b"\xff\xfe", "binary data, beginning with ff fe"),
    (f"{CONFLUENT}avro.AvroConverter", JSON_TEXT, "JSON text; the converter is Avro"),
    (f"{CONFLUENT}avro.AvroConverter", LONG_ID, "data with schema id 7 of a registry in 8 bytes"),
    (f"{CONFLUENT}avro.AvroConverter", b"Obj\x01", "an Avro data file; the converter is Avro"),
    (f"{CONFLUENT}protobuf.ProtobufConverter", TEXT, "plain text; the converter is Protobuf"),
    (f"{CONFLUENT}json.JsonSchemaConverter", b"", "nothing at all"),
]


class Notes:
    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def report(self, failure: Failure) -> None:
        self.failures.append(failure)


def errors(notes: Notes, **settings: str) -> ErrorPolicy:
    config = {name.replace("_", "."): value for name, value in settings.items()}
    return ErrorPolicy(ErrorSettings.from_config(config), [notes], threading.Event())


def consumed(values: Sequence[bytes], **columns: Any) -> SinkBatch:
    return SinkBatch(
        topic="t",
        partition=3,
        values=values,
        offsets=range(40, 40 + len(values)),
        original_topic="t",
        original_partition=3,
        **columns,
    )


@pytest.mark.parametrize("side", ["key", "value"])
@pytest.mark.parametrize(("converter", "data", "look"), WRONG)
def test_a_wrong_converter_says_what_the_bytes_look_like_and_where_they_are(
    converter: str, data: bytes, look: str, side: str
) -> None:
    config = {
        f"{side}.converter": converter,
        f"{side}.converter.schema.registry.url": "mock://wrong",
    }
    batch = consumed([data]) if side == "value" else consumed([b"v"], keys=[data])
    pipeline = sink_pipeline(config, WORKER, PLUGINS, errors(Notes()), PluginMetricsRegistry(None))

    with pytest.raises(ToleranceExceededError) as caught:
        pipeline.convert(batch)
    pipeline.close()

    error = str(caught.value)
    assert f"{side.upper()}_CONVERTER with class {converter} failed" in error
    assert "for the record at offset 40 of partition 3 of topic t: " in error
    assert f"he {side} looks like {look}" in error


_NUMBERS = [b"\0\0\0\1"] * 5 + [b"?"] + [b"\0\0\0\1"] * 2


@pytest.mark.parametrize(
    ("stage", "config", "columns"),
    [
        (
            "TRANSFORMATION",
            {
                "transforms": "fail",
                "transforms.fail.type": f"{PACKAGE}Fail",
                "transforms.fail.on": "5",
            },
            {},
        ),
        ("KEY_CONVERTER", {"key.converter": INTEGER}, {"keys": _NUMBERS}),
        ("VALUE_CONVERTER", {"value.converter": INTEGER}, {"values": _NUMBERS}),
        (
            "HEADER_CONVERTER",
            {"header.converter": INTEGER},
            {"headers": [(Header("h", data),) for data in _NUMBERS]},
        ),
    ],
)
def test_of_a_sinks_batch_the_bad_record_is_found_in_each_stage(
    stage: str, config: dict[str, str], columns: dict[str, Any]
) -> None:
    notes = Notes()
    pipeline = sink_pipeline(
        config, WORKER, PLUGINS, errors(notes, errors_tolerance="all"), PluginMetricsRegistry(None)
    )
    texts = [str(row).encode() for row in range(8)]

    made = pipeline.convert(consumed(**{"values": texts, **columns}))

    assert [offset for part in made for offset in part.offsets] == [40, 41, 42, 43, 44, 46, 47]
    (failure,) = notes.failures
    assert failure.stage.value == stage
    assert isinstance(failure.record, SinkBatch)
    assert list(failure.record.offsets) == [45]


@pytest.mark.parametrize("stage", ["KEY", "VALUE", "HEADER"])
def test_of_a_sources_batch_the_bad_record_is_found_in_each_stage(stage: str) -> None:
    column = [object() if row == 5 else row for row in range(8)]
    batch = SourceBatch(
        topic="t",
        values=column if stage == "VALUE" else list(range(8)),
        keys=column if stage == "KEY" else None,
        headers=[(Header("h", item),) for item in column] if stage == "HEADER" else None,
    )
    config = {f"{stage.lower()}.converter": INTEGER, "value.converter": INTEGER}
    notes = Notes()
    pipeline = source_pipeline(
        config, WORKER, PLUGINS, errors(notes, errors_tolerance="all"), PluginMetricsRegistry(None)
    )

    made = pipeline.convert(batch)

    sent = [data for part in made for data in part.values]
    assert sent == [row.to_bytes(4, "big") for row in (0, 1, 2, 3, 4, 6, 7)]
    (failure,) = notes.failures
    assert failure.stage.value == f"{stage}_CONVERTER"
