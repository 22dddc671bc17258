"""Why a document of a version was kept or dropped, from its audit and manifest alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.errors import NotFound
from curation.base.store import Store
from curation.decontaminate.note import note
from curation.plan import EXACT_REASON, KEEP_REASON, LANGUAGE_REASON, NEAR_REASON
from curation.shards.manifest import DatasetManifest

_NOTES = {"curation.decontaminate.step.Decontaminate": note}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reason that spoke against a document: the value found, the bound, and who set it."""

    reason: str
    condition: str
    value: Any
    source: str
    annotate: bool
    note: str = ""  # what the step says beside it


@dataclass(frozen=True, slots=True)
class Explanation:
    id: str
    kept: bool
    reason: str | None
    duplicate_of: str | None
    verdicts: tuple[Verdict, ...]
    row: Mapping[str, Any]  # the audit row: every score

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kept": self.kept,
            "reason": self.reason,
            "duplicate_of": self.duplicate_of,
            "failed": [
                {
                    "reason": verdict.reason,
                    "condition": verdict.condition,
                    "value": verdict.value,
                    "source": verdict.source,
                    "annotate": verdict.annotate,
                    **({"note": verdict.note} if verdict.note else {}),
                }
                for verdict in self.verdicts
            ],
            "scores": self.scores,
        }

    @property
    def scores(self) -> dict[str, Any]:
        """Every statistic of every step, without matching keys and bands."""
        shown = ("dedup.copies", "dedup.cluster_size")
        return {
            name: value
            for name, value in self.row.items()
            if "." in name and (not name.startswith("dedup.") or name in shown)
        }


def explain(store: Store, manifest: DatasetManifest, name: str) -> Explanation:
    """The explanation of the document with this id; NotFound where the run never saw it."""
    if not manifest.audit:
        raise NotFound(f"{manifest.reference} has no audit: it was imported, not curated")
    for item in manifest.audit:
        path = manifest.file(store, item)
        table = pq.read_table(path, filters=[("id", "=", name)])
        if len(table):
            reasons = reasons_in(pq.read_schema(path))
            return _explained(table.to_pylist()[0], reasons, rules_in(manifest))
    raise NotFound(
        f"{manifest.reference}: no document of that run has the id {name!r}; "
        "ids are those of the audit files, which have a row for every input document"
    )


def reasons_in(schema: pa.Schema) -> list[tuple[str, bool]]:
    """(reason, annotate) of an audit file, in the order of their bits."""
    return [(str(n), bool(a)) for n, a in json.loads((schema.metadata or {})[b"awase.reasons"])]


def rules_in(manifest: DatasetManifest) -> dict[str, dict[str, Any]]:
    """reason -> rule (statistic, op, threshold, source) as the version's recipe has them."""
    recipe = manifest.recipe or {}
    own = next((d for d in recipe.get("datasets", []) if d["name"] == manifest.name), None)
    first = [recipe.get(name) for name in ("extraction", "normalise", "language")]
    steps = [*first, *(own["steps"] if own else ())]
    return {
        f"{step['step']}.{rule['reason']}": rule | {"step": step["step"], "class": step["class"]}
        for step in steps
        if step
        for rule in step.get("rules", ())
    }


def failed_bits(row: Mapping[str, Any], count: int) -> list[int]:
    """The bits set in the `failed_*` columns of an audit row."""
    return [bit for bit in range(count) if row[f"failed_{bit // 64}"] >> (bit % 64) & 1]


def _explained(
    row: dict[str, Any], reasons: list[tuple[str, bool]], rules: dict[str, dict[str, Any]]
) -> Explanation:
    verdicts = []
    for bit in failed_bits(row, len(reasons)):
        reason, annotate = reasons[bit]
        rule = rules.get(reason)
        if rule is not None:
            statistic = f"{rule['step']}.{rule['statistic']}"
            condition = f"{statistic} {rule['op']} {rule['threshold']}"
            say = _NOTES.get(rule["class"])
            noted = say(row, rule["step"]) if say else ""
            verdict = Verdict(reason, condition, row[statistic], rule["source"], annotate, noted)
        else:
            condition, value = _own(reason, row)
            verdict = Verdict(reason, condition, value, "the recipe", annotate)
        verdicts.append(verdict)
    return Explanation(
        row["id"], row["kept"], row["reason"], row["duplicate_of"], tuple(verdicts), row
    )


def _own(reason: str, row: Mapping[str, Any]) -> tuple[str, Any]:
    """(condition, value) of the reasons that are no rule of a step."""
    if reason == LANGUAGE_REASON:
        found = f"{row['language.label']} {row['language.score']:.4f}"
        return "its language and score fit no dataset of the recipe", found
    if reason in (EXACT_REASON, NEAR_REASON):
        return "an earlier document is the same or nearly so", row["duplicate_of"]
    return ("the recipe's keep condition is not true" if reason == KEEP_REASON else reason), None
