"""Opening the Parquet files of a version so that damage is named and never read as other text.

The pages that awase writes carry CRC-32 checksums; every reader here compares them. Without that a
flipped bit of a compressed page is, in about one case of three, other text and no error. Files that
were imported in place may have been written without; `awase tokenize` compares their SHA-256.
`tests/curation/shards/test_files.py` flips bits everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import IntegrityError
from curation.base.store import Store
from curation.shards.manifest import DataFile, DatasetManifest, Shard


class VersionFile(pq.ParquetFile):
    """A Parquet file of a version; every reading error is an IntegrityError that names the file."""

    def __init__(self, store: Store, manifest: DatasetManifest, item: Shard | DataFile) -> None:
        path = manifest.file(store, item)
        self._named = manifest, item, path
        with damage(manifest, item, path):
            size = path.stat().st_size
            if size != item.file_bytes:
                raise _damaged(manifest, item, path, f"has {size} bytes", f"{item.file_bytes}")
            super().__init__(path, page_checksum_verification=True)
        if self.metadata.num_rows != item.rows:
            self.close()
            rows = self.metadata.num_rows
            raise _damaged(manifest, item, path, f"has {rows} rows", f"{item.rows}")

    def iter_batches(
        self, rows: int, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of at most `rows`; a footer that lost one of `columns` is damaged."""
        there = self.schema_arrow.names
        if missing := [name for name in columns or () if name not in there]:
            raise _damaged(*self._named, f"has no column {missing[0]!r}", "it has")
        names = None if columns is None else list(columns)
        batches = super().iter_batches(rows, columns=names)
        while True:
            with damage(*self._named):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def read_row_group(self, *args: Any, **options: Any) -> pa.Table:
        """As pyarrow's."""
        with damage(*self._named):
            return super().read_row_group(*args, **options)

    def read(self, *args: Any, **options: Any) -> pa.Table:
        """As pyarrow's."""
        with damage(*self._named):
            return super().read(*args, **options)


def read_file(
    store: Store,
    manifest: DatasetManifest,
    item: Shard | DataFile,
    columns: Sequence[str] | None = None,
    **options: Any,
) -> pa.Table:
    """All rows of a file, or those that `filters` selects; IntegrityError where it is damaged."""
    path = manifest.file(store, item)
    names = None if columns is None else list(columns)
    with damage(manifest, item, path):
        return pq.read_table(path, columns=names, page_checksum_verification=True, **options)


@contextmanager
def damage(manifest: DatasetManifest, item: Shard | DataFile, path: Path) -> Iterator[None]:
    """Turn what pyarrow says of a damaged or missing file into an IntegrityError.

    Errors of the system with a number (a disk that fails, no right to read) stay as they are.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise IntegrityError(
            f"{_what(manifest, item)}: {path} is missing{_advice(manifest)}"
        ) from error
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        text = f"{_what(manifest, item)}: {path} cannot be read ({error}){_advice(manifest)}"
        raise IntegrityError(text) from error


def _damaged(
    manifest: DatasetManifest, item: Shard | DataFile, path: Path, found: str, stated: str
) -> IntegrityError:
    text = f"{_what(manifest, item)}: {path} {found}, its manifest says {stated}"
    return IntegrityError(text + _advice(manifest))


def _what(manifest: DatasetManifest, item: Shard | DataFile) -> str:
    kind = "shard " if isinstance(item, Shard) else ""
    return f"{manifest.reference}, {kind}{item.name}"


def _advice(manifest: DatasetManifest) -> str:
    return f": `awase dataset verify {manifest.reference}` tells what else is damaged"
