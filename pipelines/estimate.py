"""`awase curate --dry-run`: what a run will cost, measured on a sample of its own input.

About 1 % of the input (at least 1 MB, at most 64 MB) is read, scored and keyed in this process,
from tasks spread over the input. Rules decide what would stay; duplicates are not looked for: the
bytes to write are an upper bound.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import Failed
from curation.base.store import Store
from curation.batch import Batch
from curation.plan import RunPlan, common, route
from curation.readers.records import BadRecords
from curation.run import attach, checked, key_columns, read_documents
from curation.steps import Step
from pipelines.curate import plan_run

SHARE = 0.01
LEAST_BYTES, MOST_BYTES = 1_000_000, 64_000_000
SAMPLED_TASKS = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """Sizes are UTF-8 bytes of text but for `written_bytes`, which is Parquet."""

    workers: int
    input_bytes: int
    sampled_bytes: int
    sampled_documents: int
    documents: int
    kept_documents: int
    core_hours: float
    wall_seconds: float
    written_bytes: int

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        yield (
            f"sampled {self.sampled_documents:,} documents, {self.sampled_bytes:,} of about "
            f"{self.input_bytes:,} bytes"
        )
        kept = f"{self.kept_documents:,} pass the rules"
        yield f"documents: about {self.documents:,}, of which {kept}"
        yield f"work: about {self.core_hours:.3f} core-hours"
        yield f"time: about {self.wall_seconds:,.0f} s with {self.workers} workers"
        yield f"to write: at most about {self.written_bytes:,} bytes, and as much for work files"


def estimate(
    recipe: str | Path, inputs: Sequence[str | Path], store: Store, *, workers: int
) -> Estimate:
    """Measure a sample of the run, committing nothing; Failed where it has no document."""
    plan = plan_run(recipe, inputs, store, workers=workers)
    total = sum(piece.bytes for task in plan.tasks for piece in task)
    budget = int(min(max(total * SHARE, LEAST_BYTES), MOST_BYTES))
    sample = _Sample(plan)
    for batch in _spread(plan, budget):
        sample.add(batch)
    if not sample.documents:
        raise Failed("the sample of the input holds no document; nothing can be estimated")
    scale = total / max(1, sample.bytes)
    seconds = sample.seconds * scale
    return Estimate(
        workers,
        total,
        sample.bytes,
        sample.documents,
        round(sample.documents * scale),
        round(sample.kept * scale),
        seconds / 3600,
        seconds / min(workers, len(plan.tasks)),
        round(sample.written * scale),
    )


def _spread(plan: RunPlan, budget: int) -> Iterator[Batch]:
    """Batches of up to 16 tasks over the input, about `budget` bytes in all."""
    places = np.unique(np.linspace(0, len(plan.tasks) - 1, SAMPLED_TASKS).astype(int)).tolist()
    bad = BadRecords(limit=1 << 60)  # a sample does not judge the input
    for task in places:
        left = budget / len(places)
        for batch in read_documents(plan, task, bad):
            share = min(1.0, left / max(1, batch.text.nbytes))
            rows = max(1, round(len(batch) * share))
            yield batch.take(pa.array(np.arange(rows)))
            left -= batch.text.nbytes
            if left <= 0:
                break


class _Sample:
    """Runs batches through all steps and adds up what they cost and what would stay."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.bytes = self.documents = self.kept = self.written = 0
        self.seconds = 0.0

    def add(self, batch: Batch) -> None:
        self.documents += len(batch)
        self.bytes += int(batch.text.nbytes)
        started = time.process_time()
        failed = np.zeros(len(batch), np.bool_)
        for step in common(self.plan.recipe):
            failed |= self._apply(step, batch)
        labels = batch.columns["language.label"].to_pylist()
        routes = route(labels, batch.columns["language.score"].to_numpy(), self.plan.recipe)
        failed |= routes < 0
        for dataset in self.plan.datasets:
            rows = np.flatnonzero(np.maximum(routes, 0) == dataset.index)
            if not len(rows):
                continue
            part = batch.take(pa.array(rows))
            dropped = failed[rows]
            for step in dataset.recipe.steps:
                dropped = dropped | self._apply(step, part)
            key_columns(dataset, part.text, {})
            self._write(part.take(pa.array(np.flatnonzero(~dropped))))
        self.seconds += time.process_time() - started

    def _apply(self, step: Step, batch: Batch) -> np.ndarray[Any, np.dtype[np.bool_]]:
        scored = checked(step, batch, {})
        attach(step, batch, scored)
        failed = np.zeros(len(batch), np.bool_)
        for rule in step.rules:
            if not rule.annotate:
                failed |= rule.failed(scored.scores)
        return failed

    def _write(self, kept: Batch) -> None:
        self.kept += len(kept)
        sink = io.BytesIO()
        table = pa.table({"text": kept.text, **kept.columns})
        pq.write_table(table, sink, compression="zstd", compression_level=3)
        self.written += len(sink.getvalue()) if len(kept) else 0


__all__ = ["Estimate", "estimate"]
