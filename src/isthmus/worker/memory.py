"""Watches over the memory of a process, and keeps it within the limits of its connector."""

import asyncio
import logging
import resource
from collections.abc import Callable
from pathlib import Path

from isthmus.channel import Failure, RelieveMemory
from isthmus.config.supervision import Limits
from isthmus.worker.child import Child

log = logging.getLogger(__name__)

_PAGE = resource.getpagesize()
_LOOK = 0.25
#: How long a process is left alone that was asked for memory.
_RELIEF_PAUSE = 10.0


def resident_memory(pid: int) -> int | None:
    """Return the bytes of a process that are in memory, as `ps` shows them; None if unknown.

    Memory that it shares with others counts in full.
    """
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        return None  # it has ended, or this is not Linux
    return int(text.split()[1]) * _PAGE


async def guard_memory(
    child: Child, title: str, limits: Limits, measure: Callable[[int], int | None] = resident_memory
) -> None:
    """Ask for memory beyond the soft limit, and kill beyond the hard one, until the process ends.

    `title` is how the log names it. Only tasks can give memory back; connectors are told of.
    """
    ended = asyncio.ensure_future(child.wait())
    next_request = 0.0
    while not (await asyncio.wait({ended}, timeout=_LOOK))[0]:
        used = measure(child.pid) if child.pid else None
        if used is None:
            continue
        if limits.hard_memory and used > limits.hard_memory:
            child.kill_because(
                f"it took {used} bytes of memory, more than"
                f" limit.memory.hard.bytes={limits.hard_memory}",
                Failure.MEMORY,
            )
            return
        now = asyncio.get_running_loop().time()
        if limits.soft_memory and used > limits.soft_memory and now >= next_request:
            next_request = now + _RELIEF_PAUSE
            log.warning(
                "Memory of %s, %d bytes, is above limit.memory.soft.bytes=%d; asking it to flush",
                title,
                used,
                limits.soft_memory,
            )
            child.send(RelieveMemory())
