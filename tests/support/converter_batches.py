"""What holds of every converter: a batch is read as its messages are one by one."""

from collections.abc import Sequence

from isthmus.api.converter import Converter
from isthmus.api.errors import ConnectError
from tests.support.java_notation import shown_schema, shown_value


def assert_batch_reads_alike(made: Converter, data: Sequence[bytes | None]) -> None:
    expected: list[str] | str = []
    try:
        for item in data:
            schema, value = made.to_connect("t", item)
            expected.append(f"{shown_schema(schema)} => {shown_value(value, schema)}")
    except ConnectError as error:
        expected = str(error)

    found: list[str] | str = []
    try:
        for run in made.to_connect_batch("t", data):
            found.extend(
                f"{shown_schema(run.schema)} => {shown_value(value, run.schema)}"
                for value in run.values
            )
    except ConnectError as error:
        found = str(error)

    assert found == expected
