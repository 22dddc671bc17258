"""Writing a version: Parquet files under attempt names, then one commit.

    PartWriter     one Parquet file; row groups are cut by rows alone, each written as one chunk
    commit_version moves finished files into the version's folder and creates its manifest

The same rows give the same file under one pyarrow. Nothing in a version's folder is read before its
manifest is there; `commit_version` may be killed at any point and called again.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.base.digest import digest_file
from curation.base.errors import IntegrityError
from curation.base.store import Store, disk_errors, fsync_dir, make_dirs
from curation.shards.manifest import FILE_NAME, DatasetManifest, load
from curation.shards.rows import Blocks, RowDigest, text_columns

ZSTD_LEVEL = 3
ROW_GROUP_BYTES = 64_000_000
ROW_GROUP_ROWS = 1 << 20
COUNTED = ("license", "terms", "generated_by", "judged_by", "language")


@dataclass(slots=True)
class Part:
    """One finished file and what is in it; `counts` are rows per value of the counted columns."""

    path: Path
    sha256: str
    rows: int
    bytes: int
    characters: int
    file_bytes: int
    blocks: Blocks | None = None
    text_blocks: Blocks | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class PartWriter:
    """Writes rows of one schema into one Parquet file at `path`, durable once `close` returned.

    A row group is closed after the row with which its text reaches `group_bytes`. With `digest`,
    the rows are digested as those of a version (the first row must begin a block).
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        group_bytes: int = ROW_GROUP_BYTES,
        digest: bool = False,
    ) -> None:
        self.path = path
        self.schema = schema
        self.group_bytes = group_bytes
        self.rows = self.bytes = self.characters = 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = self._waiting_rows = 0
        self._digests = (
            (RowDigest(schema), RowDigest(schema, text_columns(schema))) if digest else None
        )
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in COUNTED if name in schema.names
        }
        self._file: Any = None
        self._writer: Any = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; `batch` has the columns of the schema in its order."""
        if not len(batch):
            return
        if self._digests is not None:
            for digest in self._digests:
                digest.feed(batch)
            self._count(batch)
        sizes = _sizes(batch)
        start = 0
        while start < len(batch):
            stop = self._room(sizes, start)
            self._waiting.append(batch.slice(start, stop - start))
            self._waiting_bytes += int(sizes[start:stop].sum())
            self._waiting_rows += stop - start
            if self._waiting_bytes >= self.group_bytes or self._waiting_rows >= ROW_GROUP_ROWS:
                self._flush()
            start = stop
        self.rows += len(batch)
        self.bytes += int(sizes.sum())

    def _room(self, sizes: Any, start: int) -> int:
        """The end of what goes into the present row group."""
        total = np.cumsum(sizes[start:])
        by_bytes = int(np.searchsorted(total, self.group_bytes - self._waiting_bytes)) + 1
        return start + min(by_bytes, len(total), ROW_GROUP_ROWS - self._waiting_rows)

    def _count(self, batch: pa.RecordBatch) -> None:
        self.characters += pc.sum(pc.utf8_length(batch.column("text"))).as_py() or 0
        for name, counter in self._counts.items():
            for item in pc.value_counts(batch.column(name).drop_null()).to_pylist():
                counter[item["values"]] += item["counts"]

    def _flush(self) -> None:
        if not self._waiting:
            return
        group = pa.Table.from_batches(self._waiting, self.schema).combine_chunks()
        self._waiting, self._waiting_bytes, self._waiting_rows = [], 0, 0
        with disk_errors(self.path):
            self._open()
            self._writer.write_table(group, row_group_size=max(1, len(group)))

    def _open(self) -> None:
        if self._writer is not None:
            return
        self._file = self.path.open("xb")
        plain = [name for name in self.schema.names if name not in ("id", "text", "metadata")]
        self._writer = pq.ParquetWriter(
            self._file,
            self.schema,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=plain,
            write_page_index=True,
            write_page_checksum=True,
        )

    def close(self) -> Part:
        """Finish the file, fsync it, and say what is in it."""
        self._flush()
        with disk_errors(self.path):
            self._open()
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        logical, text = self._digests or (None, None)
        return Part(
            self.path,
            digest_file(self.path),
            self.rows,
            self.bytes,
            self.characters,
            self.path.stat().st_size,
            None if logical is None else logical.blocks(),
            None if text is None else text.blocks(),
            {name: dict(sorted(counter.items())) for name, counter in self._counts.items()},
        )

    def abandon(self) -> None:
        """Close and remove an unfinished file."""
        if self._writer is not None:
            # Otherwise it writes a footer when it is collected, and complains.
            self._writer.is_open = False
        if self._file is not None:
            with suppress(OSError):  # a full disk fails the last buffer too
                self._file.close()
        self.path.unlink(missing_ok=True)


def _sizes(batch: pa.RecordBatch) -> Any:
    """UTF-8 bytes of the text of each row; of a row without text, 0."""
    if "text" not in batch.schema.names:
        return np.zeros(len(batch), np.int64)
    return pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy().astype(np.int64)


def commit_version(
    store: Store, manifest: DatasetManifest, files: Mapping[str, Path]
) -> tuple[DatasetManifest, bool]:
    """(the version's manifest, whether this call made it).

    `files` are the durable files that the manifest names, wherever they are on the store's disk.
    Where the same rows were committed before, that version's manifest comes back unchanged.
    """
    folder = manifest.directory(store)
    with disk_errors(folder):
        make_dirs(folder)
        with (folder / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs that end in the same rows
            if (folder / FILE_NAME).exists():
                return load(store, manifest.name, manifest.digest), False
            for name, path in files.items():
                place(path, folder / name)
            fsync_dir(folder)
            if not manifest.commit(store):
                raise IntegrityError(f"{folder / FILE_NAME} appeared under a lock: check {folder}")
    return manifest, True


def place(source: Path, target: Path) -> None:
    """Make `target` a second name of `source`, over whatever a killed commit left there."""
    attempt = target.with_name(f".{target.name}.tmp-link")
    attempt.unlink(missing_ok=True)
    os.link(source, attempt)
    attempt.rename(target)
    attempt.unlink(missing_ok=True)  # rename(2) leaves it when both were the same file already


def merged(parts: Sequence[Part], name: str) -> dict[str, int]:
    """Rows per value of a counted column over all parts, most frequent first."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part.counts.get(name, {}))
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
