"""The evaluation sets of a run: what was looked for, and which documents hold most of it.

Recounted from the audit like all of a report. Documents are shown whatever became of them, so that
a step that only counts, or cuts, is seen at work too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from curation.base.store import Store
from curation.decontaminate.index import Coverage
from curation.decontaminate.step import Decontaminate
from curation.plan import DatasetPlan
from curation.shards.manifest import DatasetManifest
from curation.steps import column
from pipelines.report.examples import EXAMPLES, excerpt, texts_at
from pipelines.report.gather import audit_columns


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


def evaluations(store: Store, manifest: DatasetManifest, dataset: DatasetPlan) -> list[Evaluation]:
    """One for each step `decontaminate` of a dataset."""
    return [
        _evaluation(store, manifest, step)
        for step in dataset.recipe.steps
        if isinstance(step, Decontaminate)
    ]


def _evaluation(store: Store, manifest: DatasetManifest, step: Decontaminate) -> Evaluation:
    own = [statistic.name for statistic in step.statistics]
    names = [column(step, name) for name in own]
    touched = np.zeros(len(step.spec.sets), np.int64)
    held = np.zeros(len(step.spec.sets), np.int64)
    items: list[set[str]] = [set() for _ in step.spec.sets]
    index = pa.array([item.name for item in step.spec.sets], pa.string())
    best: list[tuple[float, int, int, dict[str, Any]]] = []
    seen = {True: 0, False: 0}
    for table in audit_columns(store, manifest, ["kept", "id", "reason", *names]):
        scores = {name: table.column(column(step, name)) for name in own}
        where = pc.fill_null(pc.index_in(scores["set"], index), -1).to_numpy()
        fails = np.zeros(len(table), np.bool_)
        for rule in step.rules:
            fails |= rule.failed(scores)
        touched += np.bincount(where[where >= 0], minlength=len(touched))
        held += np.bincount(where[(where >= 0) & fails], minlength=len(held))
        for row in np.flatnonzero((where >= 0) & fails).tolist():
            items[where[row]].add(scores["item"][row].as_py())
        kept = table.column("kept").to_numpy(zero_copy_only=False)
        share = scores["item_share"].to_numpy()
        place = np.where(kept, np.cumsum(kept) - 1, np.cumsum(~kept) - 1)
        for row in _most(share):
            state = bool(kept[row])
            found = table.slice(row, 1).to_pylist()[0]
            best.append((-float(share[row]), len(best), seen[state] + int(place[row]), found))
        best = sorted(best, key=lambda entry: entry[:2])[:EXAMPLES]
        best = [(share, k, at, row) for k, (share, _, at, row) in enumerate(best)]
        seen[True] += int(kept.sum())
        seen[False] += int((~kept).sum())
    sets = [
        SetRow(source.name, source.license, source.digest, found, int(t), int(h), len(held_items))
        for source, found, t, h, held_items in zip(
            step.spec.sets, step.coverage, touched, held, items, strict=True
        )
    ]
    return Evaluation(step.name, step.action, tuple(sets), _holders(store, manifest, step, best))


def _most(share: Any) -> list[int]:
    """The rows with the greatest share over 0, the first of equals first."""
    order = np.argsort(-share, kind="stable")[:EXAMPLES]
    return [int(row) for row in order if share[row] > 0]


def _holders(
    store: Store,
    manifest: DatasetManifest,
    step: Decontaminate,
    best: Sequence[tuple[float, int, int, Mapping[str, Any]]],
) -> tuple[Holder, ...]:
    texts: dict[int, str] = {}
    for kept, files in ((True, manifest.shards), (False, manifest.dropped)):
        chosen = sorted((at, k) for k, (_, _, at, row) in enumerate(best) if row["kept"] == kept)
        rows = texts_at(store, manifest, files, [at for at, _ in chosen])
        for (_, k), row in zip(chosen, rows, strict=True):
            texts[k] = row["text"]
    return tuple(
        Holder(
            row["id"],
            "kept" if row["kept"] else f"dropped by {row['reason']}",
            f"{-share:.2f}",
            step.note(row),
            excerpt(texts[k], step.shared(texts[k])),
        )
        for k, (share, _, _, row) in enumerate(best)
    )
