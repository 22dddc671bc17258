"""Dropped documents for the report, and the part of each that its rule is about.

Which part that is `marks` finds, on the text as the rule's step saw it. For what no place explains
(a document that is too short, a language) nothing is marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup, escape

from curation.plan import (
    EXACT_REASON,
    LANGUAGE_REASON,
    NEAR_REASON,
    DatasetPlan,
    Reason,
    RunPlan,
)
from curation.steps import column
from pipelines.report.finders import Span
from pipelines.report.gather import audit_columns, statistic
from pipelines.report.marks import marks
from pipelines.report.texts import stage, texts_seen

EXAMPLES = 20
SHOWN_CHARACTERS = 420
BEFORE_CHARACTERS = 120
SHOWN_LINES = 12

# Audit columns that say more about a reason than its own value does.
_NOTED = {
    EXACT_REASON: ("duplicate_of",),
    NEAR_REASON: ("duplicate_of",),
    LANGUAGE_REASON: ("language.label", "language.score"),
}
_LINE = re.compile(r"[^\n]+\n*|\n+")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class Example:
    id: str
    language: str  # as identified; "" where there is none
    value: str
    note: str
    excerpt: Markup


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document to be shown: its row of the audit, its id and language, and a note on it."""

    row: int
    id: str
    language: str
    note: str


def examples_of(
    plan: RunPlan, dataset: DatasetPlan, audit: Sequence[Path], reasons: Sequence[Reason]
) -> dict[str, list[Example]]:
    """By reason, up to 20 documents that it dropped first, evenly spaced over the input.

    Of the layers, the batches that hold one of them are read, once, whatever the reasons.
    """
    chosen = _chosen(audit, reasons)
    stages = {reason.name: stage(reason, dataset) for reason in reasons}
    wanted = {one.row: stages[name] for name, every in chosen.items() for one in every}
    texts = texts_seen(plan, dataset, wanted)
    found: dict[str, list[Example]] = {}
    for reason in reasons:
        values = _values(audit, reason, chosen[reason.name])
        found[reason.name] = [
            Example(
                one.id,
                one.language,
                values.get(one.row, ""),
                one.note,
                excerpt(texts[one.row], marks_of(texts[one.row], reason)),
            )
            for one in chosen[reason.name]
        ]
    return found


def _values(audit: Sequence[Path], reason: Reason, chosen: Sequence[Chosen]) -> dict[int, str]:
    """The reason's statistic of these documents, by row of the audit, where it is a number."""
    values = statistic(audit, reason) if chosen else None
    if values is None:
        return {}
    found = {one.row: float(values[one.row]) for one in chosen}
    return {
        row: f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        for row, value in found.items()
        if not np.isnan(value)
    }


def marks_of(text: str, reason: Reason) -> list[Span]:
    """Where a reason bites in a text; none where it is no rule of a step."""
    if reason.step is None or reason.rule is None:
        return []
    return marks(text, reason.step, reason.rule)


def _chosen(audit: Sequence[Path], reasons: Sequence[Reason]) -> dict[str, list[Chosen]]:
    noted = {reason.name: ["id", "language", *_noted(reason)] for reason in reasons}
    names = pa.array([reason.name for reason in reasons], pa.string())
    columns = dict.fromkeys(["reason", "id", "language", *(c for n in noted.values() for c in n)])
    found: dict[str, list[Chosen]] = {reason.name: [] for reason in reasons}
    before = 0
    for table in audit_columns(audit, list(columns)):
        place = pc.fill_null(pc.index_in(table.column("reason"), names), -1).to_numpy()
        for number, reason in enumerate(reasons):
            hits = np.flatnonzero(place == number)
            some = hits[_spread(len(hits))]
            rows = table.select(noted[reason.name]).take(pa.array(some)).to_pylist()
            found[reason.name] += [
                Chosen(before + int(row), seen["id"], seen["language"] or "", _note(reason, seen))
                for row, seen in zip(some, rows, strict=True)
            ]
        before += len(table)
    return {name: [some[k] for k in _spread(len(some)).tolist()] for name, some in found.items()}


def _noted(reason: Reason) -> list[str]:
    """The audit columns that its note is made of."""
    own = [column(reason.step, s) for s in getattr(reason.step, "noted", ()) if reason.step]
    return list(_NOTED.get(reason.name, own))


def _note(reason: Reason, row: Mapping[str, Any]) -> str:
    name = reason.name
    own = getattr(reason.step, "note", None)
    if own is not None:
        return str(own(row))
    if name == LANGUAGE_REASON:
        return f"{row['language.label']} {row['language.score']:.2f}"
    if name in _NOTED:
        return f"duplicate of {row['duplicate_of']}"
    return ""


def _spread(count: int) -> npt.NDArray[np.int64]:
    """Up to 20 of 0..count-1, evenly spaced."""
    if not count:
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(0, count - 1, EXAMPLES).astype(np.int64))


def excerpt(text: str, marked: Sequence[Span]) -> Markup:
    """Some hundred characters around the first mark, escaped, with marks as <mark>."""
    start = max(0, marked[0][0] - BEFORE_CHARACTERS) if marked else 0
    if marked:  # a third of the lines, at most, lies before the mark
        before = _LINE.findall(text[start : marked[0][0]])
        start += len("".join(before[: -SHOWN_LINES // 3]))
    lines = _LINE.findall(text[start : start + SHOWN_CHARACTERS])
    shown = "".join(lines[:SHOWN_LINES])
    more = start + len(shown) < len(text)
    stop = start + len(shown.rstrip())
    pieces = [Markup("… ") if start else Markup("")]
    place = start
    for left, right in marked:
        left, right = max(left, place), min(right, stop)
        if left >= right:
            continue
        bitten = Markup("<mark>{}</mark>").format(_line_ends_shown(text[left:right]))
        pieces += [escape(text[place:left]), bitten]
        place = right
    pieces += [escape(text[place:stop]), Markup(" …") if more else Markup("")]
    return Markup(_BLANK_LINES.sub("\n", Markup("").join(pieces)))  # noqa: S704  (escaped above)


def _line_ends_shown(marked: str) -> str:
    """A mark on line ends alone, as a reader can see it: ↵ for each, on one line."""
    if marked.strip(" \t\n"):
        return marked
    return "↵" * marked.count("\n") + "\n" if "\n" in marked else marked
