"""Packing loops, compiled by numba: documents in, segments out.

A document comes as (row, at, length): its row in the version, the address of its first token in the
token set, its number of tokens. `bos` and `eos` are 0 or 1: whether the view has them. Segments go
to an array of awase_client.engine.views.SEGMENT, which numba sees as records.
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit


@njit(cache=True, nogil=True)
def _put(out, k, row, at, length, bos, first, size):
    """Segment k: virtual ids first .. first + size - 1 of a document."""
    begin = min(max(first - bos, 0), length)
    end = min(max(first + size - bos, 0), length)
    out[k].row = row
    out[k].start = first
    out[k].at = at + begin
    out[k].length = size
    out[k].tokens = end - begin


@njit(cache=True, nogil=True)
def concat(documents, position, sequences, length, width, bos, eos, out, starts):
    """Cut documents, joined from stream index `position` on, into windows; (segments, windows).

    Window s is the stream's ids s * length .. s * length + width - 1. `starts[k]` is the index in
    `out` of the first segment of the k-th window that begins inside these documents. Windows from
    `sequences` on are left out: they are the tail.
    """
    k = 0
    windows = 0
    for d in range(documents.size):
        document = documents[d]
        a = position
        b = a + document.length + bos + eos
        position = b
        s = 0 if a < width else (a - width) // length + 1
        while s < sequences and s * length < b:
            first = max(a, s * length)
            end = min(b, s * length + width)
            if first == s * length:
                starts[windows] = k
                windows += 1
            _put(out, k, document.row, document.at, document.length, bos, first - a, end - first)
            k += 1
            s += 1
    return k, windows


@njit(cache=True, nogil=True)
def pieces(documents, length, width, bos, eos, out):
    """Cut each document into pieces of `width` ids that advance by `length`; returns their number.

    Each piece but a document's last is full; with width = length + 1 the last id of a piece is
    the first of the next.
    """
    k = 0
    for d in range(documents.size):
        document = documents[d]
        total = document.length + bos + eos
        first = 0
        while True:
            size = min(width, total - first)
            _put(out, k, document.row, document.at, document.length, bos, first, size)
            k += 1
            if first + size >= total:
                break
            first += length
    return k


@njit(cache=True, nogil=True)
def piece_count(documents, length, width, bos, eos):
    """How many pieces `pieces` makes."""
    k = 0
    for d in range(documents.size):
        total = documents[d].length + bos + eos
        k += 1 if total <= width else (total - width + length - 1) // length + 1
    return k


@njit(cache=True, nogil=True)
def best_fit(sizes, width, bin_of):
    """Best-fit decreasing: bin_of[k] for each piece of sizes[k] <= width ids; returns the bins.

    Pieces by falling size, equal ones in the order given; each goes into the bin with the least
    room that still holds it, of several the one that came to that room last, else into a new bin
    (Ding et al. 2024, arXiv 2404.10830, section 3.2; its segment tree over rooms is here a tree
    of 64-ary bit sets).
    """
    n = sizes.size
    # Counting sort by falling size.
    count = np.zeros(width + 2, np.int64)
    for k in range(n):
        count[width - sizes[k] + 1] += 1
    for s in range(1, width + 2):
        count[s] += count[s - 1]
    order = np.empty(n, np.int64)
    for k in range(n):
        slot = width - sizes[k]
        order[count[slot]] = k
        count[slot] += 1
    # Stacks of bins by room, and which rooms have one: level 0 a bit a room, level 1 a bit a word.
    top = np.full(width + 1, -1, np.int64)
    below = np.empty(n, np.int64)
    words = width // 64 + 1
    low = np.zeros(words, np.uint64)
    high = np.zeros(words // 64 + 1, np.uint64)
    bins = 0
    for j in range(n):
        k = order[j]
        size = sizes[k]
        room = _next_set(low, high, size)
        if room < 0:
            b = bins
            bins += 1
            room = width
        else:
            b = top[room]
            top[room] = below[b]
            if top[room] < 0:
                _clear(low, high, room)
        bin_of[k] = b
        left = room - size
        if left > 0:
            below[b] = top[left]
            top[left] = b
            word = left >> 6
            low[word] |= np.uint64(1) << np.uint64(left & 63)
            high[word >> 6] |= np.uint64(1) << np.uint64(word & 63)
    return bins


@njit(cache=True, nogil=True)
def _clear(low, high, room):
    word = room >> 6
    low[word] &= ~(np.uint64(1) << np.uint64(room & 63))
    if low[word] == 0:
        high[word >> 6] &= ~(np.uint64(1) << np.uint64(word & 63))


@njit(cache=True, nogil=True)
def _lowest(bits):
    """Index of the lowest set bit of a word that has one."""
    index = 0
    for step in (32, 16, 8, 4, 2, 1):
        if bits & ((np.uint64(1) << np.uint64(step)) - np.uint64(1)) == 0:
            bits >>= np.uint64(step)
            index += step
    return index


@njit(cache=True, nogil=True)
def _next_set(low, high, room):
    """The smallest set index >= room, or -1."""
    word = room >> 6
    bits = low[word] >> np.uint64(room & 63)
    if bits != 0:
        return room + _lowest(bits)
    word += 1
    if word >= low.size:
        return -1
    group = word >> 6
    bits = high[group] >> np.uint64(word & 63)
    if bits != 0:
        word += _lowest(bits)
        return (word << 6) + _lowest(low[word])
    for g in range(group + 1, high.size):
        if high[g] != 0:
            word = (g << 6) + _lowest(high[g])
            return (word << 6) + _lowest(low[word])
    return -1


@njit(cache=True, nogil=True)
def fill_bins(found, bin_of, ptr, out):
    """Order pieces by bin, inside a bin in the order given; ptr[b + 1] holds bin b's pieces before.

    On return ptr[b] .. ptr[b + 1] - 1 are bin b's pieces in `out`.
    """
    for b in range(1, ptr.size):
        ptr[b] += ptr[b - 1]
    for k in range(found.size):
        b = bin_of[k]
        out[ptr[b]] = found[k]
        ptr[b] += 1
    for b in range(ptr.size - 1, 0, -1):
        ptr[b] = ptr[b - 1]
    ptr[0] = 0
