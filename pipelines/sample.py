"""Parts of a run's input, spread over it: what `awase curate --dry-run` measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curation.plan import RunPlan
from curation.readers.jsonl import piece_bytes
from curation.readers.streams import open_bytes
from curation.readers.survey import Piece, Surveyed

IN_A_ROW = 8  # small files from a place: the first and the last are met by their sizes


def sampled(
    plan: RunPlan, budget: int, places: int, folder: Path, *, tasks: int
) -> tuple[int, list[tuple[Surveyed, Piece]]]:
    """(places, parts of pieces): spread over the input, about `budget` bytes in all, from so many
    places or, of small files, fewer; part k is for task k % `tasks`.

    What is cut out of JSON Lines is one new file a task, so that it is read in batches as large as
    those of a run: a batch takes time whatever its size is.
    """
    pieces = [piece for task in plan.tasks for piece in task]
    sizes = np.array([piece.bytes for piece in pieces])
    typical = float((sizes**2.0).sum() / sizes.sum())  # of the piece that a byte is in
    if typical <= budget / places:
        places = max(places // IN_A_ROW, min(places, int(budget / (IN_A_ROW * typical))))
    left = budget
    cut = _Cut(folder, tasks)
    whole: list[tuple[Surveyed, Piece]] = []
    for number, share in _chosen(sizes, budget, places):
        piece = pieces[number]
        item = plan.files[piece.file]
        wanted = max(1, budget * share // places)
        if left <= -budget:
            break  # a document, or an archive, is the least that is taken
        if piece.bytes > wanted and item.format == "jsonl":
            left -= cut.take(item, piece, wanted, share)
            continue
        if piece.bytes > wanted and item.format == "parquet":
            item, piece = _rows(item, piece, wanted, folder / f"{number}.parquet")
        left -= piece.bytes
        whole.append((item, piece))
    return cut.count + min(places, len(whole)), [*cut.pieces(), *whole]


class _Cut:
    """Parts of JSON Lines in one file a task, under `folder`."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self.folder = folder
        self.tasks = tasks
        self.count = 0
        self.files: dict[Path, Surveyed] = {}

    def take(self, item: Surveyed, piece: Piece, wanted: int, places: int) -> int:
        """Add about `wanted` bytes of a piece, from so many places in it; how many they were."""
        taken = 0
        for data in _cut_out(item, piece, _windows(item, piece, wanted, places)):
            path = self.folder / f"{self.count % self.tasks}.jsonl"
            self.count += 1
            self.files[path] = replace(item, path=str(path), compression=None, modified=None)
            with path.open("ab") as file:
                taken += file.write(data if data.endswith(b"\n") else data + b"\n")
        return taken

    def pieces(self) -> Iterator[tuple[Surveyed, Piece]]:
        for path, item in self.files.items():
            size = path.stat().st_size
            yield replace(item, bytes=size), Piece(0, 0, size, 0, size)


def _chosen(sizes: npt.NDArray[np.int64], budget: int, places: int) -> list[tuple[int, int]]:
    """(piece, how many places it stands for) in order, of pieces of so many bytes.

    A place is a stretch of `budget / places` bytes of the input. One within a large piece takes
    from it; else the pieces that begin in it are taken, large and small ones as often as there are:
    those in which a place falls would be the larger ones, with fewer documents a byte.
    """
    ends = np.cumsum(sizes)
    begins = ends - sizes
    stretch = max(1, budget // places)
    shares: Counter[int] = Counter()
    for start in ((np.arange(places) + 0.5) / places * ends[-1] - stretch / 2).tolist():
        first, stop = np.searchsorted(begins, (start, start + stretch)).tolist()
        holding = max(0, first - 1)
        if first == stop or sizes[holding] > stretch:
            shares[holding] += 1
        else:
            shares.update({number: 1 for number in range(first, stop) if not shares[number]})
    return sorted(shares.items())


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


def _cut_out(item: Surveyed, piece: Piece, windows: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes of each window, (start, stop) of a piece, in order."""
    if not windows:
        return
    found: list[bytes] = []
    waiting = list(reversed(windows))
    position = piece.start
    with open_bytes(Path(item.path)) as file:
        for data in piece_bytes(item, piece, file):
            end = position + len(data)
            while waiting and waiting[-1][0] < end:
                start, stop = waiting[-1]
                found.append(data[max(0, start - position) : stop - position])
                if stop > end:
                    break
                waiting.pop()
                yield b"".join(found)
                found = []
            position = end
            if not waiting:
                return


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
    return replace(item, path=str(path), modified=None), Piece(piece.file, 0, 1, 0, max(1, share))
