"""At every prefix: what Python integers say, within the bounds, and exact at stage ends.

All arithmetic is exact: an error e of a source with `count` of `total` items, at a prefix that has
given it `drawn`, is prefix * count / total - drawn, and is compared multiplied out.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from tests.client.engine.reference import Reference

MakePlan = Callable[..., Plan]
Int64 = NDArray[np.int64]

FIBONACCI = [1, 1]
while len(FIBONACCI) < 24:
    FIBONACCI.append(FIBONACCI[-1] + FIBONACCI[-2])
CASES = {
    "one": [57],
    "three": [700, 200, 100],
    "equal": [50] * 64,
    "half and 999 equal": [99_900, *[100] * 999],
    "zipf 10000": [max(1, 40_000 // (i + 1)) for i in range(10_000)],
    "fibonacci": FIBONACCI,
    "one in a million": [10**6, 1],
    "with empty sources": [0, 5, 0, 3, 0],
    "llm-jp": [2834, 1797, 1713, 6340, 8178, 1688, 1734, 572, 51],
}
SHAPE: list[Any] = [[0, [1, 2, [3, 4]]], [5, 6], 7]
NESTED = [4000, 900, 77, 1300, 1, 2500, 3, 1219]
LEVELS = [2, 3, 3, 4, 4, 2, 2, 1]
# tree.py proves 1.68 a nesting level and one more for the rounding of a ramp's steps; the promise
# is two and three.
HUNDREDTHS = 168


def errors(drawn: Int64, count: int, total: int) -> Int64:
    """The extremes of a source's error x total, given the prefixes `drawn` at which it is drawn.

    Between two draws the error only grows, so it is worst just before a draw and just after one.
    """
    assert total * total < 2**62, "products are exact"
    given = np.arange(drawn.size)
    before = drawn * count - given * total
    after = (drawn + 1) * count - (given + 1) * total
    return np.concatenate([before, after])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("numba", [True, False], ids=["numba", "numpy"])
def test_every_prefix_equals_python_integers_and_keeps_under_two(
    plan: MakePlan, name: str, numba: bool
) -> None:
    counts = CASES[name]
    total = sum(counts)
    source, draw = Order(plan([counts]), numba=numba).resolve(np.arange(total))
    assert source.tolist() == Reference(list(range(len(counts))), counts).whole()
    assert np.bincount(source, minlength=len(counts)).tolist() == counts, "exact at the end"
    at = np.argsort(source, kind="stable")
    for drawn in np.split(at, np.cumsum(counts)[:-1]):
        if drawn.size:
            assert (draw[drawn] == np.arange(drawn.size)).all()
            worst = np.abs(errors(drawn, drawn.size, total)).max()
            assert 100 * int(worst) < HUNDREDTHS * total


def test_nested_groups_keep_under_two_a_level_at_every_prefix(plan: MakePlan) -> None:
    total = sum(NESTED)
    reference = Reference(SHAPE, NESTED)
    source, draw = Order(plan([NESTED], tree=SHAPE)).resolve(np.arange(total))
    assert source.tolist() == reference.whole()
    assert [reference.at(m) for m in range(0, total, 7)] == list(
        zip(source[::7].tolist(), draw[::7].tolist(), strict=True)
    )

    def check(members: list[int], levels: int) -> None:
        drawn = np.flatnonzero(np.isin(source, members))
        worst = np.abs(errors(drawn, drawn.size, total)).max()
        assert 100 * int(worst) < HUNDREDTHS * levels * total, members

    for s, levels in enumerate(LEVELS):
        check([s], levels)
    check([0, 1, 2, 3, 4], 1)
    check([1, 2, 3, 4], 2)
    check([3, 4], 3)
    check([5, 6], 1)


def ramp(start: list[Fraction], end: list[Fraction], step: int, steps: int) -> list[list[int]]:
    """Counts of a ramp: the largest remainder of what is due so far, less what was given."""
    due = [Fraction(0)] * len(start)
    given = [0] * len(start)
    rows = []
    for j in range(steps):
        t = Fraction(2 * j + 1, 2 * steps)
        due = [d + ((1 - t) * a + t * b) * step for d, a, b in zip(due, start, end, strict=True)]
        floor = [max(g, d.numerator // d.denominator) for d, g in zip(due, given, strict=True)]
        rest = step * (j + 1) - sum(floor)
        for s in sorted(range(len(due)), key=lambda s: (floor[s] - due[s], s))[:rest]:
            floor[s] += 1
        rows.append([f - g for f, g in zip(floor, given, strict=True)])
        given = floor
    return rows


def shares(weights: list[int]) -> list[Fraction]:
    return [Fraction(weight, sum(weights)) for weight in weights]


RAMPS: dict[str, tuple[list[Any], list[Fraction], list[Fraction], list[int]]] = {
    "flat": ([0, 1, 2, 3], shares([50, 30, 20, 0]), shares([100, 500, 399, 1]), [1] * 4),
    "zipf": (
        list(range(40)),
        shares([2520 // (i + 1) for i in range(40)]),
        shares([2520 // (40 - i) for i in range(40)]),
        [1] * 40,
    ),
    "nested": (SHAPE, shares(NESTED), shares(NESTED[::-1]), LEVELS),
}


@pytest.mark.parametrize("name", RAMPS)
@pytest.mark.parametrize("numba", [True, False], ids=["numba", "numpy"])
def test_a_ramp_keeps_under_three_against_its_weights_at_every_prefix(
    plan: MakePlan, name: str, numba: bool
) -> None:
    shape, start, end, levels = RAMPS[name]
    step, steps = 157, 64
    rows = ramp(start, end, step, steps)
    made = plan(rows, sequences=[301] * len(start), tree=shape)
    source, draw = Order(made, numba=numba).resolve(np.arange(step * steps))
    expected = [s for counts in rows for s in Reference(shape, counts).whole()]
    assert source.tolist() == expected
    for s, (a, b) in enumerate(zip(start, end, strict=True)):
        mine = source == s
        assert (draw[mine] == np.arange(int(mine.sum()))).all()
        seen = np.concatenate([[0], np.cumsum(mine)])
        rates = [(2 * steps - 2 * j - 1) * a + (2 * j + 1) * b for j in range(steps)]
        unit = a.denominator * b.denominator
        whole = np.array([int(rate * unit) for rate in rates], dtype=np.int64)
        due = np.concatenate([[0], np.cumsum(np.repeat(whole, step))])
        scale = 2 * steps * unit
        assert scale * step * steps < 2**62, "products are exact"
        worst = int(np.abs(seen * scale - due).max())
        assert 100 * worst < (HUNDREDTHS * levels[s] + 100) * scale
        # At the end of a step nothing is left but the rounding of counts to whole sequences.
        ends = np.abs(seen[::step] * scale - due[::step])
        assert int(ends.max()) <= scale
        assert seen[::step].tolist() == np.cumsum([0, *(row[s] for row in rows)]).tolist()


@pytest.mark.parametrize("total", [10**12, 2**48])
def test_a_weight_of_a_billionth_keeps_under_two_at_every_prefix(
    plan: MakePlan, total: int
) -> None:
    """All its draws are found by the inverse, so all extremes of its error are looked at."""
    rare = total // 10**9
    counts = [total // 2 - rare, total - total // 2, rare]
    order = Order(plan([counts], sequences=[10**9, 10**9, 7]))
    reference = Reference([0, 1, 2], counts)
    draws = range(rare) if total == 10**12 else Random(7).sample(range(rare), 1000)
    slots = [order._slot(2, draw) for draw in draws]
    for draw, slot in zip(draws, slots, strict=True):
        assert 100 * abs(slot * rare - draw * total) < HUNDREDTHS * total
        assert 100 * abs((slot + 1) * rare - (draw + 1) * total) < HUNDREDTHS * total
        assert reference.at(slot) == (2, draw)
    for numba in (True, False):
        source, draw_ = Order(order.plan, numba=numba).resolve(slots)
        assert (source == 2).all()
        assert draw_.tolist() == list(draws)
    assert order.counts(total).tolist() == counts


@pytest.mark.parametrize(
    ("shape", "weights"),
    [
        ([0, 1, 2], [10**9 // 2 - 1, 10**9 // 2, 1]),
        (list(range(1000)), [999, *[1] * 999]),
        (list(range(24)), FIBONACCI),
        (SHAPE, NESTED),
    ],
    ids=["billionth", "half and 999 equal", "fibonacci", "nested"],
)
def test_windows_deep_in_a_trillion_positions_are_python_integers(
    plan: MakePlan, shape: list[Any], weights: list[int]
) -> None:
    """From exact counts before the window on, the error of every source at every prefix in it."""
    counts = [10**12 * weight // sum(weights) for weight in weights]
    counts[0] += 10**12 - sum(counts)
    total, count = 10**12, len(counts)
    reference = Reference(shape, counts)
    order = Order(plan([counts], sequences=[10**6] * count, tree=shape))
    random = Random(len(weights))
    for first in (0, total - 800, *(random.randrange(total - 800) for _ in range(3))):
        given = reference.prefix(first, count)
        assert order.counts(first).tolist() == given
        expected = [reference.at(m) for m in range(first, first + 800)]
        for numba in (True, False):
            found = Order(order.plan, numba=numba).resolve(np.arange(first, first + 800))
            assert [*zip(*(part.tolist() for part in found), strict=True)] == expected
        for at, (source, draw) in enumerate(expected, first):
            assert draw == given[source]
            assert 100 * abs(at * counts[source] - draw * total) < 4 * HUNDREDTHS * total
            given[source] += 1
        for s in range(count):
            error = abs((first + 800) * counts[s] - given[s] * total)
            assert 100 * error < 4 * HUNDREDTHS * total
