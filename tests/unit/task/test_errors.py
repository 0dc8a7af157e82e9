import logging
import threading
from collections.abc import Callable

import pytest

from isthmus.api.errors import ConfigError, ConnectError, DataError, RetriableError
from isthmus.api.record import Header, SinkBatch, SourceBatch
from isthmus.api.schema import STRING
from isthmus.task.errors import (
    ErrorPolicy,
    ErrorSettings,
    Failure,
    LogReporter,
    Stage,
    TaskStoppedError,
    ToleranceExceededError,
    described,
    log_reporters,
)
from isthmus.task.metrics import ErrorCounts

CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
CONSUMED = SinkBatch(
    topic="renamed",
    partition=0,
    values=[b"secret"],
    timestamps=[123],
    offsets=[1],
    original_topic="t",
    original_partition=0,
)
POLLED = SourceBatch(
    topic="t",
    values=["v"],
    value_schema=STRING,
    source_partition={"file": "a"},
    source_offsets=[{"position": 3}],
    headers=[(Header("h", 1),)],
)


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def report(self, failure: Failure) -> None:
        self.failures.append(failure)


def policy(reporter: Notes, stopping: threading.Event | None = None, **config: str) -> ErrorPolicy:
    """Return a policy by the settings `errors.…`; `_` stands for `.`."""
    settings = {f"errors.{key.replace('_', '.')}": value for key, value in config.items()}
    return ErrorPolicy(
        ErrorSettings.from_config(settings), [reporter], stopping or threading.Event()
    )


def failing(*errors: Exception) -> Callable[[], str]:
    """Return an action that raises these, one a call, and then succeeds."""
    left = list(errors)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return action


def test_what_succeeds_is_returned() -> None:
    assert policy(Notes()).attempt(Stage.TRANSFORMATION, "X", CONSUMED, failing()) == "done"


def test_an_error_is_reported_and_fails_the_task_unless_it_is_tolerated() -> None:
    reporter, error = Notes(), DataError("no JSON")

    with pytest.raises(ToleranceExceededError) as raised:
        policy(reporter).attempt(Stage.VALUE_CONVERTER, CONVERTER, CONSUMED, failing(error))

    assert str(raised.value) == (
        f"Tolerance exceeded in error handler: VALUE_CONVERTER with class {CONVERTER} failed for"
        " the record at offset 1 of partition 0 of topic t: no JSON; the value looks like plain"
        " text"
    )
    assert raised.value.__cause__ is error
    assert reporter.failures == [Failure(CONSUMED, Stage.VALUE_CONVERTER, CONVERTER, error)]


def test_an_error_that_is_tolerated_is_reported_and_the_record_skipped() -> None:
    reporter = Notes()

    result = policy(reporter, tolerance="all").attempt(
        Stage.VALUE_CONVERTER, CONVERTER, CONSUMED, failing(ValueError("anything"))
    )

    assert result is None
    assert [str(failure.error) for failure in reporter.failures] == ["anything"]


def test_without_a_retry_timeout_nothing_is_tried_again() -> None:
    with pytest.raises(ToleranceExceededError, match="away"):
        policy(Notes()).attempt(
            Stage.TRANSFORMATION, "X", CONSUMED, failing(RetriableError("away"))
        )


def test_a_retriable_error_is_tried_again_until_it_succeeds() -> None:
    reporter = Notes()
    errors = policy(reporter, retry_timeout="-1", retry_delay_max_ms="1")

    away = [RetriableError("away")] * 5
    assert errors.attempt(Stage.TRANSFORMATION, "X", CONSUMED, failing(*away)) == "done"
    assert reporter.failures == []


def test_an_error_that_is_not_retriable_is_not_tried_again() -> None:
    errors = policy(Notes(), tolerance="all", retry_timeout="-1", retry_delay_max_ms="1")

    assert errors.attempt(Stage.TRANSFORMATION, "X", CONSUMED, failing(DataError("bad"))) is None


def test_the_last_error_counts_when_the_retry_timeout_is_over() -> None:
    reporter = Notes()
    errors = policy(reporter, tolerance="all", retry_timeout="20", retry_delay_max_ms="1")

    def always() -> str:
        raise RetriableError("away")

    assert errors.attempt(Stage.TRANSFORMATION, "X", CONSUMED, always) is None
    assert len(reporter.failures) == 1


def test_a_stop_amid_retries_neither_skips_nor_reports_the_record() -> None:
    reporter, stopping = Notes(), threading.Event()
    stopping.set()
    errors = policy(reporter, stopping, tolerance="all", retry_timeout="-1")

    with pytest.raises(TaskStoppedError):
        errors.attempt(Stage.TRANSFORMATION, "X", CONSUMED, failing(RetriableError("away")))
    assert reporter.failures == []


def test_delays_double_until_the_longest_and_are_random_then() -> None:
    errors = policy(Notes(), retry_delay_max_ms="1000")

    assert [errors._delay(attempt) for attempt in range(2)] == [0.3, 0.6]
    late = {errors._delay(attempt) for attempt in (2, 3, 50, 5000)}
    assert len(late) == 4
    assert all(0 <= delay <= 1 for delay in late)


@pytest.mark.parametrize(
    ("key", "value"),
    [("errors.tolerance", "some"), ("errors.retry.timeout", "x"), ("errors.log.enable", "maybe")],
)
def test_a_setting_that_cannot_be_read_is_named(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"Invalid value {value} for configuration {key}"):
        ErrorSettings.from_config({key: value})


def test_the_log_tells_of_a_consumed_record_in_javas_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ConnectError("no JSON")
    reporter = LogReporter("foo-0", ErrorCounts(), with_record=True)

    reporter.report(Failure(CONSUMED, Stage.VALUE_CONVERTER, CONVERTER, error))

    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage() == (
        f"Error encountered in task foo-0. Executing stage 'VALUE_CONVERTER' with class"
        f" '{CONVERTER}', where consumed record is {{topic='t', partition=0, offset=1,"
        " timestamp=123, timestampType=CreateTime}."
    )
    assert line.exc_info is not None
    assert line.exc_info[1] is error


def test_the_log_leaves_the_record_out_unless_it_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = ErrorSettings.from_config({"errors.log.enable": "true"})
    (reporter,) = log_reporters(settings, "foo-0", ErrorCounts())

    reporter.report(Failure(CONSUMED, Stage.KEY_CONVERTER, CONVERTER, ConnectError()))

    assert caplog.messages == [
        "Error encountered in task foo-0. Executing stage 'KEY_CONVERTER' with class"
        f" '{CONVERTER}'."
    ]


def test_nothing_is_logged_unless_the_config_asks_for_it() -> None:
    assert log_reporters(ErrorSettings.from_config({}), "foo-0", ErrorCounts()) == []


def test_a_polled_record_is_described_in_javas_words() -> None:
    assert described(POLLED) == (
        ", where source record is = SourceRecord{sourcePartition={file=a},"
        " sourceOffset={position=3}} ConnectRecord{topic='t', kafkaPartition=null, key=null,"
        " keySchema=null, value=v, valueSchema=Schema{STRING}, timestamp=null,"
        " headers=ConnectHeaders(headers=[ConnectHeader(key=h, value=1, schema=null)])}"
    )
