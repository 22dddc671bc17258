"""What documents share with evaluation items: n-grams, and short items as a whole.

Keys (`curation.decontaminate.key`) are sequences of units: code points, or words with a space
between two. A rolling hash finds candidates; behind equal hashes the code points themselves are
compared, so that no two texts are taken for one.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.folding import cluster_end, fold
from curation.kernels.hashing import spread
from curation.kernels.units import MULTIPLIER, bounds, equal, power, split

# The items' keys. codes uint32; begin, end int32[units]: where each word lies in codes (one entry
# where units are code points); first int64[items + 1]: units of each item; coverable int64[items].
Items = namedtuple("Items", "codes begin end first coverable")
# N-grams of one length. slots int32: open addressing, a gram or -1; hash uint64[grams];
# ptr int64[grams + 1] into item, unit int32: where each stands; bloom uint64: bits of the hashes.
Grams = namedtuple("Grams", "slots hash ptr item unit bloom")
# Room for one batch. seen int32[units], stamp int32[items]: the document that set them last;
# covered, touched int64[items]; count int64[1]: items touched; generation int32[1].
Work = namedtuple("Work", "seen stamp covered touched count generation")

HITS, UNITS, COVERED, RUN_BEGIN, RUN_END, ITEM, ITEM_UNITS, BEGIN, END = range(9)

_U1 = np.uint64(1)


@njit(nogil=True, cache=True)
def fill(hashes, slots, bloom):  # type: ignore[no-untyped-def]
    """Put gram k with hashes[k] into empty slots and bits."""
    mask = np.uint64(len(slots) - 1)
    bits = np.uint64(len(bloom) - 1)
    for k in range(len(hashes)):
        x = hashes[k]
        bloom[(x >> np.uint64(6)) & bits] |= _U1 << (x & np.uint64(63))
        p = (x >> np.uint64(20)) & mask
        while slots[p] >= 0:
            p = (p + _U1) & mask
        slots[p] = k


@njit(inline="always")
def _find(grams, x, items, n, words, codes, i, j):  # type: ignore[no-untyped-def]
    """The gram that is codes[i:j], -1 where there is none."""
    mask = np.uint64(len(grams.slots) - 1)
    p = (x >> np.uint64(20)) & mask
    while grams.slots[p] >= 0:
        g = np.int64(grams.slots[p])
        if grams.hash[g] == x:
            unit = np.int64(grams.unit[grams.ptr[g]])
            lo, hi = bounds(items.begin, items.end, unit, n, words)
            if equal(codes, i, j, items.codes, lo, hi):
                return g
        p = (p + _U1) & mask
    return np.int64(-1)


@njit(inline="always")
def _add(hits, found, unit, size, what):  # type: ignore[no-untyped-def]
    if found == len(hits):
        more = np.empty((2 * found, 3), np.int64)
        more[:found] = hits
        hits = more
    hits[found, 0] = unit
    hits[found, 1] = size
    hits[found, 2] = what
    return hits


@njit(nogil=True)
def _wholes(grams, g, u, units, items, words, codes, begin, end, hits, found):  # type: ignore[no-untyped-def]
    """Add the short items that begin as gram g does and stand at unit u as a whole."""
    for q in range(grams.ptr[g], grams.ptr[g + 1]):
        item = np.int64(grams.item[q])
        first = items.first[item]
        size = items.first[item + 1] - first
        if u + size <= units:
            i, j = bounds(begin, end, u, size, words)
            lo, hi = bounds(items.begin, items.end, first, size, words)
            if equal(codes, i, j, items.codes, lo, hi):
                hits = _add(hits, found, u, size, -1 - item)
                found += 1
    return hits, found


@njit(nogil=True)
def _candidates(values, units, n, bloom, at, hashes):  # type: ignore[no-untyped-def]
    """Write the last unit and the hash of the n-grams that may be in the index; how many.

    Without a branch, so that the bits of many n-grams are fetched at once."""
    top = power(n)
    bits = np.uint64(len(bloom) - 1)
    h = np.uint64(0)
    for t in range(min(n - 1, units)):
        h = h * MULTIPLIER + (np.uint64(values[t]) + _U1)
    found = np.int64(0)
    old = np.uint64(0)
    for t in range(n - 1, units):
        h = h * MULTIPLIER + (np.uint64(values[t]) + _U1) - top * old
        x = spread(h)
        at[found] = t
        hashes[found] = x
        found += np.int64((bloom[(x >> np.uint64(6)) & bits] >> (x & np.uint64(63))) & _U1)
        old = np.uint64(values[t - n + 1]) + _U1
    return found


@njit(nogil=True)
def _scan(codes, begin, end, tokens, units, items, grams, n, whole, words, at, hashes, hits, found):  # type: ignore[no-untyped-def]
    """Add all hits of one document: (unit, units, gram, or -1 - item where it is a whole item)."""
    if words:
        candidates = _candidates(tokens, units, n, grams.bloom, at, hashes)
    else:
        candidates = _candidates(codes, units, n, grams.bloom, at, hashes)
    for c in range(candidates):
        u = at[c] - n + 1
        i, j = bounds(begin, end, u, n, words)
        g = _find(grams, hashes[c], items, n, words, codes, i, j)
        if g < 0:
            continue
        if whole:
            hits, found = _wholes(grams, g, u, units, items, words, codes, begin, end, hits, found)
        else:
            hits = _add(hits, found, u, n, g)
            found += 1
    return hits, found


@njit(inline="always")
def _cover(item, unit, n, generation, work):  # type: ignore[no-untyped-def]
    """Count n units from `unit` on as covered in their item."""
    if work.stamp[item] != generation:
        work.stamp[item] = generation
        work.covered[item] = 0
        work.touched[work.count[0]] = item
        work.count[0] += 1
    for u in range(unit, unit + n):
        if work.seen[u] != generation:
            work.seen[u] = generation
            work.covered[item] += 1


@njit(nogil=True)
def _best(hits, found, items, grams, generation, work):  # type: ignore[no-untyped-def]
    """The item of which most is covered; of equals the one with more units, then the first."""
    work.count[0] = 0
    for k in range(found):
        g = hits[k, 2]
        if g < 0:
            _cover(-1 - g, items.first[-1 - g], hits[k, 1], generation, work)
            continue
        for q in range(grams.ptr[g], grams.ptr[g + 1]):
            _cover(np.int64(grams.item[q]), np.int64(grams.unit[q]), hits[k, 1], generation, work)
    best = work.touched[0]
    for k in range(1, work.count[0]):
        item = work.touched[k]
        a = np.int64(work.covered[item]) * items.coverable[best]
        b = np.int64(work.covered[best]) * items.coverable[item]
        more = work.covered[item] - work.covered[best]
        if a > b or (a == b and (more > 0 or (more == 0 and item < best))):
            best = item
    return best


@njit(inline="always")
def _enough(found, wanted, share, work, items):  # type: ignore[no-untyped-def]
    """Is the item `found` the one wanted (-1: any), and is `share` of it there?"""
    return (wanted < 0 or wanted == found) and (
        work.covered[found] / items.coverable[found] >= share
    )


@njit(nogil=True)
def _counts(g, grams, work, items, wanted, share):  # type: ignore[no-untyped-def]
    """Is a hit one of such an item?"""
    if g < 0:
        return _enough(-1 - g, wanted, share, work, items)
    for q in range(grams.ptr[g], grams.ptr[g + 1]):
        if _enough(np.int64(grams.item[q]), wanted, share, work, items):
            return True
    return False


@njit(nogil=True)
def runs_of(hits, order, grams, work, items, wanted, share):  # type: ignore[no-untyped-def]
    """int64[m, 2]: first unit and past the last of the runs that hits of such items cover.

    `order` lists the hits by their first unit."""
    out = np.empty((len(order), 2), np.int64)
    n = 0
    for k in order:
        if not _counts(hits[k, 2], grams, work, items, wanted, share):
            continue
        left = hits[k, 0]
        right = left + hits[k, 1]
        if n and left <= out[n - 1, 1]:
            out[n - 1, 1] = max(out[n - 1, 1], right)
        else:
            out[n, 0] = left
            out[n, 1] = right
            n += 1
    return out[:n]


@njit(inline="always")
def _longest(runs):  # type: ignore[no-untyped-def]
    best = 0
    for k in range(1, len(runs)):
        if runs[k, 1] - runs[k, 0] > runs[best, 1] - runs[best, 0]:
            best = k
    return runs[best, 0], runs[best, 1]


@njit(nogil=True)
def _place(b, e, single, origins, begin, end, words, left, right):  # type: ignore[no-untyped-def]
    """First byte and past the last byte, in b, of the units left to right."""
    i, j = bounds(begin, end, left, right - left, words)
    return origins[i], cluster_end(b, origins[j - 1], e, single)


@njit(nogil=True)
def _search(b, s, e, folding, clusters, words, items, grams, n, wholes, m, room):  # type: ignore[no-untyped-def]
    """(units, hits, room) of the document b[s:e]; units -1 where a cluster is not listed.

    `room` holds arrays that come back larger where a document needs it."""
    codes, origins, begin, end, tokens, at, hashes, hits = room
    units, codes, origins = fold(b, s, e, folding, clusters, words, codes, origins)
    if units > len(at):
        begin = np.empty(2 * units, np.int64)
        end = np.empty(2 * units, np.int64)
        tokens = np.empty(2 * units, np.uint64)
        at = np.empty(2 * units, np.int64)
        hashes = np.empty(2 * units, np.uint64)
    if words and units > 0:
        units = split(codes, 0, units, begin, end, tokens, 0)
    found = 0
    if len(grams.hash):
        hits, found = _scan(
            codes, begin, end, tokens, units, items, grams, n, False, words, at, hashes, hits, found
        )
    if len(wholes.hash):
        hits, found = _scan(
            codes, begin, end, tokens, units, items, wholes, m, True, words, at, hashes, hits, found
        )
    return units, found, (codes, origins, begin, end, tokens, at, hashes, hits)


@njit(nogil=True)
def _room():  # type: ignore[no-untyped-def]
    return (
        np.empty(64, np.uint32),
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.uint64),
        np.empty(64, np.int64),
        np.empty(64, np.uint64),
        np.empty((64, 3), np.int64),
    )


@njit(nogil=True, cache=True)
def overlaps(b, offsets, rows, folding, clusters, words, items, grams, n, wholes, m, work, out):  # type: ignore[no-untyped-def]
    """Fill out int64[texts, 9] for `rows` by the names above: UNITS -1 where a text has clusters
    that `clusters` does not list, ITEM -1 where nothing is shared; places are bytes of b."""
    room = _room()
    for row in rows:
        s = offsets[row]
        e = offsets[row + 1]
        units, found, room = _search(
            b, s, e, folding, clusters, words, items, grams, n, wholes, m, room
        )
        out[row, UNITS] = units
        out[row, ITEM] = -1
        if found == 0:
            continue
        _, origins, begin, end, _, _, _, hits = room
        work.generation[0] += 1
        item = _best(hits, found, items, grams, work.generation[0], work)
        order = np.argsort(hits[:found, 0], kind="mergesort")
        runs = runs_of(hits, order, grams, work, items, -1, 0.0)
        out[row, HITS] = found
        for k in range(len(runs)):
            out[row, COVERED] += runs[k, 1] - runs[k, 0]
        left, right = _longest(runs)
        out[row, RUN_BEGIN], out[row, RUN_END] = _place(
            b, e, folding.single, origins, begin, end, words, left, right
        )
        out[row, ITEM] = item
        out[row, ITEM_UNITS] = work.covered[item]
        left, right = _longest(runs_of(hits, order, grams, work, items, item, 0.0))
        out[row, BEGIN], out[row, END] = _place(
            b, e, folding.single, origins, begin, end, words, left, right
        )


@njit(nogil=True, cache=True)
def spans(b, offsets, rows, folding, clusters, words, items, grams, n, wholes, m, work, share):  # type: ignore[no-untyped-def]
    """int64[k, 3]: row, first byte, past the last byte of all that `rows` share with the items of
    which they hold `share` or more."""
    room = _room()
    out = np.empty((64, 3), np.int64)
    size = 0
    for row in rows:
        s = offsets[row]
        e = offsets[row + 1]
        _, found, room = _search(
            b, s, e, folding, clusters, words, items, grams, n, wholes, m, room
        )
        if found == 0:
            continue
        _, origins, begin, end, _, _, _, hits = room
        work.generation[0] += 1
        _best(hits, found, items, grams, work.generation[0], work)
        order = np.argsort(hits[:found, 0], kind="mergesort")
        runs = runs_of(hits, order, grams, work, items, -1, share)
        for k in range(len(runs)):
            left, right = _place(
                b, e, folding.single, origins, begin, end, words, runs[k, 0], runs[k, 1]
            )
            out = _add(out, size, row, left, right)
            size += 1
    return out[:size].copy()
