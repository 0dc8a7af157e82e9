"""The broker that the tests share, and names of topics that nobody else uses."""

import uuid
from collections.abc import Iterator

import pytest

from isthmus.embedded.kafka import EmbeddedKafka


@pytest.fixture(scope="session")
def bootstrap_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a Kafka: that of `--bootstrap-servers`, else of one for this session."""
    given = request.config.getoption("--bootstrap-servers")
    if isinstance(given, str):
        yield given
        return
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), short_lived=True) as kafka:
        yield kafka.bootstrap_servers


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic's name that has never been used; begins with the test's, for those who look."""
    return f"{str(request.node.name)[:60].translate(_TO_TOPIC)}-{uuid.uuid4().hex[:8]}"


_TO_TOPIC = {code: "-" for code in range(128) if not chr(code).isalnum()}
