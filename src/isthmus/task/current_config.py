"""The config of a task as it is now. Java: configs() of the contexts of tasks."""

import msgspec

from isthmus import secrets
from isthmus.channel import ReadTaskConfig, TaskConfig
from isthmus.task.link import Link


def current_config(link: Link) -> dict[str, str]:
    """Return the config that the task was started with, its variables resolved again.

    Raises:
        ConnectError: A provider cannot read its place, or the worker does not answer.
    """
    answer = msgspec.msgpack.decode(link.ask(ReadTaskConfig(0)).body, type=TaskConfig)
    secrets.learn(answer.secrets)
    return {key: value for key, value in answer.config.items() if value is not None}
