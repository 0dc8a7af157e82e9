"""A sink task that a test holds in its hands."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from isthmus.channel import TargetState
from tests.support.sink_tasks import RunningSink, Script, Start, produce


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def start(bootstrap_servers: str, topic: str, script: Script) -> Iterator[Start]:
    """Starts a task of the connector named as the topic; all are stopped at the end."""
    running: list[RunningSink] = []

    def start_one(
        of: Script = script,
        state: TargetState = TargetState.STARTED,
        worker: Mapping[str, str] | None = None,
        **settings: str,
    ) -> RunningSink:
        config = {"name": topic, "topics": topic, **settings}
        if "topics.regex" in config:
            del config["topics"]
        running.append(RunningSink(bootstrap_servers, of, config, state, worker))
        return running[-1]

    yield start_one
    for sink in running:
        sink.stop()


@pytest.fixture
def write(bootstrap_servers: str, topic: str) -> Callable[..., None]:
    return lambda *values, **more: produce(bootstrap_servers, topic, *values, **more)
