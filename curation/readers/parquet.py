"""Parquet: row groups as pieces, columns read as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import Failed
from curation.batch import Batch
from curation.readers.batches import batches
from curation.readers.records import BadRecord, BadRecords, ReadOptions, to_values
from curation.readers.survey import Piece, Surveyed

READ_ROWS = 256


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the rows of one or more row groups; a null text is a bad record.

    Binary values that are UTF-8 are strings: some writers annotate none.
    """
    yield from batches(
        enumerate(_records(Path(item.path), piece, options), piece.first_row),
        lambda record: _values(record, options),
        item=item,
        piece=piece,
        options=options,
        bad=bad,
    )


def _records(path: Path, piece: Piece, options: ReadOptions) -> Iterator[dict[str, Any] | str]:
    """A record a row; of one that Python has no value for, why."""
    wanted = read = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_columns(path, file.schema_arrow.names, options)
            groups = list(range(piece.start, piece.stop))
            wanted = sum(file.metadata.row_group(group).num_rows for group in groups)
            for table in file.iter_batches(READ_ROWS, row_groups=groups):
                read += len(table)
                yield from _listed(table)
    except (pa.ArrowException, OSError) as error:
        raise Failed(f"{path}: damaged Parquet ({error})") from error
    if read != wanted:
        raise Failed(f"{path}: damaged Parquet (it tells {wanted} rows of which {read} are there)")


def _check_columns(path: Path, names: list[str], options: ReadOptions) -> None:
    """Failed where the text's column is missing or there twice."""
    key = "text" if options.chat is None else "chat.messages"
    found = names.count(options.source_field)
    if found != 1:
        what = "there is no column" if not found else f"there are {found} columns"
        raise Failed(
            f"{path}: {what} {options.source_field!r}; its columns are {', '.join(names)}: "
            f"set input.{key} in the recipe"
        )


def _listed(table: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    try:
        yield from table.to_pylist()
        return
    except (pa.ArrowException, ValueError, OverflowError):  # a date in the year 146,138
        pass
    for row in range(len(table)):
        try:
            yield table.slice(row, 1).to_pylist()[0]
        except (pa.ArrowException, ValueError, OverflowError) as error:
            yield f"a value cannot be read ({error})"


def _values(record: dict[str, Any] | str, options: ReadOptions) -> tuple[str, dict[str, Any]]:
    if isinstance(record, str):
        raise BadRecord(record)
    for name, value in record.items():
        if isinstance(value, bytes):
            try:
                record[name] = value.decode()
            except UnicodeDecodeError as error:
                if name == options.source_field:
                    raise BadRecord(
                        f"not UTF-8: byte 0x{value[error.start]:02X} at {error.start + 1}"
                    ) from error
    return to_values(record, options)
