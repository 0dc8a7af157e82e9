"""What every tier of tests has: its marker by its folder, and a broker to ask for."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.broker import bootstrap_servers, topic
from tests.support.registry import converters, registry

__all__ = ["bootstrap_servers", "converters", "registry", "topic"]

# The same examples each time, however slow the machine is. `--hypothesis-profile=search` looks on.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=4000, deadline=None)
settings.load_profile("same")

TIERS = {
    "unit": "needs no broker, no child process and no sleep",
    "broker": "needs a Kafka broker",
    "cluster": "starts workers as processes",
    "peer": "starts Apache's own Connect worker",
}
_TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bootstrap-servers",
        metavar="HOST:PORT",
        help="test against this Kafka; without it one is started from the jars",
    )


def pytest_configure(config: pytest.Config) -> None:
    for tier, need in TIERS.items():
        config.addinivalue_line("markers", f"{tier}: {need}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = item.path.relative_to(_TESTS).parts[0]
        if tier in TIERS:
            item.add_marker(tier)
