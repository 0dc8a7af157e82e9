import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import ConfigError, ConnectError
from isthmus.api.record import SourceBatch, SourceOffset, SourcePartition
from isthmus.api.schema import STRING
from isthmus.connectors import file_source
from isthmus.connectors.file_source import FileStreamSourceConnector, FileStreamSourceTask
from isthmus.task.plugin_metrics import PluginMetricsRegistry


class Offsets:
    def __init__(self, committed: Mapping[str, Any] | None) -> None:
        self.committed = committed

    def offset(self, partition: SourcePartition) -> SourceOffset | None:
        return self.committed

    def offsets(self, partitions: Sequence[SourcePartition]) -> Sequence[SourceOffset | None]:
        return [self.committed for _ in partitions]


class Context:
    """A runtime that asks the task to stop as soon as it waits, unless `during_sleep` is set."""

    def __init__(self, committed: Mapping[str, Any] | None = None) -> None:
        self.offset_reader = Offsets(committed)
        self.during_sleep: Any = None

    plugin_metrics = PluginMetricsRegistry(None).of()

    def configs(self) -> Mapping[str, str]:
        return {}

    @property
    def transaction_context(self) -> None:
        return None

    def stopping(self) -> bool:
        return False

    def sleep(self, seconds: float) -> bool:
        if self.during_sleep is None:
            return True
        return bool(self.during_sleep())


def started(
    file: Path | str, committed: Mapping[str, Any] | None = None, **config: str
) -> FileStreamSourceTask:
    task = FileStreamSourceTask()
    task.context = Context(committed)
    settings = {key.replace("_", "."): value for key, value in config.items()}
    task.start({"file": str(file), "topic": "lines", **settings})
    return task


def read(task: FileStreamSourceTask) -> list[str]:
    return [line for batch in batches(task) for line in batch.values]


def batches(task: FileStreamSourceTask) -> list[SourceBatch]:
    return list(_batches(task))


def _batches(task: FileStreamSourceTask) -> Iterator[SourceBatch]:
    while (batch := task.poll()) is not None:
        yield batch


def positions(batch: SourceBatch) -> list[int]:
    assert batch.source_offsets is not None
    return [offset["position"] for offset in batch.source_offsets if offset is not None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.txt"


def test_a_line_becomes_a_string_without_key_and_with_its_place_in_the_file(file: Path) -> None:
    file.write_bytes(b"one\ntwo\n")

    [batch] = batches(started(file))

    assert (batch.topic, batch.values, batch.value_schema) == ("lines", ["one", "two"], STRING)
    assert (batch.keys, batch.key_schema, batch.partition) == (None, None, None)
    assert batch.source_partition == {"filename": str(file)}
    assert positions(batch) == [4, 8]
    assert batch.timestamps is not None
    assert batch.timestamps[0] == pytest.approx(_now_ms(), abs=60_000)


def _now_ms() -> int:
    return int(file_source.time.time() * 1000)


def test_lines_end_at_newline_and_carriage_return_and_both(file: Path) -> None:
    file.write_bytes(b"a\rb\r\nc\n\n\x0bd\x1c\xe2\x80\xa8e\n")

    [batch] = batches(started(file))

    assert batch.values == ["a", "b", "c", "", "\x0bd\x1c\u2028e"]
    assert positions(batch) == [2, 5, 7, 8, 16]


@pytest.mark.parametrize("waiting", [b"half", b"carriage return\r"])
def test_what_follows_the_last_line_end_waits_for_the_rest(file: Path, waiting: bytes) -> None:
    file.write_bytes(b"whole\n" + waiting)
    task = started(file)

    assert read(task) == ["whole"]

    with file.open("ab") as end:
        end.write(b"\nnext\n")
    [batch] = batches(task)
    assert batch.values == [waiting.decode().rstrip("\r"), "next"]
    assert positions(batch) == [6 + len(waiting) + 1, 6 + len(waiting) + 6]


def test_a_poll_returns_at_most_a_batch_and_the_next_one_the_rest_at_once(file: Path) -> None:
    file.write_text("1\n2\n3\n4\n5\n")
    task = started(file, batch_size="2")

    assert [batch.values for batch in batches(task)] == [["1", "2"], ["3", "4"], ["5"]]


def test_a_restarted_task_loses_and_repeats_nothing_whatever_the_text_is(file: Path) -> None:
    file.write_text("hé\n€uro\r\n😀\nlast\n", newline="")
    [batch] = batches(started(file))

    for position, rest in zip(
        positions(batch), (batch.values[i:] for i in (1, 2, 3)), strict=False
    ):
        assert read(started(file, {"position": position})) == rest


def test_malformed_text_is_replaced_and_its_bytes_still_count(file: Path) -> None:
    file.write_bytes(b"\xff\xf0\x9f\nnext\n")

    [batch] = batches(started(file))

    assert batch.values == ["\ufffd\ufffd", "next"]
    assert positions(batch) == [4, 9]


def test_a_line_longer_than_a_chunk_is_one_line(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_source, "_CHUNK_BYTES", 4)
    file.write_bytes(b"x" * 100 + b"\nshort\n")

    assert read(started(file)) == ["x" * 100, "short"]


@given(
    data=st.lists(
        st.sampled_from([b"a", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xff", b"\n", b"\r", b"\r\n"])
    ).map(b"".join),
    chunk=st.integers(1, 9),
    size=st.integers(1, 4),
)
def test_chunks_and_batches_change_neither_lines_nor_offsets(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int, size: int
) -> None:
    file = tmp_path_factory.mktemp("lines") / "f"
    file.write_bytes(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_source, "_CHUNK_BYTES", chunk)
        found = batches(started(file, batch_size=str(size)))

    whole = _whole_lines(data)
    assert [v for b in found for v in b.values] == [
        line.rstrip(b"\r\n").decode("utf-8", "replace") for line in whole
    ]
    ends = [position for batch in found for position in positions(batch)]
    assert ends == [sum(map(len, whole[: n + 1])) for n in range(len(whole))]


def _whole_lines(data: bytes) -> list[bytes]:
    """Cut by hand, byte by byte; a `\\r` at the end may be half of a `\\r\\n`."""
    lines: list[bytes] = []
    line = b""
    for at in range(len(data)):
        line += data[at : at + 1]
        following = data[at + 1 : at + 2]
        if line.endswith(b"\n") or (line.endswith(b"\r") and following not in {b"\n", b""}):
            lines.append(line)
            line = b""
    return lines


def test_offsets_are_a_sequence_of_which_parts_can_be_taken(file: Path) -> None:
    file.write_text("1\n2\n3\n4\n")
    [batch] = batches(started(file))

    assert positions(batch.rows(1, 3)) == [4, 6]
    assert positions(batch.select([0, 3])) == [2, 8]
    assert positions(batch.rows(1, 4).rows(2, 3)) == [8]
    assert batch.source_offsets is not None
    assert batch.source_offsets[-1] == {"position": 8}
    assert batch.source_offsets[::-3] == [{"position": 8}, {"position": 2}]
    with pytest.raises(IndexError):
        batch.source_offsets[4]


def test_a_missing_file_is_waited_for_and_reported_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = started(file)
    looks = 0

    def appears_later() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            file.write_text("here\n")
        return False

    assert isinstance(task.context, Context)
    task.context.during_sleep = appears_later
    batch = task.poll()

    assert batch is not None
    assert batch.values == ["here"]
    assert caplog.text.count("is not there yet") == 1


def test_an_idle_poll_ends_after_a_while_so_that_the_runtime_gets_its_turn(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.touch()
    task = started(file)
    clock = iter(range(100))
    monkeypatch.setattr(file_source.time, "monotonic", lambda: next(clock) / 2)
    assert isinstance(task.context, Context)
    task.context.during_sleep = lambda: False

    assert task.poll() is None


def test_an_emptied_file_is_read_from_its_start_with_a_warning(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("old 1\nold 2\nhalf")
    task = started(file)
    assert read(task) == ["old 1", "old 2"]

    file.write_text("new\n")
    [batch] = batches(task)

    assert batch.values == ["new"]
    assert positions(batch) == [4]
    assert "less than the position 16" in caplog.text


def test_a_committed_position_behind_the_end_starts_the_file_again(file: Path) -> None:
    file.write_text("new\n")

    assert read(started(file, {"position": 1000})) == ["new"]


def test_a_file_that_was_moved_away_is_read_on(file: Path) -> None:
    file.write_text("1\n")
    task = started(file)
    assert read(task) == ["1"]

    moved = file.rename(file.with_name("in.txt.1"))
    with moved.open("a") as end:
        end.write("2\n")
    file.write_text("another file\n")

    assert read(task) == ["2"]


@pytest.mark.parametrize("position", ["4", 4.0, True])
def test_a_committed_position_that_is_no_integer_is_refused(file: Path, position: object) -> None:
    with pytest.raises(ConnectError, match=r"^Offset position is the incorrect type$"):
        started(file, {"position": position})


def test_a_directory_is_refused_by_name(tmp_path: Path) -> None:
    task = started(tmp_path)

    with pytest.raises(ConnectError, match=f"{tmp_path}: it is a directory"):
        task.poll()
    task.stop()


def test_a_named_pipe_is_read_while_somebody_writes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = started(pipe)
    assert task.poll() is None

    writer = os.open(pipe, os.O_WRONLY)
    assert task.poll() is None
    os.write(writer, b"through\n")

    assert read(task) == ["through"]
    os.close(writer)
    task.stop()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The writing end of a pipe that stands for standard input."""
    reading, writing = os.pipe()
    monkeypatch.setattr(file_source, "_STDIN", reading)
    yield writing
    os.close(reading)


def test_standard_input_is_read_without_offsets_and_without_blocking(stdin: int) -> None:
    task = started("")
    assert task.poll() is None

    os.write(stdin, b"typed\nha")
    [batch] = batches(task)

    assert (batch.values, batch.source_partition, batch.source_offsets) == (["typed"], None, None)
    os.close(stdin)


def test_the_end_of_standard_input_ends_its_last_line(stdin: int) -> None:
    os.write(stdin, b"first\nlast")
    os.close(stdin)

    assert read(started("")) == ["first", "last"]


def test_stopping_leaves_standard_input_open(stdin: int) -> None:
    task = started("")
    task.poll()

    task.stop()

    os.write(stdin, b"x\n")
    assert read(started("")) == ["x"]
    os.close(stdin)


def test_the_connector_makes_one_task_with_its_own_config() -> None:
    connector = FileStreamSourceConnector()
    config = {"file": "f", "topic": "t", "batch.size": "10"}

    connector.start(config)

    assert connector.task_configs(5) == [config]
    assert connector.task_class() is FileStreamSourceTask


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, 'Missing required configuration "topic" which has no default value.'),
        ({"topic": ""}, "Invalid value  for configuration topic: String must be non-empty"),
        (
            {"topic": "t", "batch.size": "x"},
            "Invalid value x for configuration batch.size: Not a number of type INT",
        ),
    ],
)
def test_a_wrong_config_is_refused(config: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FileStreamSourceConnector().start(config)

    assert str(caught.value) == text


PLACE = {"filename": "f"}


@pytest.mark.parametrize(
    ("partition", "offset", "text"),
    [
        (PLACE, {}, "Offset objects should either be null or contain the key 'position'"),
        (
            PLACE,
            {"position": "1"},
            "The value for the 'position' key in the offset is expected to be a Long value",
        ),
        (
            PLACE,
            {"position": -1},
            "The value for the 'position' key in the offset should be a non-negative value",
        ),
        (None, {"position": 1}, "Partition objects cannot be null"),
        ({}, {"position": 1}, "Partition objects should contain the key 'filename'"),
    ],
)
def test_offsets_of_another_form_are_refused_in_javas_words(
    partition: Any, offset: SourceOffset, text: str
) -> None:
    with pytest.raises(ConnectError) as caught:
        FileStreamSourceConnector().alter_offsets(
            {"file": "f", "topic": "t"}, [(partition, offset)]
        )

    assert str(caught.value) == text


def test_offsets_of_standard_input_cannot_be_altered() -> None:
    with pytest.raises(ConnectError) as caught:
        FileStreamSourceConnector().alter_offsets({"topic": "t"}, [])

    assert str(caught.value) == (
        "Offsets cannot be modified if the 'file' configuration is unspecified. This is because"
        " stdin is used for input and offsets are not tracked."
    )


def test_right_offsets_and_resets_of_any_partition_may_be_written() -> None:
    offsets: list[Any] = [(PLACE, {"position": 7}), ({"filename": "old"}, None), (None, None)]

    assert FileStreamSourceConnector().alter_offsets({"file": "f", "topic": "t"}, offsets)


def test_no_file_stays_open_after_stop(file: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("counts descriptors in /proc")
    file.write_text("1\n")
    before = sorted(Path("/proc/self/fd").iterdir())
    task = started(file)
    read(task)

    task.stop()

    assert sorted(Path("/proc/self/fd").iterdir()) == before
