"""SVG of what was measured: a bar for each case, and log-log plots of how cost grows.

Standard SVG 1.1 with its styles inside, so that it shows wherever images do. Black on white, since
an image on a page cannot know the page's colours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from bench.summary import APACHE, ISTHMUS, WORKERS, Spread, Summary, shown

_STYLE: Final = """
text { font: 12px sans-serif; fill: #222 }
.title { font-size: 15px; font-weight: bold }
.small { font-size: 11px; fill: #555 }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #ddd } .even { stroke: #222 } .spread { stroke: #222; stroke-width: 1.5 }
.better { fill: #2a7f9e } .worse { fill: #c8622d }
.apache { stroke: #c8622d; fill: #c8622d } .isthmus { stroke: #2a7f9e; fill: #2a7f9e }
polyline.apache, polyline.isthmus { fill: none; stroke-width: 2 }
"""
_NAMES: Final = {APACHE: "Apache 4.3.1", ISTHMUS: "Isthmus"}

_ROW: Final = 24
_LABELS: Final = 410
_BARS: Final = 300
_FIGURES: Final = 360
_TOP: Final = 64


def bars(summaries: Sequence[Summary]) -> str:
    """Return a chart of how many times better Isthmus is, on a scale by factors."""
    width, bottom = _LABELS + _BARS + _FIGURES, _TOP + _ROW * len(summaries)
    svg = _svg(width, bottom + 24)
    _text(svg, 12, 24, "Isthmus beside Apache's worker", "title")
    rounds = max((one.rounds for one in summaries), default=0)
    explained = "right of 1: Isthmus is better by this factor; thin line: the spread of the rounds"
    _text(svg, 12, 44, f"{explained} ({rounds})", "small")
    ends = [end for one in summaries for end in (one.ratio.low, one.ratio.high)]
    scale = _Scale.around([0.5, 4.0, *ends], _LABELS, _LABELS + _BARS)
    for factor in _factors(scale):
        x = scale.at(factor)
        _line(svg, (x, _TOP - 6), (x, bottom), "even" if factor == 1 else "grid")
        _text(svg, x, bottom + 16, f"{factor:g}", "middle small")
    for row, one in enumerate(summaries):
        _bar(svg, scale, _TOP + _ROW * row, one)
    return _finished(svg)


def _bar(svg: ET.Element, scale: "_Scale", y: float, one: Summary) -> None:
    even, median = scale.at(1), scale.at(one.ratio.median)
    kind = "better" if one.ratio.median >= 1 else "worse"
    place = {"x": min(even, median), "y": y, "width": abs(median - even), "height": _ROW - 8}
    ET.SubElement(svg, "rect", {"class": kind, **{k: f"{v:.1f}" for k, v in place.items()}})
    middle = y + (_ROW - 8) / 2
    _line(svg, (scale.at(one.ratio.low), middle), (scale.at(one.ratio.high), middle), "spread")
    _text(svg, _LABELS - 10, middle + 4, one.case.name, "end")
    share = "" if one.share is None else f", {one.share:.0%} of the client's limit"
    unit = one.case.unit
    figures = f"{shown(one.apache.median, '').strip()} → {shown(one.isthmus.median, unit)}{share}"
    if unit == "records/s":
        figures = f"{_thousands(one.apache.median)} → {shown(one.isthmus.median, unit)}{share}"
    _text(svg, _LABELS + _BARS + 10, middle + 4, figures, "small")


def _thousands(value: float) -> str:
    return shown(value, "records/s").removesuffix(" records/s")


@dataclass(frozen=True, slots=True)
class Curve:
    """How a figure grows with something: by worker, the rounds at each point."""

    title: str
    along: str
    unit: str
    points: Mapping[str, Mapping[float, Spread]]


_PLOT_WIDTH: Final = 460
_PLOT_HEIGHT: Final = 300
_LEFT: Final = 80


def plots(curves: Sequence[Curve]) -> str:
    """Return a log-log plot of each curve, one below the other."""
    svg = _svg(_LEFT + _PLOT_WIDTH + 130, len(curves) * (_PLOT_HEIGHT + 110))
    for number, curve in enumerate(curves):
        top = number * (_PLOT_HEIGHT + 110) + 50
        _text(svg, 12, top - 26, curve.title, "title")
        _plot(svg, top, curve)
    return _finished(svg)


def _plot(svg: ET.Element, top: float, curve: Curve) -> None:
    bottom, right = top + _PLOT_HEIGHT, _LEFT + _PLOT_WIDTH
    along = sorted({x for points in curve.points.values() for x in points})
    spreads = [spread for points in curve.points.values() for spread in points.values()]
    ends = [end for spread in spreads for end in (spread.low, spread.high)]
    across, up = _Scale.around(along, _LEFT, right), _Scale.around(ends, bottom, top)
    for x in along:
        _line(svg, (across.at(x), top), (across.at(x), bottom), "grid")
        _text(svg, across.at(x), bottom + 18, _short(x), "middle small")
    for y in _tens(up):
        _line(svg, (_LEFT, up.at(y)), (right, up.at(y)), "grid")
        _text(svg, _LEFT - 8, up.at(y) + 4, _short(y), "end small")
    _text(svg, (_LEFT + right) / 2, bottom + 38, curve.along, "middle")
    _text(svg, _LEFT - 8, top - 8, curve.unit, "end small")
    for number, worker in enumerate(WORKERS):
        _series(svg, across, up, worker, curve.points.get(worker, {}))
        _text(svg, right + 14, top + 16 + 18 * number, _NAMES[worker], worker)


def _series(
    svg: ET.Element, across: "_Scale", up: "_Scale", worker: str, points: Mapping[float, Spread]
) -> None:
    places = [(across.at(x), up.at(spread.median)) for x, spread in sorted(points.items())]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    ET.SubElement(svg, "polyline", {"class": worker, "points": path})
    for x, y in places:
        ET.SubElement(
            svg, "circle", {"class": worker, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3"}
        )
    for x, spread in points.items():
        _line(svg, (across.at(x), up.at(spread.low)), (across.at(x), up.at(spread.high)), worker)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where on a line a value stands, by its logarithm."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> "_Scale":
        low, high = min(values, default=1.0), max(values, default=1.0)
        return cls(low / 1.1, high * 1.1, start, end)

    def at(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)


def _factors(scale: _Scale) -> list[float]:
    powers = range(math.ceil(math.log2(scale.low)), math.floor(math.log2(scale.high)) + 1)
    return [2.0**power for power in powers]


def _tens(scale: _Scale) -> list[float]:
    """Return the powers of ten on a scale, with halves and doubles where there are few."""
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    steps = (1, 2, 5) if len(powers) <= 4 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if scale.low <= tick <= scale.high]


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _svg(width: float, height: float) -> ET.Element:
    size = {"width": f"{width:.0f}", "height": f"{height:.0f}"}
    box = f"0 0 {width:.0f} {height:.0f}"
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, **size})
    ET.SubElement(svg, "style").text = _STYLE
    ET.SubElement(svg, "rect", {**size, "fill": "#fff"})
    return svg


def _text(svg: ET.Element, x: float, y: float, text: str, kind: str) -> None:
    # A worker's colour is that of lines too; letters would get fat with an edge.
    edge = {"style": "stroke: none"} if kind in WORKERS else {}
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": kind, **edge}
    ET.SubElement(svg, "text", place).text = text


def _line(svg: ET.Element, one: tuple[float, float], two: tuple[float, float], kind: str) -> None:
    places = {"x1": one[0], "y1": one[1], "x2": two[0], "y2": two[1]}
    ET.SubElement(svg, "line", {"class": kind, **{k: f"{v:.1f}" for k, v in places.items()}})


def _finished(svg: ET.Element) -> str:
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"
