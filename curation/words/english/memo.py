"""Chunks of a batch to words: a memo of chunks.

`Memo` holds, for the chunks met so far, where their words stand in `words`, by the numbers that
`vocabulary` gives. It keeps the bytes and compares them behind equal hashes. It only grows within a
batch; what it held before a batch changes speed, never a statistic.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import SEED, eight_bytes, plain_bytes, same_long, spread
from curation.kernels.utf8 import decode, space_len
from curation.words.english.chunk import SEQUENCE, extend, find, plain_chunk, split_chunk
from curation.words.english.vocabulary import (
    CHUNK_BYTES,
    CHUNK_WORDS,
    CHUNKS,
    DECLINED,
    WORD_BYTES,
    WORDS,
    number,
    number_of_bytes,
)

# key uint64, id int32: open addressing. ptr int64[chunks + 1] into words int32; start
# int64[chunks + 1] into text uint8, the bytes of the chunks. sensitive uint8: 1 where a neighbour
# could change the words, 2 where spaCy split the chunk. first, last: hashes of its outer words
# before the phrase matcher.
Memo = namedtuple("Memo", "key id ptr words start text sensitive first last")

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_LONG = np.uint64(1 << 63)
_MIX = np.uint64(0x9FB21C651E98DF25)


@njit(nogil=True, cache=True)
def find_chunks(b, offsets, keys, starts, ends, ptr):  # type: ignore[no-untyped-def]
    """Runs of characters between white space: key, first byte, past the last byte of each.

    The key of a chunk of up to 7 bytes is these bytes and their number, which no other chunk has;
    that of a longer one is a hash with its top bit set.
    """
    k = 0
    for d in range(len(offsets) - 1):
        i = offsets[d]
        e = offsets[d + 1]
        while i < e:
            c = b[i]
            w = space_len(b, i, e) if (c <= 32 or c >= 0xC2) else 0
            if w:
                i += w
                continue
            h = SEED
            eight = _U0  # bytes are hashed eight at a time
            shift = _U0
            s = i
            while i + 8 <= e:
                word = eight_bytes(b, i)
                plain = plain_bytes(word)
                if plain == 8:
                    h = (h ^ word) * _MIX
                    h ^= h >> np.uint64(32)
                    i += 8
                    continue
                shift = plain << np.uint64(3)
                eight = word & ((_U1 << shift) - _U1)
                i += np.int64(plain)
                break
            while i < e:
                c = b[i]
                if (c <= 32 or c >= 0xC2) and space_len(b, i, e):
                    break
                eight |= np.uint64(c) << shift
                shift += np.uint64(8)
                if shift == np.uint64(64):
                    h = (h ^ eight) * _MIX
                    h ^= h >> np.uint64(32)
                    eight = _U0
                    shift = _U0
                i += 1
            if i - s < 8:
                keys[k] = eight | (np.uint64(i - s) << np.uint64(56))
            else:
                h = (h ^ eight) * _MIX
                keys[k] = h ^ (h >> np.uint64(32)) | _LONG
            starts[k] = s
            ends[k] = i
            k += 1
        ptr[d + 1] = k
    return k


@njit(inline="always")
def _place(known, key):  # type: ignore[no-untyped-def]
    """Place of the first chunk with this key, else of the empty place where it would go."""
    m = np.uint64(len(known) - 1)
    p = spread(key) & m
    while known[p] != _U0 and known[p] != key:
        p = (p + _U1) & m
    return p


@njit(inline="always")
def _is_chunk(start, text, x, b, s, e):  # type: ignore[no-untyped-def]
    """Is b[s:e], of 8 bytes and more, the chunk x?"""
    o = start[x]
    if start[x + 1] - o != e - s:
        return False
    # without a branch for most: which lengths come is not foreseeable
    equal = eight_bytes(b, e - 8) == eight_bytes(text, o + e - s - 8)
    equal &= eight_bytes(b, s) == eight_bytes(text, o)
    return equal and (e - s <= 16 or same_long(b, s, e, text, o))


@njit(nogil=True)
def _find_chunk(known, ids, start, text, key, b, s, e):  # type: ignore[no-untyped-def]
    """Place of the chunk b[s:e] with this key, else of the empty place where it would go."""
    m = np.uint64(len(known) - 1)
    p = _place(known, key)
    while key >= _LONG and known[p] != _U0:
        if known[p] == key and _is_chunk(start, text, ids[p], b, s, e):
            break
        p = (p + _U1) & m
    return p


@njit(nogil=True, cache=True)
def look_up(b, starts, ends, keys, memo, found, missing):  # type: ignore[no-untyped-def]
    """Ids of the chunks in the memo (-1 where new); indices of the new ones and their number.

    By keys alone, then bytes are compared in a pass of its own, whose loads run side by side: five
    times as fast as one pass.
    """
    known, ids, start, text = memo.key, memo.id, memo.start, memo.text
    m = 0
    for i in range(len(keys)):
        p = _place(known, keys[i])
        if known[p] != _U0:
            found[i] = ids[p]
        else:
            found[i] = -1
            missing[m] = i
            m += 1
    for i in range(len(keys)):
        if keys[i] < _LONG or found[i] < 0:
            continue
        if _is_chunk(start, text, found[i], b, starts[i], ends[i]):
            continue
        p = _find_chunk(known, ids, start, text, keys[i], b, starts[i], ends[i])
        found[i] = ids[p]
        if known[p] == _U0:
            found[i] = -1
            missing[m] = i
            m += 1
    return m


@njit(nogil=True)
def _room(memo, vocabulary, counters, n, declined):  # type: ignore[no-untyped-def]
    """Is there room in every table for a chunk of n bytes?"""
    return (
        (counters[CHUNKS] + 2) * 2 < len(memo.key)
        and counters[CHUNKS] + 2 < len(memo.ptr)
        and counters[CHUNK_WORDS] + n < len(memo.words)
        and (counters[WORDS] + n) * 2 < len(vocabulary.key)
        and counters[WORDS] + n < len(vocabulary.features)
        and counters[CHUNK_BYTES] + n <= len(memo.text)
        and counters[WORD_BYTES] + n <= len(vocabulary.text)
        and counters[DECLINED] < len(declined)
    )


@njit(nogil=True)
def _enter(memo, counters, words, restored, first, last):  # type: ignore[no-untyped-def]
    """Number a new chunk of so many words, which stand behind those of the others."""
    d = counters[CHUNKS]
    counters[CHUNKS] += 1
    counters[CHUNK_WORDS] += words
    memo.ptr[d + 1] = counters[CHUNK_WORDS]
    memo.sensitive[d] = restored
    memo.first[d] = first
    memo.last[d] = last
    return True


@njit(nogil=True)
def _add_plain(b, s, e, T, memo, vocabulary, counters):  # type: ignore[no-untyped-def]
    """Add the words of the chunk b[s:e]; False where it is no plain one."""
    k, word, mark = plain_chunk(b, s, e, T)
    if k == s:
        return False
    o = counters[CHUNK_WORDS]
    memo.words[o] = number_of_bytes(b, s, k, word, T.flags, vocabulary, counters)
    if k == e:
        return _enter(memo, counters, 1, 0, word, word)
    memo.words[o + 1] = number_of_bytes(b, k, e, mark, T.flags, vocabulary, counters)
    return _enter(memo, counters, 2, 0, word, mark)


@njit(nogil=True)
def _add(b, s, e, T, memo, vocabulary, counters, scratch):  # type: ignore[no-untyped-def]
    """Add the words of the chunk b[s:e]; False where the kernel declines it."""
    cp, starts, ends, tail, chosen, hashes, match = scratch
    n = 0
    while s < e:
        code, width = decode(b, s)
        cp[n] = code
        n += 1
        s += width
    words, restored = split_chunk(cp, n, T, starts, ends, tail, chosen, hashes, match)
    if words < 0:
        return False
    o = counters[CHUNK_WORDS]
    for q in range(words):
        memo.words[o + q] = number(cp, starts[q], ends[q], hashes[q], T.flags, vocabulary, counters)
    return _enter(memo, counters, words, restored, hashes[-2], hashes[-1])


@njit(nogil=True, cache=True)
def resolve(  # type: ignore[no-untyped-def]
    b, starts, ends, keys, missing, found, begin, T, memo, vocabulary, counters, declined, scratch
):
    """Split the chunks `missing[begin:]` and write their ids to `found`.

    Returns where it stopped: at the end, or where a table is full and the caller must grow it.
    Chunks that the kernel declines go to `declined` for spaCy.
    """
    known, ids, start, text = memo.key, memo.id, memo.start, memo.text
    for at in range(begin, len(missing)):
        i = missing[at]
        p = _place(known, keys[i])
        new = known[p] == _U0
        if not (new or keys[i] < _LONG or _is_chunk(start, text, ids[p], b, starts[i], ends[i])):
            p = _find_chunk(known, ids, start, text, keys[i], b, starts[i], ends[i])
            new = known[p] == _U0
        if not new:
            found[i] = ids[p]
            continue
        if not _room(memo, vocabulary, counters, ends[i] - starts[i], declined):
            return at
        d = counters[CHUNKS]
        if not _add_plain(b, starts[i], ends[i], T, memo, vocabulary, counters) and not _add(
            b, starts[i], ends[i], T, memo, vocabulary, counters, scratch
        ):
            declined[counters[DECLINED]] = i
            counters[DECLINED] += 1
            continue
        o = start[d]
        for k in range(ends[i] - starts[i]):
            text[o + k] = b[starts[i] + k]
        start[d + 1] = counters[CHUNK_BYTES] = o + ends[i] - starts[i]
        known[p] = keys[i]
        ids[p] = d
        found[i] = d
    return len(missing)


@njit(nogil=True, cache=True)
def place_of(memo, key, b, s, e):  # type: ignore[no-untyped-def]
    """`_find_chunk` for callers in Python: inlined functions are not kept on disk."""
    return _find_chunk(memo.key, memo.id, memo.start, memo.text, key, b, s, e)


@njit(nogil=True, cache=True)
def borders(b, found, ptr, starts, ends, pair_key, memo, out):  # type: ignore[no-untyped-def]
    """Chunks whose restored words a match across a single space could displace: (document, chunk).

    spaCy's matcher sees the whole document, and a longer or earlier match that crosses into the
    next chunk takes the words and has no effect. Returns their number, which may exceed len(out).
    """
    n = 0
    for d in range(len(ptr) - 1):
        for q in range(ptr[d], ptr[d + 1]):
            if memo.sensitive[found[q]] == 0:
                continue
            hit = memo.sensitive[found[q]] == 2
            for y in (q, q + 1):  # the border between chunks y - 1 and y
                inside = y > ptr[d] and y < ptr[d + 1]
                if inside and starts[y] - ends[y - 1] == 1 and b[ends[y - 1]] == 32:
                    h = extend(extend(SEQUENCE, memo.last[found[y - 1]]), memo.first[found[y]])
                    hit |= pair_key[find(pair_key, h)] == h
            if hit:
                if n < len(out):
                    out[n, 0] = d
                    out[n, 1] = q
                n += 1
    return n


# Typed: compiled before workers are forked, though a table grows only where they have much to do.
@njit("void(uint64[::1], int32[::1], uint64[::1], int32[::1])", nogil=True, cache=True)
def rehash(key, ids, new_key, new_ids):  # type: ignore[no-untyped-def]
    """Move all entries of a table into a larger, empty one."""
    m = np.uint64(len(new_key) - 1)
    for i in range(len(key)):
        if key[i] != _U0:
            p = spread(key[i]) & m
            while new_key[p] != _U0:  # two entries may have one hash
                p = (p + _U1) & m
            new_key[p] = key[i]
            new_ids[p] = ids[i]


@njit(nogil=True, cache=True)
def flatten(found, chunk_ptr, memo_ptr, memo_words, ptr):  # type: ignore[no-untyped-def]
    """Word ids of every document in one array; ptr[documents + 1] is filled."""
    total = 0
    for q in range(len(found)):
        total += memo_ptr[found[q] + 1] - memo_ptr[found[q]]
    ids = np.empty(total, np.int32)
    n = 0
    for d in range(len(chunk_ptr) - 1):
        for q in range(chunk_ptr[d], chunk_ptr[d + 1]):
            for j in range(memo_ptr[found[q]], memo_ptr[found[q] + 1]):
                ids[n] = memo_words[j]
                n += 1
        ptr[d + 1] = n
    return ids
