"""Plugins on `plugin.path`: apart from each other, versions side by side, in any combination."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.support.cluster import Cluster, child_titles
from tests.support.topic_values import values
from tests.support.wheels import make_wheel

_MODULES = {"one_source", "two_source", "exclaim"}
#: A source of one record, which says what the connector's process imported.
_SOURCE = """
import a_library
from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SourceConnector
from isthmus.api.record import SourceRecord
from isthmus.api.schema import STRING
from isthmus.api.task import SourceTask

class {name}Connector(SourceConnector):
    version = "{version}"
    def config(self): return ConfigDef()
    def start(self, config): self.config_given = config
    def task_class(self): return {name}Task
    def task_configs(self, max_tasks): return [dict(self.config_given)]

class {name}Task(SourceTask):
    version = "{version}"
    sent = False
    def start(self, config): self.topic = config["topic"]
    def poll(self):
        if self.sent:
            self.context.sleep(0.5)
            return None
        self.sent = True
        text = "{name} {version} with a_library " + a_library.VERSION
        return [SourceRecord(topic=self.topic, value=text, value_schema=STRING,
                             source_partition={{}}, source_offset={{"sent": 1}})]
"""
#: A transformation that uses the library of the connector in whose process it is.
_TRANSFORMATION = """
from isthmus.api.config_def import ConfigDef
from isthmus.api.transformation import Transformation

class Exclaim(Transformation):
    def config(self): return ConfigDef()
    def configure(self, config): pass
    def apply(self, record):
        import a_library
        record.value = record.value + "!" + a_library.MARK
        return record
"""


def source(place: Path, name: str, version: str, library: str) -> None:
    """Make a folder of two wheels: a source connector, and a library in a version."""
    module = f"{name.lower()}_source"
    text = _SOURCE.format(name=name, version=version)
    connector = {module: f"{module}:{name}Connector"}
    needs = [f"a_library=={library}", "isthmus"]
    make_wheel(place, module, version, {f"{module}.py": text}, connector, needs)
    library_text = f"VERSION = '{library}'\nMARK = '{'!' * int(library[0])}'\n"
    make_wheel(place, "a_library", library, {"a_library.py": library_text})


def transformation(place: Path, scratch: Path) -> None:
    """Make a folder of packages, as `pip install --target` does."""
    declared = {"exclaim": "exclaim:Exclaim"}
    wheel = make_wheel(scratch, "exclaim", "0.5", {"exclaim.py": _TRANSFORMATION}, declared)
    ZipFile(wheel).extractall(place)


def errors(infos: Mapping[str, Any]) -> dict[str, list[str]]:
    found = [entry["value"] for entry in infos["configs"]]
    return {value["name"]: value["errors"] for value in found if value["errors"]}


def test_plugins_that_need_different_versions_of_a_library_run_side_by_side(
    cluster: Cluster, bootstrap_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plugins"
    source(path / "one", "One", "1.0", library="1.4")
    source(path / "two", "Two", "1.0", library="2.1")
    source(path / "newer-one", "One", "1.1", library="2.0")
    transformation(path / "exclaim", tmp_path)
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    cluster.properties["plugin.path"] = str(path)
    cluster.start(1)

    _, listed = cluster.request("GET", "/connector-plugins?connectorsOnly=false")
    topics = {name: f"{cluster.group}-{name}" for name in ("old", "new", "two")}
    old = {"connector.class": "One", "connector.plugin.version": "[1.0,1.1)"}
    new = {"connector.class": "one_source.OneConnector"}
    two = {
        "connector.class": "two_source:TwoConnector",
        "transforms": "loud",
        "transforms.loud.type": "exclaim.Exclaim",
        "transforms.loud.plugin.version": "0.5",
    }
    for name, config in (("old", old), ("new", new), ("two", two)):
        cluster.create(name, {**config, "topic": topics[name]})

    own = [each for each in listed if each["class"].partition(".")[0] in _MODULES]
    assert own == [
        {"class": "one_source.OneConnector", "type": "source", "version": "1.0"},
        {"class": "one_source.OneConnector", "type": "source", "version": "1.1"},
        {"class": "two_source.TwoConnector", "type": "source", "version": "1.0"},
        {"class": "exclaim.Exclaim", "type": "transformation", "version": "0.5"},
    ]
    for name in topics:
        cluster.expect_running(name)
    sent = {name: values(bootstrap_servers, topic, 1) for name, topic in topics.items()}
    assert sent == {
        "old": ["One 1.0 with a_library 1.4"],
        "new": ["One 1.1 with a_library 2.0"],
        "two": ["Two 1.0 with a_library 2.1!!!"],
    }
    assert cluster.status("old")["tasks"][0]["version"] == "1.0"
    assert cluster.status("new")["tasks"][0]["version"] == "1.1"
    _, infos = cluster.request(
        "PUT",
        "/connector-plugins/One/config/validate",
        {**old, "name": "x", "connector.plugin.version": "3"},
    )
    assert set(errors(infos)) == {"connector.class", "connector.plugin.version"}
    assert "[3,3], available versions: [1.0, 1.1]" in errors(infos)["connector.class"][0]
    titles = child_titles(cluster.running[0].pid).values()
    servers = sorted(title.partition(" for ")[2] for title in titles if "fork server" in title)
    assert servers == ["", f"{path}/exclaim, {path}/two", f"{path}/newer-one", f"{path}/one"]
    cluster.stop()
