"""What the steps of this package share: a name, rules out of a profile, scores as Arrow arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.steps import Rule, Scored, Statistic

Numbers = npt.NDArray[Any]


def integer(name: str, unit: str, doc: str) -> Statistic:
    """A count: int64."""
    return Statistic(name, pa.int64(), unit, doc)


def fraction(name: str, doc: str, unit: str = "fraction") -> Statistic:
    """A quotient: float64, null where there is nothing to divide by."""
    return Statistic(name, pa.float64(), unit, doc)


def flag(name: str, doc: str) -> Statistic:
    """Whether something holds: bool."""
    return Statistic(name, pa.bool_(), "flag", doc)


class RuleStep:
    """A step whose rules come from a profile; subclasses name their statistics and compute them.

    Subclasses take their options as keyword arguments of `__init__` and repeat in `settings` what
    changes a score or the text.
    """

    default_name: ClassVar[str]
    rewrites: bool = False  # whether `score` may give another text
    source: str = ""  # by whose authority the step's own bounds are what they are
    options: ClassVar[dict[str, type]] = {}  # what a profile may give, and its type
    statistics: tuple[Statistic, ...]

    def __init__(self, *, rules: Sequence[Rule] = (), name: str | None = None) -> None:
        self.name = name or self.default_name
        self.rules = tuple(rules)
        self.settings: dict[str, Any] = {}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        raise TypeError(f"{type(self).__name__} computes no statistic: give it a `score`")

    def arrays(self, values: Sequence[Numbers]) -> dict[str, pa.Array]:
        """The values, one array a statistic in the order of `statistics`; NaN becomes null."""
        scores = {}
        for statistic, column in zip(self.statistics, values, strict=True):
            missing = np.isnan(column) if column.dtype.kind == "f" else None
            scores[statistic.name] = pa.array(column, statistic.dtype, mask=missing)
        return scores


def ratio(numerator: Numbers, denominator: Numbers) -> npt.NDArray[np.float64]:
    """numerator / denominator as Python divides integers, NaN (later null) where it cannot.

    Both are below 2**53, so float64 division gives Python's correctly rounded quotient and a
    decision against a threshold is the peer's.
    """
    out = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out
