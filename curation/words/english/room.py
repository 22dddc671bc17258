"""Room for the memo and the work arrays: tables that grow by doubling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.words.english.chunk import SPARE
from curation.words.english.memo import rehash


def scratch(n: int) -> tuple[npt.NDArray[Any], ...]:
    """Work arrays of `chunk.split_chunk` for a chunk of n code points."""
    room = 2 * n + SPARE
    return (
        np.zeros(n + SPARE, np.int32),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint64),
        np.zeros((n + 1024, 3), np.int64),
    )


def larger(array: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """The array with at least n rows, zeros after those it had."""
    if len(array) >= n:
        return array
    grown = np.zeros((max(n, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def larger_table(
    key: npt.NDArray[np.uint64], ids: npt.NDArray[np.int32], places: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """The open-addressing table with at least so many places."""
    if len(key) >= places:
        return key, ids
    size = len(key)
    while size < places + places // 2:
        size *= 2
    new_key, new_ids = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    rehash(key, ids, new_key, new_ids)
    return new_key, new_ids
