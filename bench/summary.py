"""What the rounds of a run come to: medians, how far rounds spread, ratios, shares of the limit."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

#: The columns of the figures: the two workers, and the Kafka client with no work around it.
APACHE: Final = "apache"
ISTHMUS: Final = "isthmus"
LIMIT: Final = "limit"
WORKERS: Final = (APACHE, ISTHMUS)

#: By case and column, a figure for each round.
Figures = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table."""

    name: str
    unit: str
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """The rounds of one thing."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True, slots=True)
class Summary:
    """One case: both workers, and how they stand to each other."""

    case: Case
    rounds: int
    apache: Spread
    isthmus: Spread
    #: How many times better Isthmus is; its median is that of the medians, not of the rounds.
    ratio: Spread
    #: The Kafka client alone with the same bytes; None where nothing is moved.
    limit: Spread | None
    #: The part of the limit that Isthmus comes to.
    share: float | None


def summarize(case: Case, figures: Figures) -> Summary | None:
    """Return what the figures of a case come to; None until both workers have some."""
    found = figures.get(case.name, {})
    theirs, ours = found.get(APACHE, ()), found.get(ISTHMUS, ())
    if not theirs or not ours:
        return None
    apache, isthmus = Spread.of(theirs), Spread.of(ours)
    # A worker that failed in its last round leaves the other's without a counterpart.
    rounds = [_better(case, a, b) for a, b in zip(theirs, ours, strict=False)]
    limit = Spread.of(found[LIMIT]) if found.get(LIMIT) else None
    return Summary(
        case=case,
        rounds=len(rounds),
        apache=apache,
        isthmus=isthmus,
        ratio=Spread(_better(case, apache.median, isthmus.median), min(rounds), max(rounds)),
        limit=limit,
        share=None if limit is None else isthmus.median / limit.median,
    )


def summarize_all(cases: Iterable[Case], figures: Figures) -> list[Summary]:
    """Return the cases that both workers have figures of, in the order of the cases."""
    return [found for case in cases if (found := summarize(case, figures)) is not None]


def _better(case: Case, theirs: float, ours: float) -> float:
    return ours / theirs if case.more_is_better else theirs / ours


def table(summaries: Iterable[Summary]) -> str:
    """Return the cases as a Markdown table."""
    rows = [
        "| case | Apache 4.3.1 | Isthmus | ratio | rounds | of the client's limit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in summaries:
        unit = one.case.unit
        share = "" if one.share is None else f"{one.share:.0%}"
        spread = f"{one.ratio.low:.2f}-{one.ratio.high:.2f}"
        rows.append(
            f"| {one.case.name} | {shown(one.apache.median, unit)} |"
            f" {shown(one.isthmus.median, unit)} | {one.ratio.median:.2f} x |"
            f" {spread} | {share} |"
        )
    return "\n".join(rows)


def shown(value: float, unit: str) -> str:
    """Return a figure with its unit, as one reads it."""
    if unit == "records/s" and value >= 10_000:
        return f"{value / 1000:,.0f} k {unit}"
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def as_data(summaries: Iterable[Summary], figures: Figures) -> dict[str, object]:
    """Return all of it for JSON: what the cases come to, and the figure of each round."""
    return {
        "cases": [asdict(one) for one in summaries],
        "rounds": {case: dict(columns) for case, columns in figures.items()},
    }
