"""Which errors a configuration is the cause of."""

import pytest

from isthmus.api.errors import ConfigError, ConnectError, RetriableError
from isthmus.config.tasks_max import TooManyTasksError
from isthmus.plugins import PluginNotFoundError, is_config_error


def raised_from(cause: Exception) -> Exception:
    """Return an error as the runtime wraps what a plugin raised."""
    error = ConnectError("the task failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("x"),
        PluginNotFoundError("x"),
        TooManyTasksError("x"),
        ModuleNotFoundError("x"),
        raised_from(ConfigError("x")),
    ],
)
def test_the_same_configuration_would_lead_to_it_again(error: Exception) -> None:
    assert is_config_error(error)


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("x"),
        RetriableError("x"),
        OSError("x"),
        MemoryError(),
        raised_from(TimeoutError("x")),
    ],
)
def test_it_may_pass(error: Exception) -> None:
    assert not is_config_error(error)
