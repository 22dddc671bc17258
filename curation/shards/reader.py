"""Reading a version's rows, in row order, through its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.errors import NotFound
from curation.base.store import Store
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest, Shard

BATCH_ROWS = 4096


def schema_of(store: Store, manifest: DatasetManifest) -> pa.Schema:
    """The columns of a version, as its first shard has them."""
    if not manifest.shards:
        raise NotFound(f"{manifest.reference} has no shards")
    with VersionFile(store, manifest, manifest.shards[0]) as file:
        return file.schema_arrow


def iter_batches(
    store: Store,
    manifest: DatasetManifest,
    columns: Sequence[str] | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """All rows in order as batches of at most `batch_rows`, of all or some columns.

    IntegrityError where a shard has not the size or rows its manifest states.
    """
    for shard in manifest.shards:
        with VersionFile(store, manifest, shard) as file:
            if columns is not None:
                _check_columns(manifest, file.schema_arrow, columns)
            names = None if columns is None else list(columns)
            yield from file.iter_batches(batch_rows, columns=names)


def read_rows(
    store: Store,
    manifest: DatasetManifest,
    rows: npt.NDArray[np.int64],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows with these numbers (from 0, any order, repeats allowed), in the order asked for.

    Reads only the row groups that hold them. IndexError names a number out of range.
    """
    wanted = np.asarray(rows, np.int64)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= manifest.rows):
        out = wanted[(wanted < 0) | (wanted >= manifest.rows)][0]
        raise IndexError(f"{manifest.reference} has {manifest.rows} rows, there is no row {out}")
    order = np.argsort(wanted, kind="stable")
    ascending = wanted[order]
    found: list[pa.Table] = []
    first = 0
    for shard in manifest.shards:
        low, high = np.searchsorted(ascending, [first, first + shard.rows])
        if low < high:
            found.append(_from_shard(store, manifest, shard, ascending[low:high] - first, columns))
        first += shard.rows
    if not found:
        schema = schema_of(store, manifest)
        names = schema.names if columns is None else list(columns)
        return schema.empty_table().select(names)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(found).take(pa.array(back))


def _from_shard(
    store: Store,
    manifest: DatasetManifest,
    shard: Shard,
    rows: npt.NDArray[np.int64],
    columns: Sequence[str] | None,
) -> pa.Table:
    names = None if columns is None else list(columns)
    parts: list[pa.Table] = []
    with VersionFile(store, manifest, shard) as file:
        first = 0
        for group in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(rows, [first, first + count])
            if low < high:
                table = file.read_row_group(group, columns=names)
                parts.append(table.take(pa.array(rows[low:high] - first)))
            first += count
    return pa.concat_tables(parts)


def _check_columns(manifest: DatasetManifest, schema: pa.Schema, columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in schema.names]:
        known = ", ".join(schema.names)
        raise NotFound(f"{manifest.reference} has no column {missing[0]!r}; there are {known}")
