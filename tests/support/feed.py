"""Work for file sources while a test goes on."""

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path


class Feed:
    """Writes numbered lines to files until it is closed, so that there is always some work."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._closed = threading.Event()
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._write, name="feed")
        for file in files:
            file.touch()
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _write(self) -> None:
        for number in itertools.count():
            if self._closed.wait(0.05):
                return
            for n, file in enumerate(self._files):
                line = f"{n}: {number}"
                with file.open("a") as opened:
                    opened.write(f"{line}\n")
                self.lines.append(line)
