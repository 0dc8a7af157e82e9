"""What Prometheus reads from a worker that moves records."""

from pathlib import Path

import urllib3

from isthmus.metrics import DIALECTS
from isthmus.testing import Connect
from tests.support.cluster import expect_value
from tests.support.counting import SOURCE


def scrape(connect: Connect, query: str = "") -> dict[str, float]:
    """Return the samples by their names with labels."""
    answer = urllib3.request("GET", f"{connect.worker.url}/metrics{query}", timeout=10)
    assert answer.status == 200, answer.data
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.data.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_records_errors_states_and_rebalances_are_counted(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    source = f'{{connector="{topic}",task="0"}}'
    sink = f'{{connector="{topic}-sink",task="0"}}'
    with Connect(bootstrap_servers, tmp_path) as connect:
        lines = tmp_path / "lines"
        lines.write_text("1\n2\nx\n")
        connect.create(
            topic,
            {"connector.class": "FileStreamSource", "file": str(lines), "topic": topic},
        )
        connect.create(
            f"{topic}-sink",
            {
                "connector.class": "FileStreamSink",
                "file": str(tmp_path / "copy"),
                "topics": topic,
                "value.converter": "org.apache.kafka.connect.json.JsonConverter",
                "value.converter.schemas.enable": "false",
                "errors.tolerance": "all",
                "errors.log.enable": "true",
            },
        )

        def moved() -> bool:
            found = scrape(connect)
            return (
                found.get(f"kafka_connect_sink_task_sink_record_send_total{sink}") == 2
                and found.get(f"kafka_connect_source_task_source_record_write_total{source}") == 3
                and found.get(f"kafka_connect_sink_task_offset_commit_completion_total{sink}", 0)
                > 0
            )

        connect.wait_for("the records to be counted", moved)
        found = scrape(connect)
        assert found[f"kafka_connect_source_task_source_record_poll_total{source}"] == 3
        assert found[f"kafka_connect_sink_task_sink_record_read_total{sink}"] == 3
        assert found[f"kafka_connect_task_error_total_records_skipped{sink}"] == 1
        assert found[f"kafka_connect_task_error_total_errors_logged{sink}"] == 1
        assert found[f'kafka_connect_connector_task_status{sink[:-1]},status="running"}}'] == 1
        assert found["kafka_connect_worker_task_count"] == 2
        assert found["kafka_connect_worker_task_startup_success_total"] == 2
        assert found["kafka_connect_worker_rebalance_completed_rebalances_total"] >= 1
        running = f'kafka_connect_worker_connector_running_task_count{{connector="{topic}"}}'
        assert found[running] == 1

        confluent = scrape(connect, "?dialect=confluent")
        assert (
            confluent['kafka_connect_connect_worker_metrics_task_count{connector="aggregate"}'] == 2
        )


def test_what_plugins_count_is_shown_while_they_run(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    task = f'connector="{topic}",task="0"'
    expected = {
        f'tables{{connector="{topic}",schema="public"}}': 4,
        f"rows_total{{{task}}}": 3,
        f"row_size_avg{{{task}}}": 10,
        f"row_size_max{{{task}}}": 20,
        f"row_size_total{{{task}}}": 3,
        f'seen_total{{{task},transformation="count"}}': 2,
        f'asked_total{{{task},transformation="count",predicate="even"}}': 3,
        f'converted_total{{{task},converter="value"}}': 3,
    }

    def shown(dialect: str) -> dict[str, float]:
        prefix = "kafka_connect_plugins_"
        found = scrape(connect, f"?dialect={dialect}")
        return {
            name.removeprefix(prefix): value
            for name, value in found.items()
            if name.startswith(prefix)
        }

    with Connect(bootstrap_servers, tmp_path) as connect:
        connect.create(
            topic,
            {
                "connector.class": SOURCE,
                "topic": topic,
                "value.converter": "tests.support.counting:Counted",
                "transforms": "count",
                "transforms.count.type": "tests.support.counting:Seen",
                "transforms.count.predicate": "even",
                "predicates": "even",
                "predicates.even.type": "tests.support.counting:Even",
            },
        )

        for dialect in DIALECTS:
            expect_value(dialect, lambda dialect=dialect: shown(dialect), expected)
        connect.delete(topic)
        expect_value("metrics of what is gone", lambda: shown("strimzi"), {})
