"""Why a document of a version was kept or dropped, from its audit and manifest alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.base.errors import NotFound
from curation.base.store import Store
from curation.decontaminate.note import note
from curation.plan import EXACT_REASON, KEEP_REASON, LANGUAGE_REASON, NEAR_REASON
from curation.shards.files import VersionFile, read_file
from curation.shards.manifest import DatasetManifest

_NOTES = {"curation.decontaminate.step.Decontaminate": note}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reason that could speak against a document: the value found, the bound, who set it."""

    reason: str
    condition: str
    value: Any
    source: str
    annotate: bool
    note: str = ""  # what the step says beside it
    failed: bool = True
    statistic: str | None = None  # the score that was compared; None where none was

    def document(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "condition": self.condition,
            "value": self.value,
            "source": self.source,
            "annotate": self.annotate,
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True, slots=True)
class Setting:
    """Bounds within a step that no rule shows, such as which lines count, and whose they are."""

    step: str
    values: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class Explanation:
    id: str
    kept: bool
    reason: str | None
    duplicate_of: str | None
    rules: tuple[Verdict, ...]  # every rule with a threshold; other reasons where they failed
    settings: tuple[Setting, ...]
    row: Mapping[str, Any]  # the audit row: every score

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The reasons that spoke against the document, those that are counted only included."""
        return tuple(rule for rule in self.rules if rule.failed)

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kept": self.kept,
            "reason": self.reason,
            "duplicate_of": self.duplicate_of,
            "failed": [rule.document() for rule in self.rules if rule.failed],
            "passed": [rule.document() for rule in self.rules if not rule.failed],
            "settings": [
                {"step": item.step, "values": dict(item.values), "source": item.source}
                for item in self.settings
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
    if not manifest.audit and manifest.recipe is None:
        raise NotFound(f"{manifest.reference} has no audit: it was imported, not curated")
    for item in manifest.audit:
        table = read_file(store, manifest, item, filters=[("id", "=", name)])
        if len(table):
            with VersionFile(store, manifest, item) as file:
                reasons = reasons_in(file.schema_arrow)
            return _explained(table.to_pylist()[0], reasons, manifest)
    raise NotFound(
        f"{manifest.reference}: no document of that run has the id {name!r}; "
        "ids are those of the audit files, which have a row for every input document"
    )


def reasons_in(schema: pa.Schema) -> list[tuple[str, bool]]:
    """(reason, annotate) of an audit file, in the order of their bits."""
    return [(str(n), bool(a)) for n, a in json.loads((schema.metadata or {})[b"awase.reasons"])]


def rules_in(manifest: DatasetManifest) -> dict[str, dict[str, Any]]:
    """reason -> rule (statistic, op, threshold, source) as the version's recipe has them."""
    return {
        f"{step['step']}.{rule['reason']}": rule | {"step": step["step"], "class": step["class"]}
        for step in _steps_in(manifest)
        for rule in step.get("rules", ())
    }


def _steps_in(manifest: DatasetManifest) -> list[dict[str, Any]]:
    recipe = manifest.recipe or {}
    own = next((d for d in recipe.get("datasets", []) if d["name"] == manifest.name), None)
    first = [recipe.get(name) for name in ("extraction", "normalise", "language")]
    return [step for step in (*first, *(own["steps"] if own else ())) if step]


def failed_bits(row: Mapping[str, Any], count: int) -> list[int]:
    """The bits set in the `failed_*` columns of an audit row."""
    return [bit for bit in range(count) if row[f"failed_{bit // 64}"] >> (bit % 64) & 1]


def _explained(
    row: dict[str, Any], reasons: list[tuple[str, bool]], manifest: DatasetManifest
) -> Explanation:
    rules = rules_in(manifest)
    failed = set(failed_bits(row, len(reasons)))
    verdicts = []
    statistic: str | None
    for bit, (reason, annotate) in enumerate(reasons):
        rule = rules.get(reason)
        if rule is not None:
            statistic = f"{rule['step']}.{rule['statistic']}"
            condition = f"{statistic} {rule['op']} {rule['threshold']}"
            value, source = row[statistic], rule["source"]
            say = _NOTES.get(rule["class"])
            noted = say(row, rule["step"]) if say and bit in failed else ""
        elif bit in failed:
            statistic, noted = None, ""
            (condition, value), source = _own(reason, row, manifest), "the recipe"
        else:
            continue
        verdicts.append(
            Verdict(reason, condition, value, source, annotate, noted, bit in failed, statistic)
        )
    return Explanation(
        row["id"],
        row["kept"],
        row["reason"],
        row["duplicate_of"],
        tuple(verdicts),
        tuple(_settings(manifest)),
        row,
    )


def _own(reason: str, row: Mapping[str, Any], manifest: DatasetManifest) -> tuple[str, Any]:
    """(condition, value) of the reasons that are no rule of a step."""
    datasets = (manifest.recipe or {})["datasets"]
    if reason == LANGUAGE_REASON:
        taken = "; ".join(
            f"{item['name']} takes {', '.join(item['languages'] or ['any other'])} "
            f"from {item['min_score']}"
            for item in datasets
        )
        found = f"{row['language.label']} {row['language.score']:.4f}"
        return f"its language and score fit no dataset of the recipe ({taken})", found
    if reason in (EXACT_REASON, NEAR_REASON):
        return "an earlier document is the same or nearly so", row["duplicate_of"]
    if reason == KEEP_REASON:
        own = next(item for item in datasets if item["name"] == manifest.name)
        return f"the recipe's keep condition is not true: {own['keep']}", None
    return reason, None


def _settings(manifest: DatasetManifest) -> Iterator[Setting]:
    for step in _steps_in(manifest):
        if source := step.get("source"):
            plain = {
                name: value
                for name, value in step["settings"].items()
                if value is not None and not isinstance(value, list) and "sha256:" not in str(value)
            }
            yield Setting(step["step"], plain, source)
