"""Kinds of characters that rules ask of a word, in any language."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from curation.base.marks import ASSIGNED
from curation.kernels.classes import CODE_POINTS, every_character

# Bits of a code point; the English split has further ones above these.
IS_ALPHA, NOT_MARK, SENTENCE_END, PUNCTUATION = (1 << bit for bit in range(4))


@cache
def word_flags() -> npt.NDArray[np.uint32]:
    """uint32[0x110000]: letters (`str.isalpha`), all but datatrove's PUNCTUATION_SET, Unicode's
    categories P, and no ends of sentences, which each splitter adds."""
    from datatrove.utils.text import PUNCTUATION_SET

    every = every_character()
    flags = np.full(CODE_POINTS, NOT_MARK, np.uint32)
    for start, stop in ASSIGNED:
        plane, own = every[start:stop], flags[start:stop]
        own[np.fromiter(map(str.isalpha, plane), bool, len(plane))] |= np.uint32(IS_ALPHA)
        categories = "".join(map(unicodedata.category, plane)).encode()  # two letters each
        own[np.frombuffer(categories, np.uint8)[::2] == ord("P")] |= np.uint32(PUNCTUATION)
    for character in PUNCTUATION_SET:
        flags[ord(character)] &= np.uint32(~NOT_MARK & 0xFFFFFFFF)
    flags.flags.writeable = False
    return flags
