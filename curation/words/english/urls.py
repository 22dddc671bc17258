"""spaCy's URL rule on code points, asked only of chunks that have an infix.

Shape of the rule: an optional scheme or user part, a host (an IPv4 address outside the private
networks, or labels with a top-level domain), an optional port, an optional path.
"""

from __future__ import annotations

from awase_client.engine.jit import njit
from curation.words.english.tables import DIGIT, LABEL_EDGE, LABEL_INNER, LOWER, SCHEME


@njit(nogil=True)
def _port_and_path(cp, k, e, flags):  # type: ignore[no-untyped-def]
    """Do an optional port and an optional path from k reach to e?"""
    if k == e:
        return True
    c = cp[k]
    if c == 47 or c == 63 or c == 35:
        return True
    if c != 58:
        return False
    n = 0
    k += 1
    while k < e and n < 5 and flags[cp[k]] & DIGIT:
        k += 1
        n += 1
    if n < 2:
        return False
    return k == e or cp[k] == 47 or cp[k] == 63 or cp[k] == 35


@njit(nogil=True)
def _octet(cp, g, n, part):  # type: ignore[no-untyped-def]
    """Is cp[g:g + n] a valid part of an address (part 0 to 3)? A digit of another script is none
    of 0 to 9 here, as in the rule's expression."""
    x = cp[g] - 48
    if n < 3:
        return part == 1 or part == 2 or 1 <= x <= 9
    y = cp[g + 1] - 48
    z = cp[g + 2] - 48
    if part == 0:
        return x == 1 or (x == 2 and (y == 0 or y == 1 or (y == 2 and 0 <= z <= 3)))
    last = 4 if part == 3 else 5
    return x == 1 or (x == 2 and (0 <= y <= 4 or (y == 5 and 0 <= z <= last)))


@njit(nogil=True)
def _value(cp, g, n):  # type: ignore[no-untyped-def]
    """The number that cp[g:g + n] writes in ASCII digits without a leading 0, else -1."""
    v = 0
    for k in range(g, g + n):
        x = cp[k] - 48
        if x < 0 or x > 9 or (k == g and x == 0):
            return -1
        v = v * 10 + x
    return v


@njit(nogil=True)
def _ipv4(cp, s, e, flags):  # type: ignore[no-untyped-def]
    """Does an IPv4 address outside the private networks start at s, and a URL end at e?"""
    k = s
    first = 0
    for part in range(4):
        g = k
        while k < e and k - g < 4 and flags[cp[k]] & DIGIT:
            k += 1
        n = k - g
        if n < 1 or n > 3 or not _octet(cp, g, n, part):
            return False
        v = _value(cp, g, n)
        if part == 0:
            if v == 10 or v == 127:
                return False
            first = v
        elif part == 1 and (
            (first == 169 and v == 254)
            or (first == 192 and v == 168)
            or (first == 172 and 16 <= v <= 31)
        ):
            return False
        if part == 3:
            return _port_and_path(cp, k, e, flags)
        if k >= e or cp[k] != 46:
            return False
        k += 1
    return False


@njit(nogil=True)
def _host(cp, s, e, flags):  # type: ignore[no-untyped-def]
    """Does the rule match with its host at s?"""
    if s < e and flags[cp[s]] & DIGIT and _ipv4(cp, s, e, flags):
        return True
    k = s
    labels = 0
    while True:
        g = k
        lower = True
        inner = True
        while k < e and flags[cp[k]] & (LABEL_INNER | LOWER):
            if not flags[cp[k]] & LOWER:
                lower = False
            if not flags[cp[k]] & LABEL_INNER:
                inner = False
            k += 1
        n = k - g
        if labels and lower and 2 <= n <= 63 and _port_and_path(cp, k, e, flags):
            return True
        if not (k < e and cp[k] == 46 and inner and 1 <= n <= 64):
            return False
        if not (flags[cp[g]] & LABEL_EDGE and flags[cp[k - 1]] & LABEL_EDGE):
            return False
        labels += 1
        k += 1


@njit(nogil=True)
def is_url(cp, s, e, flags):  # type: ignore[no-untyped-def]
    """Does spaCy's URL rule match cp[s:e]?"""
    dot = False
    at = False
    for k in range(s, e):
        if cp[k] == 46:
            dot = True
        elif cp[k] == 64:
            at = True
    if not dot:
        return False
    if _host(cp, s, e, flags):
        return True
    k = s
    while k < e and flags[cp[k]] & SCHEME:
        k += 1
    scheme = k - s >= 2 and k + 3 < e and cp[k] == 58 and cp[k + 1] == 47 and cp[k + 2] == 47
    if scheme and _host(cp, k + 3, e, flags):
        return True
    if at:
        for k in range(s + 1, e - 1):
            if cp[k] == 64 and _host(cp, k + 1, e, flags):
                return True
    return False
