"""Tells errors of a configuration from those that may pass."""

from typing import Final

from isthmus.api.errors import ConfigError
from isthmus.config.tasks_max import TooManyTasksError
from isthmus.plugins.index import PluginNotFoundError

_OF_CONFIG: Final = (ConfigError, PluginNotFoundError, TooManyTasksError, ImportError)


def is_config_error(error: BaseException) -> bool:
    """Return whether the same configuration would lead to this error again.

    It is the cause, if it is the error itself or one of those that it was raised from.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _OF_CONFIG):
            return True
        cause = cause.__cause__
    return False
