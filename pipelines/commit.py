"""From the files of a finished dataset to its version: one manifest names them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import digest_file
from curation.base.store import Store, write_atomic
from curation.decide import Decision, decide
from curation.output import written
from curation.plan import DatasetPlan, RunPlan, reasons_of
from curation.shards.manifest import NOASSERTION, DataFile, DatasetManifest, Input, Shard
from curation.shards.rows import join
from curation.shards.stats import join as join_stats
from curation.shards.writer import Part, commit_version, merged


@dataclass(frozen=True, slots=True)
class Committed:
    """A version, and what the run that ended in it counted.

    The manifest counts the run that made the version first. Another that keeps the same rows may
    have read other documents: `created` is False, `counts` and `reasons` are its own.
    """

    manifest: DatasetManifest
    created: bool
    counts: Mapping[str, int]
    reasons: Mapping[str, int]


def commit(plan: RunPlan, dataset: DatasetPlan, store: Store) -> Committed:
    """Commit the version of a dataset, unless the same rows were committed before."""
    decision = decide(plan, dataset)
    found = written(plan, dataset, decision)
    held = [item for item in found if item["part"].rows] or found[:1]
    shards = [item["part"] for item in held]
    files: dict[str, Path] = {}
    manifest = DatasetManifest(
        name=dataset.name,
        digest=join([part.blocks for part in shards if part.blocks is not None]),
        text_digest=join([part.text_blocks for part in shards if part.text_blocks is not None]),
        rows=sum(part.rows for part in shards),
        bytes=sum(part.bytes for part in shards),
        characters=sum(part.characters for part in shards),
        shards=tuple(
            _shard(part, f"part-{number:05d}.parquet", files) for number, part in enumerate(shards)
        ),
        audit=_data_files([item["audit"] for item in found], "audit", files),
        dropped=_data_files([item["dropped"] for item in found], "dropped", files),
        stats=_stats(plan, dataset, [item.get("stats") for item in held], files),
        recipe=plan.recipe.document() | {"name": plan.recipe.name, "text": plan.recipe.text},
        recipe_fingerprint=plan.recipe.fingerprint,
        inputs=plan.inputs or tuple(Input(f.path, f.sha256, f.bytes) for f in plan.files),
        parents=plan.parents,
        code_version=installed_version("awase"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licenses=_licenses(shards),
        terms=merged(shards, "terms"),
        generated_by=merged(shards, "generated_by"),
        judged_by=merged(shards, "judged_by"),
        languages=merged(shards, "language"),
        **_counts(plan, dataset, decision),
    )
    version, created = commit_version(store, manifest, files)
    return Committed(version, created, manifest.counts, manifest.reasons)


def _shard(part: Part, name: str, files: dict[str, Path]) -> Shard:
    files[name] = part.path
    return Shard(name, part.sha256, part.rows, part.bytes, part.characters, part.file_bytes)


def _data_files(parts: Sequence[Part], kind: str, files: dict[str, Path]) -> tuple[DataFile, ...]:
    found: list[DataFile] = []
    for part in parts:
        if part.rows:
            name = f"{kind}-{len(found):05d}.parquet"
            files[name] = part.path
            found.append(DataFile(name, part.sha256, part.rows, part.file_bytes))
    return tuple(found)


def _stats(
    plan: RunPlan, dataset: DatasetPlan, parts: Sequence[Part | None], files: dict[str, Path]
) -> DataFile | None:
    """stats.parquet out of those of the ranges; None where one had too many groups."""
    tables: list[pa.Table | None] = []
    for number, part in enumerate(parts):
        table = None if part is None else pq.read_table(part.path)
        if table is not None:
            names = pa.array([f"part-{number:05d}.parquet"] * len(table), pa.string())
            table = table.set_column(0, "shard", names)
        tables.append(table)
    joined = join_stats(tables)
    if joined is None:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(joined, sink, compression="zstd", write_page_checksum=True)
    path = Store(plan.store).work_dir(dataset.write) / "stats.parquet"
    write_atomic(path, sink.getvalue().to_pybytes())
    files["stats.parquet"] = path
    return DataFile("stats.parquet", digest_file(path), len(joined), path.stat().st_size)


def _licenses(shards: Sequence[Part]) -> dict[str, int]:
    found = merged(shards, "license")
    without = sum(part.rows for part in shards) - sum(found.values())
    if without:
        found[NOASSERTION] = found.get(NOASSERTION, 0) + without
    return found


def _counts(plan: RunPlan, dataset: DatasetPlan, decision: Decision) -> dict[str, Any]:
    """Documents in, kept, dropped, with an id taken before; the first reasons of those dropped."""
    total, kept = len(decision.reason), int(decision.kept.sum())
    counts = {"in": total, "kept": kept, "dropped": total - kept}
    # the audit of a rescored version holds ids that were told apart already
    if repeated := plan.repeated_ids + int(decision.renamed.sum()):
        counts["repeated_ids"] = repeated
    names = [reason.name for reason in reasons_of(plan.recipe, dataset.recipe)]
    first = np.bincount(decision.reason[~decision.kept], minlength=len(names))
    reasons = {name: int(n) for name, n in zip(names, first, strict=True) if n}
    return {"counts": counts, "reasons": reasons}
