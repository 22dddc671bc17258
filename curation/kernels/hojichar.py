"""Characters, runs, comments and lines as HojiChar 0.18.1's document filters count them.

Transcribed from what hojichar/filters/document_filters.py computes: AcceptJapanese,
DiscardRareKuten, DiscardBBSComments, CharRepetitionRatioFilter, SingleCharacterRepetitionFilter,
DiscardTooManyEndingEllipsis, DiscardTooShortLines.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import MIX_1, capacity, finish, same
from curation.kernels.utf8 import decode

(
    CHARACTERS,
    KANA_IN_LEAD,
    KUTEN,
    COMMENTS,
    TOP_GRAMS,
    GRAMS,
    LONGEST_RUN,
    ENDING_ELLIPSES,
    BREAKS,
    SHORT_LINES,
) = range(10)

# The words of DiscardBBSComments' pattern beside its dates, days and chapters.
COMMENT_WORDS = ("コメント", "SOLD OUT", "レビュー", "投稿", "ページ", "質問", "楽天市場")
_WORDS = np.array([ord(c) for word in COMMENT_WORDS for c in word], np.int32)
_WORD_ENDS = np.cumsum([len(word) for word in COMMENT_WORDS])
_FIRST = np.array([ord(word[0]) for word in COMMENT_WORDS], np.int32)
_DAYS = np.array([ord(c) for c in "月火水木金土日"], np.int32)
_YEAR, _MONTH, _DAY, _CHAPTER = 0x5E74, 0x6708, 0x65E5, 0x8A71

LEAD = 50  # characters that AcceptJapanese looks at: its lookup_size
SHORT = 10  # characters of a short line: DiscardTooShortLines' minimum_line_length
GRAM = 5  # characters of an n-gram: CharRepetitionRatioFilter's ngram_size, packed below

_U1 = np.uint64(1)


@njit(nogil=True)
def _decode_all(b, s, e, cp):  # type: ignore[no-untyped-def]
    """Write the code points of b[s:e] to `cp`; how many."""
    n = 0
    i = s
    while i < e:
        code, width = decode(b, i)
        cp[n] = code
        n += 1
        i += width
    return n


@njit(inline="always")
def _separator(c, mark):  # type: ignore[no-untyped-def]
    """Is c the given mark (年 or 月), a point, a hyphen or a slash?"""
    return c == mark or c == 0x2E or c == 0x2D or c == 0x2F


@njit(nogil=True)
def _spaces_and_digits(cp, i, n, decimal):  # type: ignore[no-untyped-def]
    r"""End of `[ ]*\d{1,2}` at i, else -1."""
    while i < n and cp[i] == 32:
        i += 1
    if i == n or not decimal[cp[i]]:
        return -1
    i += 1
    return i + 1 if (i < n and decimal[cp[i]]) else i


@njit(nogil=True)
def _date(cp, i, n, decimal):  # type: ignore[no-untyped-def]
    r"""End of `\d{4}[年.\-/][ ]*\d{1,2}[月.\-/][ ]*\d{1,2}日*` at i, else -1."""
    if i + 4 >= n or not _separator(cp[i + 4], _YEAR):
        return -1
    for k in range(4):
        if not decimal[cp[i + k]]:
            return -1
    j = _spaces_and_digits(cp, i + 5, n, decimal)
    if j < 0 or j == n or not _separator(cp[j], _MONTH):
        return -1
    j = _spaces_and_digits(cp, j + 1, n, decimal)
    while j >= 0 and j < n and cp[j] == _DAY:
        j += 1
    return j


@njit(nogil=True)
def _word(cp, i, n):  # type: ignore[no-untyped-def]
    """End of a comment word, a day in brackets or a hyphen at i, else -1."""
    c = cp[i]
    if c == 0x2D:
        return i + 1
    if c == 0x28:
        if i + 2 < n and cp[i + 2] == 0x29:
            for day in _DAYS:
                if cp[i + 1] == day:
                    return i + 3
        return -1
    start = 0
    for w in range(len(_WORD_ENDS)):
        end = _WORD_ENDS[w]
        if c == _FIRST[w] and i + end - start <= n:
            same = True
            for k in range(start, end):
                same &= cp[i + k - start] == _WORDS[k]
            if same:
                return i + end - start
        start = end
    return -1


@njit(nogil=True)
def _comments(cp, n, decimal):  # type: ignore[no-untyped-def]
    """Matches of DiscardBBSComments' pattern, each behind the one before."""
    found = 0
    i = 0
    run = 0  # end of the run of digits that i is in: looked for once a run
    while i < n:
        c = cp[i]
        end = -1
        if decimal[c]:
            end = _date(cp, i, n, decimal)
            if end < 0:
                if run <= i:
                    run = i
                    while run < n and decimal[cp[run]]:
                        run += 1
                if run < n and cp[run] == _CHAPTER:
                    end = run + 1
        elif c == 0x2D or c == 0x28 or c == 0x53 or c >= 0x3000:
            end = _word(cp, i, n)
        if end < 0:
            i += 1
        else:
            found += 1
            i = end
    return found


@njit(nogil=True)
def _repeated_grams(cp, n, keys, firsts, counts):  # type: ignore[no-untyped-def]
    """(occurrences of the most frequent 5-grams of characters, of all); as many of them as the
    square root of their kinds, of those that occur twice (BigScience's measure)."""
    total = n - GRAM + 1
    if total <= 0:
        return 0, 0
    mask = np.uint64(len(keys) - 1)
    kinds = 0
    for i in range(total):
        high = (np.uint64(cp[i]) << np.uint64(42)) | (np.uint64(cp[i + 1]) << np.uint64(21))
        high |= np.uint64(cp[i + 2])
        low = (np.uint64(cp[i + 3]) << np.uint64(21)) | np.uint64(cp[i + 4])
        h = finish(high * MIX_1 ^ (low + (high >> np.uint64(32))))
        p = h & mask
        while counts[p] and not (keys[p] == h and same(cp, i, i + GRAM, cp, firsts[p])):
            p = (p + _U1) & mask
        if counts[p] == 0:
            keys[p] = h
            firsts[p] = i
            kinds += 1
        counts[p] += 1
    often = np.empty(total // 2 + 1, np.int64)
    m = 0
    for p in range(len(counts)):
        if counts[p] > 1:
            often[m] = counts[p]
            m += 1
    often = np.sort(often[:m])
    top = 0
    for k in range(min(int(np.sqrt(kinds)), m)):
        top += often[m - 1 - k]
    return top, total


@njit(nogil=True)
def _runs_and_lines(cp, n, row):  # type: ignore[no-untyped-def]
    """Fill the columns that one look at each character gives: runs, kana in the lead, 。, lines."""
    run = 0
    line = 0
    for i in range(n):
        c = cp[i]
        run = run + 1 if (i and cp[i - 1] == c) else 1
        row[LONGEST_RUN] = max(row[LONGEST_RUN], run)
        kana = (0x3041 <= c <= 0x3093) or (0x30A1 <= c <= 0x30F3)
        row[KANA_IN_LEAD] += kana and i < LEAD
        row[KUTEN] += c == 0x3002
        if c != 10:
            line += 1
            continue
        row[BREAKS] += 1
        row[SHORT_LINES] += line <= SHORT
        line = 0
        dots = i >= 3 and cp[i - 1] == 46 and cp[i - 2] == 46 and cp[i - 3] == 46
        row[ENDING_ELLIPSES] += dots or (i >= 1 and cp[i - 1] == 0x2026)
    row[SHORT_LINES] += line <= SHORT


@njit(nogil=True, cache=True)
def hojichar_statistics(b, offsets, decimal):  # type: ignore[no-untyped-def]
    """int64[texts, 10]: the columns named above. `decimal` marks the digits of any script."""
    texts = len(offsets) - 1
    out = np.zeros((texts, 10), np.int64)
    most = 0
    for d in range(texts):
        most = max(most, offsets[d + 1] - offsets[d])
    cp = np.empty(most + 1, np.int32)
    keys = np.empty(64, np.uint64)
    firsts = np.empty(64, np.int32)
    counts = np.zeros(64, np.int32)
    for d in range(texts):
        row = out[d]
        n = _decode_all(b, offsets[d], offsets[d + 1], cp)
        row[CHARACTERS] = n
        _runs_and_lines(cp, n, row)
        row[COMMENTS] = _comments(cp, n, decimal)
        size = capacity(n)
        if size > len(keys):
            keys = np.empty(size, np.uint64)
            firsts = np.empty(size, np.int32)
            counts = np.zeros(size, np.int32)
        counts[:size] = 0
        row[TOP_GRAMS], row[GRAMS] = _repeated_grams(
            cp, n, keys[:size], firsts[:size], counts[:size]
        )
    return out
