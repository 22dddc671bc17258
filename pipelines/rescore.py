"""New thresholds for a version that is there: from its audit, without the input.

An audit holds every score and matching key of every input document, so rules and duplicates are
decided anew from it alone. To write the new version, the text of documents that were dropped comes
from the version's dropped files. The version's files become the layers of a run (`curation.plan`),
which then goes the usual way: decide, write, commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from curation.base.digest import digest_of
from curation.base.errors import NotFound, UsageError
from curation.base.fields import nearest
from curation.base.store import Store
from curation.batch import FILE, MAX_ROWS, ROW
from curation.decide import Decision, decide
from curation.extraction import Extraction
from curation.output import AUDIT_FIELDS, key_types
from curation.plan import (
    DatasetPlan,
    RunPlan,
    common,
    field_types,
    plan_dataset,
    reasons_of,
    rewrites,
    score_types,
)
from curation.recipe import DatasetRecipe, Recipe
from curation.shards.files import VersionFile
from curation.shards.manifest import DataFile, DatasetManifest, Shard
from curation.steps import Step, column, fingerprint_of
from pipelines.curate import CurateResult, complete

# What of a recipe's input decides a version's columns and their values.
READ_AS = ("text", "fields", "columns", "constants", "chat")


@dataclass(frozen=True, slots=True)
class Rescored:
    """What new thresholds do: documents by first reason, before and after."""

    documents: int
    kept_before: int
    kept: int
    rows: tuple[tuple[str, int, int], ...]  # (reason, before, after)


def rescore(store: Store, manifest: DatasetManifest, recipe: Recipe) -> Rescored:
    """The funnel of a version under `recipe`; reads audits only.

    UsageError where the recipe asks for scores or signatures that the version does not have.
    """
    plan = _plan(store, manifest, recipe, with_text=False)
    _fill(plan, store, manifest, with_text=False)
    decision = decide(plan, plan.datasets[0])
    after = _first_reasons(plan, decision)
    before = dict(manifest.reasons)
    names = [*after, *(name for name in before if name not in after)]
    rows = [(name, before.get(name, 0), after.get(name, 0)) for name in names]
    return Rescored(
        len(decision.reason),
        manifest.rows,
        int(decision.kept.sum()),
        tuple(row for row in rows if row[1] or row[2]),
    )


def rescore_write(
    store: Store, manifest: DatasetManifest, recipe: Recipe, *, workers: int
) -> CurateResult:
    """Write and register the version that `recipe` makes of an older one's documents."""
    plan = _plan(store, manifest, recipe, with_text=True)
    _fill(plan, store, manifest, with_text=True)
    return complete(plan, store, workers=workers)[0]


def _first_reasons(plan: RunPlan, decision: Decision) -> dict[str, int]:
    names = [reason.name for reason in reasons_of(plan.recipe, plan.recipe.datasets[0])]
    counts = np.bincount(decision.reason[~decision.kept], minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _plan(store: Store, manifest: DatasetManifest, recipe: Recipe, *, with_text: bool) -> RunPlan:
    names = [dataset.name for dataset in recipe.datasets]
    if manifest.name not in names:
        raise UsageError(
            f"the recipe has no dataset {manifest.name!r}{nearest(manifest.name, names)}"
        )
    dataset = recipe.datasets[names.index(manifest.name)]
    if not manifest.audit or manifest.recipe is None:
        raise NotFound(f"{manifest.reference} has no audit: it was imported, not curated")
    if "extraction" in manifest.recipe:
        recipe = replace(recipe, extraction=Extraction(recipe.input.read.extract_seconds))
    _check(manifest, recipe, dataset)
    if dataset.keep is not None and not with_text:
        known = {"id", *AUDIT_FIELDS, *score_types(recipe, dataset)}
        if missing := sorted(set(dataset.keep.columns) - known):
            raise UsageError(f"keep reads {missing[0]!r}, which no audit holds: use --write")
    alone = replace(recipe, datasets=(dataset,))
    audits = [item.sha256 for item in manifest.audit]
    base = digest_of(
        {"layer": "rescore", "code": 1, "version": manifest.reference}
        | {"audits": audits, "text": with_text}
        # The base layer records which documents fit the dataset, as these two decide.
        | {"languages": dataset.languages, "min_score": repr(dataset.min_score)}
    )
    tasks: tuple[tuple[()], ...] = tuple(() for _ in audits)
    return RunPlan(
        str(store.root),
        alone,
        (),
        tasks,
        (plan_dataset(base, 0, dataset, alone),),
        parents=(manifest.reference,),
        inputs=manifest.inputs,
        repeated_ids=manifest.counts.get("repeated_ids", 0),
    )


def _check(manifest: DatasetManifest, recipe: Recipe, dataset: DatasetRecipe) -> None:
    """UsageError where a score of the version was taken by other settings than the recipe's."""
    stored = manifest.recipe or {}
    own = next(item for item in stored["datasets"] if item["name"] == manifest.name)
    steps = [stored.get("extraction"), stored["normalise"], stored["language"], *own["steps"]]
    told = ("rules", "source")  # they change no score
    known = {s["step"]: {k: v for k, v in s.items() if k not in told} for s in steps if s}
    advice = "its scores must be taken anew: run `awase curate` with the recipe and the input"
    for key in READ_AS:
        if stored["input"].get(key) != recipe.document()["input"].get(key):
            raise UsageError(f"{manifest.reference} was read with another input.{key}; {advice}")
    for step in (*common(recipe), *dataset.steps):
        if step.name not in known:
            raise UsageError(
                f"{manifest.reference} was not scored by the step {step.name}; {advice}"
            )
        if known[step.name] != fingerprint_of(step):
            what = f"the step {step.name} with other settings"
            raise UsageError(f"{manifest.reference} was scored by {what}; {advice}")
    minhash = dataset.dedup.minhash
    if minhash is not None and own["dedup"]["minhash"] != minhash.settings:
        has = own["dedup"]["minhash"]
        wanted = f"the recipe asks for {minhash.settings}"
        raise UsageError(f"{manifest.reference} has signatures by {has}, {wanted}; {advice}")


def _fill(plan: RunPlan, store: Store, manifest: DatasetManifest, *, with_text: bool) -> None:
    """Write the version's files as the layers of the plan, a task an audit file."""
    dataset = plan.datasets[0]
    if all(not plan.unfinished(task) for task in range(len(plan.tasks))):
        return
    kept = _rows(store, manifest, manifest.shards)
    gone = _rows(store, manifest, manifest.dropped)
    fields = _Merge(plan, kept, gone) if with_text else None
    first = 0
    for task, item in enumerate(manifest.audit):
        first += _fill_task(plan, dataset, task, (store, manifest, item), fields, first)


def _fill_task(
    plan: RunPlan,
    dataset: DatasetPlan,
    task: int,
    audit: tuple[Store, DatasetManifest, DataFile],
    fields: _Merge | None,
    first: int,
) -> int:
    row = first
    with ExitStack() as stack:
        base = stack.enter_context(plan.layer(dataset.base, task).write())
        keys = stack.enter_context(plan.layer(dataset.keys, task).write())
        layers = [stack.enter_context(plan.layer(layer, task).write()) for layer in dataset.steps]
        with VersionFile(*audit) as file:
            for batch in file.iter_batches(MAX_ROWS):
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                base.write(_base_columns(plan, columns, fields, row))
                for step, layer in zip(dataset.recipe.steps, layers, strict=True):
                    layer.write(_step_columns(step, columns))
                taken = {name: columns[f"dedup.{name}"] for name in key_types(dataset)}
                sizes = {name: columns[name] for name in ("bytes", "characters")}
                keys.write(sizes | taken, compression=None)
                row += len(batch)
        for layer in layers:
            layer.commit()
        keys.commit()
        base.commit()
    return row - first


def _base_columns(
    plan: RunPlan, columns: dict[str, pa.Array], fields: _Merge | None, row: int
) -> dict[str, pa.Array]:
    count = len(columns["id"])
    if fields is None:
        found = {name: columns[name] for name in ("id", *AUDIT_FIELDS)}
    else:
        found = fields.take(columns["kept"])
    for step in common(plan.recipe):
        found |= _step_columns(step, columns, text=False)
    found[FILE] = pa.array(np.zeros(count, np.int32))
    found[ROW] = pa.array(np.arange(row, row + count))
    return found


def _step_columns(
    step: Step, columns: dict[str, pa.Array], *, text: bool = True
) -> dict[str, pa.Array]:
    names = [column(step, statistic.name) for statistic in step.statistics]
    found = {name: columns[name] for name in names}
    if text and rewrites(step):  # the stored text is as it ended
        found["text"] = pa.nulls(len(columns["id"]), pa.large_string())
    return found


class _Merge:
    """Text and fields of kept and dropped documents, back in the order of the audit."""

    def __init__(self, plan: RunPlan, kept: Iterator[Any], gone: Iterator[Any]) -> None:
        types = {"text": pa.large_string(), "id": pa.string()} | field_types(plan.recipe)
        self.names = list(types)
        self.sources = {True: _Take(kept, types), False: _Take(gone, types)}

    def take(self, kept: pa.Array) -> dict[str, pa.Array]:
        """The next documents; `kept` says from which file each comes."""
        flags = kept.to_numpy(zero_copy_only=False)
        both = pa.concat_tables(
            [
                self.sources[True].take(int(flags.sum())),
                self.sources[False].take(int((~flags).sum())),
            ]
        )
        order = np.where(flags, np.cumsum(flags) - 1, flags.sum() + np.cumsum(~flags) - 1)
        table = both.take(pa.array(order)).combine_chunks()
        return {name: _one(table.column(name)) for name in self.names}


class _Take:
    """Rows of an iterator of batches, any number at a time."""

    def __init__(self, batches: Iterator[Any], types: Mapping[str, pa.DataType]) -> None:
        self.batches = batches
        self.schema = pa.schema(list(types.items()))
        self.rest: pa.Table | None = None

    def take(self, count: int) -> pa.Table:
        parts: list[pa.Table] = []
        while count > 0 or not parts:
            if self.rest is None or not len(self.rest):
                batch = next(self.batches, None)
                if batch is None:
                    break
                self.rest = pa.Table.from_batches([batch]).select(self.schema.names)
            parts.append(self.rest.slice(0, count))
            self.rest = self.rest.slice(count)
            count -= len(parts[-1])
        return pa.concat_tables(parts) if parts else self.schema.empty_table()


def _one(values: pa.ChunkedArray) -> pa.Array:
    found = values.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _rows(
    store: Store, manifest: DatasetManifest, items: Sequence[Shard | DataFile]
) -> Iterator[Any]:
    for item in items:
        with VersionFile(store, manifest, item) as file:
            yield from file.iter_batches(MAX_ROWS)


__all__ = ["Rescored", "rescore", "rescore_write"]
