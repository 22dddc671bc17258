"""`awase dataset import`: Parquet files become a dataset version, in place or as a copy.

In place, nothing is copied: the manifest names the files by absolute path, size and SHA-256, so
they must stay as they are (`awase dataset verify` tells). They need the columns `id` and `text`,
without nulls, ids without repeats, and the same columns in every file.

A copy may rename columns, is given ids where it has none (hash of file digest and row; a repeated
id gets that hash as suffix) and a licence where rows state none.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.base.digest import digest_file, digest_of
from curation.base.errors import UsageError
from curation.base.names import check_name
from curation.base.store import Store, disk_errors, make_dirs, write_atomic
from curation.shards.manifest import NOASSERTION, DataFile, DatasetManifest, Shard
from curation.shards.rows import RowDigest, text_columns
from curation.shards.stats import ShardStats, join
from curation.shards.writer import COUNTED, PartWriter, commit_version
from mixtures.catalog import Catalog, DatasetVersion
from pipelines.import_source import Options, Progress, Source, blocks, input_of


@dataclass
class _Seen:
    """What is counted while rows pass."""

    schema: pa.Schema
    rows: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [name for name in COUNTED if name in self.schema.names]
        self.counts = {name: Counter() for name in names}
        self.digest = RowDigest(self.schema)
        self.text_digest = RowDigest(self.schema, text_columns(self.schema))

    def feed(self, batch: pa.RecordBatch) -> None:
        self.rows += len(batch)
        self.digest.feed(batch)
        self.text_digest.feed(batch)
        for name, counter in self.counts.items():
            column = batch.column(name).cast(pa.string()).drop_null()
            for item in pc.value_counts(column).to_pylist():
                counter[item["values"]] += item["counts"]

    def of(self, name: str) -> dict[str, int]:
        found = self.counts.get(name, Counter())
        if name == "license" and self.rows > found.total():
            found = found + Counter({NOASSERTION: self.rows - found.total()})
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def import_parquet(
    store: Store,
    catalog: Catalog,
    name: str,
    files: Sequence[Path],
    options: Options | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> DatasetVersion:
    """Register the rows of `files`, in this order, as a version of `name`.

    UsageError names file and column of what does not fit. The same rows again return the version
    that they have.
    """
    options = options or Options()
    check_name(name, what="dataset")
    inputs = [input_of(path) for path in files]
    if not inputs:
        raise UsageError("give at least one Parquet file")
    source = Source([Path(item.path) for item in inputs], inputs, options, progress)
    folder = store.work_dir(digest_of({"import": uuid.uuid4().hex}))
    with disk_errors(folder):
        make_dirs(folder)
    try:
        write = _copy if options.copy else _in_place
        manifest, made = write(name, source, folder)
        committed, _ = commit_version(store, manifest, made)
        return catalog.register_dataset(name, committed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_place(name: str, source: Source, folder: Path) -> tuple[DatasetManifest, dict[str, Path]]:
    """The manifest of rows that stay in their files; the files to commit are the stats alone."""
    seen = _Seen(source.schema)
    stats = [ShardStats(f"part-{n:05d}.parquet", source.schema) for n in range(len(source.paths))]
    texts = np.zeros((len(source.paths), 2), np.int64)
    hashes: list[Any] = []
    for place, _, batch in source.batches():
        seen.feed(batch)
        stats[place].feed(batch)
        texts[place] += _sizes(batch)
        hashes.append(_hashed(batch.column("id")))
    if repeated := sum(map(len, hashes)) - len(np.unique(np.concatenate([*hashes, _NONE]))):
        raise UsageError(f"{repeated} documents repeat another's id: --copy gives them new ones")
    shards = tuple(
        Shard(
            f"part-{place:05d}.parquet",
            source.inputs[place].sha256,
            source.rows_of[place],
            int(texts[place, 0]),
            int(texts[place, 1]),
            source.inputs[place].bytes,
            str(path),
        )
        for place, path in enumerate(source.paths)
    )
    return _manifest(name, source, seen, shards, stats, folder)


def _copy(name: str, source: Source, folder: Path) -> tuple[DatasetManifest, dict[str, Path]]:
    """The manifest of new files in `folder`, shards cut at multiples of 1,024 rows."""
    seen = _Seen(source.schema)
    stats: list[ShardStats] = []
    shards: list[Shard] = []
    made: dict[str, Path] = {}
    rows = blocks(source.copied())
    block = next(rows, None)
    while block is not None or not shards:
        file_name = f"part-{len(shards):05d}.parquet"
        counted = ShardStats(file_name, source.schema)
        writer = PartWriter(folder / file_name, source.schema)
        try:
            while block is not None and writer.bytes < source.options.shard_bytes:
                seen.feed(block)
                counted.feed(block)
                writer.characters += int(_sizes(block)[1])
                writer.write(block)
                block = next(rows, None)
            part = writer.close()
        except BaseException:
            writer.abandon()
            raise
        stats.append(counted)
        made[file_name] = part.path
        shards.append(
            Shard(file_name, part.sha256, part.rows, part.bytes, part.characters, part.file_bytes)
        )
    manifest, stats_file = _manifest(name, source, seen, tuple(shards), stats, folder)
    return manifest, made | stats_file


def _manifest(
    name: str,
    source: Source,
    seen: _Seen,
    shards: tuple[Shard, ...],
    stats: Sequence[ShardStats],
    folder: Path,
) -> tuple[DatasetManifest, dict[str, Path]]:
    table = join([one.table() for one in stats])
    made: dict[str, Path] = {}
    stats_file = None
    if table is not None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        path = folder / "stats.parquet"
        write_atomic(path, sink.getvalue().to_pybytes())
        size = path.stat().st_size
        stats_file = DataFile(path.name, digest_file(path), table.num_rows, size)
        made[path.name] = path
    manifest = DatasetManifest(
        name,
        seen.digest.digest(),
        seen.text_digest.digest(),
        rows=seen.rows,
        bytes=sum(shard.bytes for shard in shards),
        characters=sum(shard.characters for shard in shards),
        shards=shards,
        stats=stats_file,
        inputs=tuple(source.inputs),
        code_version=installed_version("awase"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licenses=seen.of("license"),
        terms=seen.of("terms"),
        generated_by=seen.of("generated_by"),
        judged_by=seen.of("judged_by"),
        languages=seen.of("language"),
        counts={"in": seen.rows, "kept": seen.rows, "dropped": 0},
    )
    return manifest, made


def _sizes(batch: pa.RecordBatch) -> Any:
    """[bytes, characters] of the text of a batch."""
    text = batch.column("text")
    total = (pc.sum(pc.binary_length(text)).as_py(), pc.sum(pc.utf8_length(text)).as_py())
    return np.array([value or 0 for value in total], np.int64)


_NONE = np.zeros(0, np.uint64)


def _hashed(ids: Any) -> Any:
    """64-bit hashes of ids; two of a billion ids collide with a chance of one in 37."""
    out = [
        int.from_bytes(hashlib.blake2b(str(item).encode(), digest_size=8).digest(), "little")
        for item in ids.to_pylist()
    ]
    return np.array(out, np.uint64)
