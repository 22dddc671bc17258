"""The hold-out: a hash of each document's text decides, the same in every mixture for ever.

A document is held out of a fraction f if the upper 64 bits of XXH3-128 (of its NFC text as UTF-8,
seed SALT) are under ceil(f * 2**64). So a document held out of 0.001 is held out of 0.01 too, and
equal texts fall on the same side in every dataset. The hashes of a version are kept under its text
digest:

    holdouts/<text digest>/hashes.npy       uint64 [rows]
    holdouts/<text digest>/holdout.json     sealed; rows, SHA-256 of the file
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from awase_client.engine.documents import read_sealed, seal
from awase_client.engine.files import npy_header
from curation.base.digest import digest_file
from curation.base.errors import IntegrityError
from curation.base.marks import normal
from curation.base.store import Store, atomic_file, to_json, write_atomic
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest, Shard

KIND = "holdout"
FILE = "hashes.npy"
DOCUMENT = "holdout.json"
# The first 8 bytes of SHA-256("awase-holdout-1"), little-endian: never to be changed, or documents
# held out of earlier trainings would enter later ones.
SALT = 0xF459_570B_8356_A40F
HASH = np.dtype("<u8")
Job = tuple[Store, DatasetManifest, Shard]
BATCH_ROWS = 8192
# Below this many rows starting processes costs more than it saves.
ROWS_PER_PROCESS = 200_000


def threshold(fraction: Fraction) -> int:
    """Hashes below it are held out: ceil(fraction * 2**64), 0 to 2**64."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"a hold-out is a fraction of 0 to 1, not {fraction}")
    return -(-fraction.numerator * 2**64 // fraction.denominator)


def held_out(hashes: NDArray[np.uint64], fraction: Fraction) -> NDArray[np.bool_]:
    """bool [n]: which of the hashed documents a hold-out of `fraction` takes."""
    limit = threshold(fraction)
    if limit >= 2**64:
        return np.ones(len(hashes), bool)
    return hashes < np.uint64(limit)


def hash_text(text: str) -> int:
    """The 64 bits that decide about a document with this text."""
    data = normal("NFC", text).encode()
    return int(xxhash.xxh3_128_intdigest(data, seed=SALT)) >> 64


def document_hashes(
    store: Store, manifest: DatasetManifest, *, workers: int = 2
) -> NDArray[np.uint64]:
    """uint64 [rows], mapped: the hash of each row's text; computed once per text digest.

    A null text counts as empty. IntegrityError where a shard or the stored hashes are damaged.
    """
    folder = store.holdout_dir(manifest.text_digest)
    what = f"hold-out hashes of text {manifest.text_digest}"
    try:
        document = read_sealed(folder / DOCUMENT, what=what, kind=KIND)
    except FileNotFoundError:
        document = _compute(store, manifest, folder, workers)
    path = folder / FILE
    if document["rows"] != manifest.rows or (found := digest_file(path)) != document["sha256"]:
        raise IntegrityError(
            f"{what}: {path}: expected {document['rows']} rows, {document['sha256']}, "
            f"found {manifest.rows} rows, {found}"
        )
    if not manifest.rows:
        return np.empty(0, HASH)
    hashes: NDArray[np.uint64] = np.load(path, mmap_mode="r")
    return hashes


def _compute(store: Store, manifest: DatasetManifest, folder: Path, workers: int) -> dict[str, Any]:
    jobs = [(store, manifest, shard) for shard in manifest.shards]
    with atomic_file(folder / FILE) as file:
        file.write(npy_header(HASH, manifest.rows))
        for hashes in _run(jobs, workers, manifest.rows):
            file.write(hashes.astype(HASH).tobytes())
    document = seal(
        {
            "version": 1,
            "kind": KIND,
            "text_digest": manifest.text_digest,
            "rows": manifest.rows,
            "sha256": digest_file(folder / FILE),
        }
    )
    write_atomic(folder / DOCUMENT, to_json(document))
    return document


def _run(jobs: list[Job], workers: int, rows: int) -> Iterator[NDArray[np.uint64]]:
    workers = min(workers, len(jobs), rows // ROWS_PER_PROCESS)
    if workers <= 1:
        yield from (_hash_shard(job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_hash_shard, jobs)


def _hash_shard(job: Job) -> NDArray[np.uint64]:
    shard = job[2]
    out = np.empty(shard.rows, np.uint64)
    row = 0
    with VersionFile(*job) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["text"]):
            hashes = _hash_column(batch.column(0))
            out[row : row + len(hashes)] = hashes
            row += len(hashes)
    return out


def _hash_column(column: pa.Array) -> NDArray[np.uint64]:
    """Hash straight from Arrow's bytes; only text that is not in NFC already is decoded anew."""
    column = column.cast(pa.large_string()).fill_null("")
    offsets = np.frombuffer(column.buffers()[1], np.int64)[
        column.offset : column.offset + len(column) + 1
    ]
    data = memoryview(column.buffers()[2] or b"")
    out = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        piece = bytes(data[start:end])
        if not piece.isascii():
            text = piece.decode()
            if not unicodedata.is_normalized("NFC", text):
                piece = normal("NFC", text).encode()
        out.append(xxhash.xxh3_128_intdigest(piece, seed=SALT) >> 64)
    return np.array(out, np.uint64)
