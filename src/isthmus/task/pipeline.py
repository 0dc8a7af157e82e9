"""Transformations and converters of one task, as one call a batch.

    into Kafka      transformations, then header, key and value converter
    out of Kafka    key, value and header converter, then transformations

Each is a step from a batch to batches: a step may drop rows, and cuts a batch where topic or
schema change. If anything fails in a batch, its halves are tried, and theirs, down to the record
that is wrong: only that one is skipped or fails the task. Java: TransformationChain and the
conversion parts of the worker's tasks.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar, cast

from isthmus.api.converter import Converter, HeaderConverter, Run
from isthmus.api.errors import ConfigError, DataError
from isthmus.api.record import Header, Headers, RecordBatch, SinkBatch, SinkRecord, SourceBatch
from isthmus.api.transformation import Predicate
from isthmus.config.connector import choose_converter
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import PluginKind, Plugins
from isthmus.task.errors import ErrorPolicy, Stage
from isthmus.task.plugin_metrics import PluginMetricsRegistry

log = logging.getLogger(__name__)

BatchT = TypeVar("BatchT", SourceBatch, SinkBatch)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, and under which names an error of it is reported."""

    stage: Stage
    component: str
    apply: Callable[[Any], Sequence[Any]]


class Pipeline:
    """The steps of one task. For the task's thread."""

    def __init__(
        self,
        steps: Sequence[Step],
        errors: ErrorPolicy,
        closing: Iterable[Callable[[], None]] = (),
    ) -> None:
        self._steps = steps
        self._errors = errors
        self._closing = list(closing)

    def convert(self, batch: BatchT) -> list[BatchT]:
        """Return what becomes of the batch; rows that were dropped or skipped are missing.

        Raises:
            ToleranceExceededError: A record failed, and may not be skipped.
            TaskStoppedError: The task is to stop, and a record was to be tried again.
        """
        if len(batch) == 1:
            return self._convert_one(batch)
        try:
            batches = [batch]
            for step in self._steps:
                batches = _applied(step, batches)
            return batches
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises is for the policy
            log.debug("A batch of %d failed, halving it: %s", len(batch), error)
        middle = len(batch) // 2
        first, second = batch.rows(0, middle), batch.rows(middle, len(batch))
        return [*self.convert(first), *self.convert(second)]

    def _convert_one(self, record: BatchT) -> list[BatchT]:
        batches: list[BatchT] = [record]
        for step in self._steps:
            current = batches
            done = self._errors.attempt(
                step.stage, step.component, record, lambda s=step, b=current: _applied(s, b)
            )
            if done is None:
                return []
            batches = done
        return batches

    def close(self) -> None:
        """Let plugins go; an error of one must not keep the others from it."""
        for close in self._closing:
            try:
                close()
            except Exception:
                log.exception("A transformation or converter could not be closed")


def _applied(step: Step, batches: list[BatchT]) -> list[BatchT]:
    if len(batches) == 1:
        return [made for made in step.apply(batches[0]) if len(made)]
    return [made for batch in batches for made in step.apply(batch) if len(made)]


def source_pipeline(
    config: Mapping[str, str | None],
    worker: WorkerConfig,
    plugins: Plugins,
    errors: ErrorPolicy,
    metrics: PluginMetricsRegistry,
) -> Pipeline:
    """Return the steps of a source task: Connect data in, bytes out.

    Raises:
        ConnectError: A plugin cannot be found, built or configured.
    """
    made = _Plugins(config, worker, plugins, metrics)
    header, headers_by = made.header_converter()
    key, keys_by = made.converter("key")
    value, values_by = made.converter("value")
    steps = [
        *made.transformations(),
        Step(Stage.HEADER_CONVERTER, headers_by, partial(_headers_to_bytes, header)),
        Step(Stage.KEY_CONVERTER, keys_by, partial(_keys_to_bytes, key)),
        Step(Stage.VALUE_CONVERTER, values_by, partial(_values_to_bytes, value)),
    ]
    return Pipeline(steps, errors, made.closing)


class SinkPipeline(Pipeline):
    """The steps of a sink task, and the way back for a record that it cannot deliver."""

    def __init__(self, made: "_Plugins", errors: ErrorPolicy) -> None:
        self._key, keys_by = made.converter("key")
        self._value, values_by = made.converter("value")
        self._header, headers_by = made.header_converter()
        headers = partial(_headers_from_bytes, self._header)
        steps = [
            Step(Stage.KEY_CONVERTER, keys_by, partial(_keys_from_bytes, self._key)),
            Step(Stage.VALUE_CONVERTER, values_by, partial(_values_from_bytes, self._value)),
            Step(Stage.HEADER_CONVERTER, headers_by, headers),
            *made.transformations(),
        ]
        super().__init__(steps, errors, made.closing)

    def to_bytes(self, record: SinkRecord) -> SinkBatch:
        """Return the record as it may have been in Kafka.

        Raises:
            DataError: It is not what the converters can write.
        """
        topic = record.topic
        raw = replace(
            record,
            key=self._key.from_connect(topic, record.key_schema, record.key),
            key_schema=None,
            value=self._value.from_connect(topic, record.value_schema, record.value),
            value_schema=None,
            headers=tuple(
                Header(name, self._header.from_connect_header(topic, name, schema, value))
                for name, value, schema in record.headers
            ),
        )
        return SinkBatch.from_records([raw])[0]


def sink_pipeline(
    config: Mapping[str, str | None],
    worker: WorkerConfig,
    plugins: Plugins,
    errors: ErrorPolicy,
    metrics: PluginMetricsRegistry,
) -> SinkPipeline:
    """Return the steps of a sink task: bytes in, Connect data out.

    Raises:
        ConnectError: A plugin cannot be found, built or configured.
    """
    return SinkPipeline(_Plugins(config, worker, plugins, metrics), errors)


class _Plugins:
    """Builds the plugins that a connector's config names."""

    def __init__(
        self,
        config: Mapping[str, str | None],
        worker: WorkerConfig,
        plugins: Plugins,
        metrics: PluginMetricsRegistry,
    ) -> None:
        self._config = config
        self._worker = worker
        self._plugins = plugins
        self._metrics = metrics
        self.closing: list[Callable[[], None]] = []

    def converter(self, side: Literal["key", "value"]) -> tuple[Converter, str]:
        choice = choose_converter(
            self._config, self._worker, "key.converter" if side == "key" else "value.converter"
        )
        converter, name = self._create(PluginKind.CONVERTER, choice.class_name, choice.version)
        converter.configure({**choice.options, "converter.type": side}, is_key=side == "key")
        converter.monitor(self._metrics.of(converter=side))
        return converter, name

    def header_converter(self) -> tuple[HeaderConverter, str]:
        choice = choose_converter(self._config, self._worker, "header.converter")
        converter, name = self._create(
            PluginKind.HEADER_CONVERTER, choice.class_name, choice.version
        )
        converter.configure({**choice.options, "converter.type": "header"})
        converter.monitor(self._metrics.of(converter="header"))
        return converter, name

    def transformations(self) -> list[Step]:
        return [self._transformation(alias) for alias in _aliases(self._config, "transforms")]

    def _transformation(self, alias: str) -> Step:
        options = _options(self._config, f"transforms.{alias}.")
        class_name, version = options.pop("type", ""), options.pop("plugin.version", None)
        transformation, name = self._create(PluginKind.TRANSFORMATION, class_name, version)
        predicate_alias = options.pop("predicate", None)
        negate = options.pop("negate", "false").strip().lower() == "true"
        transformation.configure(options)
        transformation.monitor(self._metrics.of(transformation=alias))
        if not predicate_alias:
            return Step(Stage.TRANSFORMATION, name, transformation.apply_batch)
        predicate = self._predicate(alias, predicate_alias.strip())
        apply = partial(_apply_where, predicate, negate, transformation.apply_batch)
        return Step(Stage.TRANSFORMATION, name, apply)

    def _predicate(self, transformation: str, alias: str) -> Predicate:
        options = _options(self._config, f"predicates.{alias}.")
        if "type" not in options:
            raise ConfigError.invalid(
                f"transforms.{transformation}.predicate",
                alias,
                f"there is no such predicate, expected predicates.{alias}.type to be set",
            )
        class_name, version = options.pop("type"), options.pop("plugin.version", None)
        predicate, _ = self._create(PluginKind.PREDICATE, class_name, version)
        predicate.configure(options)
        predicate.monitor(self._metrics.of(transformation=transformation, predicate=alias))
        return predicate

    def _create(self, kind: PluginKind, class_name: str, version: str | None) -> tuple[Any, str]:
        """Return a plugin that will be closed with the others, and its full name."""
        descriptor = self._plugins.find(kind, class_name.strip(), version)
        plugin = self._plugins.create(descriptor)
        self.closing.append(plugin.close)
        return plugin, descriptor.class_name


def _aliases(config: Mapping[str, str | None], key: str) -> list[str]:
    return [alias.strip() for alias in (config.get(key) or "").split(",") if alias.strip()]


def _options(config: Mapping[str, str | None], prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): value
        for key, value in config.items()
        if key.startswith(prefix) and value is not None
    }


def _apply_where(
    predicate: Predicate,
    negate: bool,
    apply: Callable[[RecordBatch], Sequence[RecordBatch]],
    batch: RecordBatch,
) -> Sequence[RecordBatch]:
    """Apply a transformation to the rows that a predicate chooses; all rows keep their order."""
    chosen = [test != negate for test in predicate.test_batch(batch)]
    _require_all(predicate, len(chosen), batch)
    if all(chosen):
        return apply(batch)
    if not any(chosen):
        return (batch,)
    done: list[RecordBatch] = []
    start = 0
    for row in range(1, len(chosen) + 1):
        if row == len(chosen) or chosen[row] != chosen[start]:
            part = batch.rows(start, row)
            done.extend(apply(part) if chosen[start] else (part,))
            start = row
    return done


def _keys_to_bytes(converter: Converter, batch: SourceBatch) -> Sequence[SourceBatch]:
    keys = batch.keys
    if keys is None:
        made = converter.from_connect(batch.topic, batch.key_schema, None)
        keys = None if made is None else [made] * len(batch)
        return (batch.replace(keys=keys, key_schema=None),)
    made = converter.from_connect_batch(batch.topic, batch.key_schema, keys)
    _require_all(converter, len(made), batch)
    return (batch.replace(keys=made, key_schema=None),)


def _values_to_bytes(converter: Converter, batch: SourceBatch) -> Sequence[SourceBatch]:
    made = converter.from_connect_batch(batch.topic, batch.value_schema, batch.values)
    _require_all(converter, len(made), batch)
    return (batch.replace(values=made, value_schema=None),)


def _headers_to_bytes(converter: HeaderConverter, batch: SourceBatch) -> Sequence[SourceBatch]:
    if batch.headers is None:
        return (batch,)
    topic = batch.topic
    made = [
        tuple(
            Header(key, converter.from_connect_header(topic, key, schema, value))
            for key, value, schema in headers
        )
        for headers in batch.headers
    ]
    return (batch.replace(headers=made),)


def _keys_from_bytes(converter: Converter, batch: SinkBatch) -> Sequence[SinkBatch]:
    if batch.keys is None:
        schema, value = converter.to_connect(batch.topic, None)
        keys = None if value is None else [value] * len(batch)
        return (batch.replace(keys=keys, key_schema=schema),)
    runs = converter.to_connect_batch(batch.topic, batch.keys)
    _require_all(converter, sum(len(run.values) for run in runs), batch)
    return [part.replace(keys=run.values, key_schema=run.schema) for part, run in _cut(batch, runs)]


def _values_from_bytes(converter: Converter, batch: SinkBatch) -> Sequence[SinkBatch]:
    runs = converter.to_connect_batch(batch.topic, batch.values)
    _require_all(converter, sum(len(run.values) for run in runs), batch)
    return [
        part.replace(values=run.values, value_schema=run.schema) for part, run in _cut(batch, runs)
    ]


def _require_all(plugin: object, rows: int, batch: RecordBatch) -> None:
    """Raise if a plugin's batch method has lost rows, which nobody else would notice."""
    if rows != len(batch):
        raise DataError(
            f"{type(plugin).__module__}.{type(plugin).__qualname__} made {rows} rows of a batch of"
            f" {len(batch)}"
        )


def _cut(batch: SinkBatch, runs: Sequence[Run]) -> Sequence[tuple[SinkBatch, Run]]:
    if len(runs) == 1:
        return ((batch, runs[0]),)
    parts: list[tuple[SinkBatch, Run]] = []
    start = 0
    for run in runs:
        end = start + len(run.values)
        parts.append((batch.rows(start, end), run))
        start = end
    return parts


def _headers_from_bytes(converter: HeaderConverter, batch: SinkBatch) -> Sequence[SinkBatch]:
    if batch.headers is None:
        return (batch,)
    topic = batch.topic
    made = [
        tuple(
            _header(converter, topic, key, cast("bytes | None", data)) for key, data, _ in headers
        )
        for headers in batch.headers
    ]
    return (batch.replace(headers=cast("Sequence[Headers]", made)),)


def _header(converter: HeaderConverter, topic: str, key: str, data: bytes | None) -> Header:
    schema, value = converter.to_connect_header(topic, key, data)
    return Header(key, value, schema)
