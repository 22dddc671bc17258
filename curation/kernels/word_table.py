"""Words told apart by a separator, and their numbers: a table of spellings that grows.

A tokenizer's surfaces joined by spaces say where it cut a text: read side by side with the text,
what is a space in them alone is a cut. In a run of spaces it cannot be said which are cuts, but all
of them are white space around words and taken off.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import hash_bytes, same
from curation.kernels.utf8 import strip_left, strip_right

_SPACE = 32
_U1 = np.uint64(1)


@njit(inline="always")
def _add(b, s, e, begin, end, n):  # type: ignore[no-untyped-def]
    """Write b[s:e] without white space at its ends as the n-th word; how many there are then."""
    s = strip_left(b, s, e)
    e = strip_right(b, s, e)
    begin[n] = s
    end[n] = e
    return n + np.int64(s < e)


@njit(nogil=True)
def _cut(b, s, e, joined, j, stop, begin, end, n):  # type: ignore[no-untyped-def]
    """Words of b[s:e], cut as joined[j:stop] is; how many there are then, -1 if they differ."""
    i = s
    while j < stop:
        c = joined[j]
        if i < e and b[i] == _SPACE:
            first = i
            while i < e and b[i] == _SPACE:
                i += 1
            cuts = first - i
            while j < stop and joined[j] == _SPACE:
                j += 1
                cuts += 1
            if cuts < 0:
                return np.int64(-1)
            if cuts:
                n = _add(b, s, first, begin, end, n)
                s = i
        elif c == _SPACE:
            n = _add(b, s, i, begin, end, n)
            s = i
            j += 1
        elif i < e and b[i] == c:
            i += 1
            j += 1
        else:
            return np.int64(-1)
    return _add(b, s, i, begin, end, n) if i == e else np.int64(-1)


@njit(nogil=True, cache=True)
def cut_as(b, offsets, joined, joined_offsets):  # type: ignore[no-untyped-def]
    """(begin, end int64[words], ptr int64[texts + 1], bool[texts]): the words of every text as
    places in b, none of white space alone, and which texts are not their own surfaces joined;
    those have no words."""
    texts = len(offsets) - 1
    most = joined_offsets[texts] - joined_offsets[0] + texts  # a word has a byte, and a cut behind
    begin = np.empty(most // 2 + texts + 1, np.int64)
    end = np.empty(most // 2 + texts + 1, np.int64)
    ptr = np.zeros(texts + 1, np.int64)
    other = np.zeros(texts, np.bool_)
    n = np.int64(0)
    for d in range(texts):
        first, last = joined_offsets[d], joined_offsets[d + 1]
        m = _cut(b, offsets[d], offsets[d + 1], joined, first, last, begin, end, n)
        other[d] = m < 0
        n = max(n, m)
        ptr[d + 1] = n
    return begin[:n].copy(), end[:n].copy(), ptr, other


@njit(nogil=True, cache=True)
def number_words(b, begin, end, at, ids, slots, known, word_ptr, text):  # type: ignore[no-untyped-def]
    """Write the numbers of b[begin[k]:end[k]] to ids[k] from k = `at` on, new words after the
    `known` ones. (Where it stopped for want of room, words known): word w is then spelled
    text[word_ptr[w]:word_ptr[w + 1]], and `slots` int32 holds it or -1, by hash, half full."""
    mask = np.uint64(len(slots) - 1)
    for k in range(at, len(begin)):
        s = begin[k]
        e = end[k]
        p = hash_bytes(b, s, e) & mask
        while True:
            w = np.int64(slots[p])
            if w < 0 or (
                word_ptr[w + 1] - word_ptr[w] == e - s and same(b, s, e, text, word_ptr[w])
            ):
                break
            p = (p + _U1) & mask
        if w < 0:
            first = word_ptr[known]
            if known + 2 > len(word_ptr) or 2 * known >= len(slots) or first + e - s > len(text):
                return k, known
            for i in range(e - s):
                text[first + i] = b[s + i]
            word_ptr[known + 1] = first + e - s
            slots[p] = known
            w = known
            known += 1
        ids[k] = w
    return np.int64(len(begin)), known


@njit(nogil=True, cache=True)
def fill_slots(slots, known, word_ptr, text):  # type: ignore[no-untyped-def]
    """Put the `known` words into empty slots."""
    mask = np.uint64(len(slots) - 1)
    for w in range(known):
        p = hash_bytes(text, word_ptr[w], word_ptr[w + 1]) & mask
        while slots[p] >= 0:
            p = (p + _U1) & mask
        slots[p] = w
