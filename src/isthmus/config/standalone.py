"""The settings of a standalone worker: those of a distributed one that has no group. KIP-26."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConfigError
from isthmus.config.worker import WorkerConfig
from isthmus.config.worker_def import group_config_def

_FILE: Final = "offset.storage.file.filename"
_TOPICS: Final = ("config.storage.", "offset.storage.", "status.storage.")
#: What a distributed worker must be told, for one that has none of it.
_NO_GROUP: Final[Mapping[str, str]] = {
    "group.id": "",
    "config.storage.topic": "",
    "offset.storage.topic": "",
    "status.storage.topic": "",
}


@dataclass(frozen=True, slots=True)
class StandaloneConfig:
    """Java: StandaloneConfig."""

    #: All that a standalone worker has in common with others; without a group or topics.
    worker: WorkerConfig
    offset_file: Path

    @classmethod
    def from_properties(cls, raw: Mapping[str, str]) -> "StandaloneConfig":
        """Return the settings that `raw` says; those of a group are passed over.

        Raises:
            ConfigError: The first property that is missing or wrong.
        """
        of_a_group = set(group_config_def().names)
        kept = {
            key: value
            for key, value in raw.items()
            if key not in of_a_group and not key.startswith(_TOPICS)
        }
        # As one of a distributed worker it is unknown; here variables may stand in it.
        worker = WorkerConfig.from_properties({**kept, **_NO_GROUP})
        given = {_FILE: raw[_FILE]} if _FILE in raw else {}
        file = worker.transformer.transform(given).get(_FILE)
        if file is None:
            raise ConfigError(
                f'Missing required configuration "{_FILE}" which has no default value.'
            )
        return cls(worker, Path(file))
