from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.standalone import StandaloneConfig

PROPERTIES = {
    "bootstrap.servers": "localhost:9092",
    "key.converter": "JsonConverter",
    "value.converter": "JsonConverter",
}


def test_settings_of_a_group_mean_nothing_to_a_worker_by_itself() -> None:
    of_a_group = {"session.timeout.ms": "wrong", "config.storage.replication.factor": "1"}
    file = {"offset.storage.file.filename": "/var/lib/offsets"}

    config = StandaloneConfig.from_properties({**PROPERTIES, **of_a_group, **file})

    assert config.offset_file == Path("/var/lib/offsets")
    assert config.worker.group_id == ""
    assert config.worker.unknown_keys() == []
    assert config.worker.ignored_keys() == []


def test_a_file_for_offsets_is_required() -> None:
    with pytest.raises(ConfigError) as caught:
        StandaloneConfig.from_properties(PROPERTIES)

    assert str(caught.value) == (
        'Missing required configuration "offset.storage.file.filename" which has no default value.'
    )
