"""Chunks of a batch to words: a memo of chunks by hash, and the table of words.

`Memo` holds, for the chunks met so far, where their words stand in `words`; `Vocabulary` gives a
word its number and features. Both only grow within a batch; what they held before a batch changes
speed and numbers, never a statistic.
"""

from __future__ import annotations

from collections import namedtuple

import numba as nb
import numpy as np

from curation.kernels.hashing import SEED, finish
from curation.kernels.utf8 import decode, space_len
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
from curation.words.english.chunk import SEQUENCE, extend, find, split_chunk
from curation.words.flags import IS_ALPHA, NOT_MARK, PUNCTUATION, SENTENCE_END

# key uint64, id int32: open addressing. ptr int64[chunks + 1] into words int32. sensitive uint8: 1
# where a neighbour could change the words, 2 where spaCy split the chunk. first, last: hashes of
# its outer words before the phrase matcher.
Memo = namedtuple("Memo", "key id ptr words sensitive first last")
Vocabulary = namedtuple("Vocabulary", "key id features")
CHUNKS, WORDS, CHUNK_WORDS, DECLINED = range(4)  # counters of `resolve`

_U0 = np.uint64(0)
_MIX = np.uint64(0x9FB21C651E98DF25)


@nb.njit(nogil=True, cache=True)
def find_chunks(b, offsets, hashes, starts, ends, ptr):  # type: ignore[no-untyped-def]
    """Runs of characters between white space: hash, first byte, past the last byte of each."""
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
            h = (h ^ eight) * _MIX
            hashes[k] = finish(h ^ (h >> np.uint64(32)) ^ (np.uint64(i - s) << np.uint64(40)))
            starts[k] = s
            ends[k] = i
            k += 1
        ptr[d + 1] = k
    return k


@nb.njit(nogil=True, cache=True)
def look_up(hashes, n, key, ids, found, missing):  # type: ignore[no-untyped-def]
    """Ids of the chunks in the memo (-1 where new); indices of the new ones and their number."""
    m = 0
    for i in range(n):
        p = find(key, hashes[i])
        if key[p] != _U0:
            found[i] = ids[p]
        else:
            found[i] = -1
            missing[m] = i
            m += 1
    return m


@nb.njit(nogil=True)
def _packed_bytes(cp, s, e):  # type: ignore[no-untyped-def]
    """(first 8 bytes, next 8 bytes, number of bytes) of the UTF-8 of cp[s:e]."""
    head = _U0
    second = _U0
    n = 0
    for z in range(s, e):
        c = cp[z]
        if c < 0x80:
            width = 1
        elif c < 0x800:
            width = 2
        elif c < 0x10000:
            width = 3
        else:
            width = 4
        for k in range(width):
            shift = 6 * (width - 1 - k)
            if width == 1:
                byte = np.uint64(c)
            elif k == 0:
                lead = 0xC0 if width == 2 else (0xE0 if width == 3 else 0xF0)
                byte = np.uint64(lead | (c >> shift))
            else:
                byte = np.uint64(0x80 | ((c >> shift) & 63))
            if n < 8:
                head |= byte << np.uint64(8 * n)
            elif n < 16:
                second |= byte << np.uint64(8 * (n - 8))
            n += 1
    return head, second, n


@nb.njit(nogil=True)
def describe(cp, s, e, flags, row):  # type: ignore[no-untyped-def]
    """Fill a word's row of features (`curation.words.batch`)."""
    h = _U0
    kinds = ALL_PUNCTUATION
    for z in range(s, e):
        f = flags[cp[z]]
        if f & IS_ALPHA:
            kinds |= ALPHABETIC
        if f & NOT_MARK:
            kinds |= NOT_MARKS
        if not f & PUNCTUATION:
            kinds &= ~ALL_PUNCTUATION
        h = h * BASE + np.uint64(cp[z]) + np.uint64(1)
    if e - s == 1 and flags[cp[s]] & SENTENCE_END:
        kinds |= ENDS_SENTENCE
    head, second, size = _packed_bytes(cp, s, e)
    row[HASH] = h
    row[HEAD] = head
    row[HEAD2] = second
    row[PACKED] = (
        np.uint64(e - s)
        | (np.uint64(kinds) << np.uint64(32))
        | (np.uint64(min(size, 255)) << np.uint64(40))
    )


@nb.njit(nogil=True, cache=True)
def number(cp, s, e, h, flags, vocabulary, counters):  # type: ignore[no-untyped-def]
    """The number of the word cp[s:e] with hash h, a new one where it was not known."""
    p = find(vocabulary.key, h)
    if vocabulary.key[p] != _U0:
        return vocabulary.id[p]
    w = counters[WORDS]
    counters[WORDS] += 1
    vocabulary.key[p] = h
    vocabulary.id[p] = w
    describe(cp, s, e, flags, vocabulary.features[w])
    return w


@nb.njit(nogil=True)
def _room(memo, vocabulary, counters, n, declined):  # type: ignore[no-untyped-def]
    """Is there room in every table for a chunk of n bytes?"""
    return (
        (counters[CHUNKS] + 2) * 2 < len(memo.key)
        and counters[CHUNKS] + 2 < len(memo.ptr)
        and counters[CHUNK_WORDS] + n < len(memo.words)
        and (counters[WORDS] + n) * 2 < len(vocabulary.key)
        and counters[WORDS] + n < len(vocabulary.features)
        and counters[DECLINED] < len(declined)
    )


@nb.njit(nogil=True, cache=True)
def resolve(  # type: ignore[no-untyped-def]
    b, starts, ends, hashes, missing, found, begin, T, memo, vocabulary, counters, declined, scratch
):
    """Split the chunks `missing[begin:]` and write their ids to `found`.

    Returns where it stopped: at the end, or where a table is full and the caller must grow it.
    Chunks that the kernel declines go to `declined` for spaCy.
    """
    cp, word_start, word_end, tail, chosen, word_hash, match = scratch
    for at in range(begin, len(missing)):
        i = missing[at]
        p = find(memo.key, hashes[i])
        if memo.key[p] != _U0:
            found[i] = memo.id[p]
            continue
        if not _room(memo, vocabulary, counters, ends[i] - starts[i], declined):
            return at
        n = 0
        y = starts[i]
        while y < ends[i]:
            code, width = decode(b, y)
            cp[n] = code
            n += 1
            y += width
        words, restored = split_chunk(
            cp, n, T, word_start, word_end, tail, chosen, word_hash, match
        )
        if words < 0:
            declined[counters[DECLINED]] = i
            counters[DECLINED] += 1
            continue
        o = counters[CHUNK_WORDS]
        for q in range(words):
            memo.words[o + q] = number(
                cp, word_start[q], word_end[q], word_hash[q], T.flags, vocabulary, counters
            )
        d = counters[CHUNKS]
        counters[CHUNKS] += 1
        counters[CHUNK_WORDS] = o + words
        memo.ptr[d + 1] = o + words
        memo.sensitive[d] = restored
        memo.first[d] = word_hash[len(word_hash) - 2]
        memo.last[d] = word_hash[len(word_hash) - 1]
        memo.key[p] = hashes[i]
        memo.id[p] = d
        found[i] = d
    return len(missing)


@nb.njit(nogil=True, cache=True)
def place_of(key, h):  # type: ignore[no-untyped-def]
    """`find` for callers in Python: inlined functions are not kept on disk."""
    return find(key, h)


@nb.njit(nogil=True, cache=True)
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


@nb.njit(nogil=True, cache=True)
def rehash(key, ids, new_key, new_ids):  # type: ignore[no-untyped-def]
    """Move all entries of a table into a larger, empty one."""
    for i in range(len(key)):
        if key[i] != _U0:
            p = find(new_key, key[i])
            new_key[p] = key[i]
            new_ids[p] = ids[i]


@nb.njit(nogil=True, cache=True)
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
