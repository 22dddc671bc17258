"""Histograms as SVG, drawn by hand: bars, the threshold, the failing side in another colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from curation.steps import Rule

WIDTH, HEIGHT, BINS = 320, 90, 48
_FOOT = 14


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`; logarithmic where counts span more than three decades."""

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
        return np.asarray(found, np.float64)


def axis_of(values: npt.NDArray[np.float64], threshold: float) -> Axis:
    """An axis that shows 99.8 % of the values and the threshold."""
    low, high = (float(q) for q in np.quantile(values, [0.001, 0.999]))
    low, high = min(low, threshold), max(high, threshold)
    if low == high:
        low, high = low - 0.5, high + 0.5
    log = low >= 0 and high > 1000 * max(1.0, float(np.quantile(values, 0.1)))
    return Axis(low, high, log)


def histogram(values: npt.NDArray[np.float64], rule: Rule) -> Markup:
    """An SVG of the values' distribution; empty without values."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Markup("")
    threshold = float(rule.threshold)
    axis = axis_of(known, threshold)
    counts, edges = np.histogram(np.clip(known, axis.low, axis.high), axis.edges())
    top = max(1, int(counts.max()))
    step = WIDTH / BINS
    bars = []
    for k, count in enumerate(counts.tolist()):
        if not count:
            continue
        height = max(1.0, (HEIGHT - _FOOT) * math.sqrt(count / top))
        middle = float(edges[k] + edges[k + 1]) / 2
        kind = "bad" if _fails(middle, rule.op, threshold) else "good"
        bars.append(
            f'<rect class="{kind}" x="{k * step:.1f}" y="{HEIGHT - _FOOT - height:.1f}" '
            f'width="{step - 0.8:.1f}" height="{height:.1f}"><title>{edges[k]:.4g} to '
            f"{edges[k + 1]:.4g}: {count:,} documents</title></rect>"
        )
    x = min(max(axis.place(threshold), 0.0), 1.0) * WIDTH
    return Markup(  # noqa: S704  (made of numbers and our own words only)
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="histogram">{"".join(bars)}'
        f'<line class="threshold" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT - _FOOT}"/>'
        f'<text x="0" y="{HEIGHT - 2}">{axis.low:.4g}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{axis.high:.4g}</text></svg>'
    )  # fmt: skip


def _fails(value: float, op: str, threshold: float) -> bool:
    return {
        "<": value < threshold,
        "<=": value <= threshold,
        ">": value > threshold,
        ">=": value >= threshold,
        "==": value == threshold,
        "!=": value != threshold,
    }[op]
