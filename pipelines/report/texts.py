"""Texts of documents as one of their steps saw them, from the layers of the run.

A later step may take lines away or join them, so a rule's offending part need not be in the text
that was stored. Personal data is masked all the same where the recipe masks it: a report is passed
on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

import pyarrow as pa

from curation.batch import ROW
from curation.pii import PersonalData
from curation.plan import LANGUAGE_REASON, DatasetPlan, Reason, RunPlan, rewrites
from curation.run import TEXT


def stage(reason: Reason, dataset: DatasetPlan) -> int:
    """The number of the first step whose change of the text comes after `reason` is judged: the
    rule's own step; 0 for what is judged before all of them; their count for what comes last."""
    steps = dataset.recipe.steps
    for number, step in enumerate(steps):
        if step is reason.step:
            return number
    before = reason.step is not None or reason.name == LANGUAGE_REASON
    return 0 if before else len(steps)


def texts_seen(plan: RunPlan, dataset: DatasetPlan, wanted: Mapping[int, int]) -> dict[int, str]:
    """The text of each document (by its row in the dataset's input order, which is the audit's)
    before the step of the number that `wanted` gives for it."""
    found: dict[int, str] = {}
    rows = sorted(wanted)
    for task, number, first, size in _batches(plan, dataset, rows):
        here = rows[bisect_left(rows, first) : bisect_left(rows, first + size)]
        if not here:
            continue
        texts = [plan.layer(dataset.base, task).batch(number, [TEXT]).column(0)]
        for step, layer in zip(dataset.recipe.steps, dataset.steps, strict=True):
            changed = plan.layer(layer, task).batch(number, [TEXT]) if rewrites(step) else None
            texts.append(None if changed is None else changed.column(0))
        for row in here:
            seen = [text[row - first] for text in texts[: wanted[row] + 1] if text is not None]
            text = next(value.as_py() for value in reversed(seen) if value.is_valid)
            found[row] = _masked(text, dataset, wanted[row])
    return found


def _batches(
    plan: RunPlan, dataset: DatasetPlan, rows: list[int]
) -> Iterator[tuple[int, int, int, int]]:
    """(task, batch, its first row, rows) of the tasks that hold one of these rows."""
    first = 0
    for task in range(len(plan.tasks)):
        layer = plan.layer(dataset.base, task)
        record = layer.record() or {"rows": 0}
        last = first + record["rows"]
        if bisect_left(rows, first) < bisect_left(rows, last):
            place = first
            for number, batch in enumerate(layer.batches([ROW])):
                yield task, number, place, len(batch)
                place += len(batch)
        first = last


def _masked(text: str, dataset: DatasetPlan, number: int) -> str:
    for step in dataset.recipe.steps[number:]:
        if isinstance(step, PersonalData):
            scored = step.score(pa.array([text], pa.large_string()), {})
            text = text if scored.text is None else scored.text[0].as_py()
    return text
