"""Repetition of word n-grams as Gopher measures it (arXiv 2112.11446, table A1) in datatrove.

Two measures over the words of a document, in characters:
  top n-gram         n-grams are words joined by a space; of the most frequent one (the first met
                     among equals) its length times its count
  duplicate n-grams  n-grams are words joined by nothing, so equal text counts however it is cut;
                     from left to right, an n-gram met before adds its length and is skipped whole
(datatrove 0.10.1, gopher_repetition_filter.py find_top_duplicate, find_all_duplicate.)

Both would hash every n-gram for n = 2 to 10. Two exact shortcuts spare most of it: an n-gram that
occurs twice consists of two (n-1)-grams that do; and two equal joined n-grams of 16 bytes or more
begin with the same 16 bytes, so positions whose next 16 bytes are unique need no look-up.

No hash decides: a top n-gram is looked up by the name of the shorter one that it starts with and
its last word; behind equal hashes of joined n-grams their bytes are compared.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.counting import count, shift, times
from curation.kernels.hashing import MIX_1, MIX_2, capacity, finish, spread
from curation.words.batch import HASH, HEAD, HEAD2, PACKED, bytes_of, characters_of

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_FIVE = np.uint64((1 << 25) - 1)  # five numbers of five bits


@njit(nogil=True)
def _top(ids, starts, table, g, mask, places, repeated, out):  # type: ignore[no-untyped-def]
    """out[k] = characters of the top n-gram times its count for n = 2, 3, 4; -1 where n > words.

    `starts[i]` counts the characters of the words before i. Leaves the generation it used last.
    """
    n = len(ids)
    for q in range(3):
        k = 2 + q
        if n < k:
            out[q] = -1
            continue
        g += 1
        best = 1
        at = 0
        last = n - k + 1
        for i in range(last):
            if q and not (repeated[i] and repeated[i + 1]):
                places[i] = -1
                continue
            # exact: the name of the n-gram one word shorter (its place in the table), a word
            name = np.uint64(places[i]) if q else np.uint64(ids[i])
            h = spread(name << np.uint64(32) | np.uint64(ids[i + k - 1]))
            places[i] = np.int64(count(table, g, mask, h))
        for i in range(last):  # in order: the first n-gram met wins among equals
            met = times(table, places[i]) if places[i] >= 0 else 1
            repeated[i] = met > 1
            if met > best:
                best = met
                at = i
        repeated[last] = False
        out[q] = (starts[at + k] - starts[at] + k - 1) * best
    return g


@njit(nogil=True)
def _candidates(ids, features, table, g, mask, places, out):  # type: ignore[no-untyped-def]
    """Words where a duplicate n-gram of 5 words or more can begin, into `out`; their number.

    Those whose next 16 bytes occur elsewhere too, or whose 5-gram has under 16 bytes. From the last
    word to the first, the next 16 bytes are the word's followed by those of the next word.
    """
    n = len(ids)
    head = _U0
    second = _U0
    lengths = np.uint64(0)  # bytes of the next five words, at most 16 each, five bits a word
    for i in range(n - 1, -1, -1):
        row = features[ids[i]]
        size = bytes_of(row[PACKED])
        if size < 8:
            up = np.uint64(8 * size)
            second = (second << up) | (head >> (np.uint64(64) - up))
            head = (head << up) | row[HEAD]
        elif size < 16:
            second = row[HEAD2] | (head << np.uint64(8 * (size - 8)))
            head = row[HEAD]
        else:
            second = row[HEAD2]
            head = row[HEAD]
        lengths = ((lengths << np.uint64(5)) | np.uint64(min(size, 16))) & _FIVE
        if i > n - 5:
            continue
        short = lengths
        total = np.uint64(0)
        for _ in range(5):
            total += short & np.uint64(31)
            short >>= np.uint64(5)
        if total < np.uint64(16):  # five words do not fill 16 bytes: always look
            places[i] = -1
        else:
            h = finish((head * MIX_1) ^ (second + (head >> np.uint64(31))) * MIX_2)
            places[i] = np.int64(count(table, g, mask, h))
    m = 0
    for i in range(n - 4):
        if places[i] < 0 or times(table, places[i]) > 1:
            out[m] = i
            m += 1
    return m


@njit(nogil=True)
def _same_joined(ids, i, j, k, ptr, text):  # type: ignore[no-untyped-def]
    """Are the words ids[i:i + k] and ids[j:j + k], joined by nothing, the same bytes?"""
    equal = True
    for q in range(k):
        equal &= ids[i + q] == ids[j + q]
    if equal:
        return True
    x = y = 0  # words begun
    a = b = 0  # next byte of each
    end_a = end_b = 0
    while True:
        while a == end_a and x < k:
            a = ptr[ids[i + x]]
            end_a = ptr[ids[i + x] + 1]
            x += 1
        while b == end_b and y < k:
            b = ptr[ids[j + y]]
            end_b = ptr[ids[j + y] + 1]
            y += 1
        if a == end_a or b == end_b:
            return a == end_a and b == end_b
        if text[a] != text[b]:
            return False
        a += 1
        b += 1


@njit(nogil=True)
def _duplicates(candidates, m, ids, k, prefix, starts, powers, table, firsts, g, mask, ptr, text):  # type: ignore[no-untyped-def]
    """Characters in n-grams of k words that an earlier one equals, each skipped whole."""
    n = len(ids)
    characters = 0
    free = 0
    mark = np.uint64(g) << np.uint64(32)
    for c in range(m):
        i = candidates[c]
        if i < free:
            continue
        if i + k > n:
            break
        size = starts[i + k] - starts[i]
        h = prefix[i + k] - prefix[i] * shift(powers, size)
        h = finish((h ^ np.uint64(size)) * MIX_2)
        p = h & mask
        while table[p, 1] >= mark:
            if table[p, 0] == h and _same_joined(ids, firsts[p], i, k, ptr, text):
                characters += size
                free = i + k
                break
            p = (p + _U1) & mask
        else:
            table[p, 0] = h
            table[p, 1] = mark
            firsts[p] = i
    return characters


@njit(nogil=True, cache=True)
def ngram_statistics(ids, ptr, features, word_ptr, text, powers):  # type: ignore[no-untyped-def]
    """int64[documents, 9]: characters of the top 2-, 3-, 4-gram (times its count; -1 without), and
    characters in duplicate 5- to 10-grams. Word w is text[word_ptr[w]:word_ptr[w + 1]]."""
    documents = len(ptr) - 1
    out = np.zeros((documents, 9), np.int64)
    most = 0
    for d in range(documents):
        most = max(most, ptr[d + 1] - ptr[d])
    table = np.zeros((64, 2), np.uint64)
    firsts = np.zeros(64, np.int64)
    g = 0
    prefix = np.zeros(most + 1, np.uint64)
    starts = np.zeros(most + 1, np.int64)
    places = np.zeros(most + 1, np.int64)
    repeated = np.zeros(most + 2, np.bool_)
    candidates = np.zeros(most + 1, np.int64)
    for d in range(documents):
        words = ids[ptr[d] : ptr[d + 1]]
        n = len(words)
        if capacity(n) > len(table):
            table = np.zeros((capacity(n), 2), np.uint64)
            firsts = np.zeros(capacity(n), np.int64)
            g = 0
        mask = np.uint64(max(64, capacity(n)) - 1)
        for i in range(n):
            row = features[words[i]]
            size = characters_of(row[PACKED])
            starts[i + 1] = starts[i] + size
            prefix[i + 1] = prefix[i] * shift(powers, size) + row[HASH]
        g = _top(words, starts, table, g, mask, places, repeated, out[d])
        g += 1
        m = _candidates(words, features, table, g, mask, places, candidates)
        for q in range(6):
            g += 1
            out[d, 3 + q] = _duplicates(
                candidates,
                m,
                words,
                5 + q,
                prefix,
                starts,
                powers,
                table,
                firsts,
                g,
                mask,
                word_ptr,
                text,
            )
    return out
