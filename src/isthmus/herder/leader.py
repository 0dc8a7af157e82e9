"""What only the leader of the group does.

It shares out work, keeps older leaders from writing, makes session keys and tidies up statuses.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId
from isthmus.config.worker import WorkerConfig
from isthmus.group.leader import Leader, Owners
from isthmus.group.membership import Election
from isthmus.group.protocol import Assignment
from isthmus.herder.reconcile import deleted
from isthmus.storage.cluster_state import ClusterState, SessionKey
from isthmus.storage.config_store import ConfigStore
from isthmus.storage.status_store import StatusStore

log = logging.getLogger(__name__)

#: Bytes of the key that the JVM's generator makes by default for each algorithm.
_KEY_BYTES = {
    "HmacMD5": 64,
    "HmacSHA1": 64,
    "HmacSHA224": 28,
    "HmacSHA256": 32,
    "HmacSHA384": 48,
    "HmacSHA512": 64,
}

#: Seconds until the next try after a session key could not be written.
_KEY_RETRY = 1.0

#: How long the herder waits for the privilege to write before it looks for other things to do.
_CLAIM_TIMEOUT = 2.0
_CLAIM_RETRY = 0.25


class Leadership:
    """The leader's duties. For the event loop, but for `perform_assignment`.

    `perform_assignment` runs on the member's thread: it reads immutable snapshots, and what it
    leaves for the loop (who owns what) it puts there in one assignment.
    """

    def __init__(
        self,
        config: WorkerConfig,
        configs: ConfigStore,
        statuses: StatusStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._configs = configs
        self._statuses = statuses
        self._leader = Leader(config.scheduled_rebalance_max_delay)
        self._clock = clock
        self._owners = Owners()

    def perform_assignment(self, election: Election) -> Mapping[str, Assignment]:
        """Share out all connectors and tasks among the members."""
        decision = self._leader.decide(election, self._configs.snapshot(), self._configs.snapshot)
        self._owners = decision.owners
        return decision.assignments

    def forget_owners(self) -> None:
        """Forget who runs what: a rebalance is under way and may change it."""
        self._owners = Owners()

    def connector_owner(self, name: str) -> str | None:
        """Return the URL of the worker that runs the connector, None while nobody knows."""
        return self._owners.connectors.get(name)

    def task_owner(self, task: ConnectorTaskId) -> str | None:
        """Return the URL of the worker that runs the task, None while nobody knows."""
        return self._owners.tasks.get(task)

    async def claim_write_privileges(self) -> None:
        """Fence out leaders before this one, so that the config topic has one writer (KIP-618)."""
        try:
            await self._configs.claim_write_privileges(_CLAIM_TIMEOUT)
        except ConnectError as error:
            log.warning(
                "Unable to claim write privileges for config topic, next try in %.2f s: %s",
                _CLAIM_RETRY,
                error,
            )
            await asyncio.sleep(_CLAIM_RETRY)
        else:
            log.info("Claimed write privileges for config topic")

    async def rotate_session_key_if_due(self) -> bool:
        """Write a new session key if there is none that is good enough (KIP-507)."""
        if self.seconds_to_key_rotation() > 0:
            return False
        algorithm = self._config.inter_worker_key_generation_algorithm
        key = SessionKey(
            key=secrets.token_bytes(self._key_bytes()),
            algorithm=algorithm,
            created_ms=int(self._clock() * 1000),
        )
        try:
            await self._configs.put_session_key(key)
        except ConnectError as error:
            log.error("A new session key could not be written: %s", error)
            await asyncio.sleep(_KEY_RETRY)
        return True

    def seconds_to_key_rotation(self) -> float:
        """Return the seconds until a new session key is due, at most 0 when it is."""
        key = self._configs.snapshot().session_key
        if key is None or key.algorithm != self._config.inter_worker_key_generation_algorithm:
            return 0.0
        if len(key.key) != self._key_bytes():
            return 0.0
        ttl = self._config.inter_worker_key_ttl
        if ttl == 0:
            return float("inf")
        return key.created_ms / 1000 + ttl - self._clock()

    def _key_bytes(self) -> int:
        size = self._config.inter_worker_key_size
        if size is not None:
            return (size + 7) // 8
        return _KEY_BYTES.get(self._config.inter_worker_key_generation_algorithm, 32)

    def clean_status(self, subject: str | ConnectorTaskId, state: ClusterState) -> None:
        """Delete the status of one connector or task if it has no config any more."""
        if isinstance(subject, str):
            if not state.contains(subject):
                self._delete_connector(subject)
        elif subject not in state.tasks(subject.connector):
            self._statuses.delete_task(subject)

    def clean_statuses(self, state: ClusterState) -> None:
        """Delete the statuses of connectors and tasks that have no config any more."""
        for name in deleted(self._statuses.connectors(), state):
            self._delete_connector(name)
        for name in state.connectors():
            configured = set(state.tasks(name))
            for task in self._statuses.tasks(name).keys() - configured:
                self._statuses.delete_task(task)

    def _delete_connector(self, name: str) -> None:
        log.info("Deleting the status of connector %s, which has no config any more", name)
        self._statuses.delete_connector(name)
