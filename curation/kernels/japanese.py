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
from curation.kernels.hashing import MIX_2, add, capacity, spread
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
    TOP,  # occurrences of the most frequent n-gram, a column for each of TOP_LENGTHS
) = range(17)
TOP_LENGTHS = range(2, 5)
KIND_LENGTHS = range(5, 11)
REPEATED = TOP + len(TOP_LENGTHS)  # kinds of n-grams that occur twice, for each of KIND_LENGTHS
KINDS = REPEATED + len(KIND_LENGTHS)  # kinds of n-grams, for each of them
COLUMNS = KINDS + len(KIND_LENGTHS)
_FIRST_TOP, _FIRST_KIND = TOP_LENGTHS.start, KIND_LENGTHS.start


# What a code point up to U+FFFF is, all that is asked of it in one byte: below, the column of its
# class among Swallow v1's (0 for none: no ー, no half-width kana), above, bits for sentences.
_CLASS = 7
_SPACE, _END, _OPEN, _CLOSE, _DOTS = (8 << bit for bit in range(5))


def _kinds() -> npt.NDArray[np.uint8]:
    """uint8[65536]; a character beyond is of no kind."""
    kinds = np.zeros(1 << 16, np.uint8)
    kinds[0x3041:0x3097] = HIRAGANA
    kinds[0x30A1:0x30FB] = KATAKANA
    for first, last in ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x3005, 0x3005), (0x3007, 0x3007)):
        kinds[first : last + 1] = KANJI
    kinds[0x303B] = KANJI
    for characters, bits in (
        ("。．！？", KUTEN),
        ("、，", TOTEN),
        ("。．！？!?", _END),
        ("「『【〈《（(“", _OPEN),
        ("」』】〉》）)”", _CLOSE),
        ("…", _DOTS),
        (filter(str.isspace, map(chr, range(1 << 16))), _SPACE),
    ):
        for character in characters:
            kinds[ord(character)] |= bits
    return kinds


_KINDS = _kinds()


@njit(nogil=True)
def _decode(b, i, e, cp, kinds, prefix, row):  # type: ignore[no-untyped-def]
    """Write the characters of b[i:e], their kinds and the hashes of their prefixes, and count their
    classes; (how many there are, how many different sentences or lines they make at most).

    A run of ends ends one sentence, a run of line ends one line and blank ones, which are equal: so
    a text of them needs no table as long as itself."""
    n = 0
    ends = 2  # what stands behind the last, and the blank line
    last = 0
    while i < e:
        code, width = decode(b, i)
        kind = _KINDS[code] if code < 65536 else np.uint8(0)
        cp[n] = code
        kinds[n] = kind
        prefix[n + 1] = prefix[n] * BASE + np.uint64(code) + np.uint64(1)
        row[kind & _CLASS] += 1
        sign = (code == 10) + 2 * (kind & (_END | _DOTS) != 0)
        ends += (sign != 0) & (sign != last)
        last = sign
        n += 1
        i += width
    row[LETTERS] = n
    return n, ends


@njit(nogil=True)
def _published_end(kinds, i, e):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i, which is no end mark itself."""
    while i < e and not kinds[i] & _END:
        i += 1
    return min(i + 1, e)


@njit(nogil=True)
def _balanced(kinds, i, e):  # type: ignore[no-untyped-def]
    """Does every bracket and quote of the line have its other half?"""
    depth = 0
    for k in range(i, e):
        kind = kinds[k]
        if kind & (_OPEN | _CLOSE):
            depth += 1 if kind & _OPEN else -1
            if depth < 0:
                return False
    return depth == 0


@njit(nogil=True)
def _readers_end(cp, kinds, i, e, balanced):  # type: ignore[no-untyped-def]
    """End of the sentence that starts at i; quotes are minded where those of the line match."""
    depth = 0
    while i < e:
        kind = kinds[i]
        i += 1
        if kind <= _CLASS:
            continue
        if balanced and kind & (_OPEN | _CLOSE):
            depth += 1 if kind & _OPEN else -1
        if depth or not kind & (_END | _DOTS):
            continue
        if cp[i - 1] == 0xFF0E:  # ．ends a sentence after a Japanese character only
            before = cp[i - 2] if i > 1 else 0
            if before <= 0x3000 or 0xFF10 <= before <= 0xFF5A:
                continue
        while i < e and kinds[i] & (_END | _DOTS | _CLOSE):
            i += 1
        return i
    return e


@njit(inline="always")
def _ends_with_ellipsis(cp, kinds, s, e):  # type: ignore[no-untyped-def]
    """Does the sentence end with ・ or …, white space aside?"""
    while e > s and kinds[e - 1] & _SPACE:
        e -= 1
    return e > s and (cp[e - 1] == 0x30FB or cp[e - 1] == 0x2026)


@njit(nogil=True)
def _sentences(cp, kinds, i, e, published, prefix, powers, table, g, mask, joined, row):  # type: ignore[no-untyped-def]
    """Count the sentences of the line cp[i:e] and append them to `joined`, whose first number is
    how many it holds; the hash of what was appended."""
    line = np.uint64(0)
    balanced = published or _balanced(kinds, i, e)
    between = _END if published else _SPACE  # what no sentence starts with
    while i < e:
        if kinds[i] & between:
            i += 1
            continue
        z = _published_end(kinds, i, e) if published else _readers_end(cp, kinds, i, e, balanced)
        size = z - i
        h = prefix[z] - prefix[i] * shift(powers, size)
        row[SENTENCES] += 1
        row[SENTENCE_LETTERS] += size
        row[LONGEST_SENTENCE] = max(row[LONGEST_SENTENCE], size)
        row[ELLIPSES] += _ends_with_ellipsis(cp, kinds, i, z)
        if add(table, g, mask, spread(h * MIX_2), cp, i, z):
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
def _lines(cp, kinds, n, published, prefix, powers, table, g, mask, joined, row):  # type: ignore[no-untyped-def]
    """Count the lines of a text, which Swallow calls paragraphs, and their sentences."""
    joined[0] = 1
    i = 0
    while i <= n:
        z = i
        while z < n and cp[z] != 10:
            z += 1
        a = i
        e = z
        if not published:
            while a < e and kinds[a] & _SPACE:
                a += 1
            while e > a and kinds[e - 1] & _SPACE:
                e -= 1
        i = z + 1
        if a == e and not published:
            continue
        begin = joined[0]
        h = _sentences(cp, kinds, a, e, published, prefix, powers, table[0], g, mask, joined, row)
        end = joined[0]
        row[PARAGRAPHS] += 1
        row[PARAGRAPH_LETTERS] += end - begin
        if add(table[1], g, mask, spread(h * MIX_2), joined, begin, end):
            row[SAME_PARAGRAPHS] += 1
            row[SAME_PARAGRAPH_LETTERS] += end - begin


@njit(nogil=True)
def _grams(cp, n, lengths, buffers, found, row):  # type: ignore[no-untyped-def]
    """Fill the columns of the n-grams of `lengths`; `found` int64[3, lengths] is overwritten."""
    found[:] = 0
    repeated_grams(cp, n, lengths, buffers, found[0], found[1], found[2])
    for q in range(len(lengths)):
        k = lengths[q]
        if k < _FIRST_KIND:
            row[TOP + k - _FIRST_TOP] = found[0, q]
        else:
            row[REPEATED + k - _FIRST_KIND] = found[1, q]
            row[KINDS + k - _FIRST_KIND] = found[2, q]


@njit(nogil=True, cache=True)
def japanese_statistics(b, offsets, powers, published, lengths):  # type: ignore[no-untyped-def]
    """int64[texts, 31]: the columns named above; n-grams of `lengths` alone, the others left 0."""
    texts = len(offsets) - 1
    out = np.zeros((texts, COLUMNS), np.int64)
    most = 0
    for d in range(texts):
        most = max(most, offsets[d + 1] - offsets[d])
    cp = np.empty(most + 1, np.int32)
    kinds = np.empty(most + 1, np.uint8)
    joined = np.empty(most + 2, np.int32)
    prefix = np.zeros(most + 2, np.uint64)
    buffers = new_buffers(most)
    found = np.zeros((3, len(lengths)), np.int64)
    pieces = np.zeros((2, 64, 4), np.int64)  # of sentences and of lines
    for d in range(texts):
        row = out[d]
        n, ends = _decode(b, offsets[d], offsets[d + 1], cp, kinds, prefix, row)
        size = capacity(ends)
        if size > pieces.shape[1]:
            pieces = np.zeros((2, size, 4), np.int64)
        mask = np.uint64(size - 1)
        _lines(cp, kinds, n, published, prefix, powers, pieces, d + 1, mask, joined, row)
        _grams(cp, n, lengths, buffers, found, row)
    return out
