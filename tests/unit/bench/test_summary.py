"""What figures of a benchmark come to, and what its charts show; nothing is measured here."""

import itertools
from xml.etree import ElementTree as ET

import pytest

from bench.chart import Curve, bars, plots
from bench.raw import Moved, rate
from bench.summary import Case, Figures, Spread, Summary, as_data, summarize, summarize_all, table

_RATE = Case("file sink, <String> & more", "records/s", more_is_better=True)
_TIME = Case("bring up 50 connectors", "s")
_FIGURES: Figures = {
    _RATE.name: {
        "apache": [100_000.0, 200_000.0, 110_000.0],
        "isthmus": [330_000.0, 300_000.0, 360_000.0],
        "limit": [660_000.0, 700_000.0, 600_000.0],
    },
    _TIME.name: {"apache": [4.0, 6.0], "isthmus": [8.0, 12.0]},
    "not finished": {"apache": [1.0]},
}


def summary(case: Case) -> Summary:
    found = summarize(case, _FIGURES)
    assert found is not None
    return found


def test_a_ratio_is_that_of_the_medians_and_its_spread_that_of_the_rounds() -> None:
    found = summary(_RATE)

    assert found.apache == Spread(110_000.0, 100_000.0, 200_000.0)
    assert found.ratio.median == 330 / 110
    assert (found.ratio.low, found.ratio.high) == (300 / 200, 330 / 100)
    assert found.rounds == 3


def test_where_less_is_better_a_ratio_below_1_says_that_isthmus_takes_more() -> None:
    assert summary(_TIME).ratio == Spread(0.5, 0.5, 0.5)


def test_the_share_is_that_of_the_clients_limit_and_of_moved_records_only() -> None:
    assert summary(_RATE).share == 330 / 660
    assert summary(_TIME).share is None


def test_a_case_without_figures_of_both_workers_is_left_out() -> None:
    cases = [Case("not finished", "s"), _TIME, Case("not measured", "s"), _RATE]

    assert [one.case for one in summarize_all(cases, _FIGURES)] == [_TIME, _RATE]


def test_the_table_has_a_row_for_each_case() -> None:
    rows = table(summarize_all([_RATE, _TIME], _FIGURES)).splitlines()

    assert rows[2:] == [
        "| file sink, <String> & more | 110 k records/s | 330 k records/s | 3.00 x | 1.50-3.30 |"
        " 50% |",
        "| bring up 50 connectors | 5.00 s | 10.0 s | 0.50 x | 0.50-0.50 |  |",
    ]


def test_the_data_holds_each_round() -> None:
    data = as_data(summarize_all([_TIME], _FIGURES), _FIGURES)

    assert data["rounds"] == {name: dict(columns) for name, columns in _FIGURES.items()}


def test_processes_side_by_side_count_from_the_first_to_the_last() -> None:
    assert rate([Moved(100, 10.0, 12.0), Moved(100, 11.0, 14.0)]) == pytest.approx(50.0)


def texts(svg: str) -> list[str]:
    """Return the texts that a chart shows; fails if it is no XML."""
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return [found.text or "" for found in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_chart_is_xml_that_shows_each_case_with_its_figures() -> None:
    shown = texts(bars(summarize_all([_RATE, _TIME], _FIGURES)))

    assert {_RATE.name, _TIME.name} <= set(shown)
    assert "110 k → 330 k records/s, 50% of the client's limit" in shown
    assert "5.00 → 10.0 s" in shown


def test_a_bar_grows_to_the_left_where_isthmus_is_worse() -> None:
    root = ET.fromstring(bars([summary(_RATE), summary(_TIME)]))

    found = {rect.get("class"): rect for rect in root.iter("{http://www.w3.org/2000/svg}rect")}
    better, worse = found["better"], found["worse"]
    assert float(worse.get("x", "")) + float(worse.get("width", "")) == pytest.approx(
        float(better.get("x", "")), abs=0.2
    )


def test_a_plot_has_a_line_for_each_worker_and_straight_powers_are_straight() -> None:
    points = {x: Spread(1000.0 / x, 900.0 / x, 1100.0 / x) for x in (1.0, 10.0, 100.0)}
    curve = Curve("tasks", "number of tasks", "records/s", {"apache": points, "isthmus": points})

    svg = plots([curve])

    assert {"tasks", "number of tasks", "Apache 4.3.1", "Isthmus"} <= set(texts(svg))
    lines = list(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}polyline"))
    assert [line.get("class") for line in lines] == ["apache", "isthmus"]
    places = [tuple(map(float, place.split(","))) for place in lines[0].get("points", "").split()]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(places)]
    assert steps[0] == pytest.approx(steps[1], abs=0.3)
