"""Lines that can hold an e-mail address or a phone number: the others need no expression."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from curation.kernels.utf8 import decode

# Digits that a stretch of digits, spaces, brackets and dashes must have: a phone number has ten,
# nine after +81.
LEAST_DIGITS = 9


_DIGIT, _FILLER, _AT, _BRACKET, _A, _T, _BREAK = (1 << bit for bit in range(7))


def _kinds() -> npt.NDArray[np.uint8]:
    """Bits of code points up to U+FFFF, full-width ASCII as ASCII."""
    kinds = np.zeros(1 << 16, np.uint8)
    for characters, bit in (
        ("0123456789", _DIGIT),
        (" ()+-.", _FILLER),
        ("@", _AT),
        ("([", _BRACKET),
        ("aA", _A),
        ("tT", _T),
    ):
        for code in map(ord, characters):
            kinds[code] |= bit
            if code > 32:
                kinds[code + 0xFEE0] |= bit
    for dash in "‐‑‒–—―‖‗‾−﹣˗ーｰ・･\u00a0\u3000":
        kinds[ord(dash)] |= _FILLER
    kinds[ord("★")] |= _AT
    kinds[10] |= _BREAK
    return kinds


_KINDS = _kinds()


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
        while i < e:
            code, width = decode(b, i)
            i += width
            kind = _KINDS[code] if code < 65536 else np.uint8(0)
            if kind == 0:
                digits = 0
                continue
            if kind & _BREAK:
                if hit:
                    out, n = _append(out, n, d, start, i - 1)
                hit = False
                digits = 0
                start = i
                continue
            if kind & _DIGIT:
                digits += 1
            elif not kind & _FILLER:
                digits = 0
            hit |= digits >= LEAST_DIGITS or (kind & _AT) != 0
            if kind & _BRACKET and i < e:
                after, more = decode(b, i)
                if after < 65536 and _KINDS[after] & _A and i + more < e:
                    third, _ = decode(b, i + more)
                    hit |= third < 65536 and (_KINDS[third] & _T) != 0
        if hit:
            out, n = _append(out, n, d, start, e)
    return out[:n].copy()


@nb.njit(nogil=True)
def _append(out, n, row, start, end):  # type: ignore[no-untyped-def]
    if n == len(out):
        more = np.empty((2 * n, 3), np.int64)
        more[:n] = out
        out = more
    out[n, 0] = row
    out[n, 1] = start
    out[n, 2] = end
    return out, n + 1
