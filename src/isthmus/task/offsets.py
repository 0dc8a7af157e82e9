"""Commits source offsets through the worker, who owns the offsets topic.

Java: OffsetStorageWriter, SourceTaskOffsetCommitter.
"""

import logging

from isthmus.api.errors import ConnectError
from isthmus.channel import WriteOffsets
from isthmus.task.link import Link
from isthmus.task.submitted import SubmittedRecords

log = logging.getLogger(__name__)


class OffsetCommitter:
    """Writes the offsets of what is in Kafka. For the task's thread."""

    def __init__(self, link: Link, submitted: SubmittedRecords) -> None:
        self._link = link
        self._submitted = submitted
        #: What a commit has failed to write; newer offsets take the place of older ones.
        self._waiting: dict[bytes, bytes | None] = {}

    def commit(self, timeout: float) -> bool:
        """Write all offsets that are safe now.

        Returns:
            False if they could not be written in time; the next commit tries again.

        Raises:
            DataError: An offset is not a map from strings to primitive values.
        """
        self._waiting.update(self._submitted.take_committable())
        if not self._waiting:
            return True
        try:
            self._link.ask(WriteOffsets(0, list(self._waiting.items())), timeout)
        except ConnectError as error:
            log.error("Offsets could not be committed, the next commit tries again: %s", error)
            return False
        log.debug("Committed the offsets of %d source partitions", len(self._waiting))
        self._waiting.clear()
        return True
