"""Normal forms in linear time: long runs of combining marks are put in order first.

Unicode's normal forms sort the marks of a run by their class (UAX 15, section 1.3). CPython and
utf8proc (under Arrow) sort by insertion: a run of 40,000 marks in alternating classes takes 5
seconds, one of 160,000 more than a minute. Sorted beforehand they have nothing left to do, and the
result is the same (tests/curation/base/test_marks.py). Text of people has runs of a few marks;
UAX 15 calls runs of up to 30 safe to stream.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import Literal

import numpy as np
import numpy.typing as npt

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
# Planes 0 to 3 and 14. Unicode assigns no character in any other (15 and 16 are private use), so
# tables of letters and marks need not look there.
ASSIGNED = ((0, 0x40000), (0xE0000, 0xF0000))
SAFE_RUN = 30  # marks; UAX 15, section 13: stream-safe text


def normal(form: Form, text: str) -> str:
    """`unicodedata.normalize`, in time linear in the text's length whatever it holds."""
    return unicodedata.normalize(form, ordered(form, text))


def ordered(form: Form, text: str) -> str:
    """An equivalent text whose long runs of marks are decomposed and in canonical order."""
    if text.isascii() or unicodedata.is_normalized(_composed(form), text):
        return text
    full: Form = "NFKD" if "K" in form else "NFD"

    def sort(match: re.Match[str]) -> str:
        marks = "".join(unicodedata.normalize(full, mark) for mark in match.group())
        return "".join(sorted(marks, key=unicodedata.combining))

    return _runs(full).sub(sort, text)


def _composed(form: Form) -> Form:
    """Asked of a text with a run out of order, it says no at the first mark that is misplaced."""
    return "NFKC" if "K" in form else "NFC"


@functools.cache
def marks_of(full: Form) -> npt.NDArray[np.uint8]:
    """uint8[0x110000]: 1 where the full decomposition of a code point is marks alone."""
    table = np.zeros(0x110000, np.uint8)
    for code in itertools.chain(*(range(*planes) for planes in ASSIGNED)):
        character = chr(code)
        if 0xD800 <= code < 0xE000 or (0xAC00 <= code < 0xD7A4) or 0x4E00 <= code < 0xA000:
            continue
        decomposed = character
        if unicodedata.decomposition(character):
            decomposed = unicodedata.normalize(full, character)
        table[code] = all(map(unicodedata.combining, decomposed))
    table.flags.writeable = False
    return table


@functools.cache
def _runs(full: Form) -> re.Pattern[str]:
    codes = np.flatnonzero(marks_of(full))
    starts = codes[np.flatnonzero(np.diff(codes, prepend=-2) != 1)]
    stops = codes[np.flatnonzero(np.diff(codes, append=0x110001) != 1)]
    inside = "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, stops, strict=True))
    return re.compile(f"[{inside}]{{{SAFE_RUN + 1},}}")
