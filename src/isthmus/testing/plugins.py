"""Converters, transformations and settings, called as the runtime calls them."""

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.api.connector import Connector
from isthmus.api.converter import Converter, SchemaAndValue
from isthmus.api.errors import ConfigError
from isthmus.api.record import RecordBatch, SinkBatch, SinkRecord, SourceBatch, SourceRecord
from isthmus.api.schema import Schema
from isthmus.api.transformation import AnyRecord, Transformation
from isthmus.task.plugin_metrics import PluginMetricsRegistry


def errors(connector: Connector, config: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return what `PUT /connector-plugins/…/config/validate` would say, by key; wrong keys only.

    The connector's own keys only: those of the runtime (`topics`, `transforms`, …) are not its.
    """
    return {
        value.name: list(value.error_messages)
        for value in connector.validate(config)
        if value.error_messages
    }


def require_valid(connector: Connector, config: Mapping[str, str]) -> None:
    """Raise one ConfigError with all that is wrong; a worker would refuse to create it, too."""
    found = [text for texts in errors(connector, config).values() for text in texts]
    if found:
        raise ConfigError("; ".join(found))


def measured(registry: PluginMetricsRegistry) -> dict[str, float]:
    """Return the values of all metrics now, by their names with labels."""
    found: dict[str, float] = {}
    for sample in registry.samples():
        labels = ",".join(f'{label}="{value}"' for label, value in sample.labels.items())
        found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def to_bytes(
    converter: Converter,
    value: Any,
    schema: Schema | None = None,
    *,
    topic: str = "topic",
    config: Mapping[str, str] | None = None,
    is_key: bool = False,
) -> bytes | None:
    """Return the bytes that a converter makes of a value.

    `config` has the converter's options without a prefix. The batch method is asked as well.

    Raises:
        DataError: The converter cannot write it.
        AssertionError: Its batch method makes other bytes.
    """
    _configure(converter, config, is_key)
    made = converter.from_connect(topic, schema, value)
    by_batch = list(converter.from_connect_batch(topic, schema, [value, value]))
    assert by_batch == [made, made], (
        f"{_name(converter)}: from_connect made {made!r}, from_connect_batch {by_batch!r}"
    )
    return made


def from_bytes(
    converter: Converter,
    data: bytes | None,
    *,
    topic: str = "topic",
    config: Mapping[str, str] | None = None,
    is_key: bool = False,
) -> SchemaAndValue:
    """Return what a converter reads in bytes; the counterpart of `to_bytes`."""
    _configure(converter, config, is_key)
    made = converter.to_connect(topic, data)
    runs = converter.to_connect_batch(topic, [data, data])
    by_batch = [SchemaAndValue(run.schema, value) for run in runs for value in run.values]
    assert by_batch == [made, made], (
        f"{_name(converter)}: to_connect read {made!r}, to_connect_batch {by_batch!r}"
    )
    return made


def transformed(
    transformation: Transformation, record: AnyRecord, config: Mapping[str, str] | None = None
) -> AnyRecord | None:
    """Return what a transformation makes of a record; None if it drops it.

    `config` has its options without a prefix. The batch method is asked as well.

    Raises:
        AssertionError: Its batch method makes something else.
    """
    transformation.configure(config or {})
    transformation.monitor(PluginMetricsRegistry(None).of())
    before = _batch_of(record)
    made = transformation.apply(record)
    by_batch = _rows(transformation.apply_batch(before))
    expected = [] if made is None else [made]
    assert by_batch == expected, (
        f"{_name(transformation)}: apply made {expected!r}, apply_batch {by_batch!r}"
    )
    return made


def _configure(converter: Converter, config: Mapping[str, str] | None, is_key: bool) -> None:
    side = "key" if is_key else "value"
    converter.configure({**(config or {}), "converter.type": side}, is_key=is_key)
    converter.monitor(PluginMetricsRegistry(None).of())


def _batch_of(record: SourceRecord | SinkRecord) -> SourceBatch | SinkBatch:
    if isinstance(record, SourceRecord):
        return SourceBatch.from_records([record])[0]
    return SinkBatch.from_records([record])[0]


def _rows(batches: Sequence[RecordBatch]) -> list[SourceRecord | SinkRecord]:
    rows: list[SourceRecord | SinkRecord] = []
    for batch in batches:
        assert isinstance(batch, SourceBatch | SinkBatch)
        rows.extend(batch)
    return rows


def _name(plugin: object) -> str:
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"
