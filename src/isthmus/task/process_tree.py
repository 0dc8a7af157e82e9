"""What a child starts ends with it, and the kernel ends children before their worker.

    a child                 leads a process group, which is killed as a whole
    who left the group      is the child's by adoption, the fork server's when the child has ended:
                            it has no other children than those it forked, and kills the rest
    the worker, killed      wakes the fork server, even a stopped one, which then ends all

Adoption and waking are Linux's; elsewhere there is the process group, and the end of the channel.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_STDIN: Final = 0
#: Loaded once, for all children.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_OOM_SCORE: Final = "/proc/self/oom_score_adj"
_DIGITS: Final = 16
_HIGHEST_OOM_SCORE: Final = 1000
#: As if a child had three tenths of all memory more than it has.
_CHILDS_OOM_SCORE: Final = 300


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; exit if that has happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent_to_clean_up() -> None:
    """Have the kernel wake this process when its parent ends, instead of killing it."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends.

    Whoever does not expect them leaves zombies until it ends itself; a daemon leaves one.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def lead_group(pid: int) -> None:
    """Make a process, this one or its child, the leader of a group of its own.

    Not where standard input is a terminal, which stops whoever reads there from another group.
    """
    if not os.isatty(_STDIN):
        with contextlib.suppress(OSError):  # it is one already, or has ended
            os.setpgid(pid, pid)


def die_first() -> None:
    """Have the kernel end this process rather than the worker when memory runs out."""
    # Without Python's files: what these touch is half a megabyte of the pages that children share.
    with contextlib.suppress(OSError, ValueError):
        file = os.open(_OOM_SCORE, os.O_RDWR)
        try:
            score = int(os.read(file, _DIGITS)) + _CHILDS_OOM_SCORE
            os.pwrite(file, b"%d" % min(score, _HIGHEST_OOM_SCORE), 0)
        finally:
            os.close(file)


def end_groups(leaders: Iterable[int]) -> None:
    """Kill processes and their groups, but for programs that run as another user."""
    for pid in leaders:
        for kill in (os.kill, os.killpg):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)


def end_orphans(expected: Collection[int]) -> bool:
    """Kill this process's children but the expected ones; tell whether there were any.

    They still have to be waited for, and may leave orphans in their turn.
    """
    orphans = _children() - set(expected)
    end_groups(orphans)
    return bool(orphans)


def _children() -> set[int]:
    task = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    try:
        return {int(pid) for pid in task.read_text(encoding="ascii").split()}
    except OSError:
        return set()  # not Linux, or a kernel built without this list


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)
