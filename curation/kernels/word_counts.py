"""Counts over the words of a document: lengths, letters, marks, stop words."""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.words.batch import ALPHABETIC, NOT_MARKS, PACKED, characters_of, flags_of

WORDS, PROPER_WORDS, PROPER_CHARACTERS, ALPHABETIC_WORDS, STOP_WORDS = range(5)
MAX_STOP_WORDS = 63


@njit(nogil=True, cache=True)
def word_statistics(ids, ptr, features, stop):  # type: ignore[no-untyped-def]
    """int64[documents, 5]: words; words that are not marks alone and their characters; words with
    a letter; how many of the stop words occur. `stop` int32 holds their ids, at most 63."""
    documents = len(ptr) - 1
    out = np.zeros((documents, 5), np.int64)
    highest = -1
    for k in range(len(stop)):
        highest = max(highest, stop[k])
    bits = np.zeros(highest + 1, np.uint64)
    for k in range(len(stop)):
        bits[stop[k]] |= np.uint64(1) << np.uint64(k)
    for d in range(documents):
        row = out[d]
        row[WORDS] = ptr[d + 1] - ptr[d]
        seen = np.uint64(0)
        for i in range(ptr[d], ptr[d + 1]):
            word = ids[i]
            packed = features[word, PACKED]
            flags = flags_of(packed)
            if flags & NOT_MARKS:
                row[PROPER_WORDS] += 1
                row[PROPER_CHARACTERS] += characters_of(packed)
            row[ALPHABETIC_WORDS] += (flags & ALPHABETIC) != 0
            if word <= highest:
                seen |= bits[word]
        while seen:
            row[STOP_WORDS] += 1
            seen &= seen - np.uint64(1)
    return out
