"""Any of datatrove's file readers, through the adapter from its documents to our batches.

The recipe names one: `input: {datatrove: CSVReader}`. A file is one piece; documents are numbered
in the order in which the reader yields them. What a reader cannot parse it skips by itself, with
its own log line, so such records are in no count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.base.errors import Failed
from curation.batch import METADATA, Batch
from curation.readers.batches import batches
from curation.readers.records import BadRecords, ReadOptions, to_values
from curation.readers.survey import Piece, Surveyed

PREFIX = "datatrove:"


def reader_names() -> list[str]:
    """datatrove's readers of files, by class name."""
    import datatrove.pipeline.readers as readers
    from datatrove.pipeline.readers.base import BaseDiskReader

    classes = {name: getattr(readers, name) for name in dir(readers) if name.endswith("Reader")}
    return sorted(name for name, cls in classes.items() if issubclass(cls, BaseDiskReader))


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the documents that the named reader finds in one file."""
    path = Path(item.path)
    yield from batches(
        _records(item, path, options),
        lambda record: to_values(record, options),
        item=item,
        piece=piece,
        options=options,
        bad=bad,
    )


def _records(
    item: Surveyed, path: Path, options: ReadOptions
) -> Iterator[tuple[int, dict[str, Any]]]:
    for row, document in enumerate(_documents(item, path, options)):
        metadata = {k: v for k, v in document.metadata.items() if k not in ("file_path", METADATA)}
        record = {options.text_field: document.text, **metadata}
        if document.id != f"{path.name}/{row}":  # datatrove makes one up where there is none
            record["id"] = document.id
        yield row, record


def _documents(item: Surveyed, path: Path, options: ReadOptions) -> Iterator[Any]:
    import datatrove.pipeline.readers as readers

    name = item.format.removeprefix(PREFIX)
    renamed = dict(options.fields)
    try:
        reader = getattr(readers, name)(
            str(path.parent), text_key=options.text_field, id_key=renamed.get("id", "id")
        )
        yield from reader.read_file(path.name)
    except (OSError, ValueError, ImportError, EOFError) as error:
        raise Failed(f"{path}: datatrove's {name} cannot read it ({error})") from error


__all__ = ["PREFIX", "read", "reader_names"]
