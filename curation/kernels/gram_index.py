"""The n-grams of evaluation items, sorted into groups of equal ones."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.folding import SPACE
from curation.kernels.units import bounds, equal, rolling, split


@njit(nogil=True, cache=True)
def words_of(codes, ptr):  # type: ignore[no-untyped-def]
    """(begin, end int64, tokens uint64, first int64[texts + 1]) of the words of keys."""
    size = 0
    for k in range(len(ptr) - 1):
        size += ptr[k + 1] > ptr[k]
        for i in range(ptr[k], ptr[k + 1]):
            size += codes[i] == SPACE
    begin = np.empty(size, np.int64)
    end = np.empty(size, np.int64)
    tokens = np.empty(size, np.uint64)
    first = np.zeros(len(ptr), np.int64)
    w = 0
    for k in range(len(ptr) - 1):
        w = split(codes, ptr[k], ptr[k + 1], begin, end, tokens, w)
        first[k + 1] = w
    return begin, end, tokens, first


@njit(nogil=True, cache=True)
def hashes_of(items, tokens, chosen, n, words, lead):  # type: ignore[no-untyped-def]
    """(hash uint64, item int64, unit int64) of all n-grams of items, or with `lead` of the first
    one of each."""
    size = 0
    for item in chosen:
        size += 1 if lead else items.first[item + 1] - items.first[item] - n + 1
    hashes = np.empty(size, np.uint64)
    owner = np.empty(size, np.int64)
    unit = np.empty(size, np.int64)
    o = 0
    for item in chosen:
        first = items.first[item]
        count = n if lead else items.first[item + 1] - first
        grams = count - n + 1
        if words:
            rolling(tokens, first, count, n, hashes[o : o + grams])
        else:
            rolling(items.codes, first, count, n, hashes[o : o + grams])
        for k in range(grams):
            owner[o + k] = item
            unit[o + k] = first + k
        o += grams
    return hashes, owner, unit


@njit(nogil=True, cache=True)
def group(items, hashes, unit, order, n, words):  # type: ignore[no-untyped-def]
    """ptr int64[grams + 1] into `order` (by hash, stable), which is changed where different
    n-grams have one hash: equal ones then stand side by side."""
    ptr = np.empty(len(order) + 1, np.int64)
    ptr[0] = 0
    grams = 0
    later = np.empty(len(order), np.int64)
    i = 0
    while i < len(order):
        j = i
        while j < len(order) and hashes[order[j]] == hashes[order[i]]:
            j += 1
        while i < j:
            lo, hi = bounds(items.begin, items.end, unit[order[i]], n, words)
            same = i
            others = 0
            for k in range(i, j):
                x, y = bounds(items.begin, items.end, unit[order[k]], n, words)
                if equal(items.codes, lo, hi, items.codes, x, y):
                    order[same] = order[k]
                    same += 1
                else:
                    later[others] = order[k]
                    others += 1
            for k in range(others):
                order[same + k] = later[k]
            grams += 1
            ptr[grams] = same
            i = same
    return ptr[: grams + 1].copy()
