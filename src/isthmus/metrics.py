"""Metrics: what Java's worker has as MBeans, as samples, and as text for Prometheus.

Boards and alerts for Connect exist in two dialects, which come from two sets of rules for the
agent that reads MBeans. `GROUPS` has the names of a group in both:

    strimzi      kafka_connect_sink_task_put_batch_avg_time_ms{connector="c",task="0"}
    confluent    kafka_connect_sink_task_metrics_put_batch_avg_time_ms{connector="c",task="0"}

What is text in Java (a status, a class, a version) is a label of a sample with the value 1.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

#: The prefixes by dialect of each group of Java's.
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    group: {"strimzi": f"kafka_connect_{strimzi}", "confluent": f"kafka_connect_{confluent}"}
    for group, strimzi, confluent in (
        ("connect-worker-metrics", "worker", "connect_worker_metrics"),
        (
            "connect-worker-rebalance-metrics",
            "worker_rebalance",
            "connect_worker_rebalance_metrics",
        ),
        ("connector-metrics", "connector", "connector_metrics"),
        ("connector-task-metrics", "connector_task", "connector_task_metrics"),
        ("source-task-metrics", "source_task", "source_task_metrics"),
        ("sink-task-metrics", "sink_task", "sink_task_metrics"),
        ("task-error-metrics", "task_error", "task_error_metrics"),
        # What plugins count themselves (KIP-877); neither set of rules knows of it.
        ("plugins", "plugins", "plugins"),
    )
}
DIALECTS: Final = ("strimzi", "confluent")
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_TO_NAME: Final = str.maketrans("-.", "__")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(NamedTuple):
    """One attribute of one MBean; a text is a label of its own, the value is 1 then."""

    group: str
    attribute: str
    labels: Mapping[str, str]
    value: float

    @classmethod
    def of_text(cls, group: str, attribute: str, labels: Mapping[str, str], text: str) -> "Sample":
        """Return the sample that says that an attribute is this text."""
        return cls(group, attribute, {**labels, attribute: text}, 1.0)


def prometheus_text(samples: Iterable[Sample], dialect: str = "strimzi") -> str:
    """Return the samples in Prometheus's text format, each metric once, with its type."""
    families: dict[str, list[str]] = {}
    for sample in samples:
        name = f"{GROUPS[sample.group][dialect]}_{sample.attribute.translate(_TO_NAME)}"
        labels = dict(sample.labels)
        if dialect == "confluent" and sample.group == "connect-worker-metrics":
            labels.setdefault("connector", "aggregate")
        families.setdefault(name, []).append(f"{name}{_labels(labels)} {_number(sample.value)}")
    lines: list[str] = []
    for name in sorted(families):
        lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
        lines += families[name]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (
        f'{key.replace("-", "_")}="{text.translate(_ESCAPES)}"' for key, text in labels.items()
    )
    return f"{{{','.join(pairs)}}}"


def _number(value: float) -> str:
    if value != value:  # the test for NaN
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
