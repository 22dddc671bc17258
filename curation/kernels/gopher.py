"""Lines, paragraphs and marks as datatrove's Gopher and FineWeb filters count them.

Transcribed from what datatrove 0.10.1 computes (gopher_repetition_filter.py,
gopher_quality_filter.py, fineweb_quality_filter.py), white space and line ends as Python has them.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import SEED, add, capacity, finish, hash_bytes, step
from curation.kernels.utf8 import (
    before,
    break_len,
    count_chars,
    decode,
    ends_with_ellipsis,
    strip_left,
    strip_right,
)

# Columns of `repetition_statistics`, of `mark_statistics`, of `fineweb_statistics`.
CHARACTERS, PARAGRAPHS, SAME_PARAGRAPHS, SAME_PARAGRAPH_CHARACTERS = range(4)
LINES, SAME_LINES, SAME_LINE_CHARACTERS = range(4, 7)

HASHES, ELLIPSES, BULLETS, ENDING_ELLIPSES, SPLIT_LINES = range(5)

FULL_LINES, ENDED_LINES, SHORT_LINES, REPEATED_CHARACTERS, BREAKS, TEXT_CHARACTERS = range(6)


@njit(nogil=True)
def _pieces(b, s, e, least, table, g, mask):  # type: ignore[no-untyped-def]
    """(pieces, those that an earlier one equals, their characters) of b[s:e] cut at runs of at
    least `least` newlines; empty pieces at the ends count, as `re.split` gives them."""
    pieces = 0
    same = 0
    characters = 0
    i = s
    while True:
        h = SEED
        n = 0
        j = i
        run = 0
        while j < e:
            c = b[j]
            if c == 10:
                run = j
                while run < e and b[run] == 10:
                    run += 1
                if run - j >= least:
                    break
            h = step(h, c)
            n += (c & 0xC0) != 0x80
            j += 1
        pieces += 1
        if add(table, g, mask, finish(h), b, i, j):
            same += 1
            characters += n
        if j >= e:
            return pieces, same, characters
        i = run


@njit(nogil=True, cache=True)
def repetition_statistics(b, offsets):  # type: ignore[no-untyped-def]
    """int64[texts, 7]: characters; paragraphs of the stripped text, repeated ones and their
    characters; the same of lines."""
    texts = len(offsets) - 1
    out = np.zeros((texts, 7), np.int64)
    table = np.zeros((64, 4), np.int64)
    g = 0
    for d in range(texts):
        s = offsets[d]
        e = offsets[d + 1]
        breaks = 1
        for i in range(s, e):
            breaks += b[i] == 10
        if capacity(breaks) > len(table):
            table = np.zeros((capacity(breaks), 4), np.int64)
            g = 0
        mask = np.uint64(capacity(breaks) - 1)
        row = out[d]
        row[CHARACTERS] = count_chars(b, s, e)
        a = strip_left(b, s, e)
        z = strip_right(b, a, e)
        g += 1
        row[PARAGRAPHS], row[SAME_PARAGRAPHS], row[SAME_PARAGRAPH_CHARACTERS] = _pieces(
            b, a, z, 2, table, g, mask
        )
        g += 1
        row[LINES], row[SAME_LINES], row[SAME_LINE_CHARACTERS] = _pieces(b, s, e, 1, table, g, mask)
    return out


@njit(nogil=True)
def _finish_line(b, s, e, row):  # type: ignore[no-untyped-def]
    """Count the line b[s:e], and whether it starts with - or • and ends with an ellipsis."""
    row[SPLIT_LINES] += 1
    a = strip_left(b, s, e)
    if a == e:
        return
    bullet = b[a] == 0x2D or (b[a] == 0xE2 and b[a + 1] == 0x80 and b[a + 2] == 0xA2)
    row[BULLETS] += bullet
    row[ENDING_ELLIPSES] += ends_with_ellipsis(b, a, strip_right(b, a, e))


@njit(nogil=True, cache=True)
def mark_statistics(b, offsets):  # type: ignore[no-untyped-def]
    """int64[texts, 5]: `#`; "..." (not overlapping) and "…"; lines (`str.splitlines`) that start
    with - or •; that end with an ellipsis; lines."""
    texts = len(offsets) - 1
    out = np.zeros((texts, 5), np.int64)
    for d in range(texts):
        i = offsets[d]
        e = offsets[d + 1]
        start = i
        dots = 0
        row = out[d]
        while i < e:
            c = b[i]
            if c == 46:
                dots += 1
                if dots == 3:
                    row[ELLIPSES] += 1
                    dots = 0
                i += 1
                continue
            dots = 0
            if c == 35:
                row[HASHES] += 1
            elif c < 32 or c == 0xC2 or c == 0xE2:
                w = break_len(b, i, e)
                if w:
                    _finish_line(b, start, i, row)
                    i += w
                    start = i
                    continue
                if c == 0xE2 and b[i + 1] == 0x80 and b[i + 2] == 0xA6:
                    row[ELLIPSES] += 1
            i += 1
        if start < e:
            _finish_line(b, start, e, row)
    return out


@njit(nogil=True, cache=True)
def fineweb_statistics(b, offsets, ends, short):  # type: ignore[no-untyped-def]
    """int64[texts, 6] over lines cut at newlines alone, those of white space left out: lines; that
    end with a character of `ends`; of at most `short` characters; characters of lines that an
    earlier one equals; newlines; characters of the text without newlines."""
    texts = len(offsets) - 1
    out = np.zeros((texts, 6), np.int64)
    table = np.zeros((64, 4), np.int64)
    g = 0
    for d in range(texts):
        s = offsets[d]
        e = offsets[d + 1]
        row = out[d]
        for i in range(s, e):
            row[BREAKS] += b[i] == 10
        size = capacity(row[BREAKS] + 1)
        if size > len(table):
            table = np.zeros((size, 4), np.int64)
            g = 0
        mask = np.uint64(size - 1)
        g += 1
        i = s
        while i < e:
            z = i
            n = 0
            while z < e and b[z] != 10:
                n += (b[z] & 0xC0) != 0x80
                z += 1
            row[TEXT_CHARACTERS] += n
            if strip_left(b, i, z) < z:
                row[FULL_LINES] += 1
                last, _ = decode(b, before(b, i, z))
                row[ENDED_LINES] += ends[last]
                row[SHORT_LINES] += n <= short
                if add(table, g, mask, hash_bytes(b, i, z), b, i, z):
                    row[REPEATED_CHARACTERS] += n
            i = z + 1
    return out
