"""The licence tally of a source: which rows `where` selects, under what; counted once and kept.

    tallies/<digest of (version digest, tokenizer digest, where)>.json

The version's digest and not that of its text, as a licence may be corrected while the text stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetManifest, TokenSetReader
from curation.base.digest import digest_of
from curation.base.predicate import Predicate
from curation.base.store import Store, read_json, to_json, write_atomic
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest
from mixtures.license_tally import COLUMNS, Amount, Tally
from mixtures.views.selection import Selection, select

BATCH_ROWS = 65_536


def tally_of(
    store: Store,
    manifest: DatasetManifest,
    token_set: TokenSetManifest,
    where: Predicate | None,
    *,
    workers: int = 2,
) -> Tally:
    """Rows and tokens of a version by licence, terms and models, among those `where` selects.

    Held-out rows count: who may train on a source does not depend on a split.
    """
    if (found := stored_tally(store, manifest, token_set, where)) is not None:
        return found
    selection = None if where is None else select(store, manifest, where, workers=workers)
    tally = _count(store, manifest, token_set, selection, workers)
    write_atomic(_path(store, manifest, token_set, where), to_json(tally.document()))
    return tally


def stored_tally(
    store: Store, manifest: DatasetManifest, token_set: TokenSetManifest, where: Predicate | None
) -> Tally | None:
    """The answer of `tally_of` where the manifest tells it or it was counted before."""
    if where is None and (plain := _uniform(manifest, token_set)) is not None:
        return plain
    path = _path(store, manifest, token_set, where)
    if not path.exists():
        return None
    return Tally.from_document(read_json(path, what=f"licences of {manifest.reference}"))


def _path(
    store: Store, manifest: DatasetManifest, token_set: TokenSetManifest, where: Predicate | None
) -> Path:
    question = {
        "version": manifest.digest,
        "tokenizer": token_set.tokenizer_digest,
        "where": None if where is None else where.canonical(),
    }
    return store.tally_path(digest_of(question))


def _uniform(manifest: DatasetManifest, token_set: TokenSetManifest) -> Tally | None:
    """The tally where the manifest alone tells it: at most one value a column, on every row."""
    if sum(manifest.licenses.values()) != manifest.rows:
        return None
    total = Amount(manifest.rows, token_set.tokens)
    columns: dict[str, dict[str, Amount]] = {}
    for name, counts in zip(
        COLUMNS,
        (manifest.licenses, manifest.terms, manifest.generated_by, manifest.judged_by),
        strict=True,
    ):
        present = {value: count for value, count in counts.items() if count}
        if present and list(present.values()) != [manifest.rows]:
            return None
        columns[name] = dict.fromkeys(present, total)
    return Tally(total, **columns)


def _count(
    store: Store,
    manifest: DatasetManifest,
    token_set: TokenSetManifest,
    selection: Selection | None,
    workers: int,
) -> Tally:
    """Read the four columns of every shard, with each row's number of tokens."""
    firsts = np.cumsum([0, *(shard.rows for shard in manifest.shards)]).tolist()
    lengths = _lengths(store, token_set)

    def shard_tally(index: int) -> Tally:
        tally, row = Tally(), firsts[index]
        for batch in _batches(store, manifest, index):
            end = row + batch.num_rows
            keep = np.ones(end - row, bool) if selection is None else selection.mask(row, end)
            tally.add(batch, keep, lengths[row:end])
            row = end
        return tally

    total = Tally()
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(shard_tally, range(len(manifest.shards))):
            total.total += part.total
            for name in COLUMNS:
                values = getattr(total, name)
                for value, amount in getattr(part, name).items():
                    values[value] = values.get(value, Amount(0, 0)) + amount
    return total


def _batches(store: Store, manifest: DatasetManifest, index: int) -> Iterator[pa.RecordBatch]:
    with VersionFile(store, manifest, manifest.shards[index]) as file:
        columns = [name for name in COLUMNS if name in file.schema_arrow.names]
        if columns:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)
        else:
            rows = file.metadata.num_rows
            yield pa.record_batch({"row": np.zeros(rows, np.int8)})


def _lengths(store: Store, token_set: TokenSetManifest) -> NDArray[np.int64]:
    """int64[rows]: tokens of each row, without separators."""
    reader = TokenSetReader(store.root, token_set)
    parts = [np.diff(np.asarray(reader.offsets(index))) for index in range(len(token_set.parts))]
    return np.concatenate([np.empty(0, np.int64), *parts])
