"""One task of a run: from a range of the input to committed layers.

    base      read, normalise, identify the language, route; commit one layer a dataset
    apply     one step of one dataset; commit its layer
    keys      matching keys and bands; commit

Each is a generator over batches, so a task is a chain of them and holds one batch at a time.
A layer that is committed is read instead of computed. `pipelines.phases` wraps each as a
datatrove step; `run_task` chains them without it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curation.base.digest import digest_file
from curation.base.errors import Failed, TryAgain
from curation.batch import EXTRACTION, FILE, LANGUAGE, ROW, Batch
from curation.chat import SPANS_TYPE, follow
from curation.dedup import keys as matching
from curation.layers import Layer
from curation.plan import DatasetPlan, RunPlan, common, rewrites, route
from curation.readers import reader_of
from curation.readers.records import BadRecords
from curation.readers.survey import Surveyed
from curation.recipe import Dedup, Recipe
from curation.shards.rows import SPANS
from curation.steps import Scored, Step, column

TEXT = "text"


def run_task(plan: RunPlan, task: int) -> None:
    """Commit all layers of one task; what is committed is not computed again."""
    batches = base(plan, task)
    for dataset in plan.datasets:
        for number in range(len(dataset.steps)):
            batches = apply(plan, dataset, number, task, batches)
    for _ in take_keys(plan, task, batches):
        pass


def base(plan: RunPlan, task: int) -> Iterator[Batch]:
    """The documents of a task, dataset by dataset, of those datasets that lack a layer."""
    wanted = plan.unfinished(task)
    if not wanted:
        return
    if not all(plan.layer(dataset.base, task).committed for dataset in plan.datasets):
        _write_base(plan, task)
    for dataset in wanted:
        for batch in plan.layer(dataset.base, task).batches():
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield Batch(columns.pop(TEXT), columns, dataset.index)


def read_documents(plan: RunPlan, task: int, bad: BadRecords) -> Iterator[Batch]:
    """The batches of a task's pieces as their readers cut them, every document with an id."""
    options = plan.recipe.input.read
    for piece in plan.tasks[task]:
        item = plan.files[piece.file]
        if options.chat is not None and item.format not in ("jsonl", "parquet"):
            raise Failed(f"{item.path}: chats are read from jsonl and parquet, not {item.format}")
        for batch in reader_of(item)(item, piece, options, bad):
            batch.columns["id"] = _with_ids(plan, batch)
            yield batch


def _with_ids(plan: RunPlan, batch: Batch) -> pa.Array:
    given = batch.columns["id"]
    if not given.null_count:
        return given
    hashes = origin_hashes(plan, batch.columns[FILE], batch.columns[ROW])
    return pc.coalesce(given, pa.array(hashes, pa.string()))


def origin_hashes(plan: RunPlan, files: pa.Array, rows: pa.Array) -> list[str]:
    """32 hex digits a document: XXH3-128 of its file's digest and its row there.

    Behind them, for the second and later files with the same bytes, how many came before.
    """
    again = [f":{count}" if count else "" for count in plan.copies] or [""] * len(plan.files)
    return [
        xxhash.xxh3_128_hexdigest(f"{plan.files[file].sha256}:{row}{again[file]}".encode())
        for file, row in zip(files.to_pylist(), rows.to_pylist(), strict=True)
    ]


def _check_unchanged(item: Surveyed) -> None:
    """TryAgain where a file is no longer the one surveyed, whose digest names the layers."""
    if item.modified is None:
        return
    path = Path(item.path)
    try:
        modified = path.stat().st_mtime_ns
        if modified == item.modified or _digest(path, modified) == item.sha256:
            return
    except OSError as error:
        raise Failed(f"{path}: cannot be read ({error.strerror})") from error
    raise TryAgain(f"{path} changed while this run read it; run the same command again")


@lru_cache(maxsize=64)
def _digest(path: Path, modified: int) -> str:
    """A file's digest as of a time: many tasks may read pieces of one file."""
    return digest_file(path)


def _write_base(plan: RunPlan, task: int) -> None:
    bad = BadRecords(plan.recipe.input.read.max_bad_records)
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(plan.layer(dataset.base, task).write()) for dataset in plan.datasets
        ]
        for batch in _timed(read_documents(plan, task, bad), seconds, "read"):
            for step in common(plan.recipe):
                attach(step, batch, checked(step, batch, seconds))
            batch.columns.pop(EXTRACTION, None)
            for part in _routed(plan, batch):
                writers[part.route].write({TEXT: part.text, **part.columns})
        for number in {piece.file for piece in plan.tasks[task]}:
            _check_unchanged(plan.files[number])
        facts: dict[str, Any] = {"bad": bad.count, "named": bad.named, "seconds": seconds}
        for writer in writers:
            writer.commit(**facts)
            facts = {"bad": 0, "named": [], "seconds": {}}


def _routed(plan: RunPlan, batch: Batch) -> Iterator[Batch]:
    labels = batch.columns["language.label"]
    batch.columns[LANGUAGE] = labels
    routes = route(labels.to_pylist(), batch.columns["language.score"].to_numpy(), plan.recipe)
    routes[routes < 0] = 0  # fits none: recorded in the first dataset, with reason `language`
    for dataset in plan.datasets:
        rows = np.flatnonzero(routes == dataset.index)
        if not len(rows):
            continue
        part = batch if len(rows) == len(batch) else batch.take(pa.array(rows))
        part.route = dataset.index
        yield part


def apply(
    plan: RunPlan, dataset: DatasetPlan, number: int, task: int, batches: Iterator[Batch]
) -> Iterator[Batch]:
    """Batches with the scores of one step; those of other datasets pass untouched."""
    step = dataset.recipe.steps[number]
    layer = plan.layer(dataset.steps[number], task)
    if layer.committed:
        yield from _stored(step, layer, dataset, batches)
        return
    seconds: dict[str, float] = {}
    size = 0
    with layer.write() as writer:
        for batch in batches:
            if batch.route == dataset.index:
                size += batch.text.nbytes
                scored = checked(step, batch, seconds)
                written = {column(step, name): values for name, values in scored.scores.items()}
                if rewrites(step):
                    written[TEXT] = _only_changed(batch.text, scored.text)
                attach(step, batch, scored)
                if rewrites(step) and SPANS in batch.columns:
                    written[SPANS] = batch.columns[SPANS]
                writer.write(written)
            yield batch
        writer.commit(seconds=seconds, bytes=size)


def _stored(
    step: Step, layer: Layer, dataset: DatasetPlan, batches: Iterator[Batch]
) -> Iterator[Batch]:
    stored = layer.batches()
    for batch in batches:
        if batch.route == dataset.index:
            found = next(stored)
            columns = dict(zip(found.schema.names, found.columns, strict=True))
            text = columns.pop(TEXT, None)
            batch.columns |= columns
            if text is not None and text.null_count < len(text):
                batch.text = pc.coalesce(text, batch.text)
        yield batch


def _only_changed(before: pa.Array, after: pa.Array | None) -> pa.Array:
    """The new text where it differs from the old, null elsewhere."""
    if after is None:
        return pa.nulls(len(before), pa.large_string())
    return pc.if_else(pc.equal(before, after), pa.scalar(None, pa.large_string()), after)


def checked(step: Step, batch: Batch, seconds: dict[str, float]) -> Scored:
    """The step's scores, in the types it declares; Failed names a step that breaks its contract."""
    started = time.perf_counter()
    scored = step.score(batch.text, batch.columns)
    seconds[step.name] = seconds.get(step.name, 0.0) + time.perf_counter() - started
    declared = {statistic.name: statistic.dtype for statistic in step.statistics}
    scores: dict[str, pa.Array] = {}
    for name, dtype in declared.items():
        values = scored.scores.get(name)
        if values is None or len(values) != len(batch):
            raise Failed(f"step {step.name}: its statistic {name!r} is not one value a document")
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        scores[name] = values if values.type == dtype else values.cast(dtype)
    if unknown := set(scored.scores) - set(declared):
        raise Failed(f"step {step.name}: it gives {sorted(unknown)}, which it does not declare")
    text = scored.text
    if text is not None and (len(text) != len(batch) or text.null_count):
        raise Failed(f"step {step.name}: its text is not one string a document")
    return Scored(scores, text)


def attach(step: Step, batch: Batch, scored: Scored) -> None:
    """Add a step's scores to the batch, and its text where it was rewritten; spans move along."""
    for name, values in scored.scores.items():
        batch.columns[column(step, name)] = values
    if scored.text is not None:
        if SPANS in batch.columns:
            batch.columns[SPANS] = follow(step, batch.text, scored.text, batch.columns)
        batch.text = scored.text


def take_keys(plan: RunPlan, task: int, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Write the keys layer of each dataset that lacks one."""
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        seconds: dict[int, dict[str, float]] = {}
        for dataset in plan.unfinished(task):
            if not plan.layer(dataset.keys, task).committed:
                writers[dataset.index] = stack.enter_context(plan.layer(dataset.keys, task).write())
                seconds[dataset.index] = {}
        for batch in batches:
            if batch.route in writers:
                dataset = plan.datasets[batch.route]
                columns = key_columns(dataset.recipe.dedup, batch.text, seconds[batch.route])
                writers[batch.route].write(columns, compression=None)
            yield batch
        for index, writer in writers.items():
            writer.commit(seconds=seconds[index])


def key_columns(dedup: Dedup, text: pa.Array, seconds: dict[str, float]) -> dict[str, pa.Array]:
    """Sizes, matching key and band hashes of a batch."""
    started = time.perf_counter()
    keys = matching.matching_keys(text)
    high, low = matching.exact(keys)
    columns = {
        "bytes": pc.binary_length(text).cast(pa.int64()),
        "characters": pc.utf8_length(text).cast(pa.int64()),
        "high": pa.array(high),
        "low": pa.array(low),
    }
    minhash = dedup.minhash
    if minhash is not None:
        bands, found = minhash.bands_of(text, keys)
        columns["found"] = pa.array(found)
        for band in range(minhash.bands):
            columns[band_column(band)] = pa.array(np.ascontiguousarray(bands[:, band]))
    seconds["dedup"] = seconds.get("dedup", 0.0) + time.perf_counter() - started
    return columns


def warm_up(recipe: Recipe, batch: Batch) -> Iterator[str]:
    """Take a few documents through all steps of all datasets, whatever their language, yielding
    each step's name: models are loaded and kernels compiled at their first use."""
    for step in common(recipe):
        yield step.name
        attach(step, batch, checked(step, batch, {}))
    given: dict[str, pa.Array] = {}
    if recipe.input.read.chat is not None:
        given[SPANS] = pa.array([[]] * len(batch), SPANS_TYPE)
    for dataset in recipe.datasets:
        own = Batch(batch.text, given | batch.columns)
        for step in dataset.steps:
            yield step.name
            attach(step, own, checked(step, own, {}))
        key_columns(dataset.dedup, own.text, {})


def band_column(band: int) -> str:
    return f"band_{band:03d}"


def _timed(batches: Iterator[Batch], seconds: dict[str, float], name: str) -> Iterator[Batch]:
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
        if batch is None:
            return
        yield batch


def check_bad_records(plan: RunPlan) -> tuple[int, list[Mapping[str, Any]]]:
    """(count, the first named) of all tasks; Failed past the run's bound, or where all are bad."""
    from curation.readers.records import KEPT_BAD, none_good, too_many

    count = documents = 0
    named: list[dict[str, Any]] = []
    limit = plan.recipe.input.read.max_bad_records
    for task in range(len(plan.tasks)):
        for dataset in plan.datasets:
            record = plan.layer(dataset.base, task).record() or {}
            count += record.get("bad", 0)
            documents += record.get("rows", 0)
            named += record.get("named", [])
        if count > limit:
            raise too_many(named, count, limit)
    if count and not documents:
        raise none_good(named, count)
    return count, list(named[:KEPT_BAD])


__all__ = ["apply", "base", "check_bad_records", "run_task", "take_keys"]
