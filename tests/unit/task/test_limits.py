"""What processes of tasks do with their memory."""

import platform
import subprocess
import sys

import pytest

#: Joins texts of 4 MB again and again, and says how many pages the system had to give for it.
PROGRAM = """
import resource, sys
from isthmus.task.limits import keep_freed_memory

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    keep_freed_memory()
text = "x" * 4_000_000
"\\n".join([text, text])
before = pages()
for _ in range(20):
    "\\n".join([text, text])
print(pages() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such knob")
def test_a_task_does_not_fetch_memory_anew_for_each_batch() -> None:
    def pages(how: str) -> int:
        run = [sys.executable, "-c", PROGRAM, how]
        return int(subprocess.run(run, check=True, capture_output=True, timeout=60).stdout)

    assert pages("keep") < pages("as usual") / 10
