"""Lines of a text, blank ones left out: lengths, first and last characters, repetition."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import add, capacity, hash_bytes
from curation.kernels.utf8 import (
    before,
    count_chars,
    decode,
    ends_with_ellipsis,
    next_break,
    strip_left,
    strip_right,
)

LINES, CHARACTERS, LONGEST, SHORT, DUPLICATES, DUPLICATE_CHARACTERS, BULLETS, ELLIPSES, ENDED = (
    range(9)
)

_BULLETS = np.array([ord(character) for character in "•●■・◆※"], np.int64)


@njit(inline="always")
def _bullet(b, s, e):  # type: ignore[no-untyped-def]
    """Does the stripped line start as an item of a list?"""
    code, width = decode(b, s)
    if code == 0x2D or code == 0x2A:  # - and * begin words too
        return s + width == e or b[s + width] == 32
    for bullet in _BULLETS:  # noqa: SIM110  (numba: a generator would be slower)
        if code == bullet:
            return True
    return False


@njit(nogil=True, cache=True)
def line_statistics(b, offsets, ends, short):  # type: ignore[no-untyped-def]
    """int64[rows, 9] over the lines of each text, stripped of white space, blank lines left out.

    Lines end where `str.splitlines` ends them. `ends` marks code points that end a sentence,
    `short` is the length in characters up to which a line counts as short. A duplicate is a line
    that an earlier line equals: one repeated line out of two counts one.
    """
    rows = len(offsets) - 1
    out = np.zeros((rows, 9), np.int64)
    table = np.zeros((64, 4), np.int64)
    g = 0
    for d in range(rows):
        s = offsets[d]
        e = offsets[d + 1]
        lines = 1  # at most: what a line break can start with
        for i in range(s, e):
            c = b[i]
            lines += (c < 32) | (c == 0xC2) | (c == 0xE2)
        if capacity(lines) > len(table):
            table = np.zeros((capacity(lines), 4), np.int64)
        g += 1
        mask = np.uint64(len(table) - 1)
        i = s
        while i < e:
            z, w = next_break(b, i, e)
            a = strip_left(b, i, z)
            y = strip_right(b, a, z)
            i = z + w
            if a == y:
                continue
            n = count_chars(b, a, y)
            out[d, LINES] += 1
            out[d, CHARACTERS] += n
            out[d, LONGEST] = max(out[d, LONGEST], n)
            out[d, SHORT] += n <= short
            if add(table, g, mask, hash_bytes(b, a, y), b, a, y):
                out[d, DUPLICATES] += 1
                out[d, DUPLICATE_CHARACTERS] += n
            out[d, BULLETS] += _bullet(b, a, y)
            out[d, ELLIPSES] += ends_with_ellipsis(b, a, y)
            last, _ = decode(b, before(b, a, y))
            out[d, ENDED] += ends[last]
    return out
