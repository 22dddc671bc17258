"""Parts of a run's input, spread over it: what `awase curate --dry-run` measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.plan import RunPlan
from curation.readers.jsonl import piece_bytes
from curation.readers.streams import open_bytes
from curation.readers.survey import Piece, Surveyed


def sampled(
    plan: RunPlan, budget: int, places: int, folder: Path
) -> Iterator[tuple[Surveyed, Piece]]:
    """Parts of pieces spread over the input, about `budget` bytes in all."""
    pieces = [piece for task in plan.tasks for piece in task]
    ends = np.cumsum([piece.bytes for piece in pieces])
    middles = (np.arange(places) + 0.5) / places * ends[-1]
    chosen, shares = np.unique(np.searchsorted(ends, middles, side="right"), return_counts=True)
    left = budget
    for number, share in zip(chosen.tolist(), shares.tolist(), strict=True):
        piece = pieces[number]
        item = plan.files[piece.file]
        wanted = max(1, budget * share // places)
        if left <= -budget:
            return  # a document, or an archive, is the least that is taken
        for found in _parts(item, piece, wanted, share, folder / f"{number}.parquet"):
            left -= found[1].bytes
            yield found


def _parts(
    item: Surveyed, piece: Piece, wanted: int, places: int, path: Path
) -> Iterator[tuple[Surveyed, Piece]]:
    """About `wanted` bytes of a piece, of JSON Lines from several places; else from its start."""
    if piece.bytes <= wanted:
        yield item, piece
    elif item.format == "jsonl":
        windows = _windows(item, piece, wanted, places)
        if item.compression is not None:
            yield from _unpacked(item, piece, windows, path)
            return
        for start, stop in windows:
            yield item, replace(piece, start=start, stop=stop, bytes=stop - start)
    elif item.format == "parquet" and not item.path.startswith("hf:"):
        yield _rows(item, piece, wanted, path)
    else:
        yield item, piece


def _windows(item: Surveyed, piece: Piece, wanted: int, places: int) -> list[tuple[int, int]]:
    """(start, stop) of parts of a piece of JSON Lines, each from one line end to another."""
    size = piece.stop - piece.start
    each = wanted // places
    starts = [piece.start + size * k // places for k in range(places)]
    found: list[tuple[int, int]] = []
    begin: int | None = piece.start
    position = piece.start
    with open_bytes(Path(item.path)) as file:
        for data in piece_bytes(item, piece, file):
            for end in _line_ends(data, position):
                if begin is not None and end - begin >= each:
                    found.append((begin, end))
                    begin = None
                if begin is None and len(found) < places and end >= starts[len(found)]:
                    begin = end
            position += len(data)
            if begin is None and len(found) == places:
                break
    if begin is not None and begin < piece.stop:
        found.append((begin, piece.stop))
    return found


def _unpacked(
    item: Surveyed, piece: Piece, windows: Sequence[tuple[int, int]], path: Path
) -> Iterator[tuple[Surveyed, Piece]]:
    """The parts as plain files: to read each where it is would decompress all that is before it."""
    position = piece.start
    parts: list[list[bytes]] = [[] for _ in windows]
    with open_bytes(Path(item.path)) as file:
        for data in piece_bytes(item, piece, file):
            end = position + len(data)
            for k, (start, stop) in enumerate(windows):
                if start < end and stop > position:
                    parts[k].append(data[max(0, start - position) : stop - position])
            position = end
            if position >= windows[-1][1]:
                break
    for k, part in enumerate(parts):
        own = path.with_suffix(f".{k}.jsonl")
        size = own.write_bytes(b"".join(part))
        yield (
            replace(item, path=str(own), compression=None),
            replace(piece, start=0, stop=size, bytes=size),
        )


def _line_ends(data: bytes, position: int) -> list[int]:
    """Where lines begin behind the line ends of `data`, whose first byte stands at `position`."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + position + 1
    return [int(end) for end in ends]


def _rows(item: Surveyed, piece: Piece, wanted: int, path: Path) -> tuple[Surveyed, Piece]:
    """The first rows of a piece of Parquet as a file of their own."""
    with pq.ParquetFile(item.path) as file:
        groups = list(range(piece.start, piece.stop))
        rows = sum(file.metadata.row_group(group).num_rows for group in groups)
        count = max(1, rows * wanted // piece.bytes)
        batch = next(file.iter_batches(count, row_groups=groups))
        pq.write_table(pa.Table.from_batches([batch]), path)
    share = round(piece.bytes * len(batch) / rows)
    return replace(item, path=str(path)), Piece(piece.file, 0, 1, 0, max(1, share))
