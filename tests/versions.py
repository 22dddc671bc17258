"""Small dataset versions for tests: rows in, a committed and registered version out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import digest_bytes, digest_file
from curation.base.store import Store
from curation.shards import stats
from curation.shards.manifest import DataFile, DatasetManifest, Shard

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        *((name, pa.string()) for name in ("url", "source", "language", "license", "terms")),
        *((name, pa.string()) for name in ("generated_by", "judged_by")),
        ("edu.score", pa.float64()),
        ("edu.flag", pa.bool_()),
    ]
)
DROPPED = pa.schema([("id", pa.string()), ("text", pa.large_string()), ("reason", pa.string())])
Row = Mapping[str, Any]


def commit_rows(
    store: Store,
    name: str,
    rows: Sequence[Row],
    *,
    shard_rows: int = 3,
    with_stats: bool = True,
    dropped: Sequence[Row] = (),
    **more: Any,
) -> DatasetManifest:
    """Write `rows` as shards of `shard_rows`, with stats.parquet, and commit the manifest.

    dropped: documents with a `reason`, which go into files of `shard_rows` documents.
    """
    key = json.dumps([name, rows], ensure_ascii=False, sort_keys=True).encode()
    digest = digest_bytes(key)
    texts = json.dumps([(row["id"], row["text"]) for row in rows], ensure_ascii=False).encode()
    folder = store.dataset_dir(name, digest)
    folder.mkdir(parents=True)
    shards, tables = [], []
    for number, start in enumerate(range(0, max(len(rows), 1), shard_rows)):
        table = pa.Table.from_pylist(list(rows[start : start + shard_rows]), SCHEMA)
        path = folder / f"part-{number:05d}.parquet"
        pq.write_table(table, path, row_group_size=2)
        here = rows[start : start + shard_rows]
        shards.append(
            Shard(
                path.name,
                digest_file(path),
                len(table),
                sum(len(row["text"].encode()) for row in here),
                sum(len(row["text"]) for row in here),
                path.stat().st_size,
            )
        )
        counted = stats.ShardStats(path.name, SCHEMA)
        counted.feed(table)
        tables.append(counted.table())
    joined = stats.join(tables)
    stats_file = None
    if with_stats and joined is not None:
        path = folder / "stats.parquet"
        pq.write_table(joined, path)
        size = path.stat().st_size
        stats_file = DataFile(path.name, digest_file(path), len(joined), size)
    gone = []
    for number, start in enumerate(range(0, len(dropped), shard_rows)):
        table = pa.Table.from_pylist(list(dropped[start : start + shard_rows]), DROPPED)
        path = folder / f"dropped-{number:05d}.parquet"
        pq.write_table(table, path)
        gone.append(DataFile(path.name, digest_file(path), len(table), path.stat().st_size))
    reasons = Counter(row["reason"] for row in dropped)
    manifest = DatasetManifest(
        name,
        digest,
        digest_bytes(texts),
        rows=len(rows),
        bytes=sum(shard.bytes for shard in shards),
        characters=sum(shard.characters for shard in shards),
        shards=tuple(shards),
        stats=stats_file,
        dropped=tuple(gone),
        reasons=dict(reasons),
        counts={"in": len(rows) + len(dropped), "kept": len(rows), "dropped": len(dropped)},
        licenses=dict(Counter(row.get("license") or "NOASSERTION" for row in rows)),
        languages=dict(Counter(row["language"] for row in rows if row.get("language"))),
        terms=dict(Counter(row["terms"] for row in rows if row.get("terms"))),
        **more,
    )
    manifest.commit(store)
    return manifest
