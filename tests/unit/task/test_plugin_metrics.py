"""Metrics of plugins, as the registry of a process measures and tells them."""

import logging
import threading
from collections.abc import Callable, Mapping

import pytest

from isthmus.channel import AnyMessage, PluginSample, PluginsMeasured
from isthmus.task import plugin_metrics
from isthmus.task.plugin_metrics import PluginMetricsRegistry


def values(registry: PluginMetricsRegistry) -> dict[str, float]:
    return {sample.name: sample.value for sample in registry.samples()}


@pytest.fixture
def registry() -> PluginMetricsRegistry:
    return PluginMetricsRegistry(None, connector="c", task="0")


def test_a_counter_shows_its_total(registry: PluginMetricsRegistry) -> None:
    rows = registry.of().counter("rows")
    rows.add()
    rows.add(4)

    assert values(registry) == {"rows-total": 5}


def test_a_name_that_ends_as_a_total_does_stays(registry: PluginMetricsRegistry) -> None:
    registry.of().counter("rows-total")

    assert values(registry) == {"rows-total": 0}


def test_a_sensor_shows_average_maximum_and_number(registry: PluginMetricsRegistry) -> None:
    latency = registry.of().sensor("latency")
    for milliseconds in (1, 2, 6):
        latency.record(milliseconds)

    assert values(registry) == {"latency-avg": 3, "latency-max": 6, "latency-total": 3}


def test_a_gauge_shows_what_is_there_when_it_is_looked_at(registry: PluginMetricsRegistry) -> None:
    queue: list[int] = []
    registry.of().gauge("queue", lambda: len(queue))
    before = values(registry)
    queue.append(1)

    assert (before, values(registry)) == ({"queue": 0}, {"queue": 1})


def test_labels_say_whose_metric_it_is(registry: PluginMetricsRegistry) -> None:
    registry.of(transformation="mask").gauge("depth", lambda: 3, {"kind": "deep"})

    labels = {"connector": "c", "task": "0", "transformation": "mask", "kind": "deep"}
    assert registry.samples() == [PluginSample("depth", labels, 3)]


def test_plugins_and_tags_tell_metrics_of_one_name_apart(registry: PluginMetricsRegistry) -> None:
    registry.of(converter="key").counter("hits")
    registry.of(converter="value").counter("hits")
    registry.of(converter="value").counter("hits", {"cache": "schemas"})

    assert len(registry.samples()) == 3


@pytest.mark.parametrize(
    ("kind", "name"), [("counter", "in-use"), ("counter", "in.use-total"), ("sensor", "in_use")]
)
def test_what_is_there_cannot_be_registered_again(
    registry: PluginMetricsRegistry, kind: str, name: str
) -> None:
    metrics = registry.of()
    metrics.counter("in-use").add()

    with pytest.raises(
        ValueError, match=r"^A metric named 'in[-._]use-total' with tags .* already"
    ):
        getattr(metrics, kind)(name)
    assert values(registry) == {"in-use-total": 1}


@pytest.mark.parametrize("name", ["", "9lives", "two words", "größe", "a{b}", "_private"])
def test_a_name_that_cannot_be_shown_is_refused(registry: PluginMetricsRegistry, name: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid name .* of a metric: expected letters, digits"):
        registry.of().gauge(name, float)


@pytest.mark.parametrize("tag", ["task", "connector", "", "a b", "1st"])
def test_a_tag_that_cannot_be_shown_or_is_the_runtimes_is_refused(
    registry: PluginMetricsRegistry, tag: str
) -> None:
    with pytest.raises(
        ValueError, match=r"^Invalid tag .* of metric size: expected letters, digits"
    ):
        registry.of().gauge("size", float, {tag: "x"})


@pytest.mark.parametrize("kind", ["gauge", "counter", "sensor"])
def test_what_is_removed_is_gone_and_may_come_again(
    registry: PluginMetricsRegistry, kind: str
) -> None:
    metrics = registry.of()
    register: Mapping[str, Callable[[], object]] = {
        "gauge": lambda: metrics.gauge("x", float),
        "counter": lambda: metrics.counter("x"),
        "sensor": lambda: metrics.sensor("x"),
    }
    register[kind]()

    metrics.remove("x")
    assert values(registry) == {}

    register[kind]()
    metrics.remove("never-there")


def test_a_gauge_that_fails_is_missing_while_it_does_and_named_once(
    registry: PluginMetricsRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    sizes: dict[str, int] = {}
    registry.of().gauge("size", lambda: sizes["x"])
    registry.of().gauge("other", lambda: 1)

    assert [values(registry), values(registry)] == [{"other": 1}] * 2
    sizes["x"] = 7

    assert values(registry) == {"size": 7, "other": 1}
    assert [record.getMessage() for record in caplog.records] == ["Metric size cannot be measured"]


def test_metrics_beyond_the_limit_are_not_shown_and_the_log_says_so_once(
    registry: PluginMetricsRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = registry.of()
    for number in range(1100):
        metrics.counter("orders", {"order": str(number)}).add()

    assert len(registry.samples()) == 1000
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "Metric orders-total and those to come are not shown: there are 1000"
    )


class Notes:
    """Stands in for the channel to the worker."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.sent: list[AnyMessage] = []
        self.told = threading.Event()

    def send(self, message: AnyMessage) -> None:
        self.sent.append(message)
        self.told.set()


def test_the_worker_is_told_from_the_first_metric_on_and_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugin_metrics, "_REPORT_SECONDS", 0.01)
    link, threads = Notes(), threading.active_count()
    registry = PluginMetricsRegistry(link, connector="c")
    metrics = registry.of()
    assert threading.active_count() == threads

    rows = metrics.counter("rows")
    assert link.told.wait(10)
    link.told.clear()
    assert not link.told.wait(0.1)
    rows.add()
    assert link.told.wait(10)
    link.told.clear()
    metrics.remove("rows")
    assert link.told.wait(10)
    link.stopping.set()

    labels = {"connector": "c"}
    assert link.sent == [
        PluginsMeasured([PluginSample("rows-total", labels, 0)]),
        PluginsMeasured([PluginSample("rows-total", labels, 1)]),
        PluginsMeasured([]),
    ]
