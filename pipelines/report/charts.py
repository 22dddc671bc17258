"""Histograms as SVG, drawn by hand: bars, the threshold, what fails in another colour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from curation.steps import Rule

WIDTH, HEIGHT, BINS = 320, 104, 48
_HEAD, _FOOT, _SIDE = 14, 14, 2
_BASE = HEIGHT - _FOOT


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`; logarithmic where counts span more than two decades."""

    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """0 at `low`, 1 at `high`."""
        if self.log:
            value, low, high = (math.log1p(max(v, 0.0)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low)

    def edges(self) -> npt.NDArray[np.float64]:
        if self.log:
            found = np.expm1(np.linspace(math.log1p(self.low), math.log1p(self.high), BINS + 1))
        else:
            found = np.linspace(self.low, self.high, BINS + 1)
        found[[0, -1]] = self.low, self.high  # expm1 of log1p is not exact; no value is left out
        return np.asarray(found, np.float64)


def axis_of(values: npt.NDArray[np.float64], threshold: float) -> Axis:
    """An axis that shows 99.8 % of the values (all of fewer than 1,000) and the threshold.

    Logarithmic where the threshold, or the least tenth of the values, would else fall into the
    first bins: a length of 200 on an axis to 80,000.
    """
    low = float(np.quantile(values, 0.001, method="lower"))
    high = float(np.quantile(values, 0.999, method="higher"))
    low, high = min(low, threshold), max(high, threshold)
    if low == high:
        low, high = low - 0.5, high + 0.5
    least = min(threshold, float(np.quantile(values, 0.1)))
    log = low >= 0 and high > 100 * max(1.0, least)
    return Axis(low, high, log)


def histogram(values: npt.NDArray[np.float64], rule: Rule) -> Markup:
    """An SVG of the values' distribution; empty without values.

    A bar is red by as much of it as fails, also where the threshold lies within a bin.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return Markup("")
    threshold = float(rule.threshold)
    axis = axis_of(known, threshold)
    edges = axis.edges()
    shown = np.clip(known, axis.low, axis.high)
    counts, _ = np.histogram(shown, edges)
    failing, _ = np.histogram(shown[_fails(known, rule.op, threshold)], edges)
    bars = "".join(_bars(counts, failing, edges))
    x = _SIDE + min(max(axis.place(threshold), 0.0), 1.0) * (WIDTH - 2 * _SIDE)
    side, gap = ("end", -3) if x > WIDTH / 2 else ("start", 3)
    name = str(escape(rule.statistic)) + (", logarithmic" if axis.log else "")
    most, right = int(counts.max()), side == "end"
    told = (
        f"histogram of {name}: {len(known):,} documents from {number(axis.low)} to "
        f"{number(axis.high)}, {int(failing.sum()):,} beyond the threshold {number(threshold)}"
    )
    return Markup(  # noqa: S704  (made of numbers, our own words and an escaped name)
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}">{bars}'
        f'<line class="threshold" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{_BASE}"/>'
        f'<text x="{x + gap:.1f}" y="10" text-anchor="{side}">{number(threshold)}</text>'
        f'<text x="{_SIDE if right else WIDTH - _SIDE}" y="10" '
        f'text-anchor="{"start" if right else "end"}">highest: {most:,}</text>'
        f'<text x="{_SIDE}" y="{HEIGHT - 3}">{number(axis.low)}</text>'
        f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 3}" text-anchor="middle">{name}</text>'
        f'<text x="{WIDTH - _SIDE}" y="{HEIGHT - 3}" text-anchor="end">{number(axis.high)}</text>'
        "</svg>"
    )  # fmt: skip


def _bars(
    counts: npt.NDArray[np.int64], failing: npt.NDArray[np.int64], edges: npt.NDArray[np.float64]
) -> Iterator[str]:
    """A rectangle for what passes and one, below it, for what fails; heights as square roots."""
    step = (WIDTH - 2 * _SIDE) / BINS
    most = max(1, int(counts.max()))
    for k, (count, bad) in enumerate(zip(counts.tolist(), failing.tolist(), strict=True)):
        if not count:
            continue
        whole = max(1.0, (_BASE - _HEAD) * math.sqrt(count / most))
        red = max(1.0, whole * bad / count) if bad else 0.0
        title = f"{number(edges[k])} to {number(edges[k + 1])}: {count:,} documents"
        title += f", {bad:,} fail" if bad else ""
        for kind, height, foot in (("good", whole - red, _BASE - red), ("bad", red, _BASE)):
            if height > 0:
                yield (
                    f'<rect class="{kind}" x="{_SIDE + k * step:.1f}" y="{foot - height:.1f}" '
                    f'width="{step - 0.8:.1f}" height="{height:.1f}"><title>{title}</title></rect>'
                )


def number(value: float) -> str:
    """A number of an axis for people: 86,390 and 0.0163, no powers of ten for common sizes."""
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _fails(values: npt.NDArray[np.float64], op: str, threshold: float) -> npt.NDArray[np.bool_]:
    compare = {
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
    }[op]
    return np.asarray(compare(values, threshold), np.bool_)
