"""XXH64 (Yann Collet, doc/xxhash_spec.md) with seed 0, of many stretches of one array of bytes."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import eight_bytes, four_bytes, put_eight

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)


@njit(inline="always")
def _rotate(x, n):  # type: ignore[no-untyped-def]
    return (x << np.uint64(n)) | (x >> np.uint64(64 - n))


@njit(inline="always")
def _round(lane, word):  # type: ignore[no-untyped-def]
    return _rotate(lane + word * _P2, 31) * _P1


@njit(inline="always")
def _merge(h, lane):  # type: ignore[no-untyped-def]
    return (h ^ _round(np.uint64(0), lane)) * _P1 + _P4


@njit(inline="always")
def xxh64(b, s, e):  # type: ignore[no-untyped-def]
    """The hash of b[s:e], uint8, as `xxhash.xxh64_intdigest` gives it."""
    size = np.uint64(e - s)
    if e - s >= 32:
        one = _P1 + _P2
        two = _P2
        three = np.uint64(0)
        four = np.uint64(0) - _P1
        while e - s >= 32:
            one = _round(one, eight_bytes(b, s))
            two = _round(two, eight_bytes(b, s + 8))
            three = _round(three, eight_bytes(b, s + 16))
            four = _round(four, eight_bytes(b, s + 24))
            s += 32
        h = _rotate(one, 1) + _rotate(two, 7) + _rotate(three, 12) + _rotate(four, 18)
        h = _merge(_merge(_merge(_merge(h, one), two), three), four)
    else:
        h = _P5
    h += size
    while e - s >= 8:
        h = _rotate(h ^ _round(np.uint64(0), eight_bytes(b, s)), 27) * _P1 + _P4
        s += 8
    if e - s >= 4:
        h = _rotate(h ^ (four_bytes(b, s) * _P1), 23) * _P2 + _P3
        s += 4
    while s < e:
        h = _rotate(h ^ (np.uint64(b[s]) * _P5), 11) * _P1
        s += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return h ^ (h >> np.uint64(32))


# N-grams hashed at a time: they and their bytes stay in the second-level cache.
_BLOCK = 8192
_BLOCK_BYTES = 1 << 17
_SIZES = 256  # n-grams of as many bytes are sorted by length, longer ones come last


@njit(nogil=True)
def _join(ids, first, last, word_ptr, text, separator, joined, o, starts):  # type: ignore[no-untyped-def]
    """Write the words ids[first:last], `separator` behind each, to joined[o:], where they start to
    `starts`; past the last. `joined` has room for eight bytes more."""
    safe = len(text) - 8
    for k in range(last - first):
        w = ids[first + k]
        i = word_ptr[w]
        size = word_ptr[w + 1] - i
        starts[k] = o
        done = np.int64(0)
        while done < size and i + done <= safe:  # nearly all words: one load and one store
            put_eight(joined, o + done, eight_bytes(text, i + done))
            done += 8
        while done < size:
            joined[o + done] = text[i + done]
            done += 1
        o += size
        joined[o] = separator
        o += 1
    starts[last - first] = o
    return o


@njit(nogil=True)
def _hash_by_size(b, begin, size, count, order, hashes):  # type: ignore[no-untyped-def]
    """hashes[k] of b[begin[k]:begin[k] + size[k]], those of one length one after the other: the
    processor foresees each branch, and works on several at a time."""
    places = np.zeros(_SIZES + 1, np.int64)
    for k in range(count):
        places[min(size[k], _SIZES - 1) + 1] += 1
    for n in range(_SIZES):
        places[n + 1] += places[n]
    for k in range(count):
        n = min(size[k], _SIZES - 1)
        order[places[n]] = k
        places[n] += 1
    for q in range(count):
        k = order[q]
        hashes[k] = xxh64(b, begin[k], begin[k] + size[k])


@njit(nogil=True, cache=True)
def hash_ngrams(ids, ptr, word_ptr, text, n, separator):  # type: ignore[no-untyped-def]
    """(uint64[m], int64[documents + 1]): XXH64 of every n-gram of words, joined by `separator`.

    Words of `curation.words.batch.WordBatch`; a document of fewer than n words has none.
    """
    documents = len(ptr) - 1
    most = 0
    longest = 0
    sizes = np.zeros(documents, np.int64)
    hash_ptr = np.zeros(documents + 1, np.int64)
    for d in range(documents):
        count = ptr[d + 1] - ptr[d]
        hash_ptr[d + 1] = hash_ptr[d] + max(0, count - n + 1)
        most = max(most, count)
        for i in range(ptr[d], ptr[d + 1]):
            sizes[d] += word_ptr[ids[i] + 1] - word_ptr[ids[i]] + 1
        longest = max(longest, sizes[d])
    joined = np.empty(max(longest, _BLOCK_BYTES) + 8, np.uint8)
    starts = np.empty(most + 1, np.int64)
    room = max(most, _BLOCK)
    begin = np.empty(room, np.int64)
    size = np.empty(room, np.int64)
    order = np.empty(room, np.int64)
    hashes = np.empty(hash_ptr[documents], np.uint64)
    done = np.int64(0)
    waiting = np.int64(0)
    o = np.int64(0)
    for d in range(documents):
        count = hash_ptr[d + 1] - hash_ptr[d]
        if count == 0:
            continue
        if waiting + count > room or o + sizes[d] > len(joined) - 8:
            _hash_by_size(joined, begin, size, waiting, order, hashes[done:])
            done += waiting
            waiting = np.int64(0)
            o = np.int64(0)
        o = _join(ids, ptr[d], ptr[d + 1], word_ptr, text, separator, joined, o, starts)
        for k in range(count):
            begin[waiting + k] = starts[k]
            size[waiting + k] = starts[k + n] - 1 - starts[k]
        waiting += count
    _hash_by_size(joined, begin, size, waiting, order, hashes[done:])
    return hashes, hash_ptr
