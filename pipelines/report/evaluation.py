"""The evaluation sets of a run: what was looked for, and which documents hold most of it.

Recounted from the audit like all of a report. Documents are shown whatever became of them, so that
a step that only counts, or cuts, is seen at work too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from curation.decontaminate.index import Coverage
from curation.decontaminate.step import Decontaminate
from curation.plan import DatasetPlan, RunPlan
from curation.steps import column
from pipelines.report.examples import EXAMPLES, excerpt
from pipelines.report.gather import audit_columns
from pipelines.report.texts import texts_seen


@dataclass(frozen=True, slots=True)
class SetRow:
    """One evaluation set: how its texts are looked for, documents by the item they hold most of."""

    name: str
    license: str
    digest: str
    coverage: Coverage
    touched: int  # documents with any overlap
    held: int  # documents that fail a rule of the step
    items: int  # different items among those


@dataclass(frozen=True, slots=True)
class Holder:
    """A document that holds much of an item."""

    id: str
    language: str
    state: str  # kept, or its first reason
    item_share: str
    note: str
    excerpt: Markup


@dataclass(frozen=True, slots=True)
class Evaluation:
    step: str
    action: str
    sets: tuple[SetRow, ...]
    holders: tuple[Holder, ...]


def evaluations(plan: RunPlan, dataset: DatasetPlan, audit: Sequence[Path]) -> list[Evaluation]:
    """One for each step `decontaminate` of a dataset."""
    return [
        _evaluation(plan, dataset, audit, number)
        for number, step in enumerate(dataset.recipe.steps)
        if isinstance(step, Decontaminate)
    ]


def _evaluation(
    plan: RunPlan, dataset: DatasetPlan, audit: Sequence[Path], number: int
) -> Evaluation:
    step = dataset.recipe.steps[number]
    assert isinstance(step, Decontaminate)
    own = [statistic.name for statistic in step.statistics]
    names = [column(step, name) for name in own]
    touched = np.zeros(len(step.spec.sets), np.int64)
    held = np.zeros(len(step.spec.sets), np.int64)
    items: list[set[str]] = [set() for _ in step.spec.sets]
    index = pa.array([item.name for item in step.spec.sets], pa.string())
    best: list[tuple[float, int, dict[str, Any]]] = []
    before = 0
    for table in audit_columns(audit, ["kept", "id", "language", "reason", *names]):
        scores = {name: table.column(column(step, name)) for name in own}
        where = pc.fill_null(pc.index_in(scores["set"], index), -1).to_numpy()
        fails = np.zeros(len(table), np.bool_)
        for rule in step.rules:
            fails |= rule.failed(scores)
        touched += np.bincount(where[where >= 0], minlength=len(touched))
        held += np.bincount(where[(where >= 0) & fails], minlength=len(held))
        for row in np.flatnonzero((where >= 0) & fails).tolist():
            items[where[row]].add(scores["item"][row].as_py())
        share = scores["item_share"].to_numpy()
        best += [
            (-float(share[row]), before + row, table.slice(row, 1).to_pylist()[0])
            for row in _most(share)
        ]
        best = sorted(best, key=lambda entry: entry[:2])[:EXAMPLES]
        before += len(table)
    sets = [
        SetRow(source.name, source.license, source.digest, found, int(t), int(h), len(held_items))
        for source, found, t, h, held_items in zip(
            step.spec.sets, step.coverage, touched, held, items, strict=True
        )
    ]
    texts = texts_seen(plan, dataset, {row: number for _, row, _ in best})
    holders = tuple(
        Holder(
            found["id"],
            found["language"] or "",
            "kept" if found["kept"] else f"dropped by {found['reason']}",
            f"{-share:.2f}",
            step.note(found),
            excerpt(texts[row], step.shared(texts[row])),
        )
        for share, row, found in best
    )
    return Evaluation(step.name, step.action, tuple(sets), holders)


def _most(share: Any) -> list[int]:
    """The rows with the greatest share over 0, the first of equals first."""
    order = np.argsort(-share, kind="stable")[:EXAMPLES]
    return [int(row) for row in order if share[row] > 0]
