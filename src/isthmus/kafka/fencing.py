"""Taking transactional ids away from the producers that use them now.

Java: Admin.fenceProducers, which librdkafka's admin client does not have.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaException, Producer

from isthmus.api.errors import ConnectError

#: Each is a client with connections of its own.
_AT_ONCE = 16


def fence_producers(
    settings: Mapping[str, Any], transactional_ids: Sequence[str], timeout: float
) -> None:
    """Begin a new epoch of each transactional id; blocks, so it is not for the loop.

    What a producer of an earlier epoch has not committed is aborted, and it can write no more.

    Args:
        settings: Those of a producer, without its transactional id.
        transactional_ids: Whether or not anybody has used them so far.
        timeout: Seconds for all of them together.

    Raises:
        ConnectError: The brokers refused it for one, or did not do it in time.
    """
    deadline = time.monotonic() + timeout

    def fence(transactional_id: str) -> None:
        left = max(0.1, deadline - time.monotonic())
        try:
            producer = Producer({**settings, "transactional.id": transactional_id})
            producer.init_transactions(left)
        except (KafkaException, TypeError, ValueError) as error:
            raise ConnectError(
                f"Failed to perform zombie fencing: transactional id {transactional_id}:"
                f" {_reason(error)}"
            ) from error

    with ThreadPoolExecutor(_AT_ONCE, "fencing") as threads:
        list(threads.map(fence, transactional_ids))


def _reason(error: Exception) -> str:
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)
