"""Transformations and converters of one task, as one call a batch.

    into Kafka      transformations, then header, key and value converter
    out of Kafka    key, value and header converter, then transformations

Each is a step from a batch to batches: a step may drop rows, and cuts a batch where topic or
schema change. If anything fails in a batch, its records go through one by one, so that only the
one that is wrong is skipped or fails the task. Java: TransformationChain and the conversion parts
of the worker's tasks.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from isthmus.api.converter import Converter, HeaderConverter, Run
from isthmus.api.record import Header, Headers, RecordBatch, SinkBatch, SourceBatch
from isthmus.api.transformation import Predicate, Transformation
from isthmus.config.connector import choose_converter
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import PluginKind, Plugins
from isthmus.task.errors import ErrorPolicy, Stage

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
        self, steps: Sequence[Step], errors: ErrorPolicy, closing: Iterable[Callable[[], None]]
    ) -> None:
        self._steps = steps
        self._errors = errors
        self._closing = list(closing)

    def convert(self, batch: BatchT) -> list[BatchT]:
        """Return what becomes of the batch; rows that were dropped or skipped are missing.

        Raises:
            ToleranceExceededError: A record failed, and may not be skipped.
        """
        try:
            batches = [batch]
            for step in self._steps:
                batches = _applied(step, batches)
            return batches
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises is for the policy
            log.debug("A batch of %d failed, going through it one by one: %s", len(batch), error)
        rows = (batch.rows(row, row + 1) for row in range(len(batch)))
        return [converted for row in rows for converted in self._convert_one(row)]

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
    config: Mapping[str, str | None], worker: WorkerConfig, plugins: Plugins, errors: ErrorPolicy
) -> Pipeline:
    """Return the steps of a source task: Connect data in, bytes out.

    Raises:
        ConnectError: A plugin cannot be found, built or configured.
    """
    made = _Plugins(config, worker, plugins)
    header, key, value = made.header_converter(), made.converter("key"), made.converter("value")
    steps = [
        *made.transformations(),
        Step(Stage.HEADER_CONVERTER, _name(header), lambda batch: _headers_to_bytes(header, batch)),
        Step(Stage.KEY_CONVERTER, _name(key), lambda batch: _keys_to_bytes(key, batch)),
        Step(Stage.VALUE_CONVERTER, _name(value), lambda batch: _values_to_bytes(value, batch)),
    ]
    return Pipeline(steps, errors, made.closing)


def sink_pipeline(
    config: Mapping[str, str | None], worker: WorkerConfig, plugins: Plugins, errors: ErrorPolicy
) -> Pipeline:
    """Return the steps of a sink task: bytes in, Connect data out.

    Raises:
        ConnectError: A plugin cannot be found, built or configured.
    """
    made = _Plugins(config, worker, plugins)
    header, key, value = made.header_converter(), made.converter("key"), made.converter("value")
    steps = [
        Step(Stage.KEY_CONVERTER, _name(key), lambda batch: _keys_from_bytes(key, batch)),
        Step(Stage.VALUE_CONVERTER, _name(value), lambda batch: _values_from_bytes(value, batch)),
        Step(
            Stage.HEADER_CONVERTER, _name(header), lambda batch: _headers_from_bytes(header, batch)
        ),
        *made.transformations(),
    ]
    return Pipeline(steps, errors, made.closing)


class _Plugins:
    """Builds the plugins that a connector's config names."""

    def __init__(
        self, config: Mapping[str, str | None], worker: WorkerConfig, plugins: Plugins
    ) -> None:
        self._config = config
        self._worker = worker
        self._plugins = plugins
        self.closing: list[Callable[[], None]] = []

    def converter(self, side: str) -> Converter:
        choice = choose_converter(
            self._config,
            self._worker,
            "key.converter" if side == "key" else "value.converter",
        )
        converter: Converter = self._create(PluginKind.CONVERTER, choice.class_name)
        options = {**choice.options, "converter.type": side}
        converter.configure(options, is_key=side == "key")
        self.closing.append(converter.close)
        return converter

    def header_converter(self) -> HeaderConverter:
        choice = choose_converter(self._config, self._worker, "header.converter")
        converter: HeaderConverter = self._create(PluginKind.HEADER_CONVERTER, choice.class_name)
        converter.configure({**choice.options, "converter.type": "header"})
        self.closing.append(converter.close)
        return converter

    def transformations(self) -> list[Step]:
        return [self._transformation(alias) for alias in _aliases(self._config, "transforms")]

    def _transformation(self, alias: str) -> Step:
        options = _options(self._config, f"transforms.{alias}.")
        transformation: Transformation = self._create(
            PluginKind.TRANSFORMATION, options.pop("type", "")
        )
        predicate_alias = options.pop("predicate", None)
        negate = options.pop("negate", "false").strip().lower() == "true"
        transformation.configure(options)
        self.closing.append(transformation.close)
        apply = transformation.apply_batch
        if predicate_alias:
            predicate = self._predicate(predicate_alias)
            unconditional = apply

            def apply(batch: RecordBatch) -> Sequence[RecordBatch]:
                return _apply_where(predicate, negate, unconditional, batch)

        return Step(Stage.TRANSFORMATION, _name(transformation), apply)

    def _predicate(self, alias: str) -> Predicate:
        options = _options(self._config, f"predicates.{alias}.")
        predicate: Predicate = self._create(PluginKind.PREDICATE, options.pop("type", ""))
        predicate.configure(options)
        self.closing.append(predicate.close)
        return predicate

    def _create(self, kind: PluginKind, class_name: str) -> Any:
        return self._plugins.create(self._plugins.find(kind, class_name))


def _aliases(config: Mapping[str, str | None], key: str) -> list[str]:
    return [alias.strip() for alias in (config.get(key) or "").split(",") if alias.strip()]


def _options(config: Mapping[str, str | None], prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): value
        for key, value in config.items()
        if key.startswith(prefix) and value is not None
    }


def _name(plugin: object) -> str:
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def _apply_where(
    predicate: Predicate,
    negate: bool,
    apply: Callable[[RecordBatch], Sequence[RecordBatch]],
    batch: RecordBatch,
) -> Sequence[RecordBatch]:
    """Apply a transformation to the rows that a predicate chooses; all rows keep their order."""
    chosen = [test != negate for test in predicate.test_batch(batch)]
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
        if batch.key_schema is None:
            return (batch,)
        keys = [None] * len(batch)
    made = converter.from_connect_batch(batch.topic, batch.key_schema, keys)
    return (batch.replace(keys=made, key_schema=None),)


def _values_to_bytes(converter: Converter, batch: SourceBatch) -> Sequence[SourceBatch]:
    made = converter.from_connect_batch(batch.topic, batch.value_schema, batch.values)
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
    return [part.replace(keys=run.values, key_schema=run.schema) for part, run in _cut(batch, runs)]


def _values_from_bytes(converter: Converter, batch: SinkBatch) -> Sequence[SinkBatch]:
    runs = converter.to_connect_batch(batch.topic, batch.values)
    return [
        part.replace(values=run.values, value_schema=run.schema) for part, run in _cut(batch, runs)
    ]


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
