"""Put the numbers of a run into one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from curation.base.store import write_atomic
from curation.plan import RunPlan
from curation.run import check_bad_records
from curation.shards.manifest import DatasetManifest
from pipelines.report.gather import Throughput, throughput
from pipelines.report.section import add, environment, read_section, template

MAX_INPUTS = 200


def write_report(path: Path, plan: RunPlan, manifests: Sequence[DatasetManifest]) -> None:
    """Write the report of a run whose sections are written to `path`, whole or not at all."""
    write_atomic(path, _render(plan, manifests).encode())


def _render(plan: RunPlan, manifests: Sequence[DatasetManifest]) -> str:
    found = environment()
    found.filters["speed"] = _speed
    sections = [read_section(plan, dataset.index) for dataset in plan.datasets]
    bad, named = check_bad_records(plan)
    return found.from_string(
        template("page.html.j2")
    ).render(
        style=Markup(template("page.css")),  # noqa: S704  (our own file)
        title=f"Curation report: {plan.recipe.name}",
        description=plan.recipe.description,
        fingerprint=plan.fingerprint,
        created=max(manifest.created for manifest in manifests),
        code_version=manifests[0].code_version,
        total=add(section.total for section in sections),
        kept=add(section.kept for section in sections),
        bad_records=bad,
        repeated_ids=sum(section.repeated_ids for section in sections),
        named_bad=named,
        sections=sections,
        throughput=throughput(plan),
        inputs=plan.files[:MAX_INPUTS],
        parents=plan.parents,
        more_inputs=max(0, len(plan.files) - MAX_INPUTS),
        recipe=plan.recipe.text,
    )


def _speed(item: Throughput) -> str:
    return f"{item.bytes / 1e6 / item.seconds:,.1f}" if item.seconds else "–"
