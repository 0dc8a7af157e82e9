import pytest

from isthmus.api.errors import ConnectError
from isthmus.connectors.schema_source import SchemaSourceConnector, SchemaSourceTask
from isthmus.testing.source import SourceRun

CONFIG = {"topic": "structs", "num.messages": "3", "throughput": "-1"}


def test_records_have_a_struct_of_every_primitive_and_go_to_the_tasks_partition(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with SourceRun(SchemaSourceConnector(), {**CONFIG, "partition.count": "2"}) as run:
        _, record = run.poll(2)

    assert (record.topic, record.partition, record.key) == ("structs", 0, "key")
    record.value.validate()
    assert (record.value.schema.name, record.value.schema.version) == ("record", 1)
    assert record.value.values == [True, 12, 12, 12.2, 12.2, 1, 0, 1]
    assert capsys.readouterr().out == '{"task": 0, "seqno": 0}\n{"task": 0, "seqno": 1}\n'


def test_every_second_record_may_be_of_a_later_schema() -> None:
    with SourceRun(SchemaSourceConnector(), {**CONFIG, "multiple.schema": "true"}) as run:
        records = run.poll(3)

    assert [record.value.schema.version for record in records] == [1, 2, 1]
    records[1].value.validate()
    assert records[1].value["string"] == "def"


def test_after_the_last_message_there_are_no_more_but_a_new_task_counts_on() -> None:
    with SourceRun(SchemaSourceConnector(), CONFIG) as run:
        run.poll(3)
        assert run.poll_once() == []
        run.commit()
        run.restart()
        records = run.poll(1)

    assert records[0].value["seqno"] == 3


def test_a_setting_that_is_missing_fails_the_task() -> None:
    with pytest.raises(ConnectError, match=r"^Invalid SchemaSourceTask configuration$"):
        SchemaSourceTask().start({"id": "0", "topic": "structs", "throughput": "1"})
