"""Which documents stay: rules over stored scores, then duplicates among what is left.

Reads the layers of all tasks in input order, in one process: no text, only the columns of rules,
then one band of MinHash hashes at a time. The result is one row a document, in input order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from curation.batch import FILE, ROW
from curation.dedup.groups import Groups
from curation.plan import (
    EXACT_REASON,
    KEEP_REASON,
    LANGUAGE_REASON,
    NEAR_REASON,
    DatasetPlan,
    Reason,
    RunPlan,
    common,
    reasons_of,
    route,
)
from curation.run import band_column, origin_hashes
from curation.steps import Step, column

WORD_BITS = 64


@dataclass(frozen=True, slots=True)
class Decision:
    """One row a document of a dataset, in input order.

    failed          uint64[words, n]: bit b of word w is reason 64*w + b
    reason          int16[n]: the first failing reason that is not annotate-only, -1 where kept
    duplicate_of    int64[n]: row of the document that it duplicates, -1 where none
    copies, cluster int64[n]: documents with equal key, near-equal documents, itself included
    renamed         bool[n]: its id was taken by an earlier document
    bytes           int64[n]: UTF-8 bytes of its text
    starts          int64[tasks + 1]: first row of each task
    """

    failed: npt.NDArray[np.uint64]
    reason: npt.NDArray[np.int16]
    duplicate_of: npt.NDArray[np.int64]
    copies: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]
    renamed: npt.NDArray[np.bool_]
    bytes: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        return self.reason < 0


def decide(plan: RunPlan, dataset: DatasetPlan) -> Decision:
    """The decision of a dataset, found once and then stored beside the layers."""
    layer = plan.layer(dataset.decide, 0)
    starts = _starts(plan, dataset)
    if not layer.committed:
        decision = _decide(plan, dataset, starts)
        with layer.write() as writer:
            writer.write(_columns(decision), compression=None)
            writer.commit()
    return _load(layer.table(None), starts)


def _columns(decision: Decision) -> dict[str, pa.Array]:
    words = {f"failed_{w}": pa.array(word) for w, word in enumerate(decision.failed)}
    return words | {
        "reason": pa.array(decision.reason),
        "duplicate_of": pa.array(decision.duplicate_of),
        "copies": pa.array(decision.copies),
        "cluster": pa.array(decision.cluster),
        "renamed": pa.array(decision.renamed.astype(np.uint8)),
        "bytes": pa.array(decision.bytes),
    }


def _load(table: Any, starts: npt.NDArray[np.int64]) -> Decision:
    words = [name for name in table.schema.names if name.startswith("failed_")]
    found = {name: table.column(name).to_numpy() for name in table.schema.names}
    failed = np.stack([found.pop(name) for name in words])
    found["renamed"] = found["renamed"].astype(np.bool_)
    return Decision(failed=failed, starts=starts, **found)


def _starts(plan: RunPlan, dataset: DatasetPlan) -> npt.NDArray[np.int64]:
    rows = [(plan.layer(dataset.base, t).record() or {})["rows"] for t in range(len(plan.tasks))]
    return np.concatenate([[0], np.cumsum(rows, dtype=np.int64)]).astype(np.int64)


def _decide(plan: RunPlan, dataset: DatasetPlan, starts: npt.NDArray[np.int64]) -> Decision:
    reasons = reasons_of(plan.recipe, dataset.recipe)
    bits = {reason.name: reason.bit for reason in reasons}
    count = int(starts[-1])
    failed = np.zeros(((len(reasons) + WORD_BITS - 1) // WORD_BITS, count), np.uint64)
    sizes = np.zeros(count, np.int64)
    for task in range(len(plan.tasks)):
        rows = slice(int(starts[task]), int(starts[task + 1]))
        if rows.start < rows.stop:
            _judge_task(plan, dataset, task, failed[:, rows], reasons)
            table = plan.layer(dataset.keys, task).table(["bytes"])
            assert table is not None
            sizes[rows] = table.column("bytes").to_numpy()
    drops = ~annotate_mask(reasons, len(failed))
    alive = ~np.any(failed & drops[:, None], axis=0)
    duplicate_of, copies, cluster = _duplicates(plan, dataset, alive, failed, bits)
    return Decision(
        failed,
        _first_reason(failed, reasons),
        duplicate_of,
        copies,
        cluster,
        _renamed(plan, dataset, count),
        sizes,
        starts,
    )


def _judge_task(
    plan: RunPlan,
    dataset: DatasetPlan,
    task: int,
    failed: npt.NDArray[np.uint64],
    reasons: Sequence[Reason],
) -> None:
    """Set the bits of all rules, of `language` and of `keep` for the documents of one task."""
    keep = dataset.recipe.keep
    more = keep.columns if keep is not None else ()
    scores = _scores(plan, dataset, task, reasons, more)
    for reason in reasons:
        if reason.rule is not None and reason.step is not None:
            prefix = f"{reason.step.name}."
            own = {
                name.removeprefix(prefix): values
                for name, values in scores.items()
                if name.startswith(prefix)
            }
            _set(failed, reason.bit, reason.rule.failed(own))
        elif reason.name == LANGUAGE_REASON:
            routes = route(
                scores["language.label"].to_pylist(),
                scores["language.score"].to_numpy(),
                plan.recipe,
            )
            _set(failed, reason.bit, routes != dataset.index)
        elif reason.name == KEEP_REASON and keep is not None:
            _set(failed, reason.bit, ~keep.mask(pa.table(scores)))


def _scores(
    plan: RunPlan,
    dataset: DatasetPlan,
    task: int,
    reasons: Sequence[Reason],
    more: Sequence[str],
) -> dict[str, Any]:
    """The score and field columns that rules and `keep` read, for one task."""
    wanted = {f"{r.step.name}.{r.rule.statistic}" for r in reasons if r.step and r.rule}
    wanted |= {"language.label", "language.score", *more}
    found: dict[str, Any] = {}
    layers: list[tuple[str, tuple[Step, ...] | None]] = [(dataset.base, None)]
    layers += [(f, (s,)) for f, s in zip(dataset.steps, dataset.recipe.steps, strict=True)]
    in_base = {column(s, x.name) for s in common(plan.recipe) for x in s.statistics}
    for fingerprint, steps in layers:
        if steps is None:
            own = {column(s, x.name) for s in dataset.recipe.steps for x in s.statistics}
            names = sorted(name for name in wanted if name in in_base or name not in own)
        else:
            names = sorted(wanted & {column(steps[0], x.name) for x in steps[0].statistics})
        table = plan.layer(fingerprint, task).table(names) if names else None
        if table is not None:
            found |= {name: table.column(name) for name in names}
    return found


def _set(failed: npt.NDArray[np.uint64], bit: int, rows: npt.NDArray[np.bool_]) -> None:
    failed[bit // WORD_BITS] |= rows.astype(np.uint64) << np.uint64(bit % WORD_BITS)


def annotate_mask(reasons: Sequence[Reason], words: int) -> npt.NDArray[np.uint64]:
    """uint64[words]: the bits of the reasons that drop nothing."""
    mask = np.zeros(words, np.uint64)
    for reason in reasons:
        if reason.annotate:
            mask[reason.bit // WORD_BITS] |= np.uint64(1 << (reason.bit % WORD_BITS))
    return mask


def _first_reason(
    failed: npt.NDArray[np.uint64], reasons: Sequence[Reason]
) -> npt.NDArray[np.int16]:
    first = np.full(failed.shape[1], -1, np.int16)
    for reason in reversed(reasons):
        if not reason.annotate:
            bit = np.uint64(1 << (reason.bit % WORD_BITS))
            first[(failed[reason.bit // WORD_BITS] & bit) != 0] = reason.bit
    return first


def _duplicates(
    plan: RunPlan,
    dataset: DatasetPlan,
    alive: npt.NDArray[np.bool_],
    failed: npt.NDArray[np.uint64],
    bits: dict[str, int],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(duplicate of, copies, cluster size); sets the two duplicate bits.

    Only documents that no rule dropped take part: a document is never a duplicate of a dropped one.
    """
    count = len(alive)
    exact = Groups(count)
    if dataset.recipe.dedup.exact:
        high, low = (_key_column(plan, dataset, name) for name in ("high", "low"))
        rows = np.flatnonzero(alive)
        exact.join_equal_128(rows, high[rows], low[rows])
    first = exact.representatives().copy()
    own = np.arange(count, dtype=np.int64)
    _set(failed, bits[EXACT_REASON], first != own)
    near = Groups(count)
    minhash = dataset.recipe.dedup.minhash
    if minhash is not None:
        found = _key_column(plan, dataset, "found")
        rows = np.flatnonzero(alive & (first == own) & found.astype(np.bool_))
        for band in range(minhash.bands):
            near.join_equal(rows, _key_column(plan, dataset, band_column(band))[rows])
    nearest = near.representatives()
    _set(failed, bits[NEAR_REASON], nearest != own)
    last = nearest[first]
    copies = np.bincount(first, minlength=count).astype(np.int64)
    cluster = np.bincount(last, minlength=count).astype(np.int64)
    return np.where(last != own, last, -1), copies, cluster


def _key_column(plan: RunPlan, dataset: DatasetPlan, name: str) -> Any:
    parts = [plan.layer(dataset.keys, task).table([name]) for task in range(len(plan.tasks))]
    arrays = [
        part.column(name).to_numpy(zero_copy_only=False) for part in parts if part is not None
    ]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint64)


def _renamed(plan: RunPlan, dataset: DatasetPlan, count: int) -> npt.NDArray[np.bool_]:
    """Which documents carry an id that an earlier one has."""
    hashes = np.zeros(count, np.uint64)
    row = 0
    for task in range(len(plan.tasks)):
        table = plan.layer(dataset.base, task).table(["id"])
        for name in table.column("id").to_pylist() if table is not None else ():
            hashes[row] = xxhash.xxh3_64_intdigest(name)
            row += 1
    order = np.argsort(hashes, kind="stable")
    repeated = np.zeros(count, np.bool_)
    repeated[order[1:]] = hashes[order[1:]] == hashes[order[:-1]]
    return repeated


def final_ids(
    plan: RunPlan, ids: pa.Array, renamed: npt.NDArray[np.bool_], columns: dict[str, pa.Array]
) -> pa.Array:
    """The ids of a batch; a repeated one gets the hash of its document's origin as suffix."""
    if not renamed.any():
        return ids
    hashes = origin_hashes(plan, columns[FILE], columns[ROW])
    return pa.array(
        [
            f"{name}-{hash[:16]}" if again else name
            for name, hash, again in zip(ids.to_pylist(), hashes, renamed, strict=True)
        ],
        pa.string(),
    )
