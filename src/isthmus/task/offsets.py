"""Commits source offsets through the worker. Java: OffsetStorageWriter, SourceTaskOffsetCommitter."""

import logging

from isthmus.api.errors import ConnectError
from isthmus.api.record import SourceBatch
from isthmus.channel import WriteOffsets
from isthmus.task.link import Link
from isthmus.task.submitted import SubmittedOffsets, UncommittedOffsets

log = logging.getLogger(__name__)


class OffsetCommitter:
    """Writes the offsets of what is in Kafka. For the task's thread."""

    def __init__(self, connector: str, link: Link) -> None:
        self._link = link
        self._submitted = SubmittedOffsets(connector)
        self._uncommitted = UncommittedOffsets()

    def submitted(self, batch: SourceBatch) -> None:
        """Note a batch whose records were all given to the producer."""
        self._submitted.add(batch)

    def commit(self, timeout: float) -> bool:
        """Write the offsets of all that was submitted; all of it must be in Kafka.

        Returns:
            False if they could not be written now; the next commit tries again.
        """
        try:
            self._uncommitted.add(self._submitted.take())
        except ConnectError as error:
            log.error("Offsets cannot be written as JSON, the commit is left out: %s", error)
            return False
        records = self._uncommitted.take()
        if not records:
            return True
        try:
            self._link.ask(WriteOffsets(0, records), timeout)
        except ConnectError as error:
            log.error("Offsets could not be committed, the next commit tries again: %s", error)
            self._uncommitted.add(records)
            return False
        log.debug("Committed the offsets of %d source partitions", len(records))
        return True
