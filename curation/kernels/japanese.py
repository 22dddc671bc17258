"""Sentences, repeated lines and character n-grams of Japanese text.

With `published` as quality.py of swallow-corpus (2d035073, MIT) computes them for Swallow v1,
quirks included: every line is a paragraph, blank ones too; a sentence ends at each of 。．！？!?,
within quotes as well; marks that follow such an end belong to no sentence. Otherwise as a reader
would: blank lines and white space around lines do not count; quotes and brackets are not cut; ends
that follow one another, and what closes after them, belong to the sentence before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit
from curation.kernels.character_grams import new_buffers, repeated_grams
from curation.kernels.counting import shift
from curation.kernels.hashing import add, capacity, spread
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


# Kinds of code points up to U+FFFF, a look-up each: bits for sentences, Swallow's classes.
_SPACE, _END, _OPEN, _CLOSE, _DOTS = (1 << bit for bit in range(5))


def _kinds() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    kinds, letters = np.zeros(1 << 16, np.uint8), np.zeros(1 << 16, np.uint8)
    for code in range(1 << 16):
        kinds[code] = _SPACE if chr(code).isspace() else 0
    for characters, bit in (
        ("。．！？!?", _END),
        ("「『【〈《（(“", _OPEN),
        ("」』】〉》）)”", _CLOSE),
        ("…", _DOTS),
    ):
        for character in characters:
            kinds[ord(character)] |= bit
    letters[0x3041:0x3097] = HIRAGANA
    letters[0x30A1:0x30FB] = KATAKANA
    for first, last in ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x3005, 0x3005), (0x3007, 0x3007)):
        letters[first : last + 1] = KANJI
    letters[0x303B] = KANJI
    letters[[ord(character) for character in "。．！？"]] = KUTEN
    letters[[ord(character) for character in "、，"]] = TOTEN
    return kinds, letters


_KINDS, _LETTERS = _kinds()


@njit(inline="always")
def _kind(c):  # type: ignore[no-untyped-def]
    return _KINDS[c] if c < 65536 else np.uint8(0)


@njit(nogil=True)
def _letters(cp, n, row):  # type: ignore[no-untyped-def]
    """Swallow v1's classes: no ー, no half-width kana, no kanji above U+FFFF."""
    for i in range(n):
        if cp[i] < 65536:
            row[_LETTERS[cp[i]]] += 1
    row[LETTERS] = n


@njit(nogil=True)
def _published_end(cp, i, e):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i, which is no end mark itself."""
    while i < e and not (_kind(cp[i]) & _END):
        i += 1
    return min(i + 1, e)


@njit(nogil=True)
def _balanced(cp, i, e):  # type: ignore[no-untyped-def]
    """Does every bracket and quote of the line have its other half?"""
    depth = 0
    for k in range(i, e):
        kind = _kind(cp[k])
        if kind & (_OPEN | _CLOSE):
            depth += 1 if kind & _OPEN else -1
            if depth < 0:
                return False
    return depth == 0


@njit(nogil=True)
def _readers_end(cp, i, e, balanced):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i; quotes are minded where those of the line match."""
    depth = 0
    while i < e:
        kind = _kind(cp[i])
        i += 1
        if not kind:
            continue
        if balanced and kind & (_OPEN | _CLOSE):
            depth += 1 if kind & _OPEN else -1
        if depth or not kind & (_END | _DOTS):
            continue
        if cp[i - 1] == 0xFF0E and i > 1:
            before = cp[i - 2]  # ．ends a sentence after a Japanese character only
            if before <= 0x3000 or 0xFF10 <= before <= 0xFF5A:
                continue
        while i < e and _kind(cp[i]) & (_END | _DOTS | _CLOSE):
            i += 1
        return i
    return e


@njit(inline="always")
def _ends_with_ellipsis(cp, s, e):  # type: ignore[no-untyped-def]
    while e > s and _kind(cp[e - 1]) & _SPACE:
        e -= 1
    return e > s and (cp[e - 1] == 0x30FB or cp[e - 1] == 0x2026)


@njit(nogil=True)
def _sentences(cp, i, e, published, prefix, powers, table, g, mask, joined, row):  # type: ignore[no-untyped-def]
    """Count the sentences of the line cp[i:e] and append them to `joined`, whose first number is
    how many it holds; the hash of what was appended."""
    line = np.uint64(0)
    balanced = published or _balanced(cp, i, e)
    while i < e:
        if published and _kind(cp[i]) & _END:
            i += 1
            continue
        if not published and _kind(cp[i]) & _SPACE:
            i += 1
            continue
        z = _published_end(cp, i, e) if published else _readers_end(cp, i, e, balanced)
        size = z - i
        h = prefix[z] - prefix[i] * shift(powers, size)
        row[SENTENCES] += 1
        row[SENTENCE_LETTERS] += size
        row[LONGEST_SENTENCE] = max(row[LONGEST_SENTENCE], size)
        row[ELLIPSES] += _ends_with_ellipsis(cp, i, z)
        if add(table, g, mask, spread(h * _C2), cp, i, z):
            row[SAME_SENTENCES] += 1
            row[SAME_SENTENCE_LETTERS] += size
        o = joined[0]
        for k in range(size):
            joined[o + k] = cp[i + k]
        joined[0] = o + size
        line = line * shift(powers, size) + h
        i = z
    return line


@njit(nogil=True)
def _lines(cp, n, published, prefix, powers, table, g, mask, joined, row):  # type: ignore[no-untyped-def]
    joined[0] = 1
    i = 0
    while i <= n:
        z = i
        while z < n and cp[z] != 10:
            z += 1
        a = i
        e = z
        if not published:
            while a < e and _kind(cp[a]) & _SPACE:
                a += 1
            while e > a and _kind(cp[e - 1]) & _SPACE:
                e -= 1
        i = z + 1
        if a == e and not published:
            continue
        begin = joined[0]
        h = _sentences(cp, a, e, published, prefix, powers, table[0], g, mask, joined, row)
        end = joined[0]
        row[PARAGRAPHS] += 1
        row[PARAGRAPH_LETTERS] += end - begin
        if add(table[1], g, mask, spread(h * _C2), joined, begin, end):
            row[SAME_PARAGRAPHS] += 1
            row[SAME_PARAGRAPH_LETTERS] += end - begin


@njit(nogil=True)
def _grams(cp, n, lengths, buffers, found, row):  # type: ignore[no-untyped-def]
    found[:] = 0
    repeated_grams(cp, n, lengths, buffers, found[0], found[1], found[2])
    for q in range(len(lengths)):
        k = lengths[q]
        if k < 5:
            row[TOP + k - 2] = found[0, q]
        else:
            row[REPEATED + k - 5] = found[1, q]
            row[KINDS + k - 5] = found[2, q]


@njit(nogil=True, cache=True)
def japanese_statistics(b, offsets, powers, published, lengths):  # type: ignore[no-untyped-def]
    """int64[texts, 31]: the columns named above; n-grams of `lengths` alone, the others left 0."""
    texts = len(offsets) - 1
    out = np.zeros((texts, COLUMNS), np.int64)
    most = 0
    for d in range(texts):
        most = max(most, offsets[d + 1] - offsets[d])
    cp = np.empty(most + 1, np.int32)
    joined = np.empty(most + 2, np.int32)
    prefix = np.zeros(most + 2, np.uint64)
    buffers = new_buffers(most)
    found = np.zeros((3, len(lengths)), np.int64)
    pieces = np.zeros((2, 64, 4), np.int64)  # of sentences and of lines
    for d in range(texts):
        n = 0
        i = offsets[d]
        ends = 1
        while i < offsets[d + 1]:
            code, width = decode(b, i)
            cp[n] = code
            prefix[n + 1] = prefix[n] * BASE + np.uint64(code) + np.uint64(1)
            ends += code == 10 or (_kind(code) & (_END | _DOTS)) != 0
            n += 1
            i += width
        if capacity(ends) > pieces.shape[1]:
            pieces = np.zeros((2, capacity(ends), 4), np.int64)
        _letters(cp, n, out[d])
        mask = np.uint64(capacity(ends) - 1)
        _lines(cp, n, published, prefix, powers, pieces, d + 1, mask, joined, out[d])
        _grams(cp, n, lengths, buffers, found, out[d])
    return out
