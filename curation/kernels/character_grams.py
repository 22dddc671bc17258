"""Which n-grams of characters a text repeats, by sorting places instead of hashing n-grams.

An n-gram occurs twice only where the shorter ones it consists of do. So for growing n the places
whose n-gram occurs twice are kept, sorted by it, and sorted anew for the next length: taken in
the order of what follows and put in buckets by what comes first (least significant digit first, a
counting sort), places of one longer n-gram come to stand side by side. What follows and what comes
first are a character and the n-gram behind it, or two n-grams that overlap or touch. All is exact,
there is no hash; the loops have no branches that depend on the text, which is what costs time in
a table.

Places count from 1. An entry is the group of what follows << 32 | place.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit

_U1 = np.uint64(1)
_HALF = np.uint64(32)
_PLACE = np.uint64(0xFFFFFFFF)
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(nogil=True)
def _number(cp, n, dense, seen, ids, starts):  # type: ignore[no-untyped-def]
    """Number the characters of a text from 1 as they come, into ids[1:]; how many there are.
    `starts` counts each, `dense` (all zeros before and after) holds a code point's number."""
    sigma = 0
    ids[0] = 0
    for i in range(n):
        d = dense[cp[i]]
        if d == 0:
            seen[sigma] = cp[i]
            sigma += 1
            d = sigma
            dense[cp[i]] = d
            starts[d] = 0
        ids[i + 1] = d
        starts[d] += 1
    for c in range(sigma):
        dense[seen[c]] = 0
    return sigma


@njit(inline="always")
def _accumulate(starts, sigma):  # type: ignore[no-untyped-def]
    """Counts of the characters 1 to sigma become the first place of each one's bucket."""
    total = 0
    for c in range(1, sigma + 1):
        here = starts[c]
        starts[c] = total
        total += here


@njit(nogil=True)
def _pairs(ids, n, sigma, starts, kept, entries):  # type: ignore[no-untyped-def]
    """Entries of all 2-grams: places sorted by their second character, then by their first. Of a
    text's characters all but a few come often, so none are left out before; how many."""
    for p in range(1, n + 1):
        c = ids[p]
        at = starts[c]
        starts[c] = at + 1
        kept[at] = np.uint64(p)
    for c in range(sigma, 0, -1):  # the end of a bucket is where the next begins; n begins no pair
        starts[c] = (starts[c - 1] if c > 1 else 0) - (c > ids[n])
    for j in range(n):
        p = kept[j]
        if p == _U1:
            continue
        first = ids[p - _U1]
        at = starts[first]
        starts[first] = at + 1
        entries[at] = (np.uint64(ids[p]) << _HALF) | (p - _U1)
    return max(n - 1, 0)


@njit(nogil=True)
def _by_character(entries, m, heads, ids, sigma, starts, kept):  # type: ignore[no-untyped-def]
    """Group m entries sorted by their k-grams. Those with a place before them whose k-gram occurs
    twice go to `kept`, and `starts` is made the first place of each character before them.

    (How many are kept, groups, occurrences of the most frequent, groups of two or more.)"""
    for c in range(sigma + 1):
        starts[c] = 0
    key = _NONE
    opened = True  # does the entry before open a group?
    before = _U1
    group = 0
    size = 0
    top = 1
    more = 0
    w = 0
    for i in range(m):
        e = entries[i]
        p = e & _PLACE
        this = (e ^ p) | np.uint64(heads[p])
        opens = this != key
        kept[w] = (np.uint64(group) << _HALF) | before
        keep = (not (opened & opens)) & (before > _U1)
        w += int(keep)
        starts[ids[before - _U1]] += keep
        group += opens
        size = (0 if opens else size) + 1
        top = max(top, size)
        more += size == 2
        key = this
        opened = opens
        before = p
    kept[w] = (np.uint64(group) << _HALF) | before
    keep = (not opened) & (before > _U1)
    w += int(keep)
    starts[ids[before - _U1]] += keep
    _accumulate(starts, sigma)
    return w, group, top, more


@njit(nogil=True)
def _by_name(entries, m, heads, names, n, starts, kept):  # type: ignore[no-untyped-def]
    """As `_by_character`, but keeps every place whose k-gram occurs twice, and names it: names[p]
    is 1 + the first place of its group in `kept`, 0 for all others; `starts` of a name is it."""
    for i in range(n + 1):
        names[i] = 0
    key = _NONE
    opened = True
    before = np.uint64(0)
    group = 0
    size = 0
    top = 1
    more = 0
    w = 0
    name = 1
    for i in range(m):
        e = entries[i]
        p = e & _PLACE
        this = (e ^ p) | np.uint64(heads[p])
        opens = this != key
        keep = not (opened & opens)
        kept[w] = (np.uint64(group) << _HALF) | before
        names[before] = name if keep else 0
        w += int(keep)
        starts[w] = w
        name = w + 1 if opens else name
        group += opens
        size = (0 if opens else size) + 1
        top = max(top, size)
        more += size == 2
        key = this
        opened = opens
        before = p
    kept[w] = (np.uint64(group) << _HALF) | before
    names[before] = 0 if opened else name
    w += not opened
    starts[w] = w
    return w, group, top, more


@njit(nogil=True)
def _bring_character(kept, w, ids, starts, entries):  # type: ignore[no-untyped-def]
    """Sort kept k-grams by the character before them: entries of (k + 1)-grams."""
    for j in range(w):
        e = kept[j] - _U1
        c = ids[e & _PLACE]
        at = starts[c]
        starts[c] = at + 1
        entries[at] = e
    return w


@njit(nogil=True)
def _bring_name(kept, w, names, further, starts, entries):  # type: ignore[no-untyped-def]
    """Sort kept k-grams by the k-gram that begins `further` before them, if it occurs twice:
    entries of (k + further)-grams; how many."""
    entries[: w + 1] = 0
    for j in range(w):
        e = kept[j]
        p = np.int64(e & _PLACE)
        inside = p > further
        name = names[p - further] if inside else 0
        at = starts[name]
        starts[name] = at + (name > 0)
        entries[at] = e - np.uint64(further) if inside else np.uint64(0)
    m = 0
    for at in range(1, w + 1):
        e = entries[at]
        entries[m] = e
        m += e != 0
    return m


@njit(nogil=True)
def repeated_grams(cp, n, lengths, buffers, top, more, kinds):  # type: ignore[no-untyped-def]
    """For the q-th of ascending `lengths` from 2 on (each but the first at most twice the one
    before), of the n-grams of the n code points `cp`: occurrences of the most frequent, into
    top[q]; kinds that occur twice, into more[q]; kinds, into kinds[q]. Nothing is written where
    the text is shorter."""
    dense, entries, kept, ids, names, others, starts = buffers
    sigma = _number(cp, n, dense, names, ids, starts)
    _accumulate(starts, sigma)
    m = _pairs(ids, n, sigma, starts, kept, entries)
    q = 0
    k = 2
    heads = ids  # what tells the first part of two k-grams apart
    while k <= n:
        asked = k == lengths[q]
        further = lengths[q + asked] - k if q + asked < len(lengths) else 0
        by_name = asked and further > 1
        if by_name:
            w, groups, best, twice = _by_name(entries, m, heads, names, n, starts, kept)
        else:
            w, groups, best, twice = _by_character(entries, m, heads, ids, sigma, starts, kept)
        if asked:
            top[q] = best
            more[q] = twice
            kinds[q] = n - k + 1 - m + groups
            q += 1
            if q == len(lengths):
                return
        if by_name:
            m = _bring_name(kept, w, names, further, starts, entries)
            heads = names
            names, others = others, names
            k += further
        else:
            m = _bring_character(kept, w, ids, starts, entries)
            heads = ids
            k += 1


@njit(nogil=True)
def new_buffers(most):  # type: ignore[no-untyped-def]
    """Working memory of `repeated_grams` for texts of at most `most` characters."""
    return (
        np.zeros(0x110000, np.int32),  # number of a code point
        np.zeros(most + 2, np.uint64),  # entries
        np.zeros(most + 2, np.uint64),  # entries kept
        np.zeros(most + 2, np.int32),  # number of the character at a place
        np.zeros(most + 2, np.int32),  # name of the n-gram at a place
        np.zeros(most + 2, np.int32),  # name of the shorter n-gram
        np.zeros(most + 2, np.int32),  # next free place of a bucket
    )
