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
from pipelines.report.gather import audit_columns
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


def examples_of(
    store: Store,
    manifest: DatasetManifest,
    reason: Reason,
    values: npt.NDArray[np.float64] | None,
) -> list[Example]:
    """Up to 20 documents whose first reason this is, evenly spaced over the input."""
    chosen = _chosen(store, manifest, reason)
    if not chosen:
        return []
    found = []
    rows = texts_at(store, manifest, manifest.dropped, [dropped for dropped, _, _ in chosen])
    for (_, audit, note), row in zip(chosen, rows, strict=True):
        text = row["text"]
        value = "" if values is None or np.isnan(values[audit]) else f"{values[audit]:.4g}"
        found.append(Example(row["id"], value, note, excerpt(text, marks_of(text, reason))))
    return found


def marks_of(text: str, reason: Reason) -> list[Span]:
    """Where a reason bites in a text; none where it is no rule of a step."""
    if reason.step is None or reason.rule is None:
        return []
    return marks(text, reason.step, reason.rule)


def _chosen(store: Store, manifest: DatasetManifest, reason: Reason) -> list[tuple[int, int, str]]:
    """(row among the dropped, row of the audit, what else a reader wants to know)."""
    name = reason.name
    more = [column(reason.step, s) for s in getattr(reason.step, "noted", ()) if reason.step]
    found: list[tuple[int, int, str]] = []
    dropped_before = audit_before = 0
    for table in audit_columns(store, manifest, ["kept", "reason", *_NOTED.get(name, more)]):
        kept = table.column("kept").to_numpy(zero_copy_only=False)
        order = np.cumsum(~kept) - 1 + dropped_before
        hits = np.flatnonzero(
            pc.fill_null(pc.equal(table.column("reason"), name), False).to_numpy(
                zero_copy_only=False
            )
        )
        some = hits[_spread(len(hits))]
        notes = [_note(reason, row) for row in table.take(pa.array(some)).to_pylist()]
        found += [
            (int(order[row]), audit_before + int(row), note)
            for row, note in zip(some, notes, strict=True)
        ]
        dropped_before += int((~kept).sum())
        audit_before += len(kept)
    return [found[k] for k in _spread(len(found)).tolist()]


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
