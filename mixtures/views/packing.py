"""Packing: documents in an order become sequences of segments, a chunk at a time.

    concat      documents joined, cut every `length` ids; the tail under one sequence is unused
    best_fit    best-fit decreasing in windows of 1,000,000 documents, longer ones cut first
    documents   each document alone, cut into pieces

The order of documents in the train split is a permutation of the selected ones, fixed once by
(seed, source path); `documents` keeps row order, for each epoch shuffles its sequences anyway. The
hold-out split keeps row order, so that it reads as the dataset does, and its last window is padded,
not dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.shuffle import permute
from awase_client.engine.views import POINTER, SEGMENT
from mixtures.views import kernels
from mixtures.views.arrays import GrowingArray

CHUNK_DOCUMENTS = 65_536
WINDOW_DOCUMENTS = 1_000_000
ORDER_TAG = b"awase-documents-1"


@dataclass(frozen=True, slots=True)
class Shape:
    """How sequences look: windows of `width` ids that advance by `length`; bos, eos: 0 or 1."""

    length: int
    width: int
    bos: int
    eos: int

    @property
    def added(self) -> int:
        """Separators a document gets."""
        return self.bos + self.eos


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing did; `tail` ids stand in no sequence, `repeated` ones in two."""

    sequences: int
    segments: int
    tail: int
    repeated: int
    padding: int


def document_keys(seed: int, path: str) -> NDArray[np.uint32]:
    """[8] uint32 round keys of the order of documents of the source at `path`.

    SHA-256 of "awase-documents-1" 00 <seed> 00 <dotted path>, as eight little-endian numbers; the
    permutation is that of awase_client.engine.shuffle. Another tag than the epochs' ("awase-
    shuffle-1"), so the two orders have nothing in common.
    """
    material = b"\0".join((ORDER_TAG, b"%d" % seed, path.encode()))
    return np.frombuffer(hashlib.sha256(material).digest(), "<u4").astype(np.uint32)


def in_order(
    documents: NDArray[Any], *, keys: NDArray[np.uint32] | None, chunk: int
) -> Iterator[NDArray[Any]]:
    """`documents` in chunks: permuted by `keys`, or as they stand without."""
    n = len(documents)
    for first in range(0, n, chunk):
        index = np.arange(first, min(first + chunk, n), dtype=np.int64)
        if keys is None:
            yield np.ascontiguousarray(documents[first : first + chunk])
        else:
            yield documents[permute(index, n=n, key=keys)]


def pack_concat(
    documents: NDArray[Any],
    shape: Shape,
    *,
    keys: NDArray[np.uint32] | None,
    pad_last: bool,
    ptr: GrowingArray,
    segments: GrowingArray,
) -> Packed:
    """Join documents and cut windows; `pad_last` keeps the ids after the last whole window."""
    total = _total(documents, shape)
    whole = (total - shape.width) // shape.length + 1 if total >= shape.width else 0
    sequences = whole
    if pad_last and total > (whole * shape.length + shape.width - shape.length if whole else 0):
        sequences += 1
    position = 0
    for chunk in in_order(documents, keys=keys, chunk=CHUNK_DOCUMENTS):
        ids = int(chunk["length"].sum()) + shape.added * len(chunk)
        room = 2 * len(chunk) + (ids + shape.width) // shape.length + 1
        out = np.empty(room, SEGMENT)
        starts = np.empty(ids // shape.length + 2, np.int64)
        count, windows = kernels.concat(
            chunk,
            position,
            sequences,
            shape.length,
            shape.width,
            shape.bos,
            shape.eos,
            out,
            starts,
        )
        ptr.append(starts[:windows] + segments.items)
        segments.append(out[:count])
        position += ids
    ptr.append(np.array([segments.items]))
    covered = min(total, (sequences - 1) * shape.length + shape.width) if sequences else 0
    repeated = max(sequences - 1, 0) * (shape.width - shape.length)
    return Packed(
        sequences=sequences,
        segments=segments.items,
        tail=total - covered,
        repeated=repeated,
        padding=sequences * shape.width - covered - repeated,
    )


def pack_documents(
    documents: NDArray[Any], shape: Shape, *, ptr: GrowingArray, segments: GrowingArray
) -> Packed:
    """One piece of a document a sequence."""
    total = _total(documents, shape)
    for chunk in in_order(documents, keys=None, chunk=CHUNK_DOCUMENTS):
        found = _pieces(chunk, shape)
        ptr.append(np.arange(segments.items, segments.items + len(found)))
        segments.append(found)
    ptr.append(np.array([segments.items]))
    return _padded(total, segments.items, segments.items, len(documents), shape)


def pack_best_fit(
    documents: NDArray[Any],
    shape: Shape,
    *,
    keys: NDArray[np.uint32],
    ptr: GrowingArray,
    segments: GrowingArray,
    window: int = WINDOW_DOCUMENTS,
) -> Packed:
    """Fill each sequence as full as pieces allow, within windows of `window` documents."""
    total = _total(documents, shape)
    sequences = 0
    for chunk in in_order(documents, keys=keys, chunk=window):
        found = _pieces(chunk, shape)
        bin_of = np.empty(len(found), np.int64)
        sizes = np.ascontiguousarray(found["length"], np.int64)
        bins = kernels.best_fit(sizes, shape.width, bin_of)
        starts = np.zeros(bins + 1, np.int64)
        starts[1:] = np.bincount(bin_of, minlength=bins)
        out = np.empty_like(found)
        kernels.fill_bins(found, bin_of, starts, out)
        ptr.append(starts[:-1] + segments.items)
        segments.append(out)
        sequences += bins
    ptr.append(np.array([segments.items]))
    return _padded(total, sequences, segments.items, len(documents), shape)


def _pieces(documents: NDArray[Any], shape: Shape) -> NDArray[Any]:
    args = (shape.length, shape.width, shape.bos, shape.eos)
    out = np.empty(kernels.piece_count(documents, *args), SEGMENT)
    kernels.pieces(documents, *args, out)
    return out


def _padded(total: int, sequences: int, segments: int, documents: int, shape: Shape) -> Packed:
    """Counts of packings that lose nothing: a piece after a document's first may repeat an id."""
    repeated = (segments - documents) * (shape.width - shape.length)
    return Packed(
        sequences=sequences,
        segments=segments,
        tail=0,
        repeated=repeated,
        padding=sequences * shape.width - total - repeated,
    )


def _total(documents: NDArray[Any], shape: Shape) -> int:
    """Ids of all documents with their separators."""
    total = shape.added * len(documents)
    for first in range(0, len(documents), 1 << 20):
        total += int(documents["length"][first : first + (1 << 20)].sum())
    return total


__all__ = ["POINTER", "Packed", "Shape", "pack_best_fit", "pack_concat", "pack_documents"]
