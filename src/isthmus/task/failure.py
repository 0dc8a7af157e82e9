"""What a process says of its failure, also when it has no memory left to say it with."""

import mmap
import traceback
from typing import Final

from isthmus import secrets
from isthmus.channel import Failure
from isthmus.plugins import is_config_error

#: Address space only: no page of it is ever touched, so it takes no memory of the machine.
_RESERVE_BYTES: Final = 8 * 1024 * 1024

_reserve = mmap.mmap(-1, _RESERVE_BYTES)


def trace_of_failure() -> str:
    """Return the traceback of the exception that is being handled, which ends this process.

    A plugin that has taken all memory still holds it. What was kept back for this moment is let
    go of here, so that the trace, the log line and the report to the worker find room.
    """
    _reserve.close()
    return secrets.hide(traceback.format_exc())


def kind_of(error: BaseException) -> Failure:
    """Return what a failure is due to."""
    return Failure.CONFIG if is_config_error(error) else Failure.ERROR
