"""A provider whose values hold for a while, and tasks that write down which values they see."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.config_provider import ConfigData, ConfigProvider
from isthmus.api.connector import SinkConnector, SourceConnector
from isthmus.api.record import SinkRecords, SourceRecord
from isthmus.api.task import SinkTask, SinkTaskContext, SourceTask, SourceTaskContext

PROVIDER = "tests.support.leases:Leases"
SOURCE = "tests.support.leases:KeenSource"
SINK = "tests.support.leases:KeenSink"


class Leases(ConfigProvider):
    """The value of each key is what its file holds now, and holds for a second."""

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        return ConfigData({key: (Path(path) / key).read_text() for key in keys}, ttl=1.0)


def definition() -> ConfigDef:
    return (
        ConfigDef()
        .define("password", Type.STRING, importance=Importance.LOW, documentation="Changes.")
        .define("diary", Type.STRING, importance=Importance.LOW, documentation="A file.")
    )


class Keen:
    """Writes down the password at its start, and each one that it sees later."""

    def __init__(self, config: Mapping[str, str]) -> None:
        self._diary = Path(config["diary"])
        self._last = config["password"]
        self._write(f"start:{self._last}")

    def look(self, context: SourceTaskContext | SinkTaskContext) -> None:
        password = context.configs()["password"]
        if password != self._last:
            self._last = password
            self._write(f"later:{password}")

    def _write(self, entry: str) -> None:
        with self._diary.open("a") as file:
            file.write(f"{entry}\n")


class KeenSource(SourceConnector):
    def config(self) -> ConfigDef:
        return definition()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config

    def task_class(self) -> type[SourceTask]:
        return KeenSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [dict(self.settings)]


class KeenSourceTask(SourceTask):
    def start(self, config: Mapping[str, str]) -> None:
        self.keen = Keen(config)

    def poll(self) -> Sequence[SourceRecord]:
        self.context.sleep(0.1)
        self.keen.look(self.context)
        return []


class KeenSink(SinkConnector):
    def config(self) -> ConfigDef:
        return definition()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config

    def task_class(self) -> type[SinkTask]:
        return KeenSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [dict(self.settings)]


class KeenSinkTask(SinkTask):
    def start(self, config: Mapping[str, str]) -> None:
        self.keen = Keen(config)

    def put(self, records: SinkRecords) -> None:
        self.keen.look(self.context)
