"""The words of one chunk: spaCy's algorithm on code points.

Special cases, then prefixes and suffixes as long as they come off, then the URL rule and infixes,
and at last the phrase matcher that restores special cases which the expressions had cut
("x-a." -> x - a.). Linear in the chunk.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import SEED, finish, same, step
from curation.words.english.affixes import hash_span, infix_len, prefix_len, suffix_len
from curation.words.english.tables import BEFORE_DOT, SUFFIX, UNIT_END
from curation.words.english.urls import is_url

_U0 = np.uint64(0)
_U1 = np.uint64(1)
SEQUENCE = np.uint64(0x1234567)
# Room of the scratch arrays beyond their use by words: the last two places of `hashes` keep the
# first and the last word before the phrase matcher ran.
SPARE = 64


@njit(inline="always")
def extend(h, word):  # type: ignore[no-untyped-def]
    """Hash of a sequence of words, continued by one (`tables.hash_sequence`)."""
    h = (h ^ word) * np.uint64(0xFF51AFD7ED558CCD)
    return h ^ (h >> np.uint64(32))


@njit(inline="always")
def find(keys, h):  # type: ignore[no-untyped-def]
    """Place of h in an open-addressing table, else of the empty place where it would go."""
    m = np.uint64(len(keys) - 1)
    p = h & m
    while keys[p] != _U0 and keys[p] != h:
        p = (p + _U1) & m
    return p


@njit(nogil=True)
def special_case(cp, i, j, T):  # type: ignore[no-untyped-def]
    """Number of the special case cp[i:j], else -1; compared in full."""
    n = j - i
    if n <= 0 or n > T.case_longest or not T.case_filter[((cp[i] & 63) << 6) | (cp[j - 1] & 63)]:
        return -1
    h = hash_span(cp, i, j)
    p = find(T.case_key, h)
    if T.case_key[p] != h:
        return -1
    return T.case_id[p] if _is_case(cp, i, j, T, T.case_id[p]) else -1


@njit(nogil=True)
def _is_case(cp, i, j, T, x):  # type: ignore[no-untyped-def]
    """Is cp[i:j] the text of the special case x?"""
    o = T.case_start[x]
    return T.case_start[x + 1] - o == j - i and same(cp, i, j, T.case_text, o)


@njit(nogil=True)
def _strip_affixes(cp, n, T, starts, ends, tail):  # type: ignore[no-untyped-def]
    """Take prefixes (-> starts, ends) and suffixes (-> tail, as end positions) off cp[:n].

    Returns (i, j, words, suffixes, special case of cp[i:j] or -1).
    """
    i = 0
    j = n
    words = 0
    suffixes = 0
    last = -1
    while i < j and j - i != last:
        x = special_case(cp, i, j, T)
        if x >= 0:
            return i, j, words, suffixes, x
        last = j - i
        p = prefix_len(cp, i, j, T.flags)
        if p and i + p < j:
            x = special_case(cp, i + p, j, T)
            if x >= 0:
                starts[words] = i
                ends[words] = i + p
                return i + p, j, words + 1, suffixes, x
        s = suffix_len(cp, i + p, j, T)
        if s and j - s > i:
            x = special_case(cp, i, j - s, T)
            if x >= 0:
                tail[suffixes] = j
                return i, j - s, words, suffixes + 1, x
        if p:
            starts[words] = i
            ends[words] = i + p
            words += 1
            i += p
        if s:
            tail[suffixes] = j
            suffixes += 1
            j -= s
    return i, j, words, suffixes, -1


@njit(nogil=True)
def _cut_infixes(cp, i, j, T, starts, ends, words):  # type: ignore[no-untyped-def]
    """Words of cp[i:j] between and at its infixes, one word where it is a URL; their new number."""
    first = words
    start = i
    p = i
    while p < j:
        k = infix_len(cp, p, i, j, T.flags)
        if k == 0:
            p += 1
            continue
        if p == i:  # spaCy ignores an infix at the start
            p += k
            continue
        if words == first and is_url(cp, i, j, T.flags):
            break
        if p != start:
            starts[words] = start
            ends[words] = p
            words += 1
        starts[words] = p
        ends[words] = p + k
        words += 1
        p += k
        start = p
    if start < j:
        starts[words] = start
        ends[words] = j
        words += 1
    return words


@njit(nogil=True)
def _matches(cp, T, starts, ends, hashes, words, match):  # type: ignore[no-untyped-def]
    """Special cases among the words: rows (length, first word, case) of `match`, by first word.

    Returns (number, whether any changes a word); (-1, False) where `match` has no room.
    """
    n = 0
    changes = False
    for q in range(words - 1):
        if not T.pattern_filter[hashes[q] & np.uint64(4095)]:
            continue
        h = SEQUENCE
        for k in range(1, min(T.pattern_longest, words - q) + 1):
            h = extend(h, hashes[q + k - 1])
            p = find(T.pattern_key, h)
            if T.pattern_key[p] == h and _is_case(
                cp, starts[q], ends[q + k - 1], T, T.pattern_case[p]
            ):
                if n >= len(match):
                    return -1, False
                match[n, 0] = k
                match[n, 1] = q
                match[n, 2] = T.pattern_case[p]
                n += 1
                changes |= T.pattern_effect[T.pattern_case[p]] != 0
    return n, changes


@njit(nogil=True)
def _restore(cp, T, starts, ends, hashes, words, match, n, taken, chosen):  # type: ignore[no-untyped-def]
    """Put the matched special cases back, the longest first, then the leftmost; words after it."""
    for q in range(words):
        taken[q] = 0
        chosen[q] = -1
    for k in range(T.pattern_longest, 0, -1):
        for y in range(n):
            if match[y, 0] != k:
                continue
            a = match[y, 1]
            if not taken[a] and not taken[a + k - 1]:
                chosen[a] = y
            for q in range(a, a + k):
                taken[q] = 1
    half = len(starts) // 2  # write into the upper half, then copy down
    out = half
    q = 0
    while q < words:
        if chosen[q] < 0:
            starts[out] = starts[q]
            ends[out] = ends[q]
            out += 1
            q += 1
            continue
        case = match[chosen[q], 2]
        c = starts[q]
        for piece in range(T.piece_start[case], T.piece_start[case + 1]):
            starts[out] = c
            c += T.piece_length[piece]
            ends[out] = c
            out += 1
        q += match[chosen[q], 0]
    words = out - half
    for q in range(words):
        starts[q] = starts[half + q]
        ends[q] = ends[half + q]
        hashes[q] = hash_span(cp, starts[q], ends[q])
    return words


@njit(nogil=True)
def split_chunk(cp, n, T, starts, ends, tail, chosen, hashes, match):  # type: ignore[no-untyped-def]
    """Words of the chunk cp[:n], n > 0: starts, ends and hashes of each.

    Returns (words, restored): restored is 1 where the phrase matcher changed a word, so that a
    neighbouring chunk could change it too. words is -1 where `match` was too short.
    """
    i, j, words, suffixes, case = _strip_affixes(cp, n, T, starts, ends, tail)
    if i < j and case >= 0:
        for piece in range(T.piece_start[case], T.piece_start[case + 1]):
            starts[words] = i
            i += T.piece_length[piece]
            ends[words] = i
            words += 1
    elif i < j:
        words = _cut_infixes(cp, i, j, T, starts, ends, words)
    for q in range(suffixes - 1, -1, -1):
        starts[words] = ends[words - 1] if words else 0
        ends[words] = tail[q]
        words += 1
    for q in range(words):
        hashes[q] = hash_span(cp, starts[q], ends[q])
    hashes[len(hashes) - 2] = hashes[0]
    hashes[len(hashes) - 1] = hashes[words - 1]
    found, changes = _matches(cp, T, starts, ends, hashes, words, match)
    if found < 0:
        return -1, 0
    if not changes:
        return words, 0
    return _restore(cp, T, starts, ends, hashes, words, match, found, tail, chosen), 1


@njit(inline="always")
def _is_key(keys, h):  # type: ignore[no-untyped-def]
    return keys[find(keys, h)] == h


@njit(nogil=True)
def plain_chunk(b, s, e, T):  # type: ignore[no-untyped-def]
    """What `split_chunk` gives of the chunk b[s:e] where it is plain: most of a text's chunks.

    A plain chunk is ASCII letters, behind which one character may stand that is a suffix there. No
    prefix, unit, infix or URL is made of letters alone, so only special cases are looked for; what
    has the hash of one is not plain. Returns (end of the letters, their hash, hash of the character
    behind them or 0); (s, 0, 0) for other chunks.
    """
    other = (s, _U0, _U0)
    h = SEED
    k = s
    while k < e:
        letter = np.int64(b[k]) | 32
        if letter < 97 or letter > 122:
            break
        h = step(h, b[k])
        k += 1
    if k == s or k < e - 1:
        return other
    word = finish(h ^ (np.uint64(k - s) << np.uint64(40)))
    if _is_key(T.case_key, word):
        return other
    if k == e:
        return k, word, _U0
    c = b[k]
    if c == 46:
        if not T.flags[b[k - 1]] & BEFORE_DOT:
            return other
    elif not T.flags[c] & SUFFIX or T.flags[c] & UNIT_END:
        return other
    if _is_key(T.case_key, finish(step(h, c) ^ (np.uint64(e - s) << np.uint64(40)))):
        return other
    mark = finish(step(SEED, c) ^ (_U1 << np.uint64(40)))
    if T.pattern_filter[word & np.uint64(4095)]:
        pattern = extend(SEQUENCE, word)
        if _is_key(T.pattern_key, pattern) or _is_key(T.pattern_key, extend(pattern, mark)):
            return other
    return k, word, mark
