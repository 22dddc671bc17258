"""Which rows of a version a `where` selects: asked once, kept as one bit a row.

    selections/<digest of (version digest, canonical where)>/
        rows.bits           bit k % 8 of byte k // 8 is 1 where row k is selected
        selection.json      sealed; rows, selected, SHA-256 of rows.bits, which enters the view

The version's digest and not its text digest, because a `where` reads licences and scores too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.documents import read_sealed, seal
from curation.base.digest import digest_bytes, digest_of
from curation.base.errors import IntegrityError
from curation.base.predicate import Predicate
from curation.base.store import Store, to_json, write_atomic
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest, Shard

KIND = "selection"
BITS = "rows.bits"
DOCUMENT = "selection.json"
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Selection:
    """`sha256` of the bits, rows of the version, how many are selected, and where the bits lie."""

    sha256: str
    rows: int
    selected: int
    path: Path

    def mask(self, first: int, end: int) -> NDArray[np.bool_]:
        """bool [end - first] of rows first .. end - 1."""
        low = first >> 3
        bits = np.fromfile(self.path, np.uint8, count=((end + 7) >> 3) - low, offset=low)
        flags = np.unpackbits(bits, bitorder="little")[first - 8 * low : end - 8 * low]
        return flags.view(np.bool_)


def select(
    store: Store, manifest: DatasetManifest, where: Predicate, *, workers: int = 2
) -> Selection:
    """The rows of a version that `where` selects; reads its columns the first time only.

    Raises InvalidDocument for a column that the version does not have or a type that clashes, and
    IntegrityError where the bits or a shard are not what their manifest says.
    """
    found = stored_selection(store, manifest, where)
    return found or _ask(store, manifest, where, _folder(store, manifest, where), workers)


def stored_selection(store: Store, manifest: DatasetManifest, where: Predicate) -> Selection | None:
    """The answer of `select` where it was asked before; IntegrityError where its bits changed."""
    folder = _folder(store, manifest, where)
    what = f"selection {where.canonical()!r} of {manifest.reference}"
    try:
        document = read_sealed(folder / DOCUMENT, what=what, kind=KIND)
    except FileNotFoundError:
        return None
    found = Selection(document["sha256"], document["rows"], document["selected"], folder / BITS)
    if (actual := digest_bytes(found.path.read_bytes())) != found.sha256:
        raise IntegrityError(f"{what}: {found.path}: expected {found.sha256}, found {actual}")
    return found


def _folder(store: Store, manifest: DatasetManifest, where: Predicate) -> Path:
    question = digest_of({"version": manifest.digest, "where": where.canonical()})
    return store.selection_dir(question)


def _ask(
    store: Store, manifest: DatasetManifest, where: Predicate, folder: Path, workers: int
) -> Selection:
    def shard_mask(shard: Shard) -> NDArray[np.bool_]:
        masks = []
        with VersionFile(store, manifest, shard) as file:
            where.check(file.schema_arrow)
            columns = list(where.columns)
            masks = [where.mask(batch) for batch in file.iter_batches(BATCH_ROWS, columns=columns)]
        mask = np.concatenate([np.empty(0, bool), *masks])
        if len(mask) != shard.rows:
            raise IntegrityError(
                f"dataset {manifest.reference}, {shard.name}: has {len(mask)} rows, its manifest "
                f"says {shard.rows}: run `awase dataset verify {manifest.name}`"
            )
        return mask

    packer, selected = _BitPacker(), 0
    with ThreadPoolExecutor(workers) as pool:
        for mask in pool.map(shard_mask, manifest.shards):
            packer.append(mask)
            selected += int(mask.sum())
    bits = packer.finish()
    digest = digest_bytes(bits)
    write_atomic(folder / BITS, bits)
    document: dict[str, Any] = {
        "version": 1,
        "kind": KIND,
        "dataset": manifest.reference,
        "where": where.canonical(),
        "rows": manifest.rows,
        "selected": selected,
        "sha256": digest,
    }
    write_atomic(folder / DOCUMENT, to_json(seal(document)))
    return Selection(digest, manifest.rows, selected, folder / BITS)


class _BitPacker:
    """Joins masks of any length to bits, low bit first."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._rest = np.empty(0, bool)

    def append(self, mask: NDArray[np.bool_]) -> None:
        mask = np.concatenate([self._rest, mask])
        whole = len(mask) & ~7
        self._out += np.packbits(mask[:whole], bitorder="little").tobytes()
        self._rest = mask[whole:]

    def finish(self) -> bytes:
        return bytes(self._out) + np.packbits(self._rest, bitorder="little").tobytes()
