"""The loop that all readers of records run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from curation.batch import Batch, BatchBuilder
from curation.readers.records import BadRecord, BadRecords, ReadOptions
from curation.readers.survey import Piece, Surveyed

T = TypeVar("T")


def batches(
    rows: Iterable[tuple[int, T]],
    document: Callable[[T], tuple[str, dict[str, Any]]],
    *,
    item: Surveyed,
    piece: Piece,
    options: ReadOptions,
    bad: BadRecords,
) -> Iterator[Batch]:
    """Batches of the documents (text, other columns) made of numbered records.

    A record that `document` refuses with BadRecord goes to `bad`.
    """
    builder = BatchBuilder(options.types())
    for row, record in rows:
        try:
            text, values = document(record)
        except BadRecord as error:
            bad.add(item.path, row, str(error))
            continue
        builder.add(text, values, file=piece.file, row=row)
        if builder.full:
            yield builder.take()
    if builder.texts:
        yield builder.take()
