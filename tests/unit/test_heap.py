"""What is done with memory that is free."""

import platform
import subprocess
import sys

import pytest

#: Joins texts of 4 MB again and again, and says how many pages the system had to give for it.
PROGRAM = """
import resource, sys
from isthmus.heap import keep_freed_memory

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
#: Takes 40 MB in pieces, keeps every hundredth, and says how much of it the process still holds.
PIECES = """
import sys
from isthmus.heap import trim

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

before = held()
pieces = [bytes(4000) for _ in range(10_000)]
kept = [piece for number, piece in enumerate(pieces) if number % 100 == 0]
del pieces
if sys.argv[1] == "trim":
    trim()
print(held() - before)
"""

glibc_only = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries have no such knob"
)


def printed(program: str, how: str) -> int:
    run = [sys.executable, "-c", program, how]
    return int(subprocess.run(run, check=True, capture_output=True, timeout=60).stdout)


@glibc_only
def test_pages_between_what_stays_go_back_to_the_system() -> None:
    assert printed(PIECES, "trim") < printed(PIECES, "as usual") / 4


@glibc_only
def test_a_task_does_not_fetch_memory_anew_for_each_batch() -> None:
    assert printed(PROGRAM, "keep") < printed(PROGRAM, "as usual") / 10
