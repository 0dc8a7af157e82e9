"""A source: counts each of its series from 0 up, and goes on where it stopped."""

from collections.abc import Mapping, Sequence

from isthmus.api.config_def import (
    ConfigDef,
    Importance,
    NonEmptyString,
    Range,
    Type,
    parse_list,
)
from isthmus.api.connector import SourceConnector
from isthmus.api.record import SourceRecord
from isthmus.api.schema import INT64, STRING
from isthmus.api.task import SourceTask

_RECORDS_A_POLL = 500


def _settings() -> ConfigDef:
    return (
        ConfigDef()
        .define(
            "topic",
            Type.STRING,
            validator=NonEmptyString(),
            importance=Importance.HIGH,
            documentation="The topic to write to.",
        )
        .define(
            "series",
            Type.LIST,
            importance=Importance.HIGH,
            documentation="Names of the series to count.",
        )
        .define(
            "count",
            Type.LONG,
            1000,
            validator=Range.at_least(0),
            importance=Importance.MEDIUM,
            documentation="How far each series is counted.",
        )
    )


class SeriesSourceConnector(SourceConnector):
    """Shares its series out among the tasks; moves no data itself."""

    version = "1.0"

    def __init__(self) -> None:
        self._config: dict[str, str] = {}

    def config(self) -> ConfigDef:
        return _settings()

    def start(self, config: Mapping[str, str]) -> None:
        self._config = dict(config)

    def task_class(self) -> type[SourceTask]:
        return SeriesSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        series = parse_list(self._config["series"])
        shares = [series[n::max_tasks] for n in range(min(max_tasks, len(series)))]
        return [{**self._config, "series": ",".join(share)} for share in shares]


class SeriesSourceTask(SourceTask):
    """Counts the series of its share, one after the other."""

    version = "1.0"

    def start(self, config: Mapping[str, str]) -> None:
        parsed = _settings().parse(config)
        self._topic = config["topic"]
        self._count = int(str(parsed["count"]))
        self._next: dict[str, int] = {}
        for series in parse_list(config["series"]):
            offset = self.context.offset_reader.offset({"series": series})
            self._next[series] = 0 if offset is None else offset["next"]

    def poll(self) -> Sequence[SourceRecord] | None:
        for series, first in self._next.items():
            last = min(first + _RECORDS_A_POLL, self._count)
            if first < last:
                self._next[series] = last
                return [self._record(series, number) for number in range(first, last)]
        self.context.sleep(0.5)  # a poll that returns nothing at once would burn a processor
        return None

    def _record(self, series: str, number: int) -> SourceRecord:
        return SourceRecord(
            topic=self._topic,
            key=series,
            key_schema=STRING,
            value=number,
            value_schema=INT64,
            source_partition={"series": series},
            source_offset={"next": number + 1},
        )
