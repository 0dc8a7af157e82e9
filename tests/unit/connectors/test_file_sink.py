import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from isthmus.api.errors import ConnectError
from isthmus.api.record import SinkBatch, SinkRecords
from isthmus.api.schema import FLOAT32, INT32, OPTIONAL_STRING, STRING, Schema, struct_schema
from isthmus.api.struct import Struct
from isthmus.connectors import file_sink
from isthmus.connectors.file_sink import FileStreamSinkConnector, FileStreamSinkTask
from isthmus.connectors.file_source import FileStreamSourceTask
from isthmus.task.plugin_metrics import PluginMetricsRegistry


def records(*values: Any, schema: Schema | None = None) -> SinkRecords:
    return SinkRecords(
        [
            SinkBatch(
                topic="t",
                partition=0,
                values=list(values),
                value_schema=schema,
                offsets=range(len(values)),
                original_topic="t",
                original_partition=0,
            )
        ]
    )


def started(file: Path | str) -> FileStreamSinkTask:
    task = FileStreamSinkTask()
    task.start({"file": str(file)})
    return task


def written(file: Path, *values: Any, schema: Schema | None = None) -> bytes:
    task = started(file)
    task.put(records(*values, schema=schema))
    task.stop()
    return file.read_bytes()


def test_strings_become_lines_at_the_end_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    file.write_text("before\n")

    assert written(file, "hé", "", "😀", schema=STRING) == "before\nhé\n\n😀\n".encode()


def test_lines_can_be_read_by_others_as_soon_as_they_were_put(tmp_path: Path) -> None:
    task = started(tmp_path / "out.txt")

    task.put(records("now"))

    assert (tmp_path / "out.txt").read_text() == "now\n"
    task.stop()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, b"null"),
        (True, b"true"),
        (7, b"7"),
        (1e20, b"1.0E20"),
        ({"a": 1, "b": "x", "c": None}, b"{a=1, b=x, c=null}"),
        ([1, 2.5, [True]], b"[1, 2.5, [true]]"),
        (b"\xff raw", b"\xff raw"),
        ("lone \ud83d", b"lone ?"),
    ],
)
def test_other_values_become_the_text_that_java_prints(
    tmp_path: Path, value: object, line: bytes
) -> None:
    assert written(tmp_path / "out.txt", "first", value) == b"first\n" + line + b"\n"


def test_a_struct_shows_the_fields_that_are_set(tmp_path: Path) -> None:
    schema = struct_schema(("n", INT32), ("f", FLOAT32), ("s", OPTIONAL_STRING))
    value = Struct(schema, n=1, f=1.100000023841858)

    assert written(tmp_path / "out.txt", value, schema=schema) == b"Struct{n=1,f=1.1}\n"


def test_nothing_is_written_for_no_records(tmp_path: Path) -> None:
    task = started(tmp_path / "out.txt")

    task.put(SinkRecords())
    task.put(records())
    task.stop()

    assert (tmp_path / "out.txt").read_bytes() == b""


def test_a_file_comes_out_as_it_went_in(tmp_path: Path) -> None:
    content = "hé\n\n€\x0b\u2028😀\nlast\n".encode()
    (tmp_path / "in.txt").write_bytes(content)

    source = FileStreamSourceTask()
    source.context = NoOffsets()
    source.start({"file": str(tmp_path / "in.txt"), "topic": "t"})
    batch = source.poll()
    source.stop()

    assert batch is not None
    assert written(tmp_path / "out.txt", *batch.values, schema=STRING) == content


class NoOffsets:
    @property
    def offset_reader(self) -> Any:
        return self

    def offset(self, partition: object) -> None:
        return None

    plugin_metrics = PluginMetricsRegistry(None).of()

    def configs(self) -> Mapping[str, str]:
        return {}

    @property
    def transaction_context(self) -> None:
        return None

    def stopping(self) -> bool:
        return False

    def sleep(self, seconds: float) -> bool:
        return True


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The reading end of a pipe that stands for standard output."""
    reading, writing = os.pipe()
    monkeypatch.setattr(file_sink, "_STDOUT", writing)
    yield reading
    os.close(reading)
    os.close(writing)


def test_without_a_file_lines_go_to_standard_output(stdout: int) -> None:
    task = started("")

    task.put(records("one", "two"))
    task.stop()

    assert os.read(stdout, 100) == b"one\ntwo\n"


def test_standard_output_gets_whole_lines_at_a_time(
    stdout: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []

    def write(descriptor: int, data: memoryview) -> int:
        writes.append(bytes(data))
        return len(data)

    monkeypatch.setattr(file_sink.os, "write", write)
    lines = ["a" * 1000] * 10 + ["b" * 10_000] + ["c"]

    started("").put(records(*lines))

    assert b"".join(writes).decode().splitlines() == lines
    assert all(piece.endswith(b"\n") for piece in writes)
    assert [len(piece) for piece in writes] == [4004, 4004, 2002, 10_001, 2]


def test_what_the_system_did_not_take_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_write = os.write

    def short_write(descriptor: int, data: memoryview) -> int:
        return whole_write(descriptor, data[:3])

    monkeypatch.setattr(file_sink.os, "write", short_write)

    assert written(tmp_path / "out.txt", "abcdef", "ghi") == b"abcdef\nghi\n"


def test_a_file_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConnectError) as caught:
        started(tmp_path / "missing" / "out.txt")

    assert str(caught.value) == (
        f"Couldn't find or create file '{tmp_path}/missing/out.txt' for FileStreamSinkTask:"
        " No such file or directory"
    )


def test_a_full_disk_fails_the_put_with_file_and_reason() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    task = started("/dev/full")

    with pytest.raises(ConnectError) as caught:
        task.put(records("x"))

    assert str(caught.value) == "Could not write 1 records to /dev/full: No space left on device"
    task.stop()


def test_the_connector_makes_as_many_equal_tasks_as_it_may() -> None:
    connector = FileStreamSinkConnector()

    connector.start({"file": "f"})

    assert connector.task_configs(3) == [{"file": "f"}] * 3
    assert connector.alter_offsets({}, {("t", 0): None}) is True


@pytest.mark.parametrize("lengths", [[3_000_000, 5, 2_000_000], [400_000] * 7, [1] * 9])
def test_lines_of_any_length_are_written_whole_and_in_their_order(
    tmp_path: Path, lengths: Sequence[int]
) -> None:
    values = [str(n) * length for n, length in enumerate(lengths)]

    made = written(tmp_path / "out.txt", *values, schema=STRING)

    assert made == "".join(f"{value}\n" for value in values).encode()
