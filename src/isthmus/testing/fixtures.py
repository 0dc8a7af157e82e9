"""Fixtures of pytest: one Kafka for all tests of a run, and one worker on it.

    pytest_plugins = ["isthmus.testing.fixtures"]       in conftest.py

The first start downloads Kafka once (some 50 MB), and a Java if the machine has none; later ones
take some seconds.
"""

from collections.abc import Iterator

import pytest

from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.testing.connect import Connect


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A real Kafka of this run's own; `kafka.bootstrap_servers` is its address."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), short_lived=True) as broker:
        yield broker


@pytest.fixture(scope="session")
def connect(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """A worker on that Kafka, for all tests of a run: take names that no other test takes."""
    with Connect(kafka.bootstrap_servers, tmp_path_factory.mktemp("connect")) as worker:
        yield worker
