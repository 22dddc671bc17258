"""Put the numbers of a run into one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from curation.base.store import Store, write_atomic
from curation.plan import EXACT_REASON, KEEP_REASON, NEAR_REASON, DatasetPlan, Reason, RunPlan
from curation.run import check_bad_records
from curation.shards.manifest import DatasetManifest
from pipelines.report.charts import histogram
from pipelines.report.evaluation import evaluations
from pipelines.report.examples import examples_of
from pipelines.report.gather import (
    Amount,
    Throughput,
    funnel,
    statistic,
    throughput,
    top_values,
)

TEMPLATE = Path(__file__).with_name("page.html.j2")
MAX_INPUTS = 200
_TABLES = {"Languages": "language", "Sources": "source", "Licences": "license"}


def write_report(
    path: Path, plan: RunPlan, manifests: Sequence[DatasetManifest], store: Store
) -> None:
    """Write the report of a finished run to `path`, whole or not at all."""
    write_atomic(path, render(plan, manifests, store).encode())


def render(plan: RunPlan, manifests: Sequence[DatasetManifest], store: Store) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "size": size,
        "share": lambda part, whole: f"{100 * part / whole:.1f} %" if whole else "–",
        "width": lambda part, whole: f"{100 * part / whole:.2f}" if whole else "0",
        "condition": lambda reason: condition(reason, plan),
        "speed": _speed,
        "total": lambda rows, place: _sum([row[place] for row in rows]),
    }
    datasets = [
        _dataset(plan, dataset, manifest, store)
        for dataset, manifest in zip(plan.datasets, manifests, strict=True)
    ]
    bad, named = check_bad_records(plan)
    page = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        title=f"Curation report: {plan.recipe.name}",
        description=plan.recipe.description,
        fingerprint=plan.fingerprint,
        created=max(manifest.created for manifest in manifests),
        code_version=manifests[0].code_version,
        total=_sum([item["funnel"].total for item in datasets]),
        kept=_sum([item["funnel"].kept for item in datasets]),
        bad_records=bad,
        repeated_ids=sum(item["repeated_ids"] for item in datasets),
        named_bad=named,
        datasets=datasets,
        throughput=throughput(plan),
        inputs=plan.files[:MAX_INPUTS],
        more_inputs=max(0, len(plan.files) - MAX_INPUTS),
        recipe=plan.recipe.text,
    )
    return page


def _dataset(
    plan: RunPlan, dataset: DatasetPlan, manifest: DatasetManifest, store: Store
) -> dict[str, Any]:
    counted = funnel(store, manifest, plan, dataset)
    histograms, examples = [], []
    for row in counted.rows:
        values = statistic(store, manifest, row.reason)
        if values is not None and row.reason.rule is not None:
            svg = histogram(values, row.reason.rule)
            histograms.append({"reason": row.reason, "svg": svg})
        if row.first.documents:
            shown = examples_of(store, manifest, row.reason, values)
            examples.append({"reason": row.reason, "count": row.first.documents, "examples": shown})
    return {
        "name": dataset.name,
        "reference": manifest.reference,
        "repeated_ids": manifest.counts.get("repeated_ids", 0),
        "funnel": counted,
        "histograms": histograms,
        "examples": examples,
        "evaluations": evaluations(store, manifest, dataset),
        "tables": {title: top_values(store, manifest, name) for title, name in _TABLES.items()},
    }


def condition(reason: Reason, plan: RunPlan) -> str:
    """What a reason means, for a reader."""
    if reason.rule is not None:
        return f"{reason.rule.statistic} {reason.rule.op} {reason.rule.threshold}"
    return {
        EXACT_REASON: "its matching key came before",
        NEAR_REASON: "a MinHash band came before",
        KEEP_REASON: "the recipe's keep condition is not true",
    }.get(reason.name, "its language fits no dataset")


def size(value: int) -> str:
    """Bytes for people, in powers of ten."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _speed(item: Throughput) -> str:
    return f"{item.bytes / 1e6 / item.seconds:,.1f}" if item.seconds else "–"


def _sum(amounts: Sequence[Amount]) -> Amount:
    return Amount(sum(a.documents for a in amounts), sum(a.bytes for a in amounts))
