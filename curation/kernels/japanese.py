"""Sentences, repeated lines and character n-grams of Japanese text.

With `published` as quality.py of swallow-corpus (2d035073, MIT) computes them for Swallow v1,
quirks included: every line is a paragraph, blank ones too; a sentence ends at each of 。．！？!?,
within quotes as well; marks that follow such an end belong to no sentence. Otherwise as a reader
would: blank lines and white space around lines do not count; quotes and brackets are not cut; ends
that follow one another, and what closes after them, belong to the sentence before.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from curation.kernels.counting import count, shift, times
from curation.kernels.hashing import capacity, finish
from curation.kernels.utf8 import decode
from curation.words.batch import BASE

(
    LETTERS,
    HIRAGANA,
    KATAKANA,
    KANJI,
    KUTEN,
    TOTEN,
    PARAGRAPHS,
    SAME_PARAGRAPHS,
    PARAGRAPH_LETTERS,
    SAME_PARAGRAPH_LETTERS,
    SENTENCES,
    SAME_SENTENCES,
    SENTENCE_LETTERS,
    SAME_SENTENCE_LETTERS,
    LONGEST_SENTENCE,
    ELLIPSES,
    TOP,  # occurrences of the most frequent 2-, 3-, 4-gram
) = range(17)
REPEATED = TOP + 3  # kinds of 5- to 10-grams that occur twice
KINDS = REPEATED + 6  # kinds of 5- to 10-grams
COLUMNS = KINDS + 6

_C2 = np.uint64(0xC4CEB9FE1A85EC53)


@nb.njit(inline="always")
def _space(c):  # type: ignore[no-untyped-def]
    """`str.isspace` of a code point."""
    if c < 128:
        return c == 32 or 9 <= c <= 13 or 28 <= c <= 31
    if c == 0x85 or c == 0xA0 or c == 0x1680 or c == 0x3000 or c == 0x205F or c == 0x202F:
        return True
    return 0x2000 <= c <= 0x200A or c == 0x2028 or c == 0x2029


@nb.njit(inline="always")
def _ends(c):  # type: ignore[no-untyped-def]
    """。．！？!?"""
    return c == 0x3002 or c == 0xFF0E or c == 0xFF01 or c == 0xFF1F or c == 33 or c == 63


@nb.njit(inline="always")
def _opens(c):  # type: ignore[no-untyped-def]
    """「『【〈《（(“"""
    brackets = c == 0x300C or c == 0x300E or c == 0x3010 or c == 0x3008 or c == 0x300A
    return brackets or c == 0xFF08 or c == 40 or c == 0x201C


@nb.njit(inline="always")
def _closes(c):  # type: ignore[no-untyped-def]
    """」』】〉》）)”"""
    brackets = c == 0x300D or c == 0x300F or c == 0x3011 or c == 0x3009 or c == 0x300B
    return brackets or c == 0xFF09 or c == 41 or c == 0x201D


@nb.njit(nogil=True)
def _letters(cp, n, row):  # type: ignore[no-untyped-def]
    """Swallow v1's classes: no ー, no half-width kana, no kanji above U+FFFF."""
    row[LETTERS] = n
    for i in range(n):
        c = cp[i]
        if c < 0x3001:
            continue
        row[HIRAGANA] += 0x3041 <= c <= 0x3096
        row[KATAKANA] += 0x30A1 <= c <= 0x30FA
        kanji = 0x3400 <= c <= 0x9FFF or 0xF900 <= c <= 0xFAFF
        row[KANJI] += kanji or c == 0x3005 or c == 0x3007 or c == 0x303B
        row[KUTEN] += c == 0x3002 or c == 0xFF0E or c == 0xFF01 or c == 0xFF1F
        row[TOTEN] += c == 0x3001 or c == 0xFF0C


@nb.njit(nogil=True)
def _published_end(cp, i, e):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i, which is no end mark itself."""
    while i < e and not _ends(cp[i]):
        i += 1
    return min(i + 1, e)


@nb.njit(nogil=True)
def _balanced(cp, i, e):  # type: ignore[no-untyped-def]
    depth = 0
    for k in range(i, e):
        depth += int(_opens(cp[k])) - int(_closes(cp[k]))
        if depth < 0:
            return False
    return depth == 0


@nb.njit(nogil=True)
def _readers_end(cp, i, e, balanced):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i; quotes are minded where those of the line match."""
    depth = 0
    while i < e:
        c = cp[i]
        if balanced:
            depth += int(_opens(c)) - int(_closes(c))
        inside_number = c == 0xFF0E and i and not cp[i - 1] > 0x3000
        digit = c == 0xFF0E and i and 0xFF10 <= cp[i - 1] <= 0xFF5A
        i += 1
        if depth == 0 and (_ends(c) or c == 0x2026) and not inside_number and not digit:
            while i < e and (_ends(cp[i]) or cp[i] == 0x2026 or _closes(cp[i])):
                i += 1
            return i
    return e


@nb.njit(inline="always")
def _ends_with_ellipsis(cp, s, e):  # type: ignore[no-untyped-def]
    while e > s and _space(cp[e - 1]):
        e -= 1
    return e > s and (cp[e - 1] == 0x30FB or cp[e - 1] == 0x2026)


@nb.njit(nogil=True)
def _sentences(cp, i, e, published, prefix, powers, table, g, mask, row):  # type: ignore[no-untyped-def]
    """Count the sentences of the line cp[i:e]; (letters, hash) of all of them joined."""
    joined = np.uint64(0)
    letters = 0
    balanced = published or _balanced(cp, i, e)
    while i < e:
        if published and _ends(cp[i]):
            i += 1
            continue
        if not published and _space(cp[i]):
            i += 1
            continue
        z = _published_end(cp, i, e) if published else _readers_end(cp, i, e, balanced)
        size = z - i
        h = prefix[z] - prefix[i] * shift(powers, size)
        row[SENTENCES] += 1
        row[SENTENCE_LETTERS] += size
        row[LONGEST_SENTENCE] = max(row[LONGEST_SENTENCE], size)
        row[ELLIPSES] += _ends_with_ellipsis(cp, i, z)
        if times(table, count(table, g, mask, finish((h ^ np.uint64(size)) * _C2))) > 1:
            row[SAME_SENTENCES] += 1
            row[SAME_SENTENCE_LETTERS] += size
        joined = joined * shift(powers, size) + h
        letters += size
        i = z
    return letters, joined


@nb.njit(nogil=True)
def _lines(cp, n, published, prefix, powers, tables, g, mask, row):  # type: ignore[no-untyped-def]
    i = 0
    while i <= n:
        z = i
        while z < n and cp[z] != 10:
            z += 1
        a = i
        e = z
        if not published:
            while a < e and _space(cp[a]):
                a += 1
            while e > a and _space(cp[e - 1]):
                e -= 1
        i = z + 1
        if a == e and not published:
            continue
        size, h = _sentences(cp, a, e, published, prefix, powers, tables[0], g, mask, row)
        row[PARAGRAPHS] += 1
        row[PARAGRAPH_LETTERS] += size
        place = count(tables[1], g, mask, finish((h ^ np.uint64(size)) * _C2))
        if times(tables[1], place) > 1:
            row[SAME_PARAGRAPHS] += 1
            row[SAME_PARAGRAPH_LETTERS] += size


@nb.njit(nogil=True)
def _grams(n, prefix, powers, table, g, mask, places, repeated, row):  # type: ignore[no-untyped-def]
    """Character n-grams of 2 to 10: an n-gram that occurs twice consists of two (n-1)-grams that
    do, so the others are counted without a look-up."""
    for k in range(2, 11):
        last = n - k + 1
        if last <= 0:
            return g
        g += 1
        kinds = 0
        more = 0
        top = 1
        for i in range(last):
            if k > 2 and not (repeated[i] and repeated[i + 1]):
                places[i] = -1
                kinds += 1
                continue
            h = prefix[i + k] - prefix[i] * powers[k]
            p = count(table, g, mask, finish(h * _C2))
            places[i] = np.int64(p)
            met = times(table, p)
            kinds += met == 1
            more += met == 2
            top = max(top, met)
        for i in range(last):
            repeated[i] = places[i] >= 0 and times(table, places[i]) > 1
        repeated[last] = False
        if k < 5:
            row[TOP + k - 2] = top
        else:
            row[REPEATED + k - 5] = more
            row[KINDS + k - 5] = kinds
    return g


@nb.njit(nogil=True, cache=True)
def japanese_statistics(b, offsets, powers, published):  # type: ignore[no-untyped-def]
    """int64[texts, 31]: the columns named above."""
    texts = len(offsets) - 1
    out = np.zeros((texts, COLUMNS), np.int64)
    most = 0
    for d in range(texts):
        most = max(most, offsets[d + 1] - offsets[d])
    cp = np.empty(most + 1, np.int32)
    prefix = np.zeros(most + 2, np.uint64)
    places = np.zeros(most + 2, np.int64)
    repeated = np.zeros(most + 2, np.bool_)
    tables = np.zeros((2, 64, 2), np.uint64)
    g = 0
    for d in range(texts):
        n = 0
        i = offsets[d]
        while i < offsets[d + 1]:
            code, width = decode(b, i)
            cp[n] = code
            prefix[n + 1] = prefix[n] * BASE + np.uint64(code) + np.uint64(1)
            n += 1
            i += width
        size = capacity(n + 1)
        if size > tables.shape[1]:
            tables = np.zeros((2, size, 2), np.uint64)
            g = 0
        mask = np.uint64(size - 1)
        g += 1
        _letters(cp, n, out[d])
        _lines(cp, n, published, prefix, powers, tables, g, mask, out[d])
        g = _grams(n, prefix, powers, tables[0], g, mask, places, repeated, out[d])
    return out
