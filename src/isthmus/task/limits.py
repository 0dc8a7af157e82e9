"""What one process of a connector may take: set within the process, before any plugin runs.

Memory is the worker's to watch (`worker/memory.py`): the kernel's own limits of it end in an error
somewhere, which names no limit.
"""

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Callable
from typing import Final

from isthmus.api.errors import ConfigError
from isthmus.config.supervision import Limits

#: Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
#: Blocks from this size on go back to the system at once; glibc takes no larger value.
_LARGE_BLOCK: Final = 32 << 20
#: So many bytes at the end of the heap may be free.
_KEPT: Final = 64 << 20


def apply_limits(limits: Limits) -> None:
    """Lower this process's priority and number of open files, as far as they are limited.

    The thread that takes the worker's orders runs already, and keeps its priority.

    Raises:
        ConfigError: The worker itself may not open so many files.
    """
    if limits.nice:
        os.nice(limits.nice)
    if limits.open_files:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most != resource.RLIM_INFINITY and limits.open_files > most:
            raise ConfigError.invalid(
                "limit.open.files", limits.open_files, f"the worker itself may open {most} at most"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))


def keep_freed_memory() -> None:
    """Have the C library keep some of what is freed, for the next batch.

    It gives large blocks back to the system at once, and the system clears each page of the next
    one anew. With records of 1 MB that takes more time than all that is done with them: to join and
    encode the text of one, 2.1 ms instead of 0.1.
    """
    tune = _glibc("mallopt")
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        tune(_M_TRIM_THRESHOLD, _KEPT)


def give_back_memory() -> None:
    """Free what nothing refers to, and return it to the system as far as the C library can."""
    gc.collect()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(function: str) -> Callable[..., int] | None:
    """Return a function of glibc, None where another C library is."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
