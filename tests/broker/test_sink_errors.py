"""Records of a sink that fail: skipped, reported, or the end of the task."""

from collections.abc import Callable

import pytest

from isthmus.api.errors import ConnectError
from isthmus.api.record import SinkRecords
from tests.support.sink_tasks import JSON, Script, Start, committed, read, until

SCHEMALESS = {"value.converter": JSON, "value.converter.schemas.enable": "false"}


def dead_letters_to(topic: str) -> dict[str, str]:
    return {
        "errors.deadletterqueue.topic.name": topic,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }


def test_a_bad_record_is_skipped_and_committed_if_all_errors_are_tolerated(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    write('"a"', "{bad", '"b"', "{worse")

    start(**{**SCHEMALESS, "errors.tolerance": "all"}).until_put("a", "b")

    until(lambda: committed(bootstrap_servers, topic, topic) == 4)


def test_a_bad_record_fails_the_task_and_nothing_of_its_poll_is_put(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    dead = f"{topic}-dead"
    write('"a"', "{bad")

    failure = start(**SCHEMALESS, **dead_letters_to(dead)).join()

    assert isinstance(failure, ConnectError)
    assert str(failure).startswith("Tolerance exceeded in error handler: VALUE_CONVERTER")
    assert f"for the record at offset 1 of partition 0 of topic {topic}: " in str(failure)
    assert "the value looks like JSON text" in str(failure)
    assert (script.values, committed(bootstrap_servers, topic, topic)) == ([], -1001)
    assert [message.value() for message in read(bootstrap_servers, dead, 1)] == [b"{bad"]


def test_a_dead_letter_says_what_went_wrong_behind_its_own_headers(
    bootstrap_servers: str, topic: str, start: Start, write: Callable[..., None]
) -> None:
    dead = f"{topic}-dead"
    write("{bad", key="k", headers=[("h", b"1")], timestamp=1234567890123)

    start(
        **SCHEMALESS,
        **dead_letters_to(dead),
        **{
            "errors.tolerance": "all",
            "errors.deadletterqueue.context.headers.enable": "true",
        },
    )
    (letter,) = read(bootstrap_servers, dead, 1)

    headers = letter.headers()
    assert (letter.key(), letter.value(), letter.timestamp()[1]) == (b"k", b"{bad", 1234567890123)
    assert headers[:6] == [
        ("h", b"1"),
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"0"),
        ("__connect.errors.connector.name", topic.encode()),
        ("__connect.errors.task.id", b"0"),
    ]
    assert headers[6:9] == [
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", JSON.encode()),
        ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ]
    assert [name for name, _ in headers[9:]] == [
        "__connect.errors.exception.message",
        "__connect.errors.exception.stacktrace",
    ]


def test_dropped_records_are_committed(
    bootstrap_servers: str, topic: str, start: Start, write: Callable[..., None]
) -> None:
    write("a", "b")

    start(**{"transforms": "d", "transforms.d.type": "tests.support.sink_tasks.DropB"}).until_put(
        "a"
    )

    until(lambda: committed(bootstrap_servers, topic, topic) == 2)


def test_there_is_no_errant_record_reporter_unless_somebody_is_to_be_told(
    script: Script, start: Start
) -> None:
    start().until(lambda: script.context is not None)

    assert script.context is not None
    assert script.context.errant_record_reporter is None


def test_a_record_that_the_task_reports_becomes_a_dead_letter_as_it_was_in_kafka(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def report_all(records: SinkRecords) -> None:
        assert script.context is not None
        assert script.context.errant_record_reporter is not None
        for record in records:
            script.context.errant_record_reporter.report(record, ValueError("undeliverable"))

    dead = f"{topic}-dead"
    script.on_put = report_all
    write('{ "a" : 1 }')

    start(**SCHEMALESS, **{"errors.tolerance": "all"}, **dead_letters_to(dead))

    assert [message.value() for message in read(bootstrap_servers, dead, 1)] == [b'{ "a" : 1 }']
    until(lambda: committed(bootstrap_servers, topic, topic) == 1)


def test_a_reported_record_fails_the_task_if_nothing_is_tolerated(
    bootstrap_servers: str, topic: str, script: Script, start: Start, write: Callable[..., None]
) -> None:
    def report_and_go_on(records: SinkRecords) -> None:
        assert script.context is not None
        assert script.context.errant_record_reporter is not None
        for record in records:
            with pytest.raises(ConnectError):
                script.context.errant_record_reporter.report(record, ValueError("undeliverable"))

    script.on_put = report_and_go_on
    write("a")

    failure = start(**{"errors.log.enable": "true"}).join()

    assert str(failure).startswith("Tolerance exceeded in error handler")
    assert committed(bootstrap_servers, topic, topic) < 0
