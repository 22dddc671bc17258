"""Units of a key, which are code points, or words with a space between two; hashes of runs of them.

A hash is a polynomial modulo 2**64: it only says where to look, texts are compared behind it.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.folding import SPACE
from curation.kernels.hashing import spread

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_U1 = np.uint64(1)


@njit(inline="always")
def power(n):  # type: ignore[no-untyped-def]
    """MULTIPLIER ** n modulo 2**64."""
    out = _U1
    for _ in range(n):
        out *= MULTIPLIER
    return out


@njit(inline="always")
def equal(a, i, j, b, x, y):  # type: ignore[no-untyped-def]
    """Are a[i:j] and b[x:y] the same?"""
    if j - i != y - x:
        return False
    for k in range(j - i):  # noqa: SIM110  (numba: a generator would be slower)
        if a[i + k] != b[x + k]:
            return False
    return True


@njit(inline="always")
def bounds(begin, end, u, n, words):  # type: ignore[no-untyped-def]
    """Where n units from u on lie in the codes."""
    if words:
        return np.int64(begin[u]), np.int64(end[u + n - 1])
    return np.int64(u), np.int64(u + n)


@njit(nogil=True)
def split(codes, first, last, begin, end, tokens, w):  # type: ignore[no-untyped-def]
    """Write place and hash of the words of codes[first:last] from w on; past the last."""
    i = first
    while i < last:
        h = _U1
        j = i
        while j < last and codes[j] != SPACE:
            h = h * MULTIPLIER + np.uint64(codes[j])
            j += 1
        begin[w] = i
        end[w] = j
        tokens[w] = spread(h)
        w += 1
        i = j + 1
    return w


@njit(nogil=True)
def rolling(values, first, count, n, out):  # type: ignore[no-untyped-def]
    """out[k] = hash of the n values from first + k on, for all that end before first + count."""
    top = power(n)
    h = np.uint64(0)
    for t in range(count):
        h = h * MULTIPLIER + (np.uint64(values[first + t]) + _U1)
        if t >= n:
            h -= top * (np.uint64(values[first + t - n]) + _U1)
        if t >= n - 1:
            out[t - n + 1] = spread(h)
