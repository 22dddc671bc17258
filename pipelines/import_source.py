"""Rows of Parquet files, checked, as one stream of batches: what `import_parquet` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.base.digest import digest_file
from curation.base.errors import NotFound, UsageError
from curation.base.licenses import parse_expression
from curation.shards.manifest import Input
from curation.shards.rows import BLOCK_ROWS, TEXT_COLUMNS
from curation.shards.writer import COUNTED

SHARD_BYTES = 512_000_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the files; anything but the defaults needs a copy."""

    copy: bool = False
    id_column: str = "id"
    text_column: str = "text"
    license: str | None = None
    shard_bytes: int = SHARD_BYTES

    def __post_init__(self) -> None:
        changed = (self.id_column, self.text_column, self.license) != ("id", "text", None)
        if changed and not self.copy:
            raise UsageError("renaming columns or setting a licence changes rows: add --copy")
        if self.license is not None:
            try:
                object.__setattr__(self, "license", parse_expression(self.license))
            except ValueError as error:
                raise UsageError(f"--license: {error}") from error


class Source:
    """The rows of several files as batches of one schema, each of at most 1,024 rows of a file."""

    def __init__(
        self, paths: list[Path], inputs: list[Input], options: Options, progress: Progress
    ) -> None:
        self.paths = paths
        self.inputs = inputs
        self.options = options
        self._progress = progress
        self.raw = _common_schema(paths, options)
        self.schema = self._schema()
        self.rows_of = [pq.read_metadata(path).num_rows for path in paths]

    def _schema(self) -> pa.Schema:
        options, raw = self.options, self.raw
        if options.text_column not in raw.names:
            raise UsageError(
                f"{self.paths[0]} has no column {options.text_column!r}; there are "
                f"{', '.join(raw.names)}: name one with --text-column and --copy"
            )
        if not options.copy:
            if "id" not in raw.names:
                raise UsageError(f"{self.paths[0]} has no column 'id': add --copy to be given one")
            return raw
        kept = [item for item in raw if item.name not in (options.id_column, options.text_column)]
        if clash := [item.name for item in kept if item.name in TEXT_COLUMNS]:
            raise UsageError(f"{self.paths[0]} has another column named {clash[0]!r}")
        fields = [pa.field("id", pa.string()), pa.field("text", pa.large_string()), *kept]
        if options.license is not None and "license" not in raw.names:
            fields.append(pa.field("license", pa.string()))
        return pa.schema(fields)

    def batches(self) -> Iterator[tuple[int, int, pa.RecordBatch]]:
        """(file, row of the batch's first document in it, batch as it lies in the file)."""
        done, total = 0, sum(self.rows_of)
        for place, path in enumerate(self.paths):
            row = 0
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for batch in _whole(path, file.iter_batches(BLOCK_ROWS)):
                    _check_nulls(path, row, batch, self.options)
                    yield place, row, batch
                    row += len(batch)
                    done += len(batch)
                    self._progress(done, total)

    def copied(self) -> Iterator[pa.RecordBatch]:
        """Rows as a copy has them: renamed, with ids without repeats, with a licence."""
        seen: set[bytes] = set()
        for place, row, batch in self.batches():
            columns = {item.name: batch.column(item.name) for item in self.raw}
            text = columns.pop(self.options.text_column).cast(pa.large_string())
            given = columns.pop(self.options.id_column, None)
            ids = _ids(given, self.inputs[place].sha256, row, len(batch), seen)
            values = {"id": pa.array(ids, pa.string()), "text": text, **columns}
            if (license := self.options.license) is not None:
                stated = values.get("license", pa.nulls(len(batch), pa.string()))
                values["license"] = pc.fill_null(stated, license)
            arrays = [values[item.name].cast(item.type) for item in self.schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly 1,024, the last fewer."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        while rows >= BLOCK_ROWS:
            table = pa.Table.from_batches(waiting).combine_chunks()
            yield table.slice(0, BLOCK_ROWS).combine_chunks().to_batches()[0]
            waiting = table.slice(BLOCK_ROWS).to_batches()
            rows -= BLOCK_ROWS
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks().to_batches()[0]


def input_of(path: Path) -> Input:
    try:
        whole = path.resolve(strict=True)
        return Input(str(whole), digest_file(whole), whole.stat().st_size)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _common_schema(paths: Sequence[Path], options: Options) -> pa.Schema:
    """The columns that all files have; UsageError names the first file that differs and where."""
    first: pa.Schema | None = None
    for path in paths:
        try:
            schema = pq.read_schema(path).remove_metadata()
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} is not a Parquet file ({error})") from error
        if first is None:
            first = schema
        elif not schema.equals(first):
            missing = [item for item in first if item not in list(schema)]
            extra = [item for item in schema if item not in list(first)]
            odd = (missing or extra or list(schema))[0]
            raise UsageError(
                f"{path} differs from {paths[0]} in column {odd.name!r} ({odd.type}): import files "
                "of one schema"
            )
    assert first is not None
    for item in first:
        text = pa.types.is_string(item.type) or pa.types.is_large_string(item.type)
        if item.name in (*TEXT_COLUMNS, *COUNTED) and not text:
            numbers = item.name == "id" and pa.types.is_integer(item.type)
            if numbers and options.copy:
                continue
            hint = ": --copy writes numbers as text" if numbers else ""
            raise UsageError(
                f"{paths[0]}: column {item.name!r} is {item.type}, expected string{hint}"
            )
    return first


def _whole(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches of a file; UsageError where it is damaged."""
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} is damaged and cannot be read ({error})") from error
        if batch is None:
            return
        yield batch


def _check_nulls(path: Path, row: int, batch: pa.RecordBatch, options: Options) -> None:
    """UsageError names the first null; a copy gives ids of its own where there is none."""
    for name in (options.text_column,) if options.copy else (options.text_column, "id"):
        if name in batch.schema.names and batch.column(name).null_count:
            place = row + int(np.flatnonzero(pc.is_null(batch.column(name)).to_numpy(False))[0])
            raise UsageError(f"{path}, row {place}: column {name!r} is null")


def _ids(given: Any, file_digest: str, first: int, count: int, seen: set[bytes]) -> Iterator[str]:
    for place in range(count):
        own = hashlib.sha256(f"{file_digest}:{first + place}".encode()).hexdigest()[:32]
        value = None if given is None else given[place].as_py()
        name = own if value in (None, "") else str(value)
        key = hashlib.blake2b(name.encode(), digest_size=16).digest()
        if key in seen:
            name = f"{name}-{own}"
        seen.add(key)
        yield name
