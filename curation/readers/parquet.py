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
from curation.readers.records import BadRecords, ReadOptions, to_values
from curation.readers.survey import Piece, Surveyed

READ_ROWS = 256


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the rows of one or more row groups; a null text is a bad record."""
    yield from batches(
        enumerate(_records(Path(item.path), piece, options), piece.first_row),
        lambda record: to_values(record, options),
        item=item,
        piece=piece,
        options=options,
        bad=bad,
    )


def _records(path: Path, piece: Piece, options: ReadOptions) -> Iterator[dict[str, Any]]:
    key = "text" if options.chat is None else "chat.messages"
    try:
        with pq.ParquetFile(path) as file:
            if options.source_field not in file.schema_arrow.names:
                raise Failed(
                    f"{path}: there is no column {options.source_field!r}; its columns are "
                    f"{', '.join(file.schema_arrow.names)}: set input.{key} in the recipe"
                )
            groups = list(range(piece.start, piece.stop))
            for table in file.iter_batches(READ_ROWS, row_groups=groups):
                yield from table.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise Failed(f"{path}: damaged Parquet ({error})") from error
