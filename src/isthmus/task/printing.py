"""What plugins print, a whole line at a time.

`print` writes a line in two pieces, its text and its end, and several threads may print at once.
Other processes print to the same standard output, and log there.
"""

import io
import sys
import threading
from typing import BinaryIO, cast

from isthmus.logs import write_lines


class LineStream(io.TextIOWrapper):
    """A text stream that keeps the last, unfinished line of each thread until it ends.

    A `flush` writes it all the same; for those who want a line to be seen as it grows.
    """

    def __init__(self, buffer: BinaryIO) -> None:
        super().__init__(buffer, encoding="utf-8", errors="backslashreplace")
        self._unfinished = threading.local()

    def write(self, text: str, /) -> int:
        before: str = getattr(self._unfinished, "text", "")
        lines, end, rest = (before + text).rpartition("\n")
        self._unfinished.text = rest
        if end:
            self._put(lines + end)
        return len(text)

    def flush(self) -> None:
        rest: str = getattr(self._unfinished, "text", "")
        self._unfinished.text = ""
        if rest:
            self._put(rest)
        super().flush()

    def _put(self, text: str) -> None:
        super().flush()  # what was written to `buffer` came before
        write_lines(self.fileno(), text.encode(self.encoding, self.errors or "strict"))


def print_by_lines() -> None:
    """Have what this process prints appear when it is printed, by whole lines."""
    for name in ("stdout", "stderr"):
        stream: object = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, LineStream(cast("BinaryIO", stream.buffer)))
