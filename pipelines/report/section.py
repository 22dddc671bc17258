"""The part of a report about one dataset, as HTML: made by a worker, kept until the page is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from curation.base.store import Store, to_json, write_atomic
from curation.decide import decide
from curation.plan import EXACT_REASON, KEEP_REASON, NEAR_REASON, DatasetPlan, Reason, RunPlan
from curation.shards.manifest import DatasetManifest, load
from pipelines.report.charts import histogram
from pipelines.report.evaluation import evaluations
from pipelines.report.examples import examples_of
from pipelines.report.gather import (
    Amount,
    FunnelRow,
    audit_of,
    changes,
    funnel,
    statistic,
    top_values,
)

_TABLES = (  # title, head of the first column, column of the audit
    ("Languages", "language", "language"),
    ("Sources", "source", "source"),
    ("Licences", "licence", "license"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says of a dataset, and what its sums over datasets are made of."""

    name: str
    total: Amount
    kept: Amount
    repeated_ids: int
    html: Markup


def section_path(plan: RunPlan, number: int) -> Path:
    return plan.folder() / "report" / f"{number:05d}.json"


def write_section(plan: RunPlan, number: int, digest: str) -> None:
    """Write the section of dataset `number`, whose version is `digest`."""
    dataset = plan.datasets[number]
    section = _section(plan, dataset, load(Store(plan.store), dataset.name, digest))
    amounts = {
        name: [amount.documents, amount.bytes]
        for name, amount in (("total", section.total), ("kept", section.kept))
    }
    document = amounts | {"repeated_ids": section.repeated_ids, "html": str(section.html)}
    write_atomic(section_path(plan, number), to_json(document))


def read_section(plan: RunPlan, number: int) -> Section:
    found = json.loads(section_path(plan, number).read_bytes())
    html = Markup(found["html"])  # noqa: S704  (what `write_section` wrote: escaped by its template)
    total, kept = Amount(*found["total"]), Amount(*found["kept"])
    return Section(plan.datasets[number].name, total, kept, found["repeated_ids"], html)


def environment() -> Environment:
    """Templates that escape what they are given, with the filters of a report."""
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    found.filters |= {
        "number": lambda value: f"{value:,}",
        "size": size,
        "share": lambda part, whole: f"{100 * part / whole:.1f} %" if whole else "–",
        "width": lambda part, whole: f"{100 * part / whole:.2f}" if whole else "0",
        "condition": condition,
        "breakable": breakable,
        "total": lambda rows, place: add(row[place] for row in rows),
    }
    return found


def template(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _section(plan: RunPlan, dataset: DatasetPlan, manifest: DatasetManifest) -> Section:
    audit = audit_of(plan, dataset)
    counted = funnel(audit, plan, dataset)
    repeated = plan.repeated_ids + int(decide(plan, dataset).renamed.sum())
    values: dict[str, Any] = {
        "name": dataset.name,
        "reference": manifest.reference,
        "repeated_ids": repeated,
        "funnel": counted,
        "histograms": list(_histograms(audit, counted.rows)),
        "examples": _examples(plan, dataset, audit, counted.rows),
        "evaluations": evaluations(plan, dataset, audit),
        "changes": changes(audit, dataset),
        "tables": [(title, head, top_values(audit, name)) for title, head, name in _TABLES],
    }
    page = environment().from_string(template("section.html.j2")).render(dataset=values)
    html = Markup(page)  # noqa: S704  (escaped by the template)
    return Section(dataset.name, counted.total, counted.kept, repeated, html)


def _histograms(audit: Sequence[Path], rows: Sequence[FunnelRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        values = statistic(audit, row.reason)
        if values is not None and row.reason.rule is not None:
            yield {"reason": row.reason, "svg": histogram(values, row.reason.rule)}


def _examples(
    plan: RunPlan, dataset: DatasetPlan, audit: Sequence[Path], rows: Sequence[FunnelRow]
) -> list[dict[str, Any]]:
    dropping = [row for row in rows if row.first.documents]
    shown = examples_of(plan, dataset, audit, [row.reason for row in dropping])
    return [
        {"reason": r.reason, "count": r.first.documents, "examples": shown[r.reason.name]}
        for r in dropping
    ]


def condition(reason: Reason) -> str:
    """What a reason means, for a reader."""
    if reason.rule is not None:
        return f"{reason.rule.statistic} {reason.rule.op} {reason.rule.threshold}"
    return {
        EXACT_REASON: "its matching key came before",
        NEAR_REASON: "a MinHash band came before",
        KEEP_REASON: "the recipe's keep condition is not true",
    }.get(reason.name, "its language fits no dataset")


def breakable(name: str) -> Markup:
    """`characters.few_japanese`, which a narrow column may break behind '.' and '_'."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])(?=[a-z])", name))


def size(value: int) -> str:
    """Bytes for people, in powers of ten."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def add(amounts: Iterable[Amount]) -> Amount:
    every = list(amounts)
    return Amount(sum(a.documents for a in every), sum(a.bytes for a in every))
