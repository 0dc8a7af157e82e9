"""A source, a transformation, a predicate and a converter with metrics of their own (KIP-877)."""

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.api.config_def import ConfigDef
from isthmus.api.connector import SourceConnector
from isthmus.api.metrics import PluginMetrics
from isthmus.api.record import SourceRecord
from isthmus.api.schema import Schema
from isthmus.api.task import SourceTask
from isthmus.api.transformation import AnyRecord, Predicate, Transformation
from isthmus.converters.string import StringConverter

SOURCE = "tests.support.counting:CountingSource"


class CountingSource(SourceConnector):
    def config(self) -> ConfigDef:
        return ConfigDef()

    def start(self, config: Mapping[str, str]) -> None:
        self.settings = config
        self.context.plugin_metrics.gauge("tables", lambda: 4, {"schema": "public"})

    def task_class(self) -> type[SourceTask]:
        return CountingSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [dict(self.settings) for _ in range(max_tasks)]


class CountingSourceTask(SourceTask):
    """Gives three records each time that it is started."""

    def start(self, config: Mapping[str, str]) -> None:
        self._topic = config["topic"]
        self._left = 3
        self._rows = self.context.plugin_metrics.counter("rows")
        self._sizes = self.context.plugin_metrics.sensor("row.size")

    def poll(self) -> Sequence[SourceRecord]:
        if not self._left:
            self.context.sleep(0.1)
            return []
        self._left -= 1
        self._rows.add()
        self._sizes.record(10 * self._left)
        return [SourceRecord(topic=self._topic, value=f"row {self._left}")]


class Seen(Transformation):
    def monitor(self, metrics: PluginMetrics) -> None:
        self._records = metrics.counter("seen")

    def apply(self, record: AnyRecord) -> AnyRecord:
        self._records.add()
        return record


class Even(Predicate):
    def monitor(self, metrics: PluginMetrics) -> None:
        self._asked = metrics.counter("asked")

    def test(self, record: Any) -> bool:
        self._asked.add()
        return record.value in ("row 0", "row 2")


class Counted(StringConverter):
    def monitor(self, metrics: PluginMetrics) -> None:
        self._values = metrics.counter("converted")

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        self._values.add(len(values))
        return super().from_connect_batch(topic, schema, values)
