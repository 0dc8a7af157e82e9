import io
import os
import threading
from collections.abc import Iterator
from typing import cast

import pytest

from isthmus.task.printing import LineStream


class Pipe:
    """A stream into a pipe, and what has arrived there."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.stream = LineStream(os.fdopen(writing, "wb"))

    def arrived(self) -> str:
        try:
            return os.read(self._reading, 65536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        self.stream.close()
        os.close(self._reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_line_is_written_when_it_ends(pipe: Pipe) -> None:
    print("one", end="", file=pipe.stream)
    assert pipe.arrived() == ""

    print(" and two", file=pipe.stream)
    assert pipe.arrived() == "one and two\n"


def test_lines_of_threads_that_print_at_once_do_not_mix(pipe: Pipe) -> None:
    print("main", end=" ", file=pipe.stream)
    other = threading.Thread(target=lambda: print("other", file=pipe.stream))
    other.start()
    other.join()
    print("thread", file=pipe.stream)

    assert pipe.arrived() == "other\nmain thread\n"


def test_a_flush_writes_a_line_that_has_no_end_yet(pipe: Pipe) -> None:
    print("10 %", end="", flush=True, file=pipe.stream)

    assert pipe.arrived() == "10 %"


def test_bytes_that_were_written_before_come_before(pipe: Pipe) -> None:
    cast("io.BufferedWriter", pipe.stream.buffer).write(b"bytes\n")
    print("text \ud800", file=pipe.stream)

    assert pipe.arrived() == "bytes\ntext \\ud800\n"
