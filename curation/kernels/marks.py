"""Which texts hold a run of combining marks so long that normal forms need `base.marks`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit
from curation.base.marks import SAFE_RUN, marks_of
from curation.kernels.utf8 import decode


def rows_with_long_runs(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Rows of a UTF-8 array in which more than `SAFE_RUN` marks (of NFKD) stand in a row."""
    return np.flatnonzero(_long_runs(data, offsets, marks_of("NFKD")))


@njit(inline="always")
def _lead(b, start, i):  # type: ignore[no-untyped-def]
    """Where the character that holds byte i begins; not before start."""
    while i > start and b[i] & 0xC0 == 0x80:
        i -= 1
    return i


@njit(nogil=True)
def _in_long_run(b, start, end, i, marks):  # type: ignore[no-untyped-def]
    """Is the character at i of b[start:end] within a run of more than SAFE_RUN marks?"""
    code, _ = decode(b, i)
    if not marks[code]:
        return False
    first = i
    while first > start and i - first < 4 * SAFE_RUN:  # bytes: back to where it may begin
        before = _lead(b, start, first - 1)
        code, _ = decode(b, before)
        if not marks[code]:
            break
        first = before
    run = 0
    while first < end and run <= SAFE_RUN:
        code, width = decode(b, first)
        if not marks[code]:
            break
        run += 1
        first += width
    return run > SAFE_RUN


@njit(nogil=True, cache=True)
def _long_runs(b, offsets, marks):  # type: ignore[no-untyped-def]
    """bool[texts]. A mark has two bytes at least, so a long run has a character at every 60th byte:
    one look there tells, nearly always."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for d in range(len(offsets) - 1):
        start = offsets[d]
        end = offsets[d + 1]
        at = start + 2 * SAFE_RUN
        while at < end and not found[d]:
            found[d] = _in_long_run(b, start, end, _lead(b, start, at), marks)
            at += 2 * SAFE_RUN
    return found
