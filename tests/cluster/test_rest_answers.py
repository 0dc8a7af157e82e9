"""Our answers to the requests that Apache's worker was recorded with, compared to the byte.

`tests/golden/rest/record.py` makes the recording anew; `tests/golden/rest/differences.py` is the
list of what differs on purpose.
"""

import json
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from isthmus.embedded.process import free_port
from isthmus.embedded.worker_process import WorkerProcess
from isthmus.plugins.built_in import BUILT_IN
from isthmus.plugins.descriptor import PluginKind
from tests.golden.rest.differences import leveled
from tests.golden.rest.record import ANSWERS, COMMON
from tests.golden.rest.scripts import OWN, PLAIN
from tests.support.cluster import Cluster
from tests.support.rest_script import Answer, Script, Target, read_answers, with_ports

_HAS_TRANSFORMATIONS = any(plugin.kind is PluginKind.TRANSFORMATION for plugin in BUILT_IN)
#: What only a worker with Apache's transformations can answer.
_ABOUT_TRANSFORMATIONS = "org.apache.kafka.connect.transforms."


@contextmanager
def worker(
    bootstrap_servers: str, directory: Path, properties: Mapping[str, str], listeners: int
) -> Generator[Target]:
    """Run one worker of its own group, whose name says which run it is."""
    run = uuid.uuid4().hex[:8]
    ports = [free_port() for _ in range(listeners)]
    own = with_ports({"listeners": "http://@PORT@", **properties}, ports)
    cluster = Cluster(bootstrap_servers, directory / "worker")
    settings = {**cluster.properties, **COMMON, **own, "group.id": f"rest-{run}"}
    process = WorkerProcess(directory / "worker", "worker", settings)
    process.port = ports[0]
    try:
        process.start()
        process.wait_until_ready()
        yield Target(ports, directory, run)
        assert process.stop() == 0
    finally:
        process.kill()


@pytest.fixture(scope="module")
def target(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with worker(bootstrap_servers, tmp_path_factory.mktemp("rest"), {}, 1) as running:
        yield running


def expect_apaches_answers(target: Target, script: Script) -> None:
    """Send all requests of the script, then fail with all answers that are not Apache's."""
    recorded = read_answers(ANSWERS / f"{script.name}.jsonl")
    wrong: list[str] = []
    for apache, ours in zip(recorded, target.run_script(script), strict=True):
        assert apache.request == ours.request, "the recording is of another script: record it anew"
        if not _HAS_TRANSFORMATIONS and _ABOUT_TRANSFORMATIONS in apache.request:
            continue
        wanted, found = leveled(apache, ours)
        if wanted != found or json.dumps(wanted) != json.dumps(found):
            wrong.append(_shown(wanted, found))
    assert not wrong, f"{len(wrong)} of {len(recorded)} answers:\n" + "\n".join(wrong)


def _shown(wanted: Answer, found: Answer) -> str:
    lines = [wanted.request]
    for key in ("status", "headers", "body"):
        one, two = json.dumps(wanted[key]), json.dumps(found[key])
        if one != two:
            place = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), 0)
            start = max(0, place - 120)
            lines += [f"  {key}", f"    apache  …{one[start : place + 400]}"]
            lines += [f"    isthmus …{two[start : place + 400]}"]
    return "\n".join(lines)


@pytest.mark.parametrize("script", PLAIN, ids=lambda script: script.name)
def test_answers_are_apaches(target: Target, script: Script) -> None:
    expect_apaches_answers(target, script)


@pytest.mark.parametrize("script", OWN, ids=lambda script: script.name)
def test_answers_under_other_settings_are_apaches(
    bootstrap_servers: str, tmp_path: Path, script: Script
) -> None:
    listeners = 1 + script.more_listeners
    with worker(bootstrap_servers, tmp_path, script.properties, listeners) as target:
        expect_apaches_answers(target, script)
