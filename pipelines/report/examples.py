"""Dropped documents for the report, and the part of each that its rule is about.

A step may say where it bites (`Scored.spans`). For others the part is found here from the
statistic's name: repeated lines, short lines, bullets, odd characters; for what no place explains
(a document that is too short, a language) nothing is marked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup, escape

from curation.base.store import Store
from curation.plan import EXACT_REASON, NEAR_REASON, Reason
from curation.shards.manifest import DatasetManifest
from pipelines.report.gather import audit_columns

EXAMPLES = 20
SHOWN_CHARACTERS = 420
BEFORE_CHARACTERS = 120

_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")

Span = tuple[int, int]  # characters


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
    chosen = _chosen(store, manifest, reason.name)
    if not chosen:
        return []
    found = []
    rows = _dropped_rows(store, manifest, [dropped for dropped, _, _ in chosen])
    for (_, audit, target), row in zip(chosen, rows, strict=True):
        text = row["text"]
        value = "" if values is None or np.isnan(values[audit]) else f"{values[audit]:.4g}"
        note = f"duplicate of {target}" if target else ""
        found.append(Example(row["id"], value, note, excerpt(text, spans(text, reason))))
    return found


def _chosen(
    store: Store, manifest: DatasetManifest, name: str
) -> list[tuple[int, int, str | None]]:
    """(row among the dropped, row of the audit, id of the document it duplicates)."""
    found: list[tuple[int, int, str | None]] = []
    dropped_before = audit_before = 0
    for table in audit_columns(store, manifest, ["kept", "reason", "duplicate_of"]):
        kept = table.column("kept").to_numpy(zero_copy_only=False)
        order = np.cumsum(~kept) - 1 + dropped_before
        hits = np.flatnonzero(
            pc.fill_null(pc.equal(table.column("reason"), name), False).to_numpy(
                zero_copy_only=False
            )
        )
        targets = table.column("duplicate_of")
        if name not in (EXACT_REASON, NEAR_REASON):
            targets = pa.nulls(len(table), pa.string())
        some = hits[_spread(len(hits))]
        found += [
            (int(order[row]), audit_before + int(row), targets[int(row)].as_py()) for row in some
        ]
        dropped_before += int((~kept).sum())
        audit_before += len(kept)
    return [found[k] for k in _spread(len(found)).tolist()]


def _spread(count: int) -> npt.NDArray[np.int64]:
    """Up to 20 of 0..count-1, evenly spaced."""
    if not count:
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(0, count - 1, EXAMPLES).astype(np.int64))


def _dropped_rows(
    store: Store, manifest: DatasetManifest, rows: Sequence[int]
) -> Iterator[dict[str, str]]:
    """id and text of some dropped documents, by their rows (ascending)."""
    wanted = list(rows)
    first = 0
    for item in manifest.dropped:
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
    stop = min(len(text), start + SHOWN_CHARACTERS)
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


def spans(text: str, reason: Reason) -> list[Span]:
    """Where a rule bites in a text, in order and apart; empty where no place explains it."""
    if reason.rule is None or reason.step is None:
        return []
    found = _told(text, reason)
    if found is None:
        name = f"{reason.rule.statistic} {reason.rule.reason}"
        finder = next((f for key, f in _FINDERS if key in name), None)
        found = [] if finder is None else list(finder(text))
    return _apart(found)


def _told(text: str, reason: Reason) -> list[Span] | None:
    """The spans that the step itself gives for this text."""
    assert reason.step is not None
    assert reason.rule is not None
    if not getattr(reason.step, "gives_spans", False):
        return None
    scored = reason.step.score(pa.array([text], pa.large_string()), {})
    if reason.rule.reason not in scored.spans:
        return None
    data = text.encode()
    return [
        (len(data[:left].decode(errors="ignore")), len(data[:right].decode(errors="ignore")))
        for _, left, right in scored.spans[reason.rule.reason].tolist()
    ]


def _apart(found: Sequence[Span]) -> list[Span]:
    answer: list[Span] = []
    for left, right in sorted(found):
        if answer and left <= answer[-1][1]:
            answer[-1] = (answer[-1][0], max(right, answer[-1][1]))
        elif right > left:
            answer.append((left, right))
    return answer


def _matches(pattern: str) -> Callable[[str], Iterator[Span]]:
    compiled = re.compile(pattern)
    return lambda text: (match.span() for match in compiled.finditer(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    place = 0
    for line in text.split("\n"):
        yield place, line
        place += len(line) + 1


def _repeated_lines(text: str) -> Iterator[Span]:
    seen: Counter[str] = Counter()
    for place, line in _lines(text):
        key = line.strip()
        if key and seen[key]:
            yield place, place + len(line)
        seen[key] += 1


def _short_lines(text: str) -> Iterator[Span]:
    return ((p, p + len(line)) for p, line in _lines(text) if 0 < len(line.strip()) <= 10)


def _unended_lines(text: str) -> Iterator[Span]:
    ends = tuple("。．！？!?.…」』\"'”’)）")
    return (
        (p, p + len(line))
        for p, line in _lines(text)
        if line.strip() and not line.rstrip().endswith(ends)
    )


def _repeated_grams(text: str) -> Iterator[Span]:
    """Runs of ten characters that came before."""
    seen: set[str] = set()
    for place in range(min(len(text), 20_000) - 10):
        gram = text[place : place + 10]
        if gram in seen:
            yield place, place + 10
        seen.add(gram)


# The first key that occurs in "<statistic> <reason>" decides.
_FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("replacement", _matches("\ufffd+")),
    ("mojibake", _matches("[縺繧繝譁]+")),
    ("broken_decoding", _matches("\ufffd+")),
    ("short_line", _short_lines),
    ("short_fraction", _short_lines),
    ("bullet", _matches(r"(?m)^\s*[-*•●‣・].*$")),
    ("ellips", _matches(r"(?m)^.*(?:\.\.\.|…|‥)\s*$")),
    ("unended", _unended_lines),
    ("line_punct", _unended_lines),
    ("gram", _repeated_grams),
    ("dup", _repeated_lines),
    ("repeated", _repeated_lines),
    ("katakana", _matches("[\u30a1-\u30ff]+")),
    ("hiragana", _matches("[^\u3041-\u309f\\s]+")),
    ("japanese", _matches("[^\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff々〇〻ー\\s、。]+")),
    ("symbol", _matches(r"[^\w\s]+")),
    ("digit", _matches(r"\d+")),
    ("letters", _matches(r"[^A-Za-z\s]+")),
    ("lorem", _matches("(?i)lorem ipsum")),
    ("curly", _matches("[{}]")),
    ("javascript", _matches("(?i).*javascript.*")),
    ("polic", _matches("(?i).*(?:terms of use|privacy policy|cookie policy|uses cookies).*")),
)
