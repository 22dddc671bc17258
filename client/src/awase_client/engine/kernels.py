"""Loops of order and shuffle compiled by numba; the numpy code beside them gives the same numbers.

Importing this module imports numba, so only `compiled()` of order.py does, and late: a process that
asks for a few positions has its answer before numba has loaded.
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def _compile(function: Any) -> Any:
    """njit with a cache on disk, or without where no cache folder can be written."""
    try:
        return njit(function, nogil=True, cache=True)
    except RuntimeError:  # numba: "no locator available"
        return njit(function, nogil=True)


@_compile
def _descend(m, root, left, right, share, weight, ratio):
    """(source, index) of item m of a tree; see tree.py for the arithmetic."""
    node = root
    while node >= 0:
        a = share[node]
        w = weight[node]
        q = np.int64(np.float64(m) * ratio[node])
        r = 2 * (m * a - q * w) + w
        while r < 0:
            q -= 1
            r += 2 * w
        while r >= 2 * w:
            q += 1
            r -= 2 * w
        if r + 2 * a >= 2 * w:
            m = q
            node = left[node]
        else:
            m -= q
            node = right[node]
    return ~node, m


@_compile
def descend(items, root, left, right, share, weight, ratio, base, source, draw):
    """source[k], draw[k] of items[k]; `base` holds each source's draws before the tree's stage."""
    for k in range(items.size):
        s, m = _descend(items[k], root, left, right, share, weight, ratio)
        source[k] = s
        draw[k] = base[s] + m


@_compile
def _mix(x):
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


@_compile
def _permute(index, n, bits, keys, row):
    if n == 1:
        return index
    mask = (np.uint64(1) << bits) - np.uint64(1)
    x = np.uint64(index)
    limit = np.uint64(n)
    while True:
        left = x >> bits
        right = x & mask
        for r in range(8):
            swap = left ^ (_mix(right ^ np.uint64(keys[row, r])) & mask)
            left = right
            right = swap
        x = (left << bits) | right
        if x < limit:
            return np.int64(x)


@_compile
def permute_rows(index, rows, n, bits, keys, out):
    """out[k] = permute(index[k]) with n, bits and keys of row rows[k]."""
    for k in range(index.size):
        row = rows[k]
        out[k] = _permute(index[k], n[row], bits[row], keys, row)


@_compile
def shuffle(source, draw, sequences, bits, known, keys, epoch, sequence):
    """Split draws into epochs and permute; returns how many still need their epoch's keys.

    `known[s]` is the epoch whose round keys stand in keys[s]. Where another is needed,
    `sequence[k]` is left as -1 - (index before the shuffle).
    """
    missing = 0
    for k in range(draw.size):
        s = source[k]
        n = sequences[s]
        e = draw[k] // n
        index = draw[k] - e * n
        epoch[k] = e
        if e == known[s]:
            sequence[k] = _permute(index, n, bits[s], keys, s)
        else:
            sequence[k] = -1 - index
            missing += 1
    return missing
