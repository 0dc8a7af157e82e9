"""Metrics that the plugins of one process have registered. Java: PluginMetricsImpl.

A registry for each process, and for each plugin a view of it with the plugin's labels. With the
first metric comes a thread that tells the worker all values each second; a process whose plugins
have none, as most have not, has no such thread.
"""

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from isthmus.channel import AnyMessage, PluginSample, PluginsMeasured
from isthmus.task.metrics import Window

log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
#: Labels that say whose metric it is.
_RUNTIMES: Final = frozenset({"connector", "task", "converter", "transformation", "predicate"})
_MOST_SERIES: Final = 1000
_REPORT_SECONDS: Final = 1.0

#: A name and labels, as they are shown.
_Key = tuple[str, frozenset[tuple[str, str]]]


class Channel(Protocol):
    """What the registry needs of a `Link`."""

    stopping: threading.Event

    def send(self, message: AnyMessage) -> None: ...


class _Counter:
    def __init__(self) -> None:
        self.total = 0.0
        self._adding = threading.Lock()

    def add(self, count: float = 1) -> None:
        with self._adding:
            self.total += count


class _Sensor:
    def __init__(self) -> None:
        self.total = 0
        self._window = Window()
        self._recording = threading.Lock()

    def record(self, value: float) -> None:
        with self._recording:
            self.total += 1
            self._window.add(value)

    def average(self) -> float:
        with self._recording:
            return self._window.average

    def maximum(self) -> float:
        with self._recording:
            return self._window.maximum


@dataclass(slots=True)
class _Series:
    name: str
    labels: dict[str, str]
    measure: Callable[[], float]
    has_failed: bool = False

    @property
    def key(self) -> _Key:
        return _key(self.name, self.labels)

    def sample(self) -> PluginSample | None:
        try:
            return PluginSample(self.name, self.labels, float(self.measure()))
        except Exception:
            if not self.has_failed:
                self.has_failed = True
                log.warning("Metric %s cannot be measured", self.name, exc_info=True)
            return None


class PluginMetricsRegistry:
    """All metrics of plugins in this process. From any thread."""

    def __init__(self, link: Channel | None, **labels: str) -> None:
        """`labels` are those of the connector or task; without a `link` nobody is told."""
        self._link = link
        self._labels = labels
        self._series: dict[_Key, _Series] = {}
        self._changing = threading.Lock()
        self._reporter: threading.Thread | None = None
        self._is_full = False

    def of(self, **labels: str) -> "LabelledMetrics":
        """Return what one plugin is given; `labels` tell it from others of the task."""
        return LabelledMetrics(self, {**self._labels, **labels})

    def samples(self) -> list[PluginSample]:
        """Measure all."""
        with self._changing:
            series = list(self._series.values())
        return [sample for one in series if (sample := one.sample()) is not None]

    def add(self, series: Sequence[_Series]) -> None:
        """Add what one metric consists of.

        Raises:
            ValueError: A part of it is there already.
        """
        with self._changing:
            for one in series:
                if one.key in self._series:
                    raise ValueError(
                        f"A metric named '{one.name}' with tags {one.labels} already exists, can't"
                        " register another one."
                    )
            if len(self._series) + len(series) > _MOST_SERIES:
                self._tell_that_it_is_full(series[0].name)
                return
            self._series |= {one.key: one for one in series}
            if self._reporter is None and self._link is not None:
                self._reporter = threading.Thread(
                    target=self._report, args=(self._link,), name="plugin metrics", daemon=True
                )
                self._reporter.start()

    def discard(self, names: Sequence[str], labels: Mapping[str, str]) -> None:
        """Drop what is registered under these names and labels."""
        with self._changing:
            for name in names:
                self._series.pop(_key(name, labels), None)

    def _report(self, link: Channel) -> None:
        sent: list[PluginSample] = []
        while not link.stopping.wait(_REPORT_SECONDS):
            samples = self.samples()
            if samples != sent:
                link.send(PluginsMeasured(samples))
                sent = samples

    def _tell_that_it_is_full(self, name: str) -> None:
        if not self._is_full:
            self._is_full = True
            log.warning(
                "Metric %s and those to come are not shown: there are %d", name, _MOST_SERIES
            )


class LabelledMetrics:
    """The metrics of one plugin (PluginMetrics)."""

    def __init__(self, registry: PluginMetricsRegistry, labels: dict[str, str]) -> None:
        self._registry = registry
        self._labels = labels

    def gauge(
        self, name: str, measure: Callable[[], float], tags: Mapping[str, str] | None = None
    ) -> None:
        self._add(name, tags, {name: measure})

    def counter(self, name: str, tags: Mapping[str, str] | None = None) -> _Counter:
        made = _Counter()
        self._add(name, tags, {_total(name): lambda: made.total})
        return made

    def sensor(self, name: str, tags: Mapping[str, str] | None = None) -> _Sensor:
        made = _Sensor()
        parts: dict[str, Callable[[], float]] = {
            f"{name}-avg": made.average,
            f"{name}-max": made.maximum,
            f"{name}-total": lambda: made.total,
        }
        self._add(name, tags, parts)
        return made

    def remove(self, name: str, tags: Mapping[str, str] | None = None) -> None:
        names = (name, _total(name), f"{name}-avg", f"{name}-max")
        self._registry.discard(names, {**self._labels, **(tags or {})})

    def _add(
        self, name: str, tags: Mapping[str, str] | None, parts: Mapping[str, Callable[[], float]]
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"Invalid name {name!r} of a metric: expected letters, digits, '-', '_' and '.',"
                " and a letter first"
            )
        for tag in tags or {}:
            if tag in _RUNTIMES or not _TAG.fullmatch(tag):
                raise ValueError(
                    f"Invalid tag {tag!r} of metric {name}: expected letters, digits, '-' and '_',"
                    f" a letter first, and none of {', '.join(sorted(_RUNTIMES))}"
                )
        labels = {**self._labels, **(tags or {})}
        self._registry.add([_Series(part, labels, measure) for part, measure in parts.items()])


def _total(name: str) -> str:
    return name if name.endswith("-total") else f"{name}-total"


def _key(name: str, labels: Mapping[str, str]) -> _Key:
    shown = ((tag.replace("-", "_"), value) for tag, value in labels.items())
    return re.sub(r"[.-]", "_", name), frozenset(shown)
