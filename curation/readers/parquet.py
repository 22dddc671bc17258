"""Parquet: row groups as pieces, columns read as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import Failed
from curation.batch import Batch, BatchBuilder
from curation.readers.records import BadRecord, BadRecords, ReadOptions, to_values
from curation.readers.survey import Piece, Surveyed

READ_ROWS = 256


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the rows of one or more row groups; a null text is a bad record."""
    path = Path(item.path)
    builder = BatchBuilder(options.types())
    row = piece.first_row
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
                for record in table.to_pylist():
                    row += 1
                    try:
                        text, values = to_values(record, options)
                    except BadRecord as error:
                        bad.add(path, row - 1, str(error))
                        continue
                    builder.add(text, values, file=piece.file, row=row - 1)
                    if builder.full:
                        yield builder.take()
    except (pa.ArrowException, OSError) as error:
        raise Failed(f"{path}: damaged Parquet ({error})") from error
    if builder.texts:
        yield builder.take()
