"""When the member sends heartbeats, and how long its session lasts."""

# kafka-python has no type hints.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false

import time
from typing import Any

import kafka.coordinator.heartbeat

BaseHeartbeat: Any = kafka.coordinator.heartbeat.Heartbeat

_FIRST_INTERVAL = 0.05


class SessionHeartbeat(BaseHeartbeat):
    """When to send the next heartbeat, and whether the session still stands.

    After a join heartbeats come close together and then ever more rarely. One rebalance often
    follows another, first of all after revocations (KIP-415), and a member learns of it from the
    answer to a heartbeat: with the plain interval of 3 s a member that comes to a group of one
    would wait up to 3 s more for its work.

    The session counts from when the last answered heartbeat was sent, so that it ends here before
    it ends at the coordinator.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._session_start = time.monotonic()

    def joined(self) -> None:
        self._session_start = time.monotonic()

    def received_heartbeat(self) -> None:
        super().received_heartbeat()
        self._session_start = self.last_send

    @property
    def session_end(self) -> float:
        """When the session ends unless a heartbeat is answered before, by `time.monotonic`."""
        return self._session_start + self.config["session_timeout_ms"] / 1000

    def session_timeout_expired(self) -> bool:
        return time.monotonic() > self.session_end

    def time_to_next_heartbeat(self) -> float:
        if self.heartbeat_failed:
            return super().time_to_next_heartbeat()
        last = max(self.last_send, self.last_reset)
        interval = min(
            self.config["heartbeat_interval_ms"] / 1000,
            max(_FIRST_INTERVAL, last - self.last_reset),
        )
        return max(0.0, last + interval - time.monotonic())
