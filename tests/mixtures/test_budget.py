"""Counts are the largest remainders of what is due, at the end of every stage."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.budget import Leg, Row, Shares, apportion

tiny = st.integers(1, 10**9).map(lambda n: Fraction(n, 10**9))
weight = st.one_of(st.just(Fraction(0)), tiny, st.just(Fraction(1, 10**9)), st.just(Fraction(1)))


def normal(weights: list[Fraction]) -> Shares:
    return tuple(w / sum(weights) for w in weights)


@st.composite
def some_legs(draw: st.DrawFn, *, most: int = 8, longest: int = 10**13) -> list[Leg]:
    sources = draw(st.integers(1, most))
    vector = st.lists(weight, min_size=sources, max_size=sources).filter(any).map(normal)
    legs, until = [], 0
    for _ in range(draw(st.integers(1, 4))):
        until += draw(st.one_of(st.integers(1, 200), st.integers(1, longest)))
        legs.append(Leg(until, draw(vector), draw(st.one_of(st.none(), vector))))
    return legs


def dues(legs: list[Leg], rows: list[Row]) -> list[list[Fraction]]:
    """What each source is due at the end of each row, in Fractions, from the definition alone."""
    due = [Fraction(0)] * len(legs[0].shares)
    out, start = [], 0
    ends = {row.until for row in rows}
    for leg in legs:
        length = leg.until - start
        for step in range(64):
            first, last = (floor(Fraction(length * j, 64)) for j in (step, step + 1))
            t = Fraction(2 * step + 1, 128)
            for s, share in enumerate(leg.shares):
                before = share if leg.ramp_from is None else leg.ramp_from[s]
                due[s] += (last - first) * ((1 - t) * before + t * share)
            if start + last in ends and (leg.ramp_from is not None or step == 63) and last > first:
                out.append(list(due))
        start = leg.until
    return out


def largest_remainder(due: list[Fraction], total: int) -> list[int]:
    counts = [floor(d) for d in due]
    order = sorted(range(len(due)), key=lambda s: (counts[s] - due[s], s))
    for s in order[: total - sum(counts)]:
        counts[s] += 1
    return counts


@settings(max_examples=40)
@given(legs=some_legs())
def test_counts_are_the_largest_remainders_of_what_is_due(legs: list[Leg]) -> None:
    rows = apportion(legs)
    before, start = [0] * len(legs[0].shares), 0
    for row, due in zip(rows, dues(legs, rows), strict=True):
        assert sum(due) == row.until
        assert sum(row.counts) == row.until - start
        assert min(row.counts) >= 0
        now = [b + c for b, c in zip(before, row.counts, strict=True)]
        expected = largest_remainder(due, row.until)
        if all(e >= b for e, b in zip(expected, before, strict=True)):
            assert now == expected
        assert all(abs(n - d) < 2 for n, d in zip(now, due, strict=True))
        before, start = now, row.until
    assert rows[-1].until == legs[-1].until


@settings(max_examples=8)
@given(
    weights=st.lists(tiny, min_size=1000, max_size=1000), until=st.integers(1, 10**13)
)  # fmt: skip
def test_a_thousand_sources_get_their_largest_remainders(
    weights: list[Fraction], until: int
) -> None:
    shares = normal(weights)
    [row] = apportion([Leg(until, shares)])
    assert list(row.counts) == largest_remainder([until * share for share in shares], until)


def test_a_remainder_is_carried_to_the_next_stage() -> None:
    third = (Fraction(1, 3), Fraction(1, 3), Fraction(1, 3))
    rows = apportion([Leg(until, third) for until in range(1, 7)])
    assert [row.counts for row in rows] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)] * 2


def test_what_was_given_is_not_taken_back() -> None:
    half = (Fraction(1, 2), Fraction(1, 2))
    rows = apportion([Leg(1, half), Leg(2, (Fraction(0), Fraction(1)))])
    assert [row.counts for row in rows] == [(1, 0), (0, 1)]
    equal = tuple(Fraction(1, 20) for _ in range(20))
    rest = tuple(Fraction(int(s >= 10), 10) for s in range(20))
    rows = apportion([Leg(10, equal), Leg(16, rest)])
    assert rows[0].counts == (1,) * 10 + (0,) * 10
    # Each of the last ten is due 1.1 by now, and only six sequences are left to give.
    assert rows[1].counts == (0,) * 10 + (1,) * 6 + (0,) * 4


def test_a_ramp_gives_the_mean_of_both_ends_over_64_stages() -> None:
    start, end = (Fraction(1), Fraction(0)), (Fraction(1, 5), Fraction(4, 5))
    rows = apportion([Leg(1000, start), Leg(65_000, end, ramp_from=start)])
    assert len(rows) == 65
    assert [row.until for row in rows[1:3]] == [2000, 3000]
    assert [sum(row.counts[s] for row in rows[1:]) for s in (0, 1)] == [38_400, 25_600]
    assert rows[1].counts[1] == round(1000 * 0.8 / 128)
    assert len(apportion([Leg(5, end, ramp_from=start)])) == 5


def test_equal_remainders_go_to_the_earlier_source() -> None:
    quarter = tuple(Fraction(1, 4) for _ in range(4))
    assert apportion([Leg(6, quarter)])[0].counts == (2, 2, 1, 1)
