"""One file of offsets, in turn for a standalone worker of Java's and for ours."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path

import javaproperties

from isthmus.embedded.jars import class_path, read_list
from isthmus.embedded.java import find_java
from isthmus.embedded.process import ServerProcess, free_port
from isthmus.embedded.worker_process import WorkerProcess
from isthmus.storage.java_map import read_map
from tests.support import apache
from tests.support.apache import QUICK_START
from tests.support.cluster import expect_value, file_source
from tests.support.topic_values import values

STRING = "org.apache.kafka.connect.storage.StringConverter"
JARS = Path(apache.__file__).with_name("connect-4.3.1.jars")


def position(offsets: Path) -> int | None:
    """Return where the source stands as the file has it, None if it says nothing yet."""
    if not offsets.exists() or not (data := offsets.read_bytes()):
        return None
    (value,) = read_map(data).values()
    assert value is not None
    return json.loads(value)["position"]


def run_apache(
    directory: Path, properties: Mapping[str, str], connector: Path, offsets: Path, until: int
) -> None:
    """Run Apache's standalone worker until the source stands there."""
    settings = directory / "apache.properties"
    text = {**properties, "listeners": f"http://127.0.0.1:{free_port()}"}
    settings.write_text(javaproperties.dumps(text, timestamp=False), encoding="ascii")
    command = [str(find_java()), *QUICK_START, "-cp", class_path(read_list(JARS))]
    command += ["org.apache.kafka.connect.cli.ConnectStandalone", str(settings), str(connector)]
    process = ServerProcess("Apache's standalone worker", command, directory / "apache.out")
    process.start()
    try:
        expect_value("Apache's position", lambda: position(offsets), until, 60.0)
    finally:
        process.stop(20.0)


def run_ours(
    directory: Path, properties: Mapping[str, str], connector: Path, offsets: Path, until: int
) -> None:
    """Run our standalone worker until the source stands there."""
    worker = WorkerProcess(directory, "ours", properties, connector_files=[connector])
    worker.start()
    try:
        worker.wait_until_ready()
        expect_value("our position", lambda: position(offsets), until)
    finally:
        assert worker.stop() == 0


def test_each_goes_on_where_the_other_has_stopped(bootstrap_servers: str, tmp_path: Path) -> None:
    topic = f"standalone-{uuid.uuid4().hex[:8]}"
    original, offsets, connector = (
        tmp_path / "lines",
        tmp_path / "offsets",
        tmp_path / "source.json",
    )
    connector.write_text(json.dumps({"name": "source", **file_source(original, topic)}))
    properties = {
        "bootstrap.servers": bootstrap_servers,
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.storage.file.filename": str(offsets),
        "offset.flush.interval.ms": "500",
        "plugin.discovery": "service_load",
    }

    original.write_text("1 ours\n")
    run_ours(tmp_path, properties, connector, offsets, until=7)
    original.write_text("1 ours\n2 Java\n")
    run_apache(tmp_path, properties, connector, offsets, until=14)
    original.write_text("1 ours\n2 Java\n3 ours\n")
    run_ours(tmp_path, properties, connector, offsets, until=21)

    assert values(bootstrap_servers, topic, 3) == ["1 ours", "2 Java", "3 ours"]
