import pytest

from isthmus.config.clients import connector_log_configs
from isthmus.config.offsets_topic import OffsetsTopic, offsets_topic
from isthmus.config.standalone import StandaloneConfig
from isthmus.config.worker import WorkerConfig
from tests.support.scripted_link import worker_config

WORKERS = OffsetsTopic("offsets", is_workers=True)
#: The worker's servers in another order, and another cluster.
SAME = {"producer.override.bootstrap.servers": "b:2, a:1"}
ELSEWHERE = {"producer.override.bootstrap.servers": "c:3"}
OWN = {"offsets.storage.topic": " own "}
SAME_TOPIC = {"offsets.storage.topic": "offsets"}


def configured(support: str) -> WorkerConfig:
    return WorkerConfig.from_properties(
        worker_config("a:1,b:2", exactly_once_source_support=support)
    )


@pytest.mark.parametrize(
    ("support", "connector", "expected"),
    [
        ("disabled", {}, WORKERS),
        ("disabled", {"offsets.storage.topic": None}, WORKERS),
        ("disabled", ELSEWHERE, WORKERS),
        ("disabled", OWN, OffsetsTopic("own", is_workers=False)),
        ("disabled", SAME_TOPIC | SAME, WORKERS),
        ("disabled", SAME_TOPIC | ELSEWHERE, OffsetsTopic("offsets", is_workers=False)),
        ("preparing", ELSEWHERE, WORKERS),
        ("enabled", {}, WORKERS),
        ("enabled", SAME, WORKERS),
        ("enabled", ELSEWHERE, OffsetsTopic("offsets", is_workers=False)),
        ("ENABLED", OWN, OffsetsTopic("own", is_workers=False)),
    ],
)
def test_offsets_are_in_the_workers_topic_unless_a_connector_has_its_own(
    support: str, connector: dict[str, str | None], expected: OffsetsTopic
) -> None:
    assert offsets_topic(configured(support), connector) == expected


def test_a_standalone_worker_has_no_other_place_than_its_file() -> None:
    properties = {
        **worker_config("a:1", exactly_once_source_support="enabled"),
        "offset.storage.file.filename": "/tmp/offsets",
    }

    worker = StandaloneConfig.from_properties(properties).worker
    assert worker.exactly_once_source_support == "disabled"
    assert offsets_topic(worker, OWN).is_workers


def test_a_connectors_own_topic_is_read_and_written_with_its_overrides() -> None:
    overrides = {
        "consumer.override.fetch.max.wait.ms": "7",
        "producer.override.acks": "1",
        **ELSEWHERE,
    }

    found = connector_log_configs(configured("disabled"), overrides, "files")

    consumer, producer = found.consumer.settings, found.producer.settings
    assert consumer["client.id"] == "connector-consumer-files"
    assert consumer["group.id"] == "connect-files"
    assert (consumer["fetch.wait.max.ms"], consumer["enable.partition.eof"]) == (7, True)
    assert producer["client.id"] == "connector-offset-producer-files"
    assert (producer["acks"], producer["bootstrap.servers"]) == ("1", "c:3")


@pytest.mark.parametrize(
    ("support", "wanted", "isolation"),
    [
        ("disabled", None, "read_committed"),
        ("disabled", "read_uncommitted", "read_uncommitted"),
        ("enabled", "read_uncommitted", "read_committed"),
    ],
)
def test_a_connectors_own_topic_is_read_as_committed(
    support: str, wanted: str | None, isolation: str
) -> None:
    overrides = {"consumer.override.isolation.level": wanted}

    found = connector_log_configs(configured(support), overrides, "files")

    assert found.consumer.settings["isolation.level"] == isolation
