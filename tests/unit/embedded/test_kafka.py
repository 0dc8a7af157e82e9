from pathlib import Path

import pytest

from isthmus.api.errors import ConnectError
from isthmus.embedded.kafka import EmbeddedKafka, broker_properties

DATA = Path("/var/kafka/data")


def test_one_node_is_both_broker_and_controller_on_the_loopback_interface() -> None:
    settings = broker_properties(DATA, 9092, 9093, {})

    assert settings["process.roles"] == "broker,controller"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert settings["log.dirs"] == "/var/kafka/data"


def test_all_internal_topics_are_content_with_one_replica() -> None:
    settings = broker_properties(DATA, 9092, 9093, {})

    replication = {key: value for key, value in settings.items() if "replication.factor" in key}
    assert len(replication) == 3
    assert set(replication.values()) == {"1"}
    assert settings["transaction.state.log.min.isr"] == "1"


def test_topics_are_created_on_demand_as_is_kafka_s_default() -> None:
    assert "auto.create.topics.enable" not in broker_properties(DATA, 9092, 9093, {})


def test_a_setting_of_the_caller_s_wins() -> None:
    settings = broker_properties(DATA, 9092, 9093, {"offsets.topic.num.partitions": "50"})

    assert settings["offsets.topic.num.partitions"] == "50"


def test_listeners_of_the_caller_s_come_on_top_of_ours() -> None:
    extra = {
        "listeners": "SECURE://127.0.0.1:9094",
        "listener.security.protocol.map": "SECURE:SASL_SSL",
    }

    settings = broker_properties(DATA, 9092, 9093, extra)

    assert settings["listeners"].split(",") == [
        "PLAINTEXT://127.0.0.1:9092",
        "CONTROLLER://127.0.0.1:9093",
        "SECURE://127.0.0.1:9094",
    ]
    assert settings["listener.security.protocol.map"].startswith("PLAINTEXT:PLAINTEXT,")
    assert settings["listener.security.protocol.map"].endswith(",SECURE:SASL_SSL")


def test_a_kafka_that_was_not_started_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="was not started"):
        _ = EmbeddedKafka(tmp_path).bootstrap_servers
