"""Build a view: select, hold out, pack, commit by one rename. The same inputs give the same bytes.

A view is named by the digest of its key; whoever asks for a key that is there gets the view that is
there. Inputs are mapped and outputs appended, a chunk at a time, so anonymous memory does not grow
with the number of documents (best_fit: with its window of 1,000,000).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetManifest, TokenSetReader
from awase_client.engine.views import (
    MANIFEST,
    POINTER,
    SEGMENT,
    Split,
    ViewManifest,
    ViewSplit,
    digest_of_key,
)
from curation.base.errors import IntegrityError, RefusedPlan
from curation.base.predicate import Predicate
from curation.base.store import Store, fsync_dir, make_dirs, temporary, to_json, write_atomic
from mixtures.views.arrays import DOCUMENT, GrowingArray, mapped
from mixtures.views.holdout import document_hashes, held_out
from mixtures.views.packing import (
    Packed,
    Shape,
    document_keys,
    pack_best_fit,
    pack_concat,
    pack_documents,
)
from mixtures.views.request import Separators, Version, ViewRequest
from mixtures.views.selection import Selection, select
from mixtures.views.view import View, load_manifest

ROWS_CHUNK = 1 << 18
# Threads for each view that is being packed.
WAITING = 4


class ViewRecords(Protocol):
    """What a build needs of mixtures.catalog's Catalog."""

    def record_view(self, digest: str, document: Mapping[str, Any]) -> None: ...


def build_view(
    store: Store,
    catalog: ViewRecords | None,
    *,
    dataset: Version,
    token_set: TokenSetManifest,
    where: Predicate | None,
    holdout: Fraction,
    sequence_length: int,
    packing: str,
    separators: Separators,
    labels: str,
    seed: int,
    path: str,
    workers: int = 2,
) -> View:
    """The view of a source (ViewRequest), built where the store does not have it.

    Raises InvalidDocument for a `where` that does not fit the version, RefusedPlan where it selects
    nothing or the tokenizer lacks a separator, IntegrityError where files contradict manifests.
    """
    request = ViewRequest(
        dataset=dataset,
        token_set=token_set,
        where=where,
        holdout=holdout,
        sequence_length=sequence_length,
        packing=packing,
        separators=separators,
        labels=labels,
        seed=seed,
        path=path,
    )
    return build_views(store, catalog, [request], workers=workers)[0]


def build_views(
    store: Store,
    catalog: ViewRecords | None,
    requests: Sequence[ViewRequest],
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[View]:
    """The views of many sources, `workers` of them built at a time; errors as of build_view.

    progress(views done, views) is called from the caller's thread, as is `catalog`.
    """
    # Threads suffice: hashing, packing and waiting for the disk all run without the GIL. Small
    # views mostly wait for the disk, so there are more threads than views being packed.
    inner = workers if len(requests) == 1 else 1
    packing = BoundedSemaphore(workers)
    views = []
    with ThreadPoolExecutor(min(WAITING * workers, max(1, len(requests)))) as pool:
        jobs = [pool.submit(_view_of, store, request, inner, packing) for request in requests]
        try:
            for job in jobs:
                manifest, fresh = job.result()
                if fresh and catalog is not None:
                    catalog.record_view(manifest.digest, manifest.key)
                views.append(View(manifest))
                if progress is not None:
                    progress(len(views), len(requests))
        finally:
            for job in jobs:
                job.cancel()
    return views


def _view_of(
    store: Store, request: ViewRequest, workers: int, packing: BoundedSemaphore
) -> tuple[ViewManifest, bool]:
    """The view's manifest, and whether this call built it."""
    manifest, where = request.dataset.manifest, request.where
    request.check()
    selection = None if where is None else select(store, manifest, where, workers=workers)
    if where is not None and selection is not None and not selection.selected:
        raise RefusedPlan(
            f"source {request.path}: `where: {where.canonical()}` selects none of the "
            f"{manifest.rows} documents of {manifest.reference}"
        )
    key = request.key(None if selection is None else selection.sha256)
    holdout = request.holdout
    digest = digest_of_key(key)
    if (there := load_manifest(store, digest)) is not None:
        return there, False
    hashes = document_hashes(store, manifest, workers=workers) if holdout else None
    build = _Build(store, request.token_set, key, digest, selection, hashes, holdout, packing)
    return build.run(), True


@dataclass(slots=True)
class _Documents:
    """The documents of one split, in row order, on disk until they are packed."""

    array: GrowingArray
    empty: int = 0
    stored: int = 0

    def append(
        self, rows: NDArray[np.int64], at: NDArray[np.int64], end: NDArray[np.int64]
    ) -> None:
        length = end - at
        some = length > 0
        out = np.empty(int(some.sum()), DOCUMENT)
        out["row"], out["at"], out["length"] = rows[some], at[some], length[some]
        self.array.append(out)
        self.empty += len(rows) - len(out)
        self.stored += int(out["length"].sum())


@dataclass(slots=True)
class _Build:
    store: Store
    token_set: TokenSetManifest
    key: dict[str, Any]
    digest: str
    selection: Selection | None
    hashes: NDArray[np.uint64] | None
    holdout: Fraction
    packing: BoundedSemaphore

    def run(self) -> ViewManifest:
        target = self.store.view_dir(self.digest)
        make_dirs(target.parent)
        work = temporary(target)
        work.mkdir()
        try:
            manifest = self._write(work)
            try:
                work.rename(target)
            except OSError:
                there = load_manifest(self.store, self.digest)
                if there is None:
                    raise
                return there
            fsync_dir(target.parent)
            return manifest
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _write(self, work: Path) -> ViewManifest:
        train, held = (_Documents(GrowingArray(work / f"{name}.rows", DOCUMENT)) for name in "th")
        self._collect(train, held)
        manifest = ViewManifest(
            digest=self.digest,
            key=self.key,
            token_set=self.token_set,
            train=self._pack(work, "train", train),
            holdout=self._pack(work, "holdout", held),
        )
        write_atomic(work / MANIFEST, to_json(manifest.to_document()))
        return manifest

    def _collect(self, train: _Documents, held: _Documents) -> None:
        """Sort every selected document into its split."""
        reader = TokenSetReader(self.store.root, self.token_set)
        row, token = 0, 0
        for index, part in enumerate(self.token_set.parts):
            offsets = reader.offsets(index)
            for first in range(0, part.rows, ROWS_CHUNK):
                end = min(first + ROWS_CHUNK, part.rows)
                at = np.asarray(offsets[first : end + 1]) + token
                if np.any(np.diff(at) < 0):
                    raise IntegrityError(f"{reader.folder / part.offsets}: offsets decrease")
                rows = np.arange(row + first, row + end)
                keep = np.ones(end - first, bool)
                if self.selection is not None:
                    keep = self.selection.mask(row + first, row + end)
                out = np.zeros(end - first, bool)
                if self.hashes is not None:
                    out = held_out(self.hashes[row + first : row + end], self.holdout)
                for documents, mask in ((train, keep & ~out), (held, keep & out)):
                    documents.append(rows[mask], at[:-1][mask], at[1:][mask])
            row, token = row + part.rows, token + part.tokens

    def _pack(self, work: Path, split: Split, documents: _Documents) -> ViewSplit:
        shape = self._shape()
        ptr = GrowingArray(work / f"{split}.ptr.npy", POINTER)
        segments = GrowingArray(work / f"{split}.segments.npy", SEGMENT)
        with self.packing:
            packed = self._sequences(split, mapped(documents.array), shape, ptr, segments)
        documents.array.path.unlink()
        return ViewSplit(
            sequences=packed.sequences,
            segments=packed.segments,
            documents=documents.array.items,
            empty_documents=documents.empty,
            stored_tokens=documents.stored,
            separator_tokens=shape.added * documents.array.items,
            tail_tokens=packed.tail,
            repeated_tokens=packed.repeated,
            padding_tokens=packed.padding,
            ptr_sha256=ptr.finish(),
            segments_sha256=segments.finish(),
        )

    def _shape(self) -> Shape:
        length = int(self.key["sequence_length"])
        separators = self.key["separators"]
        return Shape(
            length=length,
            width=length + (self.key["labels"] == "overlap"),
            bos=int(separators["bos"]),
            eos=int(separators["eos"]),
        )

    def _sequences(
        self,
        split: Split,
        documents: NDArray[Any],
        shape: Shape,
        ptr: GrowingArray,
        segments: GrowingArray,
    ) -> Packed:
        if self.key["packing"] == "documents":
            return pack_documents(documents, shape, ptr=ptr, segments=segments)
        if split == "holdout":
            return pack_concat(
                documents, shape, keys=None, pad_last=True, ptr=ptr, segments=segments
            )
        keys = document_keys(self.key["seed"], self.key["path"])
        if self.key["packing"] == "best_fit":
            return pack_best_fit(documents, shape, keys=keys, ptr=ptr, segments=segments)
        return pack_concat(documents, shape, keys=keys, pad_last=False, ptr=ptr, segments=segments)
