"""White space, decoding and character borders on valid UTF-8 bytes, as Python's `str` sees them."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.hashing import EACH, TOPS, eight_bytes, trailing_zeros


@njit(inline="always")
def space_len(b, i, e):  # type: ignore[no-untyped-def]
    """Length in bytes of the white space character at i (`str.isspace`), else 0; i < e."""
    c = b[i]
    if c < 128:
        return 1 if (c == 32 or (9 <= c <= 13) or (28 <= c <= 31)) else 0
    if c < 0xC2 or c > 0xE3:
        return 0
    if c == 0xC2:
        return 2 if (b[i + 1] == 0x85 or b[i + 1] == 0xA0) else 0
    if c == 0xE2:
        n = b[i + 1]
        m = b[i + 2]
        if n == 0x80:
            return 3 if ((0x80 <= m <= 0x8A) or m == 0xA8 or m == 0xA9 or m == 0xAF) else 0
        return 3 if (n == 0x81 and m == 0x9F) else 0
    if c == 0xE3:
        return 3 if (b[i + 1] == 0x80 and b[i + 2] == 0x80) else 0
    if c == 0xE1:
        return 3 if (b[i + 1] == 0x9A and b[i + 2] == 0x80) else 0
    return 0


@njit(inline="always")
def break_len(b, i, e):  # type: ignore[no-untyped-def]
    """Length in bytes of the line break at i as `str.splitlines` cuts, else 0; \\r\\n is one.

    \\n \\r \\v \\f \\x1c \\x1d \\x1e \\x85 U+2028 U+2029 (Python's `str.splitlines`).
    """
    c = b[i]
    if c < 128:
        if c == 13:
            return 2 if (i + 1 < e and b[i + 1] == 10) else 1
        return 1 if (10 <= c <= 12 or 28 <= c <= 30) else 0
    if c == 0xC2:
        return 2 if b[i + 1] == 0x85 else 0
    if c == 0xE2 and b[i + 1] == 0x80:
        return 3 if (b[i + 2] == 0xA8 or b[i + 2] == 0xA9) else 0
    return 0


_CASE, _E2, _ABOVE = np.uint64(0x20), np.uint64(0xE2), np.uint64(0xE0)


@njit(inline="always")
def _before_break(word):  # type: ignore[no-untyped-def]
    """How many of eight bytes, from the first on, cannot begin a line break: all but those below 32
    and 0xC2 and 0xE2, which differ in one bit."""
    low = word & (EACH * _ABOVE)
    lead = (word | (EACH * _CASE)) ^ (EACH * _E2)
    # a byte that is 0 borrows from its top bit; bytes behind the first such one may be wrong
    signs = (((low - EACH) & ~low) | ((lead - EACH) & ~lead)) & TOPS
    return np.int64(trailing_zeros(signs) >> np.uint64(3))


@njit(inline="always")
def next_break(b, i, e):  # type: ignore[no-untyped-def]
    """(where the first line break of b[i:e] is, its length in bytes), (e, 0) without one."""
    while i + 8 <= e:
        plain = _before_break(eight_bytes(b, i))
        i += plain
        if plain < 8:
            width = break_len(b, i, e)
            if width:
                return i, width
            i += 1
    while i < e:
        width = break_len(b, i, e)
        if width:
            return i, width
        i += 1
    return e, 0


@njit(inline="always")
def decode(b, i):  # type: ignore[no-untyped-def]
    """(code point, length in bytes) of the character at i."""
    c = np.int64(b[i])
    if c < 0x80:
        return c, 1
    if c < 0xE0:
        return ((c & 31) << 6) | (np.int64(b[i + 1]) & 63), 2
    if c < 0xF0:
        return (
            ((c & 15) << 12) | ((np.int64(b[i + 1]) & 63) << 6) | (np.int64(b[i + 2]) & 63),
            3,
        )
    return (
        ((c & 7) << 18)
        | ((np.int64(b[i + 1]) & 63) << 12)
        | ((np.int64(b[i + 2]) & 63) << 6)
        | (np.int64(b[i + 3]) & 63),
        4,
    )


@njit(inline="always")
def encode(out, o, code):  # type: ignore[no-untyped-def]
    """Write the UTF-8 of a code point to out[o:]; past its end."""
    if code < 0x80:
        out[o] = code
        return o + 1
    if code < 0x800:
        out[o] = 0xC0 | (code >> 6)
        out[o + 1] = 0x80 | (code & 63)
        return o + 2
    if code < 0x10000:
        out[o] = 0xE0 | (code >> 12)
        out[o + 1] = 0x80 | ((code >> 6) & 63)
        out[o + 2] = 0x80 | (code & 63)
        return o + 3
    out[o] = 0xF0 | (code >> 18)
    out[o + 1] = 0x80 | ((code >> 12) & 63)
    out[o + 2] = 0x80 | ((code >> 6) & 63)
    out[o + 3] = 0x80 | (code & 63)
    return o + 4


@njit(inline="always")
def before(b, s, i):  # type: ignore[no-untyped-def]
    """Start of the character that ends at i; s < i."""
    y = i - 1
    while y > s and (b[y] & 0xC0) == 0x80:
        y -= 1
    return y


@njit(inline="always")
def strip_left(b, s, e):  # type: ignore[no-untyped-def]
    """Start of b[s:e] after leading white space."""
    while s < e:
        w = space_len(b, s, e)
        if w == 0:
            break
        s += w
    return s


@njit(inline="always")
def strip_right(b, s, e):  # type: ignore[no-untyped-def]
    """End of b[s:e] before trailing white space."""
    while e > s:
        y = before(b, s, e)
        if space_len(b, y, e) == 0:
            break
        e = y
    return e


@njit(inline="always")
def ends_with_ellipsis(b, s, e):  # type: ignore[no-untyped-def]
    """Does b[s:e] end with ... or …?"""
    if e - s < 3:
        return False
    if b[e - 1] == 46 and b[e - 2] == 46 and b[e - 3] == 46:
        return True
    return b[e - 3] == 0xE2 and b[e - 2] == 0x80 and b[e - 1] == 0xA6


@njit(inline="always")
def count_chars(b, s, e):  # type: ignore[no-untyped-def]
    """Number of characters of b[s:e]."""
    n = 0
    for i in range(s, e):
        n += (b[i] & 0xC0) != 0x80
    return n


@njit(inline="always")
def _well_formed(b, i, e):  # type: ignore[no-untyped-def]
    """Length of the character at i if it is one of Unicode's table 3-7 and ends by e, else 0."""
    c = b[i]
    if c < 0x80:
        return 1
    if c < 0xC2 or c > 0xF4 or i + 1 >= e:
        return 0
    second = b[i + 1]
    if c < 0xE0:
        return 2 if second & 0xC0 == 0x80 else 0
    if i + 2 >= e or b[i + 2] & 0xC0 != 0x80:
        return 0
    if c < 0xF0:
        low = 0xA0 if c == 0xE0 else 0x80
        high = 0x9F if c == 0xED else 0xBF
        return 3 if low <= second <= high else 0
    low = 0x90 if c == 0xF0 else 0x80
    high = 0x8F if c == 0xF4 else 0xBF
    if i + 3 >= e or b[i + 3] & 0xC0 != 0x80:
        return 0
    return 4 if low <= second <= high else 0


_THREE, _THREE_BYTES = np.uint64(0xC0C0F0), np.uint64(0x8080E0)
_LEAD, _E0, _ED = np.uint64(0xFF), np.uint64(0xE0), np.uint64(0xED)


@njit(nogil=True, cache=True)
def well_formed(b, offsets):  # type: ignore[no-untyped-def]
    """Is every b[offsets[k]:offsets[k + 1]] UTF-8, the offsets ascending and within b?"""
    if offsets[0] < 0:
        return False
    for d in range(len(offsets) - 1):
        i = offsets[d]
        e = offsets[d + 1]
        if e < i or e > len(b):
            return False
        while i + 8 <= e:
            word = eight_bytes(b, i)
            if word & TOPS == np.uint64(0):
                i += 8
                continue
            lead = word & _LEAD
            if word & _THREE == _THREE_BYTES and lead != _E0 and lead != _ED:
                i += 3
                continue
            width = _well_formed(b, i, e)
            if width == 0:
                return False
            i += width
        while i < e:
            width = _well_formed(b, i, e)
            if width == 0:
                return False
            i += width
    return True
