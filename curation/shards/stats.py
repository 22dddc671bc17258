"""stats.parquet: how much of what is in each shard, so that counting reads no text.

One row for each shard and combination of the values of GROUPS among its documents:

    shard                       name of the shard's file
    source ... judged_by        string or null, as far as the version has the column
    documents, bytes, characters    int64; UTF-8 bytes and code points of the text
    lengths                     list of 32 int64: documents by floor(log2(characters + 1))

Rows are ordered by shard, then by the values; adding up rows in any order and grouping gives the
same sums (`tests/curation/shards/test_stats.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

GROUPS = ("source", "language", "license", "terms", "generated_by", "judged_by")
SUMS = ("documents", "bytes", "characters")
LENGTH_BINS = 32
MAX_ROWS = 10_000  # a shard; more combinations than this are not worth a file


def groups_of(schema: pa.Schema) -> list[str]:
    """The columns of GROUPS that a version has."""
    return [name for name in GROUPS if name in schema.names]


def stats_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of stats.parquet for a version with columns `schema`."""
    texts = [("shard", pa.string()), *((name, pa.string()) for name in groups_of(schema))]
    numbers = [(name, pa.int64()) for name in SUMS]
    return pa.schema([*texts, *numbers, ("lengths", pa.list_(pa.int64()))])


class ShardStats:
    """Counts the documents of one shard, fed in batches of any size."""

    def __init__(self, shard: str, schema: pa.Schema) -> None:
        self._shard = shard
        self._schema = stats_schema(schema)
        self._groups = groups_of(schema)
        self._found: dict[tuple[Any, ...], np.ndarray[Any, np.dtype[np.int64]]] = {}

    def feed(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Count `batch`, which has the text column and those of GROUPS that the version has."""
        if batch.num_rows == 0:
            return
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        text = table.column("text")
        characters = pc.fill_null(pc.utf8_length(text), 0).to_numpy().astype(np.int64)
        sizes = pc.fill_null(pc.binary_length(text), 0).to_numpy().astype(np.int64)
        keys, place = self._keys(table)
        # log2 of characters + 1 is exact in frexp: the exponent of a float64 below 2**53
        bins = np.minimum(np.frexp(characters + 1.0)[1] - 1, LENGTH_BINS - 1)
        sums = np.zeros((len(keys), len(SUMS) + LENGTH_BINS), np.int64)
        np.add.at(sums, (place, 0), 1)
        np.add.at(sums, (place, 1), sizes)
        np.add.at(sums, (place, 2), characters)
        np.add.at(sums, (place, len(SUMS) + bins), 1)
        for key, row in zip(keys, sums, strict=True):
            self._found[key] = self._found.get(key, 0) + row

    def _keys(self, table: pa.Table) -> tuple[list[tuple[Any, ...]], Any]:
        """Distinct combinations of values, and which of them each row has."""
        place = np.zeros(table.num_rows, np.int64)
        keys: list[tuple[Any, ...]] = [()]
        for name in self._groups:
            column = table.column(name).cast(pa.string()).combine_chunks()
            coded = pc.dictionary_encode(column, null_encoding="encode")
            coded = coded if isinstance(coded, pa.Array) else coded.combine_chunks()
            values = coded.dictionary.to_pylist()
            joined = place * max(len(values), 1) + coded.indices.to_numpy().astype(np.int64)
            used, place = np.unique(joined, return_inverse=True)
            keys = [(*keys[code // len(values)], values[code % len(values)]) for code in used]
        return keys, place

    def table(self) -> pa.Table | None:
        """The shard's rows; None where there are more than MAX_ROWS of them."""
        if len(self._found) > MAX_ROWS:
            return None
        ordered = sorted(
            self._found.items(), key=lambda item: [(v is not None, v or "") for v in item[0]]
        )
        columns: list[Any] = [[self._shard] * len(ordered)]
        columns += [[key[i] for key, _ in ordered] for i in range(len(self._groups))]
        columns += [[int(row[i]) for _, row in ordered] for i in range(len(SUMS))]
        columns.append([row[len(SUMS) :].tolist() for _, row in ordered])
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(columns, self._schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def join(tables: Sequence[pa.Table | None]) -> pa.Table | None:
    """stats.parquet of a version from those of its shards in order; None if one has none."""
    whole = [table for table in tables if table is not None]
    return pa.concat_tables(whole) if whole and len(whole) == len(tables) else None
