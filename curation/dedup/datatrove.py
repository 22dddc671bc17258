"""MinHash signatures equal to datatrove 0.10.1's, bit for bit (its pipeline/dedup/minhash.py).

Words of the simplified text, n-grams of them joined by a space, XXH64 (or the first eight bytes of
SHA-1) of each, and of each permutation (a * h + b) mod 2**61 - 1 the least. The product overflows
64 bits before the modulo, there as here, so these are no exact universal hashes; a and b come from
NumPy's RandomState. A text of fewer than n words has no signature and duplicates nothing.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from awase_client.engine.jit import njit
from curation.dedup.keys import Utf8
from curation.dedup.minhash import mix
from curation.dedup.simplify import simplified
from curation.kernels.xxh64 import hash_ngrams
from curation.words.batch import WordBatch
from curation.words.languages import words_of

Hash = Literal["xxhash", "sha1"]
HASHES = ("xxhash", "sha1")
Hashes = npt.NDArray[np.uint64]
_PRIME = np.uint64((1 << 61) - 1)
_P = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class DatatroveMinHash:
    """datatrove's MinhashConfig(n_grams=ngram, num_buckets=bands, hashes_per_bucket=rows, seed,
    hash_config=HashConfig(64, hash)) with the words of `language` (en or ja)."""

    bands: int = 14
    rows: int = 8
    ngram: int = 5
    language: str = "en"
    seed: int = 1
    hash: Hash = "xxhash"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "version": "datatrove-0.10.1",
            "bands": self.bands,
            "rows": self.rows,
            "ngram": self.ngram,
            "language": self.language,
            "seed": self.seed,
            "hash": self.hash,
        }

    def probability(self, similarity: float) -> float:
        """How likely two documents of this Jaccard similarity are found."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def signatures(self, texts: pa.Array) -> tuple[Hashes, npt.NDArray[np.bool_]]:
        """(uint64[n, bands * rows], whether a document has a signature bool[n])."""
        words = words_of(self.language).split(simplified(texts))
        hashes, ptr = self._hashes(words)
        a, b = _parameters(self.seed, self.bands * self.rows)
        out = np.zeros((len(texts), len(a)), np.uint64)
        _signatures(hashes, ptr, a, b, out)
        return out, np.diff(ptr) > 0

    def bands_of(self, texts: pa.Array, keys: Utf8) -> tuple[Hashes, npt.NDArray[np.bool_]]:
        """(band hashes uint64[n, bands], whether a document has a signature bool[n])."""
        signatures, found = self.signatures(texts)
        bands = np.zeros((len(texts), self.bands), np.uint64)
        _band_hashes(signatures, self.rows, bands)
        return bands, found

    def _hashes(self, words: WordBatch) -> tuple[Hashes, npt.NDArray[np.int64]]:
        if self.hash == "xxhash":
            hashes, ptr = hash_ngrams(
                words.ids, words.ptr, words.word_ptr, words.text, self.ngram, 32
            )
            return hashes, ptr
        counts = np.maximum(np.diff(words.ptr) - self.ngram + 1, 0)
        digests = [
            hashlib.sha1(gram, usedforsecurity=False).digest()[:8] for gram in self._grams(words)
        ]
        return np.frombuffer(b"".join(digests), "<u8"), np.concatenate([[0], np.cumsum(counts)])

    def _grams(self, words: WordBatch) -> list[bytes]:
        text, ptr = words.text.tobytes(), words.word_ptr.tolist()
        spelled = [text[ptr[w] : ptr[w + 1]] for w in words.ids.tolist()]
        return [
            b" ".join(spelled[k : k + self.ngram])
            for begin, end in zip(words.ptr[:-1].tolist(), words.ptr[1:].tolist(), strict=True)
            for k in range(begin, end - self.ngram + 1)
        ]


@functools.cache
def _parameters(seed: int, count: int) -> tuple[Hashes, Hashes]:
    draw = np.random.RandomState(seed)
    a = draw.randint(1, _PRIME, dtype=np.uint64, size=count)
    b = draw.randint(0, _PRIME, dtype=np.uint64, size=count)
    return a, b


@njit(nogil=True, cache=True)
def _signatures(hashes, ptr, a, b, out):  # type: ignore[no-untyped-def]
    """The least of every permutation over the n-grams of each document; rows without stay 0."""
    for d in range(len(ptr) - 1):
        if ptr[d] == ptr[d + 1]:
            continue
        row = out[d]
        row[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for k in range(ptr[d], ptr[d + 1]):
            h = hashes[k]
            for j in range(len(a)):
                v = h * a[j] + b[j]
                v = (v & _PRIME) + (v >> np.uint64(61))
                row[j] = min(row[j], v - _PRIME if v >= _PRIME else v)


@njit(nogil=True, cache=True)
def _band_hashes(signatures, rows, bands):  # type: ignore[no-untyped-def]
    for d in range(len(signatures)):
        for band in range(bands.shape[1]):
            h = np.uint64(band + 1)
            for r in range(band * rows, band * rows + rows):
                h = mix(h * _P + signatures[d, r])
            bands[d, band] = h
