"""Words of a process by number: their bytes and features.

`number` gives a word its number. Bytes are kept and compared behind equal hashes. The vocabulary
only grows within a batch; what it held before a batch changes numbers, never a statistic.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import same, spread
from curation.kernels.utf8 import decode, encode
from curation.words.batch import (
    ALL_PUNCTUATION,
    ALPHABETIC,
    BASE,
    ENDS_SENTENCE,
    HASH,
    HEAD,
    HEAD2,
    NOT_MARKS,
    PACKED,
)
from curation.words.flags import IS_ALPHA, NOT_MARK, PUNCTUATION, SENTENCE_END

# ptr int64[words + 1] into text uint8, the bytes of the words.
Vocabulary = namedtuple("Vocabulary", "key id features ptr text")
CHUNKS, WORDS, CHUNK_WORDS, DECLINED, CHUNK_BYTES, WORD_BYTES = range(6)  # how much tables hold

_U0 = np.uint64(0)
_U1 = np.uint64(1)


@njit(nogil=True)
def describe(text, s, e, flags, row):  # type: ignore[no-untyped-def]
    """Fill the row of features (`curation.words.batch`) of the word text[s:e]."""
    h = _U0
    kinds = ALL_PUNCTUATION
    n = 0
    i = s
    code = np.int64(0)
    while i < e:
        code, width = decode(text, i)
        f = flags[code]
        if f & IS_ALPHA:
            kinds |= ALPHABETIC
        if f & NOT_MARK:
            kinds |= NOT_MARKS
        if not f & PUNCTUATION:
            kinds &= ~ALL_PUNCTUATION
        h = h * BASE + np.uint64(code) + _U1
        n += 1
        i += width
    if n == 1 and flags[code] & SENTENCE_END:
        kinds |= ENDS_SENTENCE
    head = _U0
    second = _U0
    for k in range(min(e - s, 8)):
        head |= np.uint64(text[s + k]) << np.uint64(8 * k)
    for k in range(8, min(e - s, 16)):
        second |= np.uint64(text[s + k]) << np.uint64(8 * (k - 8))
    row[HASH] = h
    row[HEAD] = head
    row[HEAD2] = second
    row[PACKED] = (
        np.uint64(n)
        | (np.uint64(kinds) << np.uint64(32))
        | (np.uint64(min(e - s, 255)) << np.uint64(40))
    )


@njit(nogil=True)
def _is_word(cp, s, e, text, o, end):  # type: ignore[no-untyped-def]
    """Is cp[s:e] what text[o:end] spells?"""
    while s < e and o < end:
        code, width = decode(text, o)
        if code != cp[s]:
            return False
        s += 1
        o += width
    return s == e and o == end


@njit(nogil=True, cache=True)
def number(cp, s, e, h, flags, vocabulary, counters):  # type: ignore[no-untyped-def]
    """The number of the word cp[s:e] with hash h, a new one where it was not known."""
    key, ids, ptr, text = vocabulary.key, vocabulary.id, vocabulary.ptr, vocabulary.text
    m = np.uint64(len(key) - 1)
    p = spread(h) & m
    while key[p] != _U0:
        w = ids[p]
        if key[p] == h and _is_word(cp, s, e, text, ptr[w], ptr[w + 1]):
            return w
        p = (p + _U1) & m
    end = counters[WORD_BYTES]
    for z in range(s, e):
        end = encode(text, end, cp[z])
    return _enter(p, h, end, flags, vocabulary, counters)


@njit(nogil=True)
def number_of_bytes(b, s, e, h, flags, vocabulary, counters):  # type: ignore[no-untyped-def]
    """`number` of the word whose UTF-8 is b[s:e]."""
    key, ids, ptr, text = vocabulary.key, vocabulary.id, vocabulary.ptr, vocabulary.text
    m = np.uint64(len(key) - 1)
    p = spread(h) & m
    while key[p] != _U0:
        w = ids[p]
        if key[p] == h and ptr[w + 1] - ptr[w] == e - s and same(b, s, e, text, ptr[w]):
            return w
        p = (p + _U1) & m
    o = counters[WORD_BYTES]
    for k in range(e - s):
        text[o + k] = b[s + k]
    return _enter(p, h, o + e - s, flags, vocabulary, counters)


@njit(nogil=True)
def _enter(p, h, end, flags, vocabulary, counters):  # type: ignore[no-untyped-def]
    """Number a new word, whose bytes stand behind those of the others and stop before `end`."""
    w = np.int32(counters[WORDS])
    begin = counters[WORD_BYTES]
    counters[WORDS] += 1
    counters[WORD_BYTES] = end
    vocabulary.key[p] = h
    vocabulary.id[p] = w
    vocabulary.ptr[w + 1] = end
    describe(vocabulary.text, begin, end, flags, vocabulary.features[w])
    return w
