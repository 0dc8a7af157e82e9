"""How many tasks a connector may have: `tasks.max`, `tasks.max.enforce` (KIP-1004).

Java: Worker.checkTasksMax.
"""

import logging
from collections.abc import Mapping

from isthmus.api.config_def import Type, parse_type
from isthmus.api.errors import ConnectError

log = logging.getLogger(__name__)

_NOT_ALLOWED = (
    "The connector {name} has generated {tasks} tasks, which is greater than {limit}, the"
    " maximum number of tasks it is configured to create. This behaviour should be considered a"
    " bug and is disallowed. If necessary, it can be permitted by reconfiguring the connector with"
    " 'tasks.max.enforce' set to false; however, this option will be removed in a future release of"
    " Kafka Connect."
)


class TooManyTasksError(ConnectError):
    """A connector has more tasks than it may. Java: TooManyTasksException."""


def tasks_max(config: Mapping[str, str | None]) -> int:
    """Return how many tasks the connector of this config may have."""
    return int((config.get("tasks.max") or "1").strip())


def check_tasks_max(name: str, config: Mapping[str, str | None], tasks: int, limit: int) -> None:
    """Refuse more tasks than the limit, or warn of them where it is not enforced.

    Raises:
        TooManyTasksError: There are more.
    """
    if tasks <= limit:
        return
    enforced = config.get("tasks.max.enforce") or "true"
    if parse_type("tasks.max.enforce", enforced, Type.BOOLEAN) is True:
        raise TooManyTasksError(_NOT_ALLOWED.format(name=name, tasks=tasks, limit=limit))
    log.warning("Connector %s has %d tasks, more than tasks.max=%d", name, tasks, limit)
