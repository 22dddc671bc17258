"""The numbers of a report, recounted from what the run wrote: audits and layer records.

The audit is the run's own. The version's may be that of an earlier run which kept the same rows:
other documents, or another order of reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.decide import annotate_mask, decide
from curation.output import written
from curation.plan import DatasetPlan, Reason, RunPlan, common, reasons_of, rewrites
from curation.steps import Statistic, column

TOP = 20


@dataclass(frozen=True, slots=True)
class Amount:
    documents: int
    bytes: int

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.documents - other.documents, self.bytes - other.bytes)


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One reason: what it dropped first, what was left after it, and all that failed it."""

    reason: Reason
    first: Amount
    left: Amount
    any: Amount
    only: Amount


@dataclass(frozen=True, slots=True)
class Funnel:
    """`total` = `kept` + the `first` of all rows, in documents and in bytes."""

    total: Amount
    kept: Amount
    rows: tuple[FunnelRow, ...]


@dataclass(frozen=True, slots=True)
class Throughput:
    step: str
    seconds: float
    bytes: int


def audit_of(plan: RunPlan, dataset: DatasetPlan) -> list[Path]:
    """The audit files that a run wrote for a dataset, in input order."""
    return [record["audit"].path for record in written(plan, dataset, decide(plan, dataset))]


def audit_columns(audit: Sequence[Path], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of an audit, file by file."""
    for path in audit:
        yield pq.read_table(path, columns=list(columns))


def funnel(audit: Sequence[Path], plan: RunPlan, dataset: DatasetPlan) -> Funnel:
    """Count the audit anew; every document is counted once as kept or under its first reason."""
    reasons = reasons_of(plan.recipe, dataset.recipe)
    size = len(reasons)
    words = [f"failed_{w}" for w in range((size + 63) // 64)]
    first, any_, only = (np.zeros((size, 2), np.int64) for _ in range(3))
    total = np.zeros(2, np.int64)
    drops = ~annotate_mask(reasons, len(words))
    index = pa.array([reason.name for reason in reasons], pa.string())
    for table in audit_columns(audit, ["reason", "bytes", *words]):
        sizes = table.column("bytes").to_numpy()
        total += (len(sizes), int(sizes.sum()))
        place = pc.fill_null(pc.index_in(table.column("reason"), index), -1).to_numpy()
        dropped = place >= 0
        first[:, 0] += np.bincount(place[dropped], minlength=size)
        first[:, 1] += np.bincount(
            place[dropped], weights=sizes[dropped].astype(np.float64), minlength=size
        ).astype(np.int64)
        failed = np.stack([table.column(word).to_numpy() for word in words])
        how_many = np.bitwise_count(failed & drops[:, None]).sum(axis=0, dtype=np.int64)
        for reason in reasons:
            hit = (failed[reason.bit // 64] >> np.uint64(reason.bit % 64)) & np.uint64(1) != 0
            any_[reason.bit] += (int(hit.sum()), int(sizes[hit].sum()))
            alone = hit & (how_many == 1) & (not reason.annotate)
            only[reason.bit] += (int(alone.sum()), int(sizes[alone].sum()))
    rows = []
    left = Amount(*map(int, total))
    for reason in reasons:
        amount = Amount(*map(int, first[reason.bit]))
        left = left - amount
        rows.append(
            FunnelRow(
                reason,
                amount,
                left,
                Amount(*map(int, any_[reason.bit])),
                Amount(*map(int, only[reason.bit])),
            )
        )
    return Funnel(Amount(*map(int, total)), left, tuple(rows))


def statistic(audit: Sequence[Path], reason: Reason) -> npt.NDArray[np.float64] | None:
    """The values of a rule's statistic for all documents (NaN: null); None for no number."""
    if reason.step is None or reason.rule is None:
        return None
    name = column(reason.step, reason.rule.statistic)
    dtype = next(s.dtype for s in reason.step.statistics if s.name == reason.rule.statistic)
    if not (pa.types.is_floating(dtype) or pa.types.is_integer(dtype)):
        return None
    parts = [
        pc.fill_null(table.column(name).cast(pa.float64()), float("nan")).to_numpy()
        for table in audit_columns(audit, [name])
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def top_values(audit: Sequence[Path], name: str) -> list[tuple[str, Amount, Amount]]:
    """(value, kept, dropped) of an audit column, most documents first; the tail as one row."""
    amounts: dict[str, np.ndarray[Any, Any]] = {}
    for table in audit_columns(audit, [name, "bytes", "kept"]):
        grouped = table.group_by([name, "kept"]).aggregate([("bytes", "sum"), ("bytes", "count")])
        for row in grouped.to_pylist():
            entry = amounts.setdefault(row[name] or "(none)", np.zeros(4, np.int64))
            place = 0 if row["kept"] else 2
            entry[place : place + 2] += (row["bytes_count"], row["bytes_sum"])
    ordered = sorted(amounts.items(), key=lambda item: (-int(item[1][0] + item[1][2]), item[0]))
    rows = [(key, v) for key, v in ordered[:TOP]]
    if len(ordered) > TOP:
        rest = sum((v for _, v in ordered[TOP:]), np.zeros(4, np.int64))
        rows.append((f"({len(ordered) - TOP:,} others)", rest))
    return [(key, Amount(int(v[0]), int(v[1])), Amount(int(v[2]), int(v[3]))) for key, v in rows]


@dataclass(frozen=True, slots=True)
class Change:
    """What a step that may change texts counted in the documents that were kept."""

    step: str
    statistic: Statistic
    documents: int  # with any
    total: int


def changes(audit: Sequence[Path], dataset: DatasetPlan) -> list[Change]:
    """The counts and flags of the steps that may change a text, over the kept documents."""
    counted = [
        (step.name, found)
        for step in dataset.recipe.steps
        if rewrites(step)
        for found in step.statistics
        if pa.types.is_integer(found.dtype) or pa.types.is_boolean(found.dtype)
    ]
    sums = np.zeros((len(counted), 2), np.int64)
    names = [column(step, found.name) for step, found in counted]
    for table in audit_columns(audit, ["kept", *names]):
        kept = table.filter(table.column("kept"))
        for number, name in enumerate(names):
            values = pc.fill_null(kept.column(name).cast(pa.int64()), 0).to_numpy()
            sums[number] += (np.count_nonzero(values), int(values.sum()))
    return [
        Change(step, found, documents, total)
        for (step, found), (documents, total) in zip(counted, sums.tolist(), strict=True)
    ]


def throughput(plan: RunPlan) -> list[Throughput]:
    """Seconds of work of each step, summed over workers, as the commit records tell."""
    seconds: Counter[str] = Counter()
    size: Counter[str] = Counter()
    total = 0
    for dataset in plan.datasets:
        sizes = _bytes(plan, dataset)
        total += sizes
        for number, layer in enumerate((dataset.base, *dataset.steps, dataset.keys)):
            for task in range(len(plan.tasks)):
                record: Mapping[str, Any] = plan.layer(layer, task).record() or {}
                for step, spent in record.get("seconds", {}).items():
                    name = step if number == 0 else f"{dataset.name}: {step}"
                    seconds[name] += spent
                    size[name] = sizes
    for step in ("read", *(s.name for s in common(plan.recipe))):
        if step in seconds:
            size[step] = total
    return [Throughput(step, spent, size[step]) for step, spent in seconds.items()]


def _bytes(plan: RunPlan, dataset: DatasetPlan) -> int:
    total = 0
    for task in range(len(plan.tasks)):
        table = plan.layer(dataset.keys, task).table(["bytes"])
        if table is not None:
            total += int(table.column("bytes").to_numpy().sum())
    return total
