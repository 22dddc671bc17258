"""Groups of duplicates, and which document of a group stays: always the first in input order.

Everything here is a function of arrays in input order, so it does not depend on who computed them.
Memory: one key and one row number a document and band, whatever the number of bands.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit

Rows = npt.NDArray[np.int64]


class Groups:
    """Disjoint sets over rows 0..n-1; the representative of a set is its smallest row."""

    def __init__(self, count: int) -> None:
        self.parents = np.arange(count, dtype=np.int64)

    def join_equal(self, rows: Rows, keys: npt.NDArray[np.uint64]) -> None:
        """Join rows (ascending) whose keys are equal; a 64-bit key a row."""
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        _join(self.parents, rows[order[same]], rows[order[same + 1]])

    def join_equal_128(
        self, rows: Rows, high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]
    ) -> None:
        """Join rows (ascending) whose 128-bit keys are equal."""
        order = np.lexsort((low, high))
        before, after = order[:-1], order[1:]
        equal = (high[before] == high[after]) & (low[before] == low[after])
        same = np.flatnonzero(equal)
        _join(self.parents, rows[before[same]], rows[after[same]])

    def representatives(self) -> Rows:
        """int64[n]: for each row the first row of its group; itself where it stays."""
        _flatten(self.parents)
        return self.parents


@njit(inline="always")
def _root(parents, row):  # type: ignore[no-untyped-def]
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@njit(nb.void(nb.int64[::1], nb.int64[::1], nb.int64[::1]), cache=True, nogil=True)
def _join(parents, left, right):  # type: ignore[no-untyped-def]
    for k in range(len(left)):
        one = _root(parents, left[k])
        other = _root(parents, right[k])
        if one < other:
            parents[other] = one
        elif other < one:
            parents[one] = other


@njit(nb.void(nb.int64[::1]), cache=True, nogil=True)
def _flatten(parents):  # type: ignore[no-untyped-def]
    for row in range(len(parents)):
        parents[row] = parents[parents[row]]
