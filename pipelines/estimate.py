"""`awase curate --dry-run`: what a run will cost, measured by running it on a sample of its input.

About 1 % of the input (at least 12 MB, at most 64 MB), from up to 48 places spread over it, goes
through the whole run, from the reader to the report, in a store of its own that is then removed.
First a few documents go through it twice: the first time takes what a process pays once (models,
compiled kernels), the second what does not grow with the input (files of a task, the frame of the
report). The tasks of the sample are run twice as well: what the first time takes more is what a
worker learns, as the words of a language. The rest is scaled by bytes of input. Time in which numba
compiles is left out: a machine pays it once. Duplicates lie too far apart for a sample to meet.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.base.errors import Failed
from curation.base.store import Store
from curation.extraction import FORMATS as EXTRACTED
from curation.output import Output
from curation.plan import RunPlan, make_plan
from curation.readers.records import BadRecords
from curation.readers.survey import Piece, Surveyed
from curation.run import read_documents, run_task, warm_up
from pipelines.compiling import say_when_compiling
from pipelines.curate import plan_run
from pipelines.execute import finish, outputs_of
from pipelines.report.examples import EXAMPLES
from pipelines.sample import sampled

SHARE = 0.01
LEAST_BYTES, MOST_BYTES = 12_000_000, 64_000_000
PLACES = 48
FIRST_PLACES = 16
FIRST_BYTES = 320_000  # of the rounds that take what is paid once, and by the task
WARM_DOCUMENTS = 8
# New words of n times as much text grow by n to this (Heaps' law: H. S. Heaps, Information
# Retrieval, 1978: 0.4 to 0.6 for words without marks). What stands between spaces in English text
# of 3 to 60 MB grew by 0.72 to 0.75.
HEAPS = 0.7
TASKS = 8  # of a sample; places are dealt out to them, so that each is spread over the input


@dataclass(frozen=True, slots=True)
class Estimate:
    """`input_bytes` and `sampled_bytes` are of plain input; `written_bytes` are of all files of the
    versions, `work_bytes` of the layers that a run keeps beside them. `*_error` is one standard
    error among parts of the sample as a share of the figure, None for a single one."""

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
    import pipelines.executors  # noqa: F401  (a run imports it, so its time is part of the start)

    compilations = say_when_compiling()
    imports = time.process_time()
    plan = plan_run(recipe, inputs, store, workers=workers)
    total = sum(piece.bytes for task in plan.tasks for piece in task)
    budget = int(min(max(total * SHARE, LEAST_BYTES), MOST_BYTES))
    with tempfile.TemporaryDirectory(prefix="awase-dry-run-") as name:
        started = time.process_time()
        _warm(plan)
        _Round(plan, Path(name) / "warm", FIRST_BYTES, places=FIRST_PLACES)
        warmed = time.process_time()
        first = _Round(plan, Path(name) / "first", FIRST_BYTES, places=FIRST_PLACES)
        once = max(0.0, 2 * warmed - started - time.process_time() - compilations.seconds)
        found = _Round(plan, Path(name) / "sample", budget, places=PLACES)
        learnt = found.learnt(Path(name) / "again")
    if not found.documents:
        raise Failed("the sample of the input holds no document; nothing can be estimated")
    scale = total / found.bytes
    at_once = max(1, min(workers, len(plan.tasks)))
    # Workers are forked from one process that imports and loads beside the command's own imports.
    startup = imports + once + (imports if at_once > 1 else 0.0)
    work, finish = _seconds(
        first, found, total, tasks=len(plan.tasks), learnt=learnt, workers=at_once
    )
    return Estimate(
        workers=workers,
        input_bytes=total,
        sampled_bytes=found.bytes,
        sampled_documents=found.documents,
        places=found.places,
        documents=round(found.documents * scale),
        documents_error=found.error(0),
        kept_documents=round(found.kept * scale),
        core_hours=(startup + work + finish) / 3600,
        core_error=found.error(1),
        startup_seconds=startup,
        wall_seconds=imports + once + work / at_once + finish,
        written_bytes=round(_line(first.bytes, first.written, found.bytes, found.written, total)),
        work_bytes=round(found.work * scale),
    )


def _warm(plan: RunPlan) -> None:
    """Load and compile what a sample must not count as work."""
    for batch in read_documents(plan, 0, BadRecords(limit=1 << 60)):
        few = batch.take(pa.array(np.arange(min(len(batch), WARM_DOCUMENTS))))
        for _ in warm_up(plan.recipe, few):
            pass
        return


def _seconds(
    first: _Round, found: _Round, total: int, *, tasks: int, learnt: float, workers: int
) -> tuple[float, float]:
    """(of tasks and files, of decision and report) for `total` bytes in `tasks` tasks.

    Both rounds have as many tasks, so what a task takes whatever its size is where the line through
    them meets no bytes at all. Each worker learns what the sample took `learnt` seconds to learn;
    more text has ever fewer new words. What grows in a report are the examples of its reasons.
    """
    known = found.seconds - learnt  # as in `first`, whose documents had been met
    work, least = (_line(first.bytes, first.seconds, found.bytes, known, at) for at in (total, 0))
    work += max(0.0, least) * (tasks - len(found.rates)) / len(found.rates)
    work += learnt * workers * (total / workers / found.bytes) ** HEAPS
    shown = found.examples(total / found.bytes)
    finish = _line(
        first.examples(), first.finish_seconds, found.examples(), found.finish_seconds, shown
    )
    return work, finish


def _line(x0: float, y0: float, x1: float, y1: float, x: float) -> float:
    """y at x by the line through two points: files have parts that do not grow with their rows."""
    if x1 <= x0:
        return y1 * x / max(1, x1)
    slope = max(0.0, (y1 - y0) / (x1 - x0))
    return y1 + slope * (x - x1)


class _Round:
    """The run over some of the input, in a store of its own: what it took and what it made.

    `rates` are (documents, processor seconds) a byte, one pair a task.
    """

    def __init__(self, plan: RunPlan, folder: Path, budget: int, *, places: int) -> None:
        folder.mkdir()
        self.places, chosen = sampled(plan, budget, places, folder, tasks=TASKS)
        self.bytes = sum(piece.bytes for _, piece in chosen)
        self.rates: list[tuple[float, float]] = []
        self.documents = self.kept = 0
        self._repeat = partial(_plan_of, plan, chosen=chosen)
        part = self._repeat(folder)
        clock = _clock(part)
        self._took = list(_task_seconds(part))
        for task, (pieces, took) in enumerate(zip(part.tasks, self._took, strict=True)):
            size = max(1, sum(piece.bytes for piece in pieces))
            rows = sum((part.layer(d.base, task).record() or {})["rows"] for d in part.datasets)
            self.documents += rows
            self.rates.append((rows / size, took / size))
        self.seconds = sum(self._took)
        started = clock()
        for dataset, piece_out in outputs_of(part):
            Output(part, dataset, piece_out).write()
        self.seconds += clock() - started
        started = clock()
        self.dropped: list[int] = []  # documents a reason
        for done in finish(part, Store(folder)):
            self.kept += done.manifest.rows
            self.dropped += done.reasons.values()
        self.finish_seconds = clock() - started
        self.written = _size(folder / "datasets", "*.parquet")
        self.work = _size(folder / "work", "*.arrow")

    def examples(self, scale: float = 1.0) -> int:
        """Documents that the report shows, of `scale` times as many."""
        return sum(min(EXAMPLES, round(count * scale)) for count in self.dropped)

    def learnt(self, folder: Path) -> float:
        """Seconds that the tasks take less when all that they hold was met before."""
        folder.mkdir()
        return max(0.0, sum(self._took) - sum(_task_seconds(self._repeat(folder))))

    def error(self, column: int) -> float | None:
        """Standard error of the mean rate among tasks, as a share of it."""
        values = np.array([rate[column] for rate in self.rates])
        if len(values) < 2 or not values.mean():
            return None
        return float(values.std(ddof=1) / math.sqrt(len(values)) / values.mean())


def _clock(plan: RunPlan) -> Any:
    """Processor time; the time of day where a process of its own extracts pages."""
    extracted = any(file.format in EXTRACTED for file in plan.files)
    return time.perf_counter if extracted else time.process_time


def _task_seconds(plan: RunPlan) -> Iterator[float]:
    """Seconds of each task of a plan, which is run."""
    clock = _clock(plan)
    for task in range(len(plan.tasks)):
        started = clock()
        run_task(plan, task)
        yield clock() - started


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern))


def _plan_of(plan: RunPlan, folder: Path, chosen: Sequence[tuple[Surveyed, Piece]]) -> RunPlan:
    """The same recipe over the chosen pieces, dealt out to tasks, in a store under `folder`."""
    read = replace(plan.recipe.input.read, max_bad_records=1 << 60)  # a sample judges no input
    recipe = replace(plan.recipe, input=replace(plan.recipe.input, read=read))
    files = [item for item, _ in chosen]
    pieces = [replace(piece, file=k) for k, (_, piece) in enumerate(chosen)]
    tasks = tuple(tuple(pieces[k::TASKS]) for k in range(min(TASKS, len(pieces))))
    return replace(make_plan(Store(folder), recipe, files), tasks=tasks)


__all__ = ["Estimate", "estimate"]
