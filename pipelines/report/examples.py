"""Dropped documents for the report, and the part of each that its rule is about.

Which part that is `marks` finds, on the text as it was stored: as it ended, not as it stood at the
step. For what no place explains (a document that is too short, a language) nothing is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup, escape

from curation.base.store import Store
from curation.plan import EXACT_REASON, LANGUAGE_REASON, NEAR_REASON, Reason
from curation.shards.manifest import DataFile, DatasetManifest, Shard
from curation.steps import column
from pipelines.report.gather import audit_columns, statistic
from pipelines.report.marks import Span, marks

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
    value: str
    note: str
    excerpt: Markup


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document to be shown: its row among the dropped and of the audit, and a note on it."""

    dropped: int
    audit: int
    note: str


def examples_of(
    store: Store, manifest: DatasetManifest, reasons: Sequence[Reason]
) -> dict[str, list[Example]]:
    """By reason, up to 20 documents that it dropped first, evenly spaced over the input.

    Audit and dropped text are each read once, whatever the number of reasons.
    """
    chosen = _chosen(store, manifest, reasons)
    owners = {one.dropped: (reason, one) for reason in reasons for one in chosen[reason.name]}
    values = {r.name: _values(store, manifest, r, chosen[r.name]) for r in reasons}
    found: dict[str, list[Example]] = {reason.name: [] for reason in reasons}
    rows = sorted(owners)
    for at, row in zip(rows, texts_at(store, manifest, manifest.dropped, rows), strict=True):
        reason, one = owners[at]
        shown = excerpt(row["text"], marks_of(row["text"], reason))
        value = values[reason.name].get(one.audit, "")
        found[reason.name].append(Example(row["id"], value, one.note, shown))
    return found


def _values(
    store: Store, manifest: DatasetManifest, reason: Reason, chosen: Sequence[Chosen]
) -> dict[int, str]:
    """The reason's statistic of these documents, by row of the audit, where it is a number."""
    values = statistic(store, manifest, reason) if chosen else None
    if values is None:
        return {}
    return {
        one.audit: f"{values[one.audit]:.4g}" for one in chosen if not np.isnan(values[one.audit])
    }


def marks_of(text: str, reason: Reason) -> list[Span]:
    """Where a reason bites in a text; none where it is no rule of a step."""
    if reason.step is None or reason.rule is None:
        return []
    return marks(text, reason.step, reason.rule)


def _chosen(
    store: Store, manifest: DatasetManifest, reasons: Sequence[Reason]
) -> dict[str, list[Chosen]]:
    noted = {reason.name: _noted(reason) for reason in reasons}
    names = pa.array([reason.name for reason in reasons], pa.string())
    columns = dict.fromkeys(["kept", "reason", *(c for more in noted.values() for c in more)])
    found: dict[str, list[Chosen]] = {reason.name: [] for reason in reasons}
    dropped_before = audit_before = 0
    for table in audit_columns(store, manifest, list(columns)):
        kept = table.column("kept").to_numpy(zero_copy_only=False)
        order = np.cumsum(~kept) - 1 + dropped_before
        place = pc.fill_null(pc.index_in(table.column("reason"), names), -1).to_numpy()
        for number, reason in enumerate(reasons):
            hits = np.flatnonzero(place == number)
            some = hits[_spread(len(hits))]
            rows = table.select(noted[reason.name]).take(pa.array(some)).to_pylist()
            found[reason.name] += [
                Chosen(int(order[row]), audit_before + int(row), _note(reason, values))
                for row, values in zip(some, rows or [{}] * len(some), strict=True)
            ]
        dropped_before += int((~kept).sum())
        audit_before += len(kept)
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


def texts_at(
    store: Store, manifest: DatasetManifest, files: Sequence[DataFile | Shard], rows: Sequence[int]
) -> Iterator[dict[str, str]]:
    """id and text of some documents of the dropped files or the shards, by row (ascending)."""
    wanted = list(rows)
    first = 0
    for item in files:
        with pq.ParquetFile(manifest.file(store, item)) as file:
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                here = [row - first for row in wanted if first <= row < first + count]
                if here:
                    table = file.read_row_group(group, columns=["id", "text"])
                    yield from table.take(pa.array(here)).to_pylist()
                first += count


def excerpt(text: str, marked: Sequence[Span]) -> Markup:
    """Some hundred characters around the first mark, escaped, with marks as <mark>."""
    start = max(0, marked[0][0] - BEFORE_CHARACTERS) if marked else 0
    if marked:  # a third of the lines, at most, lies before the mark
        before = _LINE.findall(text[start : marked[0][0]])
        start += len("".join(before[: -SHOWN_LINES // 3]))
    lines = _LINE.findall(text[start : start + SHOWN_CHARACTERS])
    stop = start + len("".join(lines[:SHOWN_LINES]))
    pieces = [Markup("… ") if start else Markup("")]
    place = start
    for left, right in marked:
        left, right = max(left, place), min(right, stop)
        if left >= right:
            continue
        pieces += [escape(text[place:left]), Markup("<mark>{}</mark>").format(text[left:right])]
        place = right
    pieces.append(escape(text[place:stop]))
    pieces.append(Markup(" …") if stop < len(text) else Markup(""))
    shown = Markup("").join(pieces)
    return Markup(_BLANK_LINES.sub("\n", shown))  # noqa: S704  (escaped above)
