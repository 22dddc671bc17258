"""Texts folded to keys with the place in the text that each code point of a key comes from.

What becomes of a character is a table's matter (`curation.decontaminate.key`). A mark that may join
the character before it makes both one *cluster*, which only a normaliser of whole strings can fold:
clusters are looked up in a list that is sorted by the byte where each begins.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.utf8 import decode

# single int32[codes]: the one code point that a character becomes, or one of the names below, or
# MANY - k for the k-th of those that become several: more[ptr[k]:ptr[k + 1]], where 0 is a gap, or
# MARKS - (combining class << 21 | code point) for a mark that stands for itself and joins nothing:
# it only must not come behind a mark of a higher class, for then both change places.
Folding = namedtuple("Folding", "single ptr more")
# start int64[m], ascending; codes[ptr[k]:ptr[k + 1]] is what the cluster at start[k] becomes.
Clusters = namedtuple("Clusters", "start ptr codes")

GAP, NOTHING, JOINS, MANY = 0, -1, -2, -3
MARKS = -(1 << 20)
CLASS_BITS = 21
_CODE = (1 << CLASS_BITS) - 1
SPACE = 32  # what stands between two words of a key


@njit(inline="always")
def kind_of(code, single):  # type: ignore[no-untyped-def]
    """What a code point becomes (`Folding.single`), a gap beyond the table."""
    return np.int64(single[code]) if code < single.size else GAP


@njit(inline="always")
def _follows(kind):  # type: ignore[no-untyped-def]
    """Does such a character belong to the one before it?"""
    return kind == JOINS or kind <= MARKS


@njit(nogil=True)
def cluster_end(b, i, e, single):  # type: ignore[no-untyped-def]
    """Past the character at i and all that may join it."""
    _, width = decode(b, i)
    i += width
    while i < e:
        code, width = decode(b, i)
        if not _follows(kind_of(code, single)):
            break
        i += width
    return i


@njit(nogil=True)
def _grown(codes, origins, k, room):  # type: ignore[no-untyped-def]
    """The two arrays with place for `room` more behind k."""
    if k + room <= len(codes):
        return codes, origins
    size = max(2 * len(codes), k + room)
    more = np.empty(size, np.uint32)
    more[:k] = codes[:k]
    places = np.empty(size, np.int64)
    places[:k] = origins[:k]
    return more, places


@njit(inline="always")
def _write(code, at, words, k, skip, codes, origins):  # type: ignore[no-untyped-def]
    """Append a code point or a GAP that comes from the byte `at`; (k, skip).

    `skip` is 1 where a gap writes nothing: between words, with `words`, and always without. Whether
    a gap comes next cannot be predicted, so nothing here branches on it."""
    gap = np.int64(code == GAP)
    codes[k] = code + gap * SPACE
    origins[k] = at
    return k + 1 - (gap & skip), gap if words else np.int64(1)


@njit(nogil=True)
def _write_all(found, first, last, at, words, k, skip, codes, origins):  # type: ignore[no-untyped-def]
    for q in range(first, last):
        k, skip = _write(np.int64(found[q]), at, words, k, skip, codes, origins)
    return k, skip


@njit(nogil=True)
def fold(b, s, e, folding, clusters, words, codes, origins):  # type: ignore[no-untyped-def]
    """(length, codes, origins) of the key of b[s:e]; length -1 where a cluster is not listed.

    `codes` uint32 and `origins` int64 (byte of b where the character begins) come back larger where
    the key needs it. With `words` one SPACE stands for what lies between two words.
    """
    single = folding.single
    codes, origins = _grown(codes, origins, 0, e - s + 2)
    k = np.int64(0)
    skip = np.int64(1)
    before_k, before_skip, before_i = k, skip, s  # as they were before the last cluster
    last = np.int64(0)  # combining class of the last mark; 255 where it is not known
    i = s
    while i < e:
        c = b[i]
        while c < 128:
            before_k, before_skip, before_i = k, skip, i
            last = np.int64(0)
            k, skip = _write(np.int64(single[c]), i, words, k, skip, codes, origins)
            i += 1
            c = b[i] if i < e else np.uint8(255)
        if i >= e:
            break
        code, width = decode(b, i)
        kind = kind_of(code, single)
        if kind <= MARKS and (MARKS - kind) >> CLASS_BITS >= last:
            last = (MARKS - kind) >> CLASS_BITS
            k, skip = _write((MARKS - kind) & _CODE, i, words, k, skip, codes, origins)
            i += width
            continue
        if _follows(kind):
            p = np.searchsorted(clusters.start, before_i)
            if p == len(clusters.start) or clusters.start[p] != before_i:
                return -1, codes, origins
            i = cluster_end(b, before_i, e, single)
            found = clusters.codes
            first, stop = clusters.ptr[p], clusters.ptr[p + 1]
            codes, origins = _grown(codes, origins, k, e - i + stop - first + 2)
            k, skip = _write_all(
                found, first, stop, before_i, words, before_k, before_skip, codes, origins
            )
            continue  # what comes next follows nothing
        before_k, before_skip, before_i = k, skip, i
        last = np.int64(0)
        if kind >= 0:
            k, skip = _write(kind, i, words, k, skip, codes, origins)
        elif kind <= MANY:
            first, stop = folding.ptr[MANY - kind], folding.ptr[MANY - kind + 1]
            codes, origins = _grown(codes, origins, k, e - i + stop - first + 2)
            k, skip = _write_all(folding.more, first, stop, i, words, k, skip, codes, origins)
            last = np.int64(255)
        i += width
    if words and k > 0 and codes[k - 1] == SPACE:
        k -= 1
    return k, codes, origins


@njit(nogil=True, cache=True)
def clusters_of(b, offsets, rows, single):  # type: ignore[no-untyped-def]
    """int64[m, 2]: first byte and past the last byte of the clusters of some texts."""
    size = 0
    for row in rows:
        i = offsets[row]
        while i < offsets[row + 1]:
            code, width = decode(b, i)
            size += _follows(kind_of(code, single))
            i += width
    out = np.empty((size, 2), np.int64)
    n = 0
    for row in rows:
        i = offsets[row]
        e = offsets[row + 1]
        while i < e:
            code, _ = decode(b, i)
            end = cluster_end(b, i, e, single)
            _, width = decode(b, i)
            if _follows(kind_of(code, single)) or end > i + width:
                out[n, 0] = i
                out[n, 1] = end
                n += 1
            i = end
    return out[:n].copy()


@njit(nogil=True, cache=True)
def fold_rows(b, offsets, folding, clusters, words):  # type: ignore[no-untyped-def]
    """(codes uint32, origins int64 within each text, ptr int64[texts + 1], bool[texts] which ask
    for their clusters and are left empty)."""
    texts = len(offsets) - 1
    ptr = np.zeros(texts + 1, np.int64)
    ask = np.zeros(texts, np.bool_)
    codes = np.empty(64, np.uint32)
    origins = np.empty(64, np.int64)
    all_codes = np.empty(2 * (offsets[-1] - offsets[0]) + 64, np.uint32)
    all_origins = np.empty(len(all_codes), np.int64)
    o = 0
    for d in range(texts):
        s = offsets[d]
        k, codes, origins = fold(b, s, offsets[d + 1], folding, clusters, words, codes, origins)
        if k < 0:
            ask[d] = True
            k = 0
        all_codes, all_origins = _grown(all_codes, all_origins, o, k)
        for q in range(k):
            all_codes[o + q] = codes[q]
            all_origins[o + q] = origins[q] - s
        o += k
        ptr[d + 1] = o
    return all_codes[:o].copy(), all_origins[:o].copy(), ptr, ask
