import threading
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from isthmus.api.errors import ConfigError
from isthmus.api.record import Header, SinkBatch, SinkRecord, SourceBatch
from isthmus.api.schema import INT32, OPTIONAL_STRING, STRING
from isthmus.config.worker import WorkerConfig
from isthmus.plugins import Plugins
from isthmus.task.errors import ErrorPolicy, ErrorSettings, Failure, ToleranceExceededError
from isthmus.task.pipeline import SinkPipeline, sink_pipeline, source_pipeline
from isthmus.task.plugin_metrics import PluginMetricsRegistry
from tests.support.scripted_link import worker_config
from tests.support.transformations import PACKAGE

WORKER = WorkerConfig.from_properties(worker_config("127.0.0.1:9"))
PLUGINS = Plugins.discover()
JSON = "org.apache.kafka.connect.json.JsonConverter"
FAIL = {"transforms": "fail", "transforms.fail.type": f"{PACKAGE}Fail", "transforms.fail.on": "3"}


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def report(self, failure: Failure) -> None:
        self.failures.append(failure)


def errors(config: Mapping[str, str], notes: Notes) -> ErrorPolicy:
    return ErrorPolicy(ErrorSettings.from_config(config), [notes], threading.Event())


def sent(config: Mapping[str, str], batch: SourceBatch, notes: Notes | None = None) -> Any:
    """Return what the steps of a source make of a batch, as topics with values."""
    pipeline = source_pipeline(
        config, WORKER, PLUGINS, errors(config, notes or Notes()), PluginMetricsRegistry(None)
    )
    return [(made.topic, list(made.values)) for made in pipeline.convert(batch)]


def sink(config: Mapping[str, str], notes: Notes | None = None) -> SinkPipeline:
    return sink_pipeline(
        config, WORKER, PLUGINS, errors(config, notes or Notes()), PluginMetricsRegistry(None)
    )


def polled(values: Iterable[object], **columns: Any) -> SourceBatch:
    return SourceBatch(topic="t", values=list(values), **columns)


def consumed(values: Iterable[bytes | None], **columns: Any) -> SinkBatch:
    found = list(values)
    return SinkBatch(
        topic="t",
        partition=1,
        values=found,
        offsets=range(len(found)),
        original_topic="t",
        original_partition=1,
        **columns,
    )


def test_a_source_gives_bytes_without_schemas() -> None:
    pipeline = source_pipeline(
        {}, WORKER, PLUGINS, errors({}, Notes()), PluginMetricsRegistry(None)
    )
    headers = [(Header("h", 7, INT32),), ()]

    (made,) = pipeline.convert(polled(["a", None], keys=[1, 2], key_schema=INT32, headers=headers))

    assert (made.values, made.keys) == ([b"a", None], [b"1", b"2"])
    assert (made.key_schema, made.value_schema) == (None, None)
    assert made.headers == [(Header("h", b"7"),), ()]


def test_a_sink_gives_data_with_schemas() -> None:
    headers = [(Header("h", b"7"),), ()]

    (made,) = sink({}).convert(consumed([b"a", None], keys=[b"k", b"l"], headers=headers))

    assert (made.values, made.value_schema) == (["a", None], OPTIONAL_STRING)
    assert (made.keys, made.key_schema) == (["k", "l"], OPTIONAL_STRING)
    assert made.headers is not None
    assert made.headers[0][0].value == 7


def test_a_batch_is_cut_where_the_schema_changes() -> None:
    schema = '{"schema":{"type":"%s"},"payload":%s}'
    data = [schema % ("int32", 1), schema % ("int32", 2), schema % ("string", '"a"')]

    made = sink({"value.converter": JSON}).convert(consumed(text.encode() for text in data))

    assert [(list(part.values), list(part.offsets)) for part in made] == [
        ([1, 2], [0, 1]),
        (["a"], [2]),
    ]


def test_transformations_run_in_the_order_of_their_list() -> None:
    config = {
        "transforms": "b, a",
        "transforms.a.type": f"{PACKAGE}Suffix",
        "transforms.a.suffix": "-a",
        "transforms.b.type": f"{PACKAGE}Suffix",
        "transforms.b.suffix": "-b",
    }

    assert sent(config, polled(["x"])) == [("t", [b"x-b-a"])]


def test_rows_that_are_dropped_are_missing_and_the_others_keep_their_order() -> None:
    config = {
        "transforms": "drop,route",
        "transforms.drop.type": f"{PACKAGE}DropDivisible",
        "transforms.drop.by": "3",
        "transforms.route.type": f"{PACKAGE}RouteByParity",
    }

    assert sent(config, polled("123457")) == [
        ("t-odd", [b"1"]),
        ("t-even", [b"2", b"4"]),
        ("t-odd", [b"5", b"7"]),
    ]


@pytest.mark.parametrize(
    ("negate", "expected"),
    [("false", [b"1!", b"2", b"3!", b"5!", b"6"]), ("true", [b"1", b"2!", b"3", b"5", b"6!"])],
)
def test_a_predicate_chooses_rows_and_all_keep_their_order(
    negate: str, expected: list[bytes]
) -> None:
    config = {
        "transforms": "mark",
        "transforms.mark.type": f"{PACKAGE}Suffix",
        "transforms.mark.suffix": "!",
        "transforms.mark.predicate": "odd",
        "transforms.mark.negate": negate,
        "predicates": "odd",
        "predicates.odd.type": f"{PACKAGE}IsOdd",
    }

    made = sent(config, polled("12356"))

    assert [value for _, values in made for value in values] == expected


def test_a_predicate_that_is_not_there_is_named() -> None:
    config = {
        "transforms": "mark",
        "transforms.mark.type": f"{PACKAGE}Suffix",
        "transforms.mark.suffix": "!",
        "transforms.mark.predicate": "odd",
    }

    with pytest.raises(ConfigError, match=r"Invalid value odd for .* transforms\.mark\.predicate"):
        sent(config, polled("1"))


def test_a_bad_record_is_skipped_and_told_once_and_the_others_go_on() -> None:
    notes = Notes()

    made = sent(FAIL | {"errors.tolerance": "all"}, polled("123456"), notes)

    assert [value for _, values in made for value in values] == [b"1", b"2", b"4", b"5", b"6"]
    (failure,) = notes.failures
    assert (failure.stage.value, failure.component) == (
        "TRANSFORMATION",
        f"{PACKAGE}Fail".replace(":", "."),
    )
    assert list(failure.record.values) == ["3"]


def test_a_bad_record_fails_the_task_if_errors_are_not_tolerated() -> None:
    notes = Notes()

    with pytest.raises(ToleranceExceededError):
        sent(FAIL, polled("123456"), notes)
    assert len(notes.failures) == 1


def test_a_record_that_may_succeed_later_is_tried_again() -> None:
    notes = Notes()
    retry = {"errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "1"}

    made = sent(FAIL | retry | {"transforms.fail.retriable": "5"}, polled("123"), notes)

    assert [value for _, values in made for value in values] == [b"1", b"2", b"3"]
    assert notes.failures == []


def test_a_sinks_bad_record_is_told_as_it_came_under_javas_name_of_the_converter() -> None:
    notes = Notes()
    config = {"value.converter": JSON, "value.converter.schemas.enable": "false"}

    made = sink(config | {"errors.tolerance": "all"}, notes).convert(consumed([b"1", b"{", b"2"]))

    assert [(list(part.values), list(part.offsets)) for part in made] == [([1], [0]), ([2], [2])]
    (failure,) = notes.failures
    assert (failure.stage.value, failure.component) == ("VALUE_CONVERTER", JSON)
    assert isinstance(failure.record, SinkBatch)
    assert (list(failure.record.values), list(failure.record.offsets)) == ([b"{"], [1])


@pytest.mark.parametrize("side", ["key", "value"])
def test_a_converter_that_loses_rows_is_an_error_not_a_loss(side: str) -> None:
    config = {f"{side}.converter": f"{PACKAGE}ForgetfulConverter"}

    with pytest.raises(ToleranceExceededError, match="made 0 rows of a batch of 1"):
        sent(config, polled("12", keys=["a", "b"]))
    with pytest.raises(ToleranceExceededError, match="made 0 rows of a batch of 1"):
        sink(config).convert(consumed([b"1", b"2"], keys=[b"a", b"b"]))


def test_a_record_that_a_task_has_made_becomes_bytes_again() -> None:
    record = SinkRecord(
        topic="t",
        partition=1,
        offset=5,
        value="v",
        value_schema=STRING,
        key=None,
        headers=(Header("h", "x", STRING),),
        original_topic="t",
        original_partition=1,
    )

    made = sink({}).to_bytes(record)

    assert (list(made.values), made.keys, list(made.offsets)) == ([b"v"], None, [5])
    assert made.headers == [(Header("h", b"x"),)]
