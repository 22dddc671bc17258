"""`awase curate --dry-run`: what a run will cost, measured by running it on a sample of its input.

About 1 % of the input (at least 3 MB, at most 64 MB), from up to 16 places spread over it, goes
through the whole run, from the reader to the report, in a store of its own that is then removed.
A first round over a few documents takes what is paid once: models, compilers, the footers of
files. The rest is scaled by bytes of input. Duplicates lie too far apart for a sample to meet.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import Failed
from curation.base.store import Store
from curation.extraction import FORMATS as EXTRACTED
from curation.output import Output
from curation.plan import RunPlan, make_plan
from curation.readers.jsonl import piece_bytes
from curation.readers.records import BadRecords
from curation.readers.streams import open_bytes
from curation.readers.survey import Piece, Surveyed
from curation.run import read_documents, run_task, warm_up
from pipelines.curate import finish, outputs_of, plan_run

SHARE = 0.01
LEAST_BYTES, MOST_BYTES = 3_000_000, 64_000_000
PLACES = 16
FIRST_BYTES = 20_000  # of the round that takes what is paid once
WARM_DOCUMENTS = 8


@dataclass(frozen=True, slots=True)
class Estimate:
    """`input_bytes` and `sampled_bytes` are of plain input; `written_bytes` are of all files of the
    versions, `work_bytes` of the layers that a run keeps beside them. `*_error` is one standard
    error among the sampled places as a share of the figure, None for a single place."""

    workers: int
    input_bytes: int
    sampled_bytes: int
    sampled_documents: int
    places: int
    documents: int
    documents_error: float | None
    kept_documents: int
    core_hours: float
    core_error: float | None
    startup_seconds: float
    wall_seconds: float
    written_bytes: int
    work_bytes: int

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        yield (
            f"sampled {self.sampled_documents:,} documents from {self.places} places, "
            f"{self.sampled_bytes:,} of {self.input_bytes:,} bytes"
        )
        kept = f"{self.kept_documents:,} are kept, those with duplicates beyond the sample included"
        yield f"documents: about {self.documents:,}{_margin(self.documents_error)}, of which {kept}"
        yield (
            f"work: about {self.core_hours:.3f} core-hours{_margin(self.core_error)}, of which "
            f"{self.startup_seconds:,.0f} s to start"
        )
        yield f"time: about {self.wall_seconds:,.0f} s with {self.workers} workers"
        yield (
            f"to write: about {self.written_bytes:,} bytes, and {self.work_bytes:,} for work files"
        )


def _margin(error: float | None) -> str:
    return "" if error is None else f" ± {100 * error:.0f} %"


def estimate(
    recipe: str | Path, inputs: Sequence[str | Path], store: Store, *, workers: int
) -> Estimate:
    """Measure a sample of the run, committing nothing; Failed where it has no document."""
    imports = time.process_time()
    plan = plan_run(recipe, inputs, store, workers=workers)
    total = sum(piece.bytes for task in plan.tasks for piece in task)
    with tempfile.TemporaryDirectory(prefix="awase-dry-run-") as name:
        started = time.process_time()
        _warm(plan)
        first = _Round(plan, Path(name) / "first", FIRST_BYTES, places=1)
        paid_once = time.process_time() - started
        budget = int(min(max(total * SHARE, LEAST_BYTES), MOST_BYTES))
        found = _Round(plan, Path(name) / "sample", budget, places=PLACES)
    if not found.documents:
        raise Failed("the sample of the input holds no document; nothing can be estimated")
    scale = total / found.bytes
    work = found.seconds * scale
    at_once = max(1, min(workers, len(plan.tasks)))
    # A pool has processes of its own for each of its two phases; only scoring loads models.
    startup = imports + paid_once + found.finish_seconds
    pools = 0.0 if at_once == 1 else 2 * imports + paid_once
    return Estimate(
        workers=workers,
        input_bytes=total,
        sampled_bytes=found.bytes,
        sampled_documents=found.documents,
        places=len(found.rates),
        documents=round(found.documents * scale),
        documents_error=found.error(0),
        kept_documents=round(found.kept * scale),
        core_hours=(startup + at_once * pools + work) / 3600,
        core_error=found.error(1),
        startup_seconds=startup + at_once * pools,
        wall_seconds=startup + pools + work / at_once,
        written_bytes=_line(first.bytes, first.written, found.bytes, found.written, total),
        work_bytes=round(found.work * scale),
    )


def _warm(plan: RunPlan) -> None:
    """Load and compile what a sample must not count as work."""
    for batch in read_documents(plan, 0, BadRecords(limit=1 << 60)):
        few = batch.take(pa.array(np.arange(min(len(batch), WARM_DOCUMENTS))))
        for _ in warm_up(plan.recipe, few):
            pass
        return


def _line(x0: int, y0: int, x1: int, y1: int, x: int) -> int:
    """y at x by the line through two points: files have parts that do not grow with their rows."""
    if x1 <= x0:
        return round(y1 * x / max(1, x1))
    slope = max(0.0, (y1 - y0) / (x1 - x0))
    return round(y1 + slope * (x - x1))


class _Round:
    """The run over some of the input, in a store of its own: what it took and what it made.

    `rates` are (documents, processor seconds) a byte, one pair a place.
    """

    def __init__(self, plan: RunPlan, folder: Path, budget: int, *, places: int) -> None:
        folder.mkdir()
        chosen = list(_sampled(plan, budget, places, folder))
        self.bytes = sum(piece.bytes for _, piece in chosen)
        self.rates: list[tuple[float, float]] = []
        self.documents = self.kept = 0
        self.seconds = 0.0
        part = _plan_of(plan, folder, chosen)
        clock = _clock(part)
        for task, (_, piece) in enumerate(chosen):
            started = clock()
            run_task(part, task)
            took = clock() - started
            rows = sum((part.layer(d.base, task).record() or {})["rows"] for d in part.datasets)
            self.documents += rows
            self.seconds += took
            self.rates.append((rows / max(1, piece.bytes), took / max(1, piece.bytes)))
        started = clock()
        for dataset, piece_out in outputs_of(part):
            Output(part, dataset, piece_out).write()
        self.seconds += clock() - started
        started = clock()
        for manifest, _ in finish(part, Store(folder)):
            self.kept += manifest.rows
        self.finish_seconds = clock() - started
        self.written = _size(folder / "datasets", "*.parquet")
        self.work = _size(folder / "work", "*.arrow")

    def error(self, column: int) -> float | None:
        """Standard error of the mean rate among places, as a share of it."""
        values = np.array([rate[column] for rate in self.rates])
        if len(values) < 2 or not values.mean():
            return None
        return float(values.std(ddof=1) / math.sqrt(len(values)) / values.mean())


def _clock(plan: RunPlan) -> Any:
    """Processor time; the time of day where a process of its own extracts pages."""
    extracted = any(file.format in EXTRACTED for file in plan.files)
    return time.perf_counter if extracted else time.process_time


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern))


def _plan_of(plan: RunPlan, folder: Path, chosen: Sequence[tuple[Surveyed, Piece]]) -> RunPlan:
    """The same recipe over the chosen pieces, one a task, in a store under `folder`."""
    read = replace(plan.recipe.input.read, max_bad_records=1 << 60)  # a sample judges no input
    recipe = replace(plan.recipe, input=replace(plan.recipe.input, read=read))
    files = [item for item, _ in chosen]
    tasks = tuple((replace(piece, file=k),) for k, (_, piece) in enumerate(chosen))
    return replace(make_plan(Store(folder), recipe, files), tasks=tasks)


def _sampled(
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
        if left <= 0:
            return
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
        for start, stop in _windows(item, piece, wanted, places):
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


__all__ = ["Estimate", "estimate"]
