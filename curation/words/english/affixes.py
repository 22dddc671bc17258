"""spaCy's English prefix, suffix and infix expressions, by tables instead of `re`.

Every alternative of the suffix expression ends in `$`, so its leftmost match is its longest
alternative; prefixes and infixes are tried in the order of spaCy's lists.
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import SEED, finish, step
from curation.words.english.tables import (
    ALPHA,
    ASCII_DIGIT,
    BEFORE_DOT,
    INFIX,
    LOWER,
    PREFIX,
    QUOTE,
    SUFFIX,
    UNIT_END,
    UPPER,
)

_U0 = np.uint64(0)
_U1 = np.uint64(1)


@njit
def hash_span(cp, i, j):  # type: ignore[no-untyped-def]
    """Hash of the code points cp[i:j] (`tables.hash_text`)."""
    h = SEED
    for k in range(i, j):
        h = step(h, cp[k])
    return finish(h ^ (np.uint64(j - i) << np.uint64(40)))


@njit(nogil=True)
def prefix_len(cp, i, j, flags):  # type: ignore[no-untyped-def]
    """Length of the prefix that cp[i:j] starts with, else 0."""
    c = cp[i]
    if flags[c] & PREFIX:
        return 1
    if c == 43:  # + but not before a digit
        return 0 if (i + 1 < j and flags[cp[i + 1]] & ASCII_DIGIT) else 1
    if c == 46:  # two dots and more
        k = i
        while k < j and cp[k] == 46:
            k += 1
        return k - i if k - i > 1 else 0
    if c == 85:  # US$
        return 3 if (j - i > 2 and cp[i + 1] == 83 and cp[i + 2] == 36) else 0
    if c == 67 or c == 65:  # C$ A$
        return 2 if (j - i > 1 and cp[i + 1] == 36) else 0
    return 0


@njit(nogil=True)
def _dot_suffix(cp, i, j, flags):  # type: ignore[no-untyped-def]
    """Length of the suffix that the dot before j makes, else 0."""
    k = j
    while k > i and cp[k - 1] == 46:
        k -= 1
    if j - k > 1:
        return j - k
    if j - 1 == i:
        return 0
    p = cp[j - 2]
    if flags[p] & BEFORE_DOT:
        return 1
    if j - 2 == i:
        return 0
    q = cp[j - 3]
    if (flags[p] & UPPER) and (flags[q] & UPPER):
        return 1
    degrees = p == 70 or p == 102 or p == 67 or p == 99 or p == 75 or p == 107  # °F °c °K
    return 1 if (q == 0xB0 and degrees) else 0


@njit(nogil=True)
def suffix_len(cp, i, j, T):  # type: ignore[no-untyped-def]
    """Length of the longest suffix that cp[i:j] ends with, else 0."""
    if i >= j:
        return 0
    flags = T.flags
    c = cp[j - 1]
    f = flags[c]
    best = 1 if f & SUFFIX else 0
    if c == 46:
        best = max(best, _dot_suffix(cp, i, j, flags))
    elif c == 0x2026:
        if j - 1 > i and cp[j - 2] == 0x2026:
            best = 2
    elif c == 115 or c == 83:  # 's 'S with either apostrophe
        if j - 1 > i and (cp[j - 2] == 39 or cp[j - 2] == 0x2019):
            best = 2
    elif c == 43 and j - 1 > i and flags[cp[j - 2]] & ASCII_DIGIT:
        best = 1
    if f & UNIT_END:  # a unit or currency right after a digit
        k = j
        limit = max(i, j - T.unit_longest - 1)
        while k > limit and not flags[cp[k - 1]] & ASCII_DIGIT:
            k -= 1
        if k > limit and j - k > best:
            h = hash_span(cp, k, j)
            m = np.uint64(len(T.unit_key) - 1)
            p = h & m
            while T.unit_key[p] != _U0:
                if T.unit_key[p] == h and T.unit_length[p] == j - k:
                    best = j - k
                    break
                p = (p + _U1) & m
    return best


@njit(nogil=True)
def _hyphens(cp, p, e, flags):  # type: ignore[no-untyped-def]
    """One to three - before a letter; the character before p is a letter or digit."""
    for k in range(1, 4):
        if p + k >= e:
            return 0
        if flags[cp[p + k]] & ALPHA:
            return k
        if cp[p + k] != 45:
            return 0
    return 0


@njit(nogil=True)
def infix_len(cp, p, s, e, flags):  # type: ignore[no-untyped-def]
    """Length of the infix at p within cp[s:e], else 0."""
    c = cp[p]
    if c == 46:
        k = p
        while k < e and cp[k] == 46:
            k += 1
        if k - p > 1:
            return k - p
        inside = p > s and p + 1 < e
        if inside and flags[cp[p - 1]] & (LOWER | QUOTE) and flags[cp[p + 1]] & (UPPER | QUOTE):
            return 1
        return 0
    if flags[c] & INFIX:
        return 1
    if p == s or p + 1 >= e:
        return 0
    before = flags[cp[p - 1]]
    n = cp[p + 1]
    if (
        (c == 43 or c == 45 or c == 42 or c == 94)
        and before & ASCII_DIGIT
        and (flags[n] & ASCII_DIGIT or n == 45)
    ):
        return 1
    if c == 44:
        return 1 if (before & ALPHA and flags[n] & ALPHA) else 0
    if not before & (ALPHA | ASCII_DIGIT):
        return 0
    if c == 45:
        return _hyphens(cp, p, e, flags)
    if c == 0x2014:
        if flags[n] & ALPHA:
            return 1
        return 2 if (n == 0x2014 and p + 2 < e and flags[cp[p + 2]] & ALPHA) else 0
    if c == 0x2013 or c == 126 or c == 58 or c == 60 or c == 62 or c == 61 or c == 47:
        return 1 if flags[n] & ALPHA else 0
    return 0
