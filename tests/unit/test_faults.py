"""What the suite of `python -m tests.faults` makes of its counts."""

import pytest

from tests.faults.evidence import ranges
from tests.faults.suite import Summary


def test_missing_numbers_are_told_as_ranges_of_each_place() -> None:
    lacking = ["topic:0:9", "topic:0:10", "topic:0:12", "sink:1:9", "sink:0:10"]

    assert ranges(lacking) == [
        "sink:0:10-10 (1)",
        "sink:1:9-9 (1)",
        "topic:0:9-10 (2)",
        "topic:0:12-12 (1)",
    ]


@pytest.mark.parametrize(
    ("exactly_once", "twice", "late", "lost", "good"),
    [
        (False, 3, [], [], True),
        (True, 0, [], [], True),
        (True, 3, [], [], False),
        (False, 0, [2], [], False),
        (False, 0, [2], ["topic:0:1"], False),
    ],
)
def test_only_an_at_least_once_run_may_have_duplicates_and_none_a_late_round(
    exactly_once: bool, twice: int, late: list[int], lost: list[str], good: bool
) -> None:
    summary = Summary(1, exactly_once, rounds=9, duplicated_in_topic=twice, late=late, lost=lost)

    assert summary.is_good is good
    assert summary.lines()[-1].endswith("good" if good else "BAD")


@pytest.mark.parametrize(
    ("rounds", "late", "hopeless"),
    [(1, [], False), (2, [1, 2], False), (3, [1, 2, 3], True), (9, [6, 7, 9], False)],
)
def test_a_run_ends_early_only_after_three_late_rounds_in_a_row(
    rounds: int, late: list[int], hopeless: bool
) -> None:
    assert Summary(1, exactly_once=True, rounds=rounds, late=late).is_hopeless is hopeless
