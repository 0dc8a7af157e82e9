"""What a standalone worker has: offsets in a file, the rest in memory, and a group of one."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from isthmus.cli.connect import RunningMember
from isthmus.config.worker import Store
from isthmus.group.alone import LoneMember
from isthmus.herder.herder import Herder
from isthmus.herder.standalone import StandaloneServices
from isthmus.kafka.admin import TopicAdmin
from isthmus.kafka.topic_log import TopicLog
from isthmus.kafka.transactional_writer import TransactionalWriter
from isthmus.storage.connector_offsets import MakeLog
from isthmus.storage.memory_log import MemoryLog
from isthmus.storage.offset_file import OffsetFile


class StandaloneMode:
    """Java: ConnectStandalone."""

    services = StandaloneServices

    def __init__(self, offset_file: Path) -> None:
        self._offset_file = offset_file

    def topic_log(self, store: Store, admin: TopicAdmin) -> TopicLog:
        """Return what the store stands on; no topic is needed."""
        return OffsetFile(self._offset_file) if store == "offset" else MemoryLog()

    def own_offsets_log(self, connector: str, config: Mapping[str, str | None]) -> MakeLog | None:
        """Return None: the file holds the offsets of all connectors."""
        return None

    def leader_writer(self) -> TransactionalWriter | None:
        """Return None: nobody else writes."""
        return None

    def make_member(
        self, herder: Herder, worker_id: str, loop: asyncio.AbstractEventLoop
    ) -> RunningMember:
        """Return the membership of nobody's group."""
        return LoneMember(herder)
