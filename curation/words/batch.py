"""Words as numbers: what kernels read of a batch, and how features of a word are laid out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit

# A word's row of `WordBatch.features`, uint64[words, 4]: polynomial hash of its code points, first
# and second eight bytes of its UTF-8, and packed: characters | flags << 32 | min(bytes, 255) << 40.
HASH, HEAD, HEAD2, PACKED = range(4)

ALPHABETIC = 1  # some character is a letter (`str.isalpha`)
NOT_MARKS = 2  # some character is not in datatrove's PUNCTUATION_SET
ENDS_SENTENCE = 4  # the word is one of the sentencizer's characters
ALL_PUNCTUATION = 8  # every character is of a Unicode category P: spaCy's is_punct

BASE = np.uint64(0x9E3779B97F4A7C15)
_POWERS = 1024


@cache
def powers() -> npt.NDArray[np.uint64]:
    """uint64[1024]: BASE**k modulo 2**64, what prefix hashes of n-grams are shifted by."""
    table = np.ones(_POWERS, np.uint64)
    for k in range(1, _POWERS):
        table[k] = (int(table[k - 1]) * int(BASE)) & 0xFFFFFFFFFFFFFFFF
    table.flags.writeable = False
    return table


@njit(inline="always")
def characters_of(packed):  # type: ignore[no-untyped-def]
    return np.int64(packed & np.uint64(0xFFFFFFFF))


@njit(inline="always")
def flags_of(packed):  # type: ignore[no-untyped-def]
    return np.int64((packed >> np.uint64(32)) & np.uint64(0xFF))


@njit(inline="always")
def bytes_of(packed):  # type: ignore[no-untyped-def]
    """Length in bytes, 255 for all that are longer."""
    return np.int64(packed >> np.uint64(40))


@dataclass(frozen=True, slots=True)
class WordBatch:
    """Words of the documents of a batch: document d has ids[ptr[d]:ptr[d + 1]].

    ids int32[words], ptr int64[documents + 1], features uint64[known words, 4]. Word w is spelled
    text[word_ptr[w]:word_ptr[w + 1]]; equal ids are equal spellings. Words reserved by a splitter
    (`reserve`) keep their ids in every batch.
    """

    ids: npt.NDArray[np.int32]
    ptr: npt.NDArray[np.int64]
    features: npt.NDArray[np.uint64]
    word_ptr: npt.NDArray[np.int64]
    text: npt.NDArray[np.uint8]
