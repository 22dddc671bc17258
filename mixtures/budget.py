"""Sequences a source gets in each stage: largest remainders of what is due, in exact integers.

    shares      what part of a leg each source is asked for; fractions that add up to 1
    Leg         sequences up to `until` under one vector of shares, or a ramp between two
    apportion   legs -> one row of counts a stage; a ramp becomes up to 64 stages

What a source is due at the end of a stage is the exact sum, over all stages so far, of its share
times their sequences. Its count so far is the largest-remainder rounding of that: the whole part,
and one more for the largest remainders until the sum is right; equal remainders go to the earlier
source. So a remainder is carried from stage to stage and every running count is within one of what
is due, whatever the number of stages. One exception: a count is never taken back. Where a source
was rounded up before and is due no more, it stays ahead, and the smallest remainders wait instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

RAMP_STEPS = 64

Shares = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """Sequences from the end of the leg before to `until`, shared by `shares` (they add up to 1).

    With `ramp_from` the shares move from those to `shares` in 64 equal steps: step j = 0..63 covers
    sequences floor(n j / 64) .. floor(n (j + 1) / 64) - 1 of the leg's n and has the shares of its
    middle, ((127 - 2 j) ramp_from + (2 j + 1) shares) / 128, so that the leg as a whole gives the
    mean of the two.
    """

    until: int
    shares: Shares
    ramp_from: Shares | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Counts a source of one stage of a plan; `leg` is the index of the leg it belongs to."""

    until: int
    leg: int
    counts: tuple[int, ...]


def apportion(legs: Sequence[Leg], *, start: int = 0) -> list[Row]:
    """Counts for the sequences from `start` to the last leg's end; each row adds up exactly.

    Stages without a sequence (a ramp shorter than its steps) are left out.
    """
    sources = len(legs[0].shares)
    denominator = lcm(*(share.denominator for leg in legs for share in _all_shares(leg)))
    due = [0] * sources  # over denominator * 128
    given = [0] * sources
    rows: list[Row] = []
    for index, leg in enumerate(legs):
        first = rows[-1].until if rows else start
        for until, weights in _steps(leg, first, denominator):
            length = until - (rows[-1].until if rows else start)
            due = [d + length * w for d, w in zip(due, weights, strict=True)]
            now = round_up_largest(due, 2 * RAMP_STEPS * denominator, given, until - start)
            counts = tuple(n - g for n, g in zip(now, given, strict=True))
            rows.append(Row(until, index, counts))
            given = now
    return rows


def _all_shares(leg: Leg) -> Shares:
    return leg.shares if leg.ramp_from is None else leg.shares + leg.ramp_from


def _steps(leg: Leg, start: int, denominator: int) -> Iterator[tuple[int, list[int]]]:
    """(end, shares as integers over 128 times the denominator) of each step of a leg."""
    scale, end = 2 * RAMP_STEPS, [_over(share, denominator) for share in leg.shares]
    if leg.ramp_from is None:
        if leg.until > start:
            yield leg.until, [scale * share for share in end]
        return
    begin = [_over(share, denominator) for share in leg.ramp_from]
    done = start
    for step in range(RAMP_STEPS):
        until = start + (leg.until - start) * (step + 1) // RAMP_STEPS
        if until > done:
            late = 2 * step + 1
            yield until, [(scale - late) * a + late * b for a, b in zip(begin, end, strict=True)]
            done = until


def _over(share: Fraction, denominator: int) -> int:
    return share.numerator * (denominator // share.denominator)


def round_up_largest(
    due: Sequence[int], denominator: int, given: Sequence[int], total: int
) -> list[int]:
    """Integers that add up to `total`: `due` / `denominator` by largest remainder, none < given.

    The dues add up to total * denominator, and the given to at most total.
    """
    counts = [max(g, d // denominator) for d, g in zip(due, given, strict=True)]
    left = [d - c * denominator for d, c in zip(due, counts, strict=True)]
    short = total - sum(counts)
    if short > 0:
        for source in sorted(range(len(due)), key=lambda s: (-left[s], s))[:short]:
            counts[source] += 1
    while short < 0:
        ahead = [s for s in range(len(due)) if counts[s] > given[s]]
        ahead.sort(key=lambda s: (left[s], -s))
        for source in ahead[:-short]:
            counts[source] -= 1
            left[source] += denominator
            short += 1
    return counts
