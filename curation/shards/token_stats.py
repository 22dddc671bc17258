"""stats.parquet of a token set: how many tokens each shard and group of documents became.

The rows of the version's own stats.parquet (`curation.shards.stats`: a shard and a combination of
source, language, licence, ...) without the lengths, and with

    tokens                  int64, without separators
    tokens_per_character    float64, null where there is no text
    tokens_per_byte         float64, of UTF-8

Groups are columns of a version, while a set belongs to a text: versions that differ in them share
it. The file's metadata `awase.version` says whose groups it counts; nobody else may use it. It is
missing where the version has no stats.parquet, and in sets of awase before 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.base.errors import IntegrityError
from curation.base.store import Store, atomic_file
from curation.shards.files import VersionFile, read_file
from curation.shards.manifest import DatasetManifest
from curation.shards.stats import SUMS, groups_of

NAME = "stats.parquet"
VERSION = b"awase.version"
BATCH_ROWS = 65_536


def write_token_stats(
    store: Store,
    manifest: DatasetManifest,
    folder: Path,
    offsets: Callable[[int], NDArray[np.int64]],
) -> bool:
    """Write `folder`/stats.parquet for a version; False where the version has no statistics.

    offsets(i): int64 [rows + 1] of part i, the tokens of shard i. Reads group columns and no text.
    """
    if manifest.stats is None:
        return False
    table = read_file(store, manifest, manifest.stats)
    groups = groups_of(table.schema)
    counts: dict[tuple[Any, ...], int] = {}
    for index, shard in enumerate(manifest.shards):
        sizes = np.diff(offsets(index))
        start = 0
        with VersionFile(store, manifest, shard) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=groups):
                tokens = sizes[start : start + len(batch)]
                start += len(batch)
                for key, count in _sums(batch, groups, tokens):
                    whole = (shard.name, *key)
                    counts[whole] = counts.get(whole, 0) + count
    keys = zip(*(table.column(name).to_pylist() for name in ("shard", *groups)), strict=True)
    found = [counts.pop(key, None) for key in keys]
    if counts or None in found:
        raise IntegrityError(
            f"{manifest.reference}: its stats.parquet has other groups than its documents: "
            f"run `awase dataset verify {manifest.name}`"
        )
    tokens = pa.array(found, pa.int64())
    out = table.select(["shard", *groups, *SUMS]).append_column("tokens", tokens)
    for name in ("characters", "bytes"):
        share = pc.divide(
            tokens.cast(pa.float64()),
            pc.if_else(pc.equal(table.column(name), 0), None, table.column(name)),
        )
        out = out.append_column(f"tokens_per_{name.removesuffix('s')}", share)
    out = out.replace_schema_metadata({VERSION: manifest.digest.encode()})
    with atomic_file(folder / NAME) as sink:
        pq.write_table(out, sink, write_page_checksum=True)
    return True


def _sums(
    batch: pa.RecordBatch, groups: list[str], tokens: NDArray[np.int64]
) -> list[tuple[tuple[Any, ...], int]]:
    """(values of the groups, tokens) of each combination in a batch."""
    if not groups:
        return [((), int(tokens.sum()))] if len(tokens) else []
    columns = {name: batch.column(name).cast(pa.string()) for name in groups}
    summed = (
        pa.table({**columns, "#tokens": tokens}).group_by(groups).aggregate([("#tokens", "sum")])
    )
    values = [summed.column(name).to_pylist() for name in (*groups, "#tokens_sum")]
    return [(row[:-1], row[-1]) for row in zip(*values, strict=True)]


def read_token_stats(
    store: Store, manifest: DatasetManifest, tokenizer_digest: str
) -> pa.Table | None:
    """The table for a version; None where there is none, or one of another version's groups."""
    path = store.token_set_dir(manifest.text_digest, tokenizer_digest) / NAME
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(
            f"{path} is damaged ({error}): delete it and tokenize again"
        ) from error
    own = (table.schema.metadata or {}).get(VERSION) == manifest.digest.encode()
    return table if own else None


def tokens_by(table: pa.Table, group: str) -> list[tuple[str | None, int, int, int]]:
    """(value, tokens, characters, bytes) of each value of a group, most tokens first."""
    summed = table.group_by([group]).aggregate(
        [(name, "sum") for name in ("tokens", "characters", "bytes")]
    )
    names = (group, "tokens_sum", "characters_sum", "bytes_sum")
    rows = zip(*(summed.column(name).to_pylist() for name in names), strict=True)
    return sorted(rows, key=lambda row: (-row[1], row[0] or ""))
