"""The data of benchmarks is as long as they say; nothing is measured here."""

import time
from pathlib import Path

import pytest

from bench.cases import LINE, SINKS, SOURCES, TOPICS, fitting, text_line
from bench.compare import CASES
from bench.growth import CURVES
from bench.moments import follow


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES] + [growth.name for growth in CURVES]

    assert len(set(names)) == len(names)
    assert {*SOURCES, *SINKS} < set(names)


@pytest.mark.parametrize("size", [20, LINE, 10_000, 1_000_000])
def test_lines_are_as_long_as_asked_for_and_differ(size: int) -> None:
    assert [len(text_line(n, size)) for n in (0, 7, 999_999)] == [size] * 3
    assert text_line(1, size) != text_line(2, size)


def test_large_records_are_fewer_so_that_no_case_moves_much_more() -> None:
    assert fitting(1_000_000, LINE) == 1_000_000
    assert fitting(1_000_000, 10_000) * 10_000 <= 5 * LINE * 1_000_000
    assert fitting(20_000, 1_000_000) >= 10


def test_what_sinks_of_text_write_is_what_stands_in_their_topics() -> None:
    for name, case in SINKS.items():
        if case.topic.startswith("bench-text"):
            values = map(TOPICS[case.topic].value, range(10))
            assert case.size(10) == sum(len(value) + 1 for value in values), name


def test_the_ages_of_lines_are_counted_from_the_time_in_them(tmp_path: Path) -> None:
    made = int(time.time() * 1000) - 500
    file = tmp_path / "lines"
    file.write_text(f"{{seqno=1, time_ms={made}}}\n" * 30 + f"{{seqno=2, time_ms={made}}}")

    ages = follow(file, warm_up=0.0, counted=0.05)

    assert len(ages) == 30, "a line without its end is not there yet"
    assert all(500 <= age < 60_000 for age in ages)


def test_too_few_records_are_nothing_to_judge_latency_by(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("{time_ms=1}\n")

    with pytest.raises(ValueError, match=r"1 records in"):
        follow(file, warm_up=0.0, counted=0.01)
