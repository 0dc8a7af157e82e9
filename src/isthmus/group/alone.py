"""A group of one, without a broker: the membership of a standalone worker."""

import asyncio
import contextlib
import logging

from isthmus.group.membership import Election, GroupListener
from isthmus.group.protocol import ConnectProtocol

log = logging.getLogger(__name__)

_MEMBER = "standalone"
#: No keys are needed for requests that no other worker will ever send.
_PROTOCOL = ConnectProtocol.COMPATIBLE


class LoneMember:
    """Rebalances with nobody when it is asked to: it leads, and gets all the work.

    For the event loop only. To its listener it is what `GroupMember` is.
    """

    def __init__(self, listener: GroupListener) -> None:
        self._listener = listener
        self._wanted = asyncio.Event()
        self._generation = -1
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take the first assignment, and one after each `request_rejoin`."""
        self._wanted.set()
        self._life = asyncio.create_task(self._live(), name="group of one")

    def request_rejoin(self, reason: str) -> None:
        """Rebalance; one round serves all requests made before it starts."""
        log.debug("Sharing out the work anew: %s", reason)
        self._wanted.set()

    def leave_group(self, reason: str) -> None:
        """Do nothing: nobody else waits for this worker."""

    async def leave_and_stop(self) -> None:
        """End; the work is no concern of this class."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life

    async def _live(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            state = await self._listener.prepare_join()
            last, self._generation = self._generation, self._generation + 1
            election = Election(_MEMBER, _PROTOCOL, self._generation, last, {_MEMBER: state})
            assignment = self._listener.perform_assignment(election)[_MEMBER]
            await self._listener.joined(self._generation, _MEMBER, _PROTOCOL, assignment)
            if assignment.revokes:
                self._wanted.set()
