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


@njit(nogil=True, cache=True)
def _long_runs(b, offsets, marks):  # type: ignore[no-untyped-def]
    """A run has a character at every 60th byte at least: one look there tells, nearly always."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for d in range(len(offsets) - 1):
        start = offsets[d]
        end = offsets[d + 1]
        at = start + 2 * SAFE_RUN
        while at < end:
            i = at
            while i > start and b[i] & 0xC0 == 0x80:
                i -= 1
            code, _ = decode(b, i)
            if marks[code]:
                first = i
                while first > start and i - first < 4 * SAFE_RUN:
                    j = first - 1
                    while j > start and b[j] & 0xC0 == 0x80:
                        j -= 1
                    code, _ = decode(b, j)
                    if not marks[code]:
                        break
                    first = j
                run = 0
                while first < end and run <= SAFE_RUN:
                    code, width = decode(b, first)
                    if not marks[code]:
                        break
                    run += 1
                    first += width
                if run > SAFE_RUN:
                    found[d] = True
                    break
            at += 2 * SAFE_RUN
    return found
