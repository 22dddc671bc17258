"""Lines that can hold an e-mail address or a phone number: the others need no expression."""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit
from curation.kernels.utf8 import decode

# Digits that a phone number has at least from its 0 or +81 on, spaces, brackets and dashes between
# them: ten, nine after +81. A My Number has twelve.
LEAST_DIGITS = 9
MY_NUMBER_DIGITS = 12

ADDRESS, NUMBER = 1, 2  # what a line can hold: an e-mail address, a phone number

_DIGIT, _FILLER, _AT, _BRACKET, _A, _T, _BREAK, _NAME = (1 << bit for bit in range(8))


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
        (string.ascii_letters + string.digits + "._%+-'\"", _NAME),
    ):
        for code in map(ord, characters):
            kinds[code] |= bit
            if code > 32:
                kinds[code + 0xFEE0] |= bit
    for dash in "‐‑‒–—―‖‗‾−﹣˗─━⁃ーｰ・･\u00a0\u3000":
        kinds[ord(dash)] |= _FILLER | _NAME
    kinds[ord("★")] |= _AT
    kinds[10] |= _BREAK
    return kinds


_KINDS = _kinds()


@njit(inline="always")
def _kind_at(b, i, e):  # type: ignore[no-untyped-def]
    """Kind of the character at i and its width, 0 at the end."""
    if i >= e:
        return np.uint8(0), 0
    code, width = decode(b, i)
    return (_KINDS[code] if code < 65536 else np.uint8(0)), width


@njit(nogil=True, cache=True)
def candidate_lines(b, offsets):  # type: ignore[no-untyped-def]
    """(int64[m, 4], bool[texts]): (text, first byte, past the last byte, ADDRESS | NUMBER) of lines
    with a sign for @ between what may stand beside it, or with the digits of a phone number;
    whether a text has a stretch with the digits of a My Number."""
    out = np.empty((256, 4), np.int64)
    twelve = np.zeros(len(offsets) - 1, np.bool_)
    n = 0
    for d in range(len(offsets) - 1):
        start = offsets[d]
        i = start
        e = offsets[d + 1]
        held = 0  # by this line
        digits = 0  # of this stretch of digits and what may stand between them
        phone = 0  # of them from the first on that can begin a phone number
        kind = np.uint8(0)
        while i < e:
            code, width = decode(b, i)
            i += width
            last = kind
            kind = _KINDS[code] if code < 65536 else np.uint8(0)
            if kind == 0:
                digits = phone = 0
                continue
            if kind & _BREAK:
                if held:
                    out, n = _append(out, n, d, start, i - 1, held)
                held = 0
                digits = phone = 0
                start = i
                continue
            if kind & _DIGIT:
                zero = (code == 0x30 or code == 0xFF10) and not last & _DIGIT
                digits += 1
                phone += phone > 0 or zero
                held |= NUMBER * (phone >= LEAST_DIGITS)
                twelve[d] |= digits >= MY_NUMBER_DIGITS
            elif not kind & _FILLER:
                digits = phone = 0
            elif (code == 0x2B or code == 0xFF0B) and phone == 0:
                phone = 1  # +81
            if kind & _AT and last & _NAME:
                after, _ = _kind_at(b, i, e)
                held |= ADDRESS * ((after & _NAME) != 0)
            elif kind & _BRACKET:
                after, more = _kind_at(b, i, e)
                if after & _A:
                    third, _ = _kind_at(b, i + more, e)
                    held |= ADDRESS * ((third & _T) != 0)
        if held:
            out, n = _append(out, n, d, start, e, held)
    return out[:n].copy(), twelve


@njit(nogil=True)
def _append(out, n, row, start, end, held):  # type: ignore[no-untyped-def]
    if n == len(out):
        more = np.empty((2 * n, 4), np.int64)
        more[:n] = out
        out = more
    out[n, 0] = row
    out[n, 1] = start
    out[n, 2] = end
    out[n, 3] = held
    return out, n + 1
