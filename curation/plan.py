"""What a run will do, fixed before anything is done: files, tasks, and a fingerprint per layer.

    base    one per dataset: documents read, normalised, with their language, routed to the dataset
    step    one per dataset and step: its statistics, and the text where the step rewrote it
    keys    matching keys and MinHash bands of the text as it ends
    decide  which rules each document fails, which are duplicates of which
    write   the files of the version

A fingerprint covers the settings of its layer and the fingerprints of the layers it reads, so it is
equal exactly where the rows must be. Thresholds enter `decide`, not `step`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.digest import digest_of
from curation.base.store import Store
from curation.batch import FIELDS, LANGUAGE, METADATA
from curation.extraction import FORMATS as EXTRACTED
from curation.extraction import Extraction
from curation.layers import Layer
from curation.readers.survey import Piece, Surveyed, pieces, tasks
from curation.recipe import DatasetRecipe, Recipe
from curation.shards.manifest import Input
from curation.steps import Rule, Step, column, fingerprint_of, rules_document

CODE = 4  # raise when the rows of a layer change for the same settings


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    index: int
    recipe: DatasetRecipe
    base: str
    steps: tuple[str, ...]  # one layer fingerprint a step of the recipe
    keys: str
    decide: str
    write: str

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def layers(self) -> tuple[str, ...]:
        """All that workers fill before anything is decided."""
        return (self.base, *self.steps, self.keys)


@dataclass(frozen=True, slots=True)
class RunPlan:
    store: str
    recipe: Recipe
    files: tuple[Surveyed, ...]
    tasks: tuple[tuple[Piece, ...], ...]
    datasets: tuple[DatasetPlan, ...]
    parents: tuple[str, ...] = ()  # versions that were rescored
    inputs: tuple[Input, ...] = ()  # what those were made from; else the files
    repeated_ids: int = 0  # in those versions, told apart when they were made
    copies: tuple[int, ...] = ()  # of each file: earlier files with the same bytes

    @property
    def fingerprint(self) -> str:
        return digest_of([dataset.write for dataset in self.datasets])

    def layer(self, fingerprint: str, task: int) -> Layer:
        return Layer.of(Store(self.store), fingerprint, task)

    def folder(self) -> Path:
        return Store(self.store).work_dir(self.fingerprint)

    def unfinished(self, task: int) -> list[DatasetPlan]:
        """The datasets of which some layer of this task is missing."""
        return [
            dataset
            for dataset in self.datasets
            if not all(self.layer(layer, task).committed for layer in dataset.layers)
        ]


def make_plan(store: Store, recipe: Recipe, files: Sequence[Surveyed]) -> RunPlan:
    """Fix tasks and fingerprints; a pure function of the recipe and the inputs' contents.

    InvalidDocument where a `keep` condition names a column that the run will not have.
    """
    if any(file.format in EXTRACTED for file in files):
        extraction = Extraction(recipe.input.read.extract_seconds)
        recipe = replace(recipe, extraction=extraction)
    cut = tasks(pieces(files), task_bytes=recipe.input.task_bytes)
    base = digest_of(_base_document(recipe, files))
    datasets = tuple(
        plan_dataset(base, index, dataset, recipe) for index, dataset in enumerate(recipe.datasets)
    )
    for dataset in datasets:
        if dataset.recipe.keep is not None:
            dataset.recipe.keep.check(schema_of(recipe, dataset.recipe))
    seen: Counter[str] = Counter()
    copies = []
    for file in files:
        copies.append(seen[file.sha256])
        seen[file.sha256] += 1
    return RunPlan(
        str(store.root), recipe, tuple(files), tuple(cut), datasets, copies=tuple(copies)
    )


def _base_document(recipe: Recipe, files: Sequence[Surveyed]) -> dict[str, Any]:
    document = recipe.document()
    routes = [[item["name"], item["languages"], item["min_score"]] for item in document["datasets"]]
    return {
        "layer": "base",
        "code": CODE,
        "files": [
            [
                f.sha256,
                f.format,
                f.compression or "",
                [list(cut) for cut in f.cuts],
                Path(f.path).name if f.format in ("text", *EXTRACTED) else "",
            ]
            for f in files
        ],
        "input": {k: v for k, v in document["input"].items() if k != "max_bad_records"},
        "common": [fingerprint_of(step) for step in common(recipe)],
        "routes": routes,
    }


def plan_dataset(base: str, index: int, dataset: DatasetRecipe, recipe: Recipe) -> DatasetPlan:
    """The fingerprints of a dataset's layers over documents that `base` identifies."""
    own = digest_of({"base": base, "dataset": index})
    text = own
    layers: list[str] = []
    known: dict[str, str] = {}
    for step in dataset.steps:
        needs = [known[name] for name in getattr(step, "needs", ()) if name in known]
        layer = digest_of(
            {"layer": "step", "code": CODE, "text": text, "needs": needs} | fingerprint_of(step)
        )
        layers.append(layer)
        known[step.name] = layer
        if rewrites(step):
            text = layer
    minhash = dataset.dedup.minhash
    keys = digest_of(
        {"layer": "keys", "code": CODE, "text": text}
        | {"minhash": None if minhash is None else minhash.settings}
    )
    decide = digest_of(
        {
            "layer": "decide",
            "code": CODE,
            "layers": [own, *layers, keys],
            "rules": [rules_document(step) for step in (*common(recipe), *dataset.steps)],
            "keep": None if dataset.keep is None else dataset.keep.canonical(),
            "exact": dataset.dedup.exact,
        }
    )
    output = {"shard": recipe.output.shard_bytes, "group": recipe.output.row_group_bytes}
    write = digest_of(
        {"layer": "write", "code": CODE, "decide": decide, "name": dataset.name} | output
    )
    return DatasetPlan(index, dataset, own, tuple(layers), keys, decide, write)


def rewrites(step: Step) -> bool:
    """Whether a step may change the text; one that does not say so is taken at its worst."""
    return bool(getattr(step, "rewrites", True))


def common(recipe: Recipe) -> tuple[Step, ...]:
    """The steps that every document passes before it is routed to a dataset."""
    return tuple(
        step for step in (recipe.extraction, recipe.normalise, recipe.language) if step is not None
    )


def route(
    labels: Sequence[str | None], scores: npt.NDArray[np.float64], recipe: Recipe
) -> npt.NDArray[np.int64]:
    """int64[n]: the dataset of each document by its language, -1 where it fits none."""
    answer = np.full(len(labels), -1, np.int64)
    for index, dataset in reversed(list(enumerate(recipe.datasets))):
        enough = scores >= dataset.min_score
        if dataset.languages is None:
            answer[enough] = index
            continue
        wanted = set(dataset.languages)
        fits = np.fromiter((label in wanted for label in labels), np.bool_, len(labels))
        answer[fits & enough] = index
    return answer


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a document may be dropped; `bit` is its place in the audit's `failed` columns."""

    name: str
    bit: int
    annotate: bool = False
    step: Step | None = None
    rule: Rule | None = None


LANGUAGE_REASON = "language"
KEEP_REASON = "keep"
EXACT_REASON = "exact_duplicate"
NEAR_REASON = "near_duplicate"


def reasons_of(recipe: Recipe, dataset: DatasetRecipe) -> tuple[Reason, ...]:
    """All reasons of a dataset in the order in which the first one is looked for."""
    found: list[tuple[str, bool, Step | None, Rule | None]] = []
    for step in common(recipe):
        found += [(f"{step.name}.{r.reason}", r.annotate, step, r) for r in step.rules]
    found.append((LANGUAGE_REASON, False, None, None))
    for step in dataset.steps:
        found += [(f"{step.name}.{r.reason}", r.annotate, step, r) for r in step.rules]
    found += [(name, False, None, None) for name in (KEEP_REASON, EXACT_REASON, NEAR_REASON)]
    return tuple(Reason(name, bit, *rest) for bit, (name, *rest) in enumerate(found))  # type: ignore[arg-type]


def score_types(recipe: Recipe, dataset: DatasetRecipe) -> dict[str, pa.DataType]:
    """All score columns of a dataset, in order."""
    types = {
        column(step, statistic.name): statistic.dtype
        for step in (*common(recipe), *dataset.steps)
        for statistic in step.statistics
    }
    return types | {"dedup.copies": pa.int64(), "dedup.cluster_size": pa.int64()}


def field_types(recipe: Recipe) -> dict[str, pa.DataType]:
    """The columns of a document other than id, text and scores, in order."""
    names = [name for name in FIELDS if name != "id"]
    names.insert(names.index("license"), LANGUAGE)
    return (
        {name: pa.string() for name in names} | recipe.input.read.types() | {METADATA: pa.string()}
    )


def schema_of(recipe: Recipe, dataset: DatasetRecipe) -> pa.Schema:
    """The columns of the version that a dataset becomes."""
    types: Mapping[str, pa.DataType] = {
        "id": pa.string(),
        "text": pa.large_string(),
        **field_types(recipe),
        **score_types(recipe, dataset),
    }
    return pa.schema(list(types.items()))
