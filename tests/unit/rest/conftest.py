from collections.abc import Callable, Iterator

import pytest

from isthmus.rest.config import RestConfig
from tests.unit.rest.running_server import LOCAL, RunningServer
from tests.unit.rest.scripted_herder import ScriptedHerder


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RunningServer]:
    running = RunningServer(RestConfig(listeners=[LOCAL]))
    yield running
    running.close()


@pytest.fixture
def server(shared_server: RunningServer) -> RunningServer:
    """A server with default settings; its herder is as new."""
    shared_server.herder.reset()
    return shared_server


@pytest.fixture
def herder(server: RunningServer) -> ScriptedHerder:
    return server.herder


@pytest.fixture
def start() -> Iterator[Callable[[RestConfig], RunningServer]]:
    """Starts servers with other settings, which end with the test."""
    started: list[RunningServer] = []

    def start_server(config: RestConfig) -> RunningServer:
        started.append(RunningServer(config))
        return started[-1]

    yield start_server
    for running in started:
        running.close()
