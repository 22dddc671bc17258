"""Counting 64-bit keys, and hashes of any stretch of a sequence from hashes of its prefixes."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.words.batch import BASE

_U1 = np.uint64(1)


@njit(inline="always")
def count(table, g, mask, h):  # type: ignore[no-untyped-def]
    """Count h in the table of generation g; its place. Rows are key, generation << 32 | count."""
    p = h & mask
    mark = np.uint64(g) << np.uint64(32)
    state = table[p, 1]
    # whether a place is new cannot be predicted, so only a place taken by another key branches
    while (state >= mark) & (table[p, 0] != h):
        p = (p + _U1) & mask
        state = table[p, 1]
    table[p, 0] = h
    table[p, 1] = (mark if state < mark else state) + _U1
    return p


@njit(inline="always")
def times(table, p):  # type: ignore[no-untyped-def]
    """How often the key at place p of `count` was counted."""
    return np.int64(table[p, 1] & np.uint64(0xFFFFFFFF))


@njit(inline="always")
def shift(powers, n):  # type: ignore[no-untyped-def]
    """BASE ** n modulo 2**64."""
    if n < len(powers):
        return powers[n]
    out = _U1
    base = BASE
    while n:
        if n & 1:
            out *= base
        base *= base
        n >>= 1
    return out
