"""A fastText model file as arrays of `curation.kernels.fasttext`; None for kinds it does not know.

Known are supervised models like lid.176.ftz: 16 dimensions, hierarchical softmax, no word n-grams,
a quantised input matrix (fastText 0.9.2: saveModel, Dictionary::save, QuantMatrix::save).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.kernels import fasttext as k

_MAGIC, _VERSION = 793712314, 12
_HIERARCHICAL_SOFTMAX, _SUPERVISED = 1, 3
_CENTROIDS = 256


class _Reader:
    """Little-endian values one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found

    def entry(self) -> bytes:
        """A word or label of the dictionary; its count and type are passed over."""
        end = self.data.index(b"\0", self.at)
        found = self.data[self.at : end]
        self.at = end + 1
        return found


def read_model(path: Path) -> tuple[k.Model, list[str]] | None:
    """(the model, its labels as they are written); None where fastText itself must be asked."""
    file = _Reader(path.read_bytes())
    if file.take("ii") != (_MAGIC, _VERSION):
        return None
    dimensions, _, _, _, _, word_ngrams, loss, model, buckets, shortest, longest, _, _ = file.take(
        "12id"
    )
    if (dimensions, word_ngrams, loss, model) != (
        k.DIMENSIONS,
        1,
        _HIERARCHICAL_SOFTMAX,
        _SUPERVISED,
    ):
        return None
    size, words, labels, _, pruned = file.take("iiiqq")
    entries, counts, types = [], [], []
    for _ in range(size):
        entries.append(file.entry())
        count, kind = file.take("qb")
        counts.append(count)
        types.append(kind)
    if types != [0] * words + [1] * labels or pruned < 0 or buckets < 64:
        return None
    pairs = file.array("<i4", 2 * pruned).reshape(-1, 2)
    rows = _quantised(file)
    if rows is None or file.take("?") != (False,):
        return None
    file.take("qq")
    output = file.array("<f4", labels * k.DIMENSIONS).reshape(labels, k.DIMENSIONS)
    return _model(entries, counts, words, buckets, (shortest, longest), pairs, rows, output), [
        entry.decode() for entry in entries[words:]
    ]


def _quantised(file: _Reader) -> npt.NDArray[np.float32] | None:
    """A product-quantised matrix, every row taken out: norm times centroids, in float32."""
    if file.take("?") != (True,):
        return None
    (norms,) = file.take("?")
    rows, columns, size = file.take("qqi")
    codes = file.array("u1", size).reshape(rows, -1)
    _, parts, width, last = file.take("4i")
    if width != last or parts * width != columns or not norms:
        return None
    centroids = file.array("<f4", columns * _CENTROIDS).reshape(parts, _CENTROIDS, width)
    norm_codes = file.array("u1", rows)
    file.take("4i")
    norm = file.array("<f4", _CENTROIDS)[norm_codes]
    found = centroids[np.arange(parts), codes].reshape(rows, columns)
    taken: npt.NDArray[np.float32] = np.ascontiguousarray(norm[:, None] * found)
    return taken


def _model(
    entries: list[bytes],
    counts: list[int],
    words: int,
    buckets: int,
    lengths: tuple[int, int],
    pairs: npt.NDArray[np.int32],
    rows: npt.NDArray[np.float32],
    output: npt.NDArray[np.float32],
) -> k.Model:
    word_bytes = np.frombuffer(b"".join(entries), np.uint8).copy()
    word_ptr = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])])
    table = np.full(1 << (4 * len(entries)).bit_length(), -1, np.int32)
    k.fill_table(word_bytes, word_ptr, table)
    slots = np.full(buckets, -1, np.int32)
    slots[pairs[:, 0]] = words + pairs[:, 1]
    bits = np.zeros((buckets + 63) // 64 * 64, np.uint8)
    bits[:buckets] = slots >= 0
    known = np.packbits(bits, bitorder="little").view("<u8")
    settings = (np.uint64(buckets), *lengths)
    sub_ptr, sub_ids = k.word_rows(word_bytes, word_ptr, words, slots, known, *settings)
    end = entries.index(b"</s>") if b"</s>" in entries[:words] else -1
    return k.Model(
        rows,
        table,
        word_bytes,
        word_ptr,
        words,
        sub_ptr,
        sub_ids,
        slots,
        known,
        *settings,
        np.ascontiguousarray(output),
        _tree(counts[words:]),
        end,
    )


def _tree(counts: list[int]) -> npt.NDArray[np.int32]:
    """int32[2 * labels - 1, 2]: fastText's Huffman tree of labels, the most frequent first."""
    labels = len(counts)
    every = counts + [10**15] * (labels - 1)
    children = np.full((len(every), 2), -1, np.int32)
    leaf, node = labels - 1, labels
    for parent in range(labels, len(every)):
        for side in range(2):
            if leaf >= 0 and every[leaf] < every[node]:
                children[parent, side] = leaf
                leaf -= 1
            else:
                children[parent, side] = node
                node += 1
        every[parent] = sum(every[child] for child in children[parent])
    return children
