"""Metrics as Prometheus reads them, under the names that boards for Connect know."""

import math

import pytest

from isthmus.metrics import Sample, prometheus_text

TASK = {"connector": "c", "task": "0"}


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        (
            "strimzi",
            [
                "kafka_connect_worker_task_count 3",
                'kafka_connect_worker_connector_running_task_count{connector="c"} 2',
                "kafka_connect_worker_rebalance_rebalancing 0",
                'kafka_connect_sink_task_put_batch_avg_time_ms{connector="c",task="0"} 1.5',
                'kafka_connect_task_error_total_retries{connector="c",task="0"} 4',
            ],
        ),
        (
            "confluent",
            [
                'kafka_connect_connect_worker_metrics_task_count{connector="aggregate"} 3',
                "kafka_connect_connect_worker_metrics_connector_running_task_count"
                '{connector="c"} 2',
                "kafka_connect_connect_worker_rebalance_metrics_rebalancing 0",
                'kafka_connect_sink_task_metrics_put_batch_avg_time_ms{connector="c",task="0"} 1.5',
                'kafka_connect_task_error_metrics_total_retries{connector="c",task="0"} 4',
            ],
        ),
    ],
)
def test_names_are_those_of_the_dialect(dialect: str, names: list[str]) -> None:
    samples = [
        Sample("connect-worker-metrics", "task-count", {}, 3),
        Sample("connect-worker-metrics", "connector-running-task-count", {"connector": "c"}, 2),
        Sample("connect-worker-rebalance-metrics", "rebalancing", {}, 0),
        Sample("sink-task-metrics", "put-batch-avg-time-ms", TASK, 1.5),
        Sample("task-error-metrics", "total-retries", TASK, 4),
    ]

    lines = prometheus_text(samples, dialect).splitlines()

    assert sorted(line for line in lines if not line.startswith("#")) == sorted(names)


def test_a_metric_has_one_type_line_and_all_its_samples_behind_it() -> None:
    samples = [
        Sample("source-task-metrics", "source-record-poll-total", {**TASK, "task": task}, 1)
        for task in ("0", "1")
    ]

    assert prometheus_text(samples).splitlines() == [
        "# TYPE kafka_connect_source_task_source_record_poll_total counter",
        'kafka_connect_source_task_source_record_poll_total{connector="c",task="0"} 1',
        'kafka_connect_source_task_source_record_poll_total{connector="c",task="1"} 1',
    ]


def test_a_text_is_a_label() -> None:
    sample = Sample.of_text("connector-task-metrics", "status", TASK, "running")

    assert prometheus_text([sample]).splitlines()[1] == (
        'kafka_connect_connector_task_status{connector="c",task="0",status="running"} 1'
    )


def test_names_of_connectors_may_be_anything() -> None:
    sample = Sample("connect-worker-metrics", "task-count", {"connector": 'a"\\\n'}, 1)

    assert prometheus_text([sample]).splitlines()[1] == (
        'kafka_connect_worker_task_count{connector="a\\"\\\\\\n"} 1'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e15, "1000000000000000")],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, text: str) -> None:
    line = prometheus_text([Sample("connect-worker-metrics", "task-count", {}, value)])

    assert line.split()[-1] == text
