"""MinHash LSH (Broder 1997; bands after Leskovec et al., Mining of Massive Datasets, ch. 3).

A document is the set of its n-grams: of characters without white space (Japanese), or of words,
which are runs of letters and digits. A permutation is h -> (a*h + b) >> 32 in 64-bit arithmetic
(multiply-shift, Dietzfelbinger 1997) with a, b from SHA-256; a band is a hash of its rows' minima.
Two documents with Jaccard similarity s share a band with probability 1 - (1 - s**rows)**bands.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from awase_client.engine.jit import njit
from curation.dedup.keys import Utf8, classes
from curation.kernels.utf8 import decode

PRESETS = {
    "14x8": (14, 8),  # FineWeb, FineWeb-2: half of the pairs at s = 0.72
    "20x10": (20, 10),  # llm-jp v4: 0.74
    "40x20": (40, 20),  # Swallow v1: 0.83
}
Unit = Literal["characters", "words"]
UNITS = ("characters", "words", "datatrove")  # the last is `curation.dedup.datatrove`


@dataclass(frozen=True, slots=True)
class MinHash:
    """How band hashes are taken; equal settings give equal bands for ever (golden test)."""

    bands: int = 14
    rows: int = 8
    unit: Unit = "words"
    ngram: int = 5

    @property
    def settings(self) -> dict[str, Any]:
        return {"version": 1, "bands": self.bands, "rows": self.rows} | {
            "unit": self.unit,
            "ngram": self.ngram,
        }

    def probability(self, similarity: float) -> float:
        """How likely two documents of this Jaccard similarity are found."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def bands_of(
        self, texts: pa.Array, keys: Utf8
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """(band hashes uint64[n, bands], whether a document has any token bool[n]).

        Taken from the matching keys alone. A document of fewer than `ngram` tokens is one n-gram
        of all it has.
        """
        data, offsets = keys
        count = len(offsets) - 1
        bands = np.zeros((count, self.bands), np.uint64)
        found = np.zeros(count, np.bool_)
        a, b = _permutations(self.bands * self.rows)
        words = self.unit == "words"
        _bands(data, offsets, classes(), words, self.ngram, a, b, self.rows, bands, found)
        return bands, found


@functools.cache
def _permutations(count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    seeds = [hashlib.sha256(f"awase-minhash-1:{k}".encode()).digest() for k in range(count)]
    a = np.array([int.from_bytes(s[:8], "little") | 1 for s in seeds], np.uint64)
    b = np.array([int.from_bytes(s[8:16], "little") for s in seeds], np.uint64)
    return a, b


_P = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)


@njit(inline="always")
def mix(h):  # type: ignore[no-untyped-def]
    """splitmix64's finaliser: spreads every bit over all."""
    h = (h ^ (h >> np.uint64(30))) * _M1
    h = (h ^ (h >> np.uint64(27))) * _M2
    return h ^ (h >> np.uint64(31))


@njit(inline="always")
def _lower(h, a, b, minima):  # type: ignore[no-untyped-def]
    for j in range(len(a)):
        v = (h * a[j] + b[j]) >> np.uint64(32)
        minima[j] = min(minima[j], v)


@njit(inline="always")
def _tokens(b, i, end, table, words, tokens):  # type: ignore[no-untyped-def]
    """Hash the tokens of b[i:end] into `tokens`; returns how many."""
    n = 0
    h = np.uint64(0)
    inside = False
    while i < end:
        code, width = decode(b, i)
        i += width
        kind = table[code] if code < table.size else 1
        if words:
            if kind == 1:
                h = (h ^ np.uint64(code + 1)) * _P if inside else np.uint64(code + 1) * _P
                inside = True
            elif inside:
                tokens[n] = mix(h)
                n += 1
                inside = False
        elif kind != 2:
            tokens[n] = np.uint64(code + 1)
            n += 1
    if inside:
        tokens[n] = mix(h)
        n += 1
    return n


@njit(
    nb.void(
        nb.types.Array(nb.uint8, 1, "C", readonly=True),
        nb.types.Array(nb.int64, 1, "C", readonly=True),
        nb.types.Array(nb.uint8, 1, "C", readonly=True),
        nb.boolean,
        nb.int64,
        nb.uint64[::1],
        nb.uint64[::1],
        nb.int64,
        nb.uint64[:, ::1],
        nb.boolean[::1],
    ),
    cache=True,
    nogil=True,
)
def _bands(data, offsets, table, words, ngram, a, b, rows, bands, found):  # type: ignore[no-untyped-def]
    minima = np.empty(len(a), np.uint64)
    for d in range(len(offsets) - 1):
        start = offsets[d]
        end = offsets[d + 1]
        tokens = np.empty(end - start + 1, np.uint64)
        n = _tokens(data, start, end, table, words, tokens)
        if n == 0:
            continue
        found[d] = True
        minima[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        width = min(n, ngram)
        for k in range(n - width + 1):
            h = np.uint64(0)
            for t in range(k, k + width):
                h = h * _P + tokens[t]
            _lower(mix(h), a, b, minima)
        for band in range(bands.shape[1]):
            h = np.uint64(band + 1)
            for r in range(band * rows, band * rows + rows):
                h = mix(h * _P + minima[r])
            bands[d, band] = h
