"""Lines that can hold an e-mail address or a phone number: the others need no expression."""

from __future__ import annotations

import numba as nb
import numpy as np

from curation.kernels.utf8 import decode

# Digits that a stretch of digits, spaces, brackets and dashes must have: a phone number has ten,
# nine after +81.
LEAST_DIGITS = 9


@nb.njit(inline="always")
def _kind(code):  # type: ignore[no-untyped-def]
    """2 for a digit, 1 for what may stand between digits of a number, 0 for others."""
    if 0xFF01 <= code <= 0xFF5E:
        code -= 0xFEE0
    if 48 <= code <= 57:
        return 2
    if code == 32 or code == 40 or code == 41 or code == 43 or code == 45:
        return 1
    if code < 0xA0:
        return 0
    dash = 0x2010 <= code <= 0x2017 or code == 0x203E or code == 0x2212 or code == 0xFE63
    vowel = code == 0x30FC or code == 0xFF70
    return 1 if (dash or vowel or code == 0xA0 or code == 0x3000 or code == 0x2D7) else 0


@nb.njit(nogil=True, cache=True)
def candidate_lines(b, offsets):  # type: ignore[no-untyped-def]
    """int64[m, 3]: (text, first byte, past the last byte) of lines with a sign for @ or a stretch
    of at least 9 digits."""
    out = np.empty((256, 3), np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        start = offsets[d]
        i = start
        e = offsets[d + 1]
        hit = False
        digits = 0
        while i <= e:
            if i == e or b[i] == 10:
                if hit:
                    if n == len(out):
                        more = np.empty((2 * n, 3), np.int64)
                        more[:n] = out
                        out = more
                    out[n, 0] = d
                    out[n, 1] = start
                    out[n, 2] = i
                    n += 1
                hit = False
                digits = 0
                i += 1
                start = i
                continue
            code, width = decode(b, i)
            i += width
            kind = _kind(code)
            digits = digits + 1 if kind == 2 else (digits if kind == 1 else 0)
            hit |= digits >= LEAST_DIGITS or code == 64 or code == 0xFF20 or code == 0x2605
            if (code == 40 or code == 91 or code == 0xFF08 or code == 0xFF3B) and i < e:
                after, _ = decode(b, i)
                hit |= after == 97 or after == 65 or after == 0xFF41 or after == 0xFF21
    return out[:n].copy()
