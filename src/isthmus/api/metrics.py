"""Metrics of plugins (KIP-877): what a connector, task, converter or transformation counts."""

from collections.abc import Callable, Mapping
from typing import Protocol


class Counter(Protocol):
    """A total that only grows."""

    def add(self, count: float = 1) -> None:
        """Add to the total; from any thread."""
        ...


class Sensor(Protocol):
    """Measurements, of which average, maximum and number are shown. Java: Sensor."""

    def record(self, value: float) -> None:
        """Take one measurement; from any thread."""
        ...


class PluginMetrics(Protocol):
    """Shows a plugin's own figures beside the worker's. Java: PluginMetrics.

    Connectors and tasks find it as `context.plugin_metrics`. Converters, transformations and
    predicates are given theirs by `monitor`.

    The runtime promises: a metric named `queue-size` is `kafka_connect_plugins_queue_size` at the
    worker's `/metrics`, with labels for connector and task, for `converter` (key, value, header),
    `transformation` or `predicate` (their alias) where it is of one, and for the `tags`. It goes
    when the connector or task ends.

    It does not promise that each value is seen: they are read about once a second. Nor that all
    metrics are shown: those beyond a thousand in one process are not, and the log says so.

    The usual mistake: a tag for what has no end, such as a record's key or an order's number. Each
    value of a tag is a series of its own, here and in every database that collects them.

    A name has letters, digits, `-`, `_` and `.`, and begins with a letter. The methods raise a
    ValueError for any other, for a tag that the runtime sets itself, and for what is there already.
    """

    def gauge(
        self, name: str, measure: Callable[[], float], tags: Mapping[str, str] | None = None
    ) -> None:
        """Show what `measure` returns. It is called on a thread of the runtime's: let it only read.

        While it raises, the metric is missing; the task goes on.
        """
        ...

    def counter(self, name: str, tags: Mapping[str, str] | None = None) -> Counter:
        """Show a total, named with `-total` at the end."""
        ...

    def sensor(self, name: str, tags: Mapping[str, str] | None = None) -> Sensor:
        """Show measurements: `-avg` and `-max` of the last 30 to 60 s, `-total` is their number."""
        ...

    def remove(self, name: str, tags: Mapping[str, str] | None = None) -> None:
        """Show what was registered by this name and these tags no more, if it is there."""
        ...
