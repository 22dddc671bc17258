"""From files to batches: JSONL, Parquet, text, HTML and WARC; plain, gz or zst; local files.

    survey    one pass over each input: digest, size, and cut points for tasks
    streams   decompression with bounds
    jsonl, parquet, text, html, warc    one format each: pieces of a file -> batches
    extractor  main text of pages, in a process that a page cannot take ours with
    hub        datasets of the Hugging Face Hub, streamed
    foreign    any of datatrove's readers of files

Open first: `survey`, which fixes what a task is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from curation.batch import Batch
from curation.readers import foreign, html, hub, jsonl, parquet, text, warc
from curation.readers.records import BadRecords, ReadOptions
from curation.readers.survey import Piece, Surveyed

Reader = Callable[[Surveyed, Piece, ReadOptions, BadRecords], Iterator[Batch]]
READERS: dict[str, Reader] = {
    "jsonl": jsonl.read,
    "parquet": parquet.read,
    "text": text.read,
    "html": html.read,
    "warc": warc.read,
    hub.FORMAT: hub.read,
}


def reader_of(item: Surveyed) -> Reader:
    """The reader of a surveyed input."""
    return foreign.read if item.format.startswith(foreign.PREFIX) else READERS[item.format]


__all__ = ["READERS", "BadRecords", "Piece", "ReadOptions", "Reader", "Surveyed", "reader_of"]
