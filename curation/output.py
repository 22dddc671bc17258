"""From decisions to files: the ranges of a dataset, and the work of writing one of them.

A range is a run of input documents; its kept rows become one shard, all of its documents one audit
file, its dropped ones one file with their text. Ranges are cut where the kept text reaches the
shard size, at a multiple of 1,024 kept rows, so that each range can be written apart.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.errors import IntegrityError, NotFound
from curation.base.store import Store, disk_errors, fsync_dir, make_dirs, to_json, write_atomic
from curation.batch import INTERNAL
from curation.decide import Decision, decide, final_ids
from curation.plan import (
    DatasetPlan,
    RunPlan,
    field_types,
    reasons_of,
    schema_of,
    score_types,
)
from curation.run import band_column
from curation.shards.rows import BLOCK_ROWS, Blocks
from curation.shards.stats import ShardStats, stats_schema
from curation.shards.writer import Part, PartWriter

AUDIT_FIELDS = ("url", "source", "language", "license")


@dataclass(frozen=True, slots=True)
class Range:
    """Documents `start` to `stop` of a dataset in input order."""

    number: int
    start: int
    stop: int


def ranges(decision: Decision, *, shard_bytes: int) -> list[Range]:
    """The ranges of a dataset; never none, so that an empty dataset has its (empty) files."""
    kept = decision.kept
    held = np.cumsum(np.where(kept, decision.bytes, 0))
    gone = np.cumsum(np.where(kept, 0, decision.bytes))
    rows = np.cumsum(kept)
    cuttable = np.flatnonzero(rows % BLOCK_ROWS == 0)
    found: list[Range] = []
    start, held_before, gone_before = 0, 0, 0
    while start < len(kept):
        full = min(
            np.searchsorted(held, held_before + shard_bytes),
            np.searchsorted(gone, gone_before + shard_bytes),
        )
        place = int(np.searchsorted(cuttable, max(int(full), start)))
        stop = int(cuttable[place]) + 1 if place < len(cuttable) else len(kept)
        found.append(Range(len(found), start, stop))
        start, held_before, gone_before = stop, int(held[stop - 1]), int(gone[stop - 1])
    return found or [Range(0, 0, 0)]


def written(plan: RunPlan, dataset: DatasetPlan, decision: Decision) -> list[dict[str, Part]]:
    """The finished files of all ranges of a dataset, in input order; NotFound where some lack."""
    found = []
    for part in ranges(decision, shard_bytes=plan.recipe.output.shard_bytes):
        output = Output(plan, dataset, part)
        record = output.record()
        if record is None:
            raise NotFound(
                f"{output.record_path}: this part is not written yet; run the other tasks first"
            )
        found.append(record)
    return found


def audit_schema(plan: RunPlan, dataset: DatasetPlan) -> pa.Schema:
    """One row an input document: what was found, and what was decided."""
    reasons = reasons_of(plan.recipe, dataset.recipe)
    words = (len(reasons) + 63) // 64
    types = [
        ("id", pa.string()),
        *((name, pa.string()) for name in AUDIT_FIELDS),
        ("bytes", pa.int64()),
        ("characters", pa.int64()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        *((f"failed_{word}", pa.uint64()) for word in range(words)),
        ("duplicate_of", pa.string()),
        *score_types(plan.recipe, dataset.recipe).items(),
        *((f"dedup.{name}", dtype) for name, dtype in key_types(dataset).items()),
    ]
    names = json.dumps([[r.name, r.annotate] for r in reasons])
    return pa.schema(types, metadata={"awase.reasons": names})


def key_types(dataset: DatasetPlan) -> dict[str, pa.DataType]:
    """The columns of the keys layer that an audit keeps, so that duplicates can be found anew."""
    types = {"high": pa.uint64(), "low": pa.uint64()}
    minhash = dataset.recipe.dedup.minhash
    if minhash is not None:
        types["found"] = pa.bool_()
        types |= {band_column(band): pa.uint64() for band in range(minhash.bands)}
    return types


def dropped_schema(plan: RunPlan, dataset: DatasetPlan) -> pa.Schema:
    """The dropped documents with their text and the reason that came first."""
    types = {"id": pa.string(), "text": pa.large_string(), "reason": pa.string()}
    return pa.schema(list((types | field_types(plan.recipe)).items()))


class Output:
    """The files of one range: written under attempt names, then recorded."""

    def __init__(self, plan: RunPlan, dataset: DatasetPlan, part: Range) -> None:
        self.plan = plan
        self.dataset = dataset
        self.part = part
        self.folder = Store(plan.store).work_dir(dataset.write)
        self.record_path = self.folder / f"{part.number:05d}.json"

    def record(self) -> dict[str, Part] | None:
        """The finished files by kind (part, audit, dropped, perhaps stats), or None."""
        try:
            found = json.loads(self.record_path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise IntegrityError(
                f"{self.record_path} is not JSON ({error}); delete {self.folder} and run again"
            ) from error
        return {kind: _part(item, self.folder) for kind, item in found.items()}

    def write(self) -> None:
        """Write and commit the files of this range, unless they are there."""
        if self.record_path.exists():
            return
        with disk_errors(self.folder):
            make_dirs(self.folder)
        writers = self._writers()
        counted = ShardStats("", writers["part"].schema)  # named when its shard is
        try:
            for kept, audit, dropped in self._rows():
                writers["part"].write(kept)
                counted.feed(kept)
                writers["audit"].write(audit)
                writers["dropped"].write(dropped)
            stats = counted.table()
            if stats is None:
                del writers["stats"]
            else:
                for batch in stats.to_batches():
                    writers["stats"].write(batch)
            parts = {kind: writer.close() for kind, writer in writers.items()}
        except BaseException:
            for writer in writers.values():
                writer.abandon()
            raise
        with disk_errors(self.folder):
            fsync_dir(self.folder)
        write_atomic(self.record_path, to_json({k: _document(p) for k, p in parts.items()}))

    def _writers(self) -> dict[str, PartWriter]:
        attempt = uuid.uuid4().hex
        group = self.plan.recipe.output.row_group_bytes

        def path(kind: str) -> Path:
            return self.folder / f"{self.part.number:05d}.{kind}.{attempt}.parquet"

        shard = schema_of(self.plan.recipe, self.dataset.recipe)
        return {
            "part": PartWriter(path("part"), shard, group_bytes=group, digest=True),
            "audit": PartWriter(path("audit"), audit_schema(self.plan, self.dataset)),
            "dropped": PartWriter(
                path("dropped"), dropped_schema(self.plan, self.dataset), group_bytes=group
            ),
            "stats": PartWriter(path("stats"), stats_schema(shard)),
        }

    def _rows(self) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]]:
        """(kept, audit, dropped) rows batch by batch."""
        decision = decide(self.plan, self.dataset)
        targets = target_ids(self.plan, self.dataset, decision, self.part)
        names = [reason.name for reason in reasons_of(self.plan.recipe, self.dataset.recipe)]
        reasons = pa.array(names, pa.string())
        schemas = (
            schema_of(self.plan.recipe, self.dataset.recipe),
            audit_schema(self.plan, self.dataset),
            dropped_schema(self.plan, self.dataset),
        )
        for row, columns in documents(self.plan, self.dataset, decision, self.part):
            rows = slice(row, row + len(columns["id"]))
            kept = decision.kept[rows]
            columns["kept"] = pa.array(kept)
            columns["bytes"] = pa.array(decision.bytes[rows])
            columns["characters"] = pc.utf8_length(columns["text"]).cast(pa.int64())
            first = pa.array(decision.reason[rows], mask=kept)
            columns["reason"] = reasons.take(first.cast(pa.int32()))
            columns |= {f"failed_{w}": pa.array(f[rows]) for w, f in enumerate(decision.failed)}
            columns["duplicate_of"] = pa.array(
                [targets.get(t) for t in decision.duplicate_of[rows].tolist()], pa.string()
            )
            columns["dedup.copies"] = pa.array(decision.copies[rows])
            columns["dedup.cluster_size"] = pa.array(decision.cluster[rows])
            shard, audit, dropped = (_batch(columns, schema) for schema in schemas)
            yield shard.filter(pa.array(kept)), audit, dropped.filter(pa.array(~kept))


def _batch(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def documents(
    plan: RunPlan, dataset: DatasetPlan, decision: Decision, part: Range
) -> Iterator[tuple[int, dict[str, pa.Array]]]:
    """(first row, columns) of the batches of a range: text as it ended, ids final, all scores."""
    for task in range(len(plan.tasks)):
        row = int(decision.starts[task])
        if row >= part.stop or int(decision.starts[task + 1]) <= part.start:
            continue
        names = [(f, None) for f in (dataset.base, *dataset.steps)]
        keys = (dataset.keys, list(key_types(dataset)))
        layers = [plan.layer(f, task).batches(columns) for f, columns in (*names, keys)]
        for batches in zip(*layers, strict=True):
            size = len(batches[0])
            low, high = max(part.start - row, 0), min(part.stop - row, size)
            if low < high:
                columns = _joined([b.slice(low, high - low) for b in batches])
                renamed = decision.renamed[row + low : row + high]
                columns["id"] = final_ids(plan, columns["id"], renamed, columns)
                for name in key_types(dataset):
                    columns[f"dedup.{name}"] = columns.pop(name)
                yield row + low, {n: v for n, v in columns.items() if n not in INTERNAL}
            row += size


def _joined(batches: list[pa.RecordBatch]) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for batch in batches:
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            if name == "text" and "text" in columns:
                columns["text"] = pc.coalesce(values, columns["text"])
            else:
                columns[name] = values
    return columns


def target_ids(
    plan: RunPlan, dataset: DatasetPlan, decision: Decision, part: Range
) -> dict[int, str]:
    """row -> id of the documents that those of this range duplicate."""
    rows = np.unique(decision.duplicate_of[part.start : part.stop])
    rows = rows[rows >= 0]
    found: dict[int, str] = {}
    for task in range(len(plan.tasks)):
        start, stop = int(decision.starts[task]), int(decision.starts[task + 1])
        own: npt.NDArray[np.int64] = rows[(rows >= start) & (rows < stop)]
        if not len(own):
            continue
        table = plan.layer(dataset.base, task).table(["id", *INTERNAL])
        assert table is not None
        chosen = table.take(pa.array(own - start)).combine_chunks()
        columns = {name: chosen.column(name).combine_chunks() for name in chosen.schema.names}
        ids = final_ids(plan, columns["id"], decision.renamed[own], columns)
        found |= dict(zip(own.tolist(), ids.to_pylist(), strict=True))
    return found


def _document(part: Part) -> dict[str, Any]:
    document = asdict(part) | {"path": part.path.name}
    for key in ("blocks", "text_blocks"):
        blocks: Blocks | None = getattr(part, key)
        if blocks is not None:
            digests = [digest.hex() for digest in blocks.digests]
            document[key] = {"schema": blocks.schema, "rows": blocks.rows, "digests": digests}
    return document


def _part(document: dict[str, Any], folder: Path) -> Part:
    values = dict(document)
    values["path"] = folder / values["path"]
    for key in ("blocks", "text_blocks"):
        if values[key] is not None:
            blocks = values[key]
            digests = tuple(bytes.fromhex(digest) for digest in blocks["digests"])
            values[key] = Blocks(blocks["schema"], blocks["rows"], digests)
    return Part(**values)
