"""What one process of a connector may take: set within the process, before any plugin runs.

Memory is the worker's to watch (`worker/memory.py`): the kernel's own limits of it end in an error
somewhere, which names no limit.
"""

import os
import resource

from isthmus.api.errors import ConfigError
from isthmus.config.supervision import Limits


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
