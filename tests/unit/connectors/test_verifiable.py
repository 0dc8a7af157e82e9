"""The lines are those of Apache's connectors: the order of members is that of a Java HashMap."""

import json
import re

import pytest

from isthmus.api.errors import ConnectError
from isthmus.api.schema import INT32, INT64
from isthmus.api.struct import Struct
from isthmus.connectors.verifiable_sink import VerifiableSinkConnector
from isthmus.connectors.verifiable_source import VerifiableSourceConnector, VerifiableSourceTask
from isthmus.testing.sink import SinkRun
from isthmus.testing.source import SourceRun

SOURCE = {"name": "numbers", "topic": "verifiable", "throughput": "-1"}


def without_times(lines: str) -> list[str]:
    """Return the lines, with each time checked to be one and replaced by T."""
    return [re.sub(r'"time_ms":1\d{12}\b', '"time_ms":T', line) for line in lines.splitlines()]


def test_a_source_says_each_record_when_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    with SourceRun(VerifiableSourceConnector(), SOURCE) as run:
        first, second = run.poll(2)

    assert without_times(capsys.readouterr().out) == [
        '{"task":0,"seqno":0,"time_ms":T,"name":"numbers","topic":"verifiable"}',
        '{"task":0,"seqno":1,"time_ms":T,"name":"numbers","topic":"verifiable"}',
    ]
    assert (first.topic, first.key, first.key_schema) == ("verifiable", 0, INT32)
    assert (second.value, second.value_schema) == (1, INT64)
    assert (second.source_partition, second.source_offset) == ({"id": 0}, {"seqno": 1})


def test_a_source_says_each_record_again_when_kafka_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with SourceRun(VerifiableSourceConnector(), SOURCE) as run:
        run.poll(1)
        capsys.readouterr()
        run.commit()

    assert without_times(capsys.readouterr().out) == [
        '{"committed":true,"task":0,"seqno":0,"time_ms":T,"name":"numbers","topic":"verifiable"}'
    ]


def test_each_task_counts_on_from_its_own_last_committed_number() -> None:
    committed = [({"id": 1}, {"seqno": 41})]

    with SourceRun(VerifiableSourceConnector(), SOURCE, tasks_max=2, offsets=committed) as run:
        records = run.poll(2)

    assert [(record.key, record.value) for record in records] == [(0, 0), (1, 42)]


def test_complete_records_hold_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    config = {**SOURCE, "complete.record.data": "True"}

    with SourceRun(VerifiableSourceConnector(), config) as run:
        (record,) = run.poll(1)
        said = json.loads(capsys.readouterr().out)
        run.commit()

    assert isinstance(record.value, Struct)
    members = {field.name: record.value[field.name] for field in record.value.schema.fields}
    assert list(members) == ["name", "task", "topic", "time_ms", "seqno"]
    assert members == said
    assert capsys.readouterr().out.startswith("Bad data can't be written as json: ")


@pytest.mark.parametrize("throughput", [None, "fast"])
def test_a_throughput_that_is_no_number_fails_the_task(throughput: str | None) -> None:
    config = {**SOURCE, "id": "0"}
    del config["throughput"]
    if throughput is not None:
        config["throughput"] = throughput

    with pytest.raises(ConnectError, match=r"^Invalid VerifiableSourceTask configuration$"):
        VerifiableSourceTask().start(config)


def test_a_sink_says_each_record_when_it_is_put_and_when_it_is_flushed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with SinkRun(VerifiableSinkConnector(), {"name": "counted"}, topics=["verifiable"]) as run:
        run.put(run.record(7, INT64, key=2, key_schema=INT32))
        put = without_times(capsys.readouterr().out)
        run.commit()
        flushed = without_times(capsys.readouterr().out)
        run.commit()

    text = '"task":2,"seqno":7,"offset":0,"time_ms":T,"name":"counted","topic":"verifiable"'
    assert put == [f'{{{text},"sinkTask":0}}']
    assert flushed == [f'{{{text},"sinkTask":0,"flushed":true}}']
    assert capsys.readouterr().out == ""


def test_only_partitions_that_are_flushed_are_said_to_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = {"name": "counted"}
    with SinkRun(VerifiableSinkConnector(), config, topics=["t"], partitions=2) as run:
        run.put(run.record(1, partition=0), run.record(2, partition=1))
        capsys.readouterr()
        run.task.flush({("t", 1): 1})
        flushed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(line["seqno"], line["task"]) for line in flushed] == [(2, None)]
